//! The bytes of `COPY … TO STDOUT BINARY` to batches.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, LargeBinaryBuilder, LargeStringBuilder,
    PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef, TimeUnit};

use super::cells::{EPOCH_DAYS, EPOCH_MICROS};
use super::numeric;
use crate::databases::database::Take;
use crate::error::{Error, Result};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of more header.
const HEADER_BYTES: usize = 19;
/// Rows of a batch.
const BATCH_ROWS: usize = 8_192;

/// Decodes the rows of one table. Holds one batch, and the rest of a message that ends within a row.
pub(super) struct Decoder {
    table: String,
    schema: SchemaRef,
    columns: Vec<Column>,
    rest: Vec<u8>,
    has_begun: bool,
    has_ended: bool,
    batch_rows: usize,
    rows: u64,
}

impl Decoder {
    /// For rows of a [`plain`](crate::databases::plan::plain) schema.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type that is not read.
    pub(super) fn try_new(table: &str, schema: SchemaRef) -> Result<Self> {
        let columns = schema.fields().iter().map(|field| {
            Column::of(field.data_type()).ok_or_else(|| Error::Unsupported {
                format: "PostgreSQL",
                column: field.name().clone(),
                found: Box::new(field.data_type().clone()),
            })
        });
        Ok(Self {
            table: table.to_owned(),
            columns: columns.collect::<Result<_>>()?,
            schema,
            rest: Vec::new(),
            has_begun: false,
            has_ended: false,
            batch_rows: 0,
            rows: 0,
        })
    }

    /// Takes bytes, wherever they are cut.
    ///
    /// # Errors
    /// [`Error::Value`] for a value that the column's type in Arrow cannot be, [`Error::Promise`] for
    /// bytes that are no rows of this table, and what `take` fails with.
    pub(super) fn add(&mut self, bytes: &[u8], take: &mut Take<'_>) -> Result<()> {
        if self.rest.is_empty() {
            let used = self.rows_of(bytes, take)?;
            self.rest.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let used = self.rows_of(&all, take)?;
        all.drain(..used);
        self.rest = all;
        Ok(())
    }

    /// Gives the last batch away. How many rows there were.
    ///
    /// # Errors
    /// [`Error::Promise`] when the bytes end before the rows do.
    pub(super) fn finish(mut self, take: &mut Take<'_>) -> Result<u64> {
        if !self.has_ended || !self.rest.is_empty() {
            return Err(self.broken("the end of its rows", "an end before"));
        }
        self.give(take)?;
        Ok(self.rows)
    }

    /// Decodes whole rows; how many bytes they take.
    fn rows_of(&mut self, bytes: &[u8], take: &mut Take<'_>) -> Result<usize> {
        let mut at = 0;
        if !self.has_begun {
            if bytes.len() < HEADER_BYTES {
                return Ok(0);
            }
            if !bytes.starts_with(SIGNATURE) || bytes[SIGNATURE.len()..HEADER_BYTES] != [0; 8] {
                return Err(self.broken("rows in the binary form of COPY", "other bytes"));
            }
            (self.has_begun, at) = (true, HEADER_BYTES);
        }
        while let Some(end) = self.end_of_row(&bytes[at..])? {
            self.row(&bytes[at..at + end])?;
            at += end;
            if !self.has_ended {
                self.rows += 1;
                self.batch_rows += 1;
            }
            if self.batch_rows == BATCH_ROWS {
                self.give(take)?;
            }
        }
        Ok(at)
    }

    /// Where the row that begins here ends, when it is there in whole.
    fn end_of_row(&self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some(count) = bytes.first_chunk::<2>() else {
            return Ok(None);
        };
        if self.has_ended {
            return Err(self.broken("an end", "more bytes"));
        }
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            return Ok(Some(2));
        }
        if usize::try_from(count) != Ok(self.columns.len()) {
            let expected = format!("{} columns", self.columns.len());
            return Err(self.broken(&expected, &count.to_string()));
        }
        let mut at = 2;
        for _ in 0..count {
            let Some(length) = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) else {
                return Ok(None);
            };
            at += 4 + usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        }
        Ok((at <= bytes.len()).then_some(at))
    }

    /// Adds one row, or sees the end.
    fn row(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() == 2 && bytes == (-1_i16).to_be_bytes() {
            self.has_ended = true;
            return Ok(());
        }
        let mut rest = &bytes[2..];
        for (at, column) in self.columns.iter_mut().enumerate() {
            let (length, behind) = rest.split_at(4);
            let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
            let value = if let Ok(length) = usize::try_from(length) {
                let (value, behind) = behind.split_at(length);
                rest = behind;
                Some(value)
            } else {
                rest = behind;
                None
            };
            let field = self.schema.field(at);
            let is_read = match value {
                None if !field.is_nullable() => Err("no null"),
                None => {
                    column.null();
                    Ok(())
                }
                Some(value) => column.add(value).ok_or("a value of its type"),
            };
            if let Err(expected) = is_read {
                return Err(Error::Value {
                    table: self.table.clone(),
                    column: field.name().clone(),
                    row: self.rows,
                    expected: format!("{expected} ({})", field.data_type()),
                    found: value.map_or_else(|| "null".to_owned(), |value| format!("{value:02x?}")),
                });
            }
        }
        Ok(())
    }

    fn give(&mut self, take: &mut Take<'_>) -> Result<()> {
        if self.batch_rows == 0 {
            return Ok(());
        }
        self.batch_rows = 0;
        let fields = self.schema.fields().iter();
        let arrays = self.columns.iter_mut().zip(fields);
        let arrays = arrays.map(|(column, field)| column.finish(field.data_type()));
        let batch = RecordBatch::try_new(self.schema.clone(), arrays.collect());
        let batch = batch.map_err(|source| Error::Source {
            table: self.table.clone(),
            source,
        })?;
        take(&batch)
    }

    fn broken(&self, expected: &str, found: &str) -> Error {
        Error::Promise {
            table: self.table.clone(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}

/// The values of a column so far.
enum Column {
    Bool(BooleanBuilder),
    I8(PrimitiveBuilder<Int8Type>),
    I16(PrimitiveBuilder<Int16Type>),
    I32(PrimitiveBuilder<Int32Type>),
    I64(PrimitiveBuilder<Int64Type>),
    U8(PrimitiveBuilder<UInt8Type>),
    U16(PrimitiveBuilder<UInt16Type>),
    U32(PrimitiveBuilder<UInt32Type>),
    U64(PrimitiveBuilder<UInt64Type>),
    F32(PrimitiveBuilder<Float32Type>),
    F64(PrimitiveBuilder<Float64Type>),
    Days(PrimitiveBuilder<Date32Type>),
    Seconds(PrimitiveBuilder<TimestampSecondType>),
    Millis(PrimitiveBuilder<TimestampMillisecondType>),
    Micros(PrimitiveBuilder<TimestampMicrosecondType>),
    Decimals(PrimitiveBuilder<Decimal128Type>, u8),
    Texts(StringBuilder),
    LargeTexts(LargeStringBuilder),
    Bytes(BinaryBuilder),
    LargeBytes(LargeBinaryBuilder),
}

/// Does the same for each kind of builder.
macro_rules! each {
    ($column:expr, $builder:ident => $do:expr) => {
        match $column {
            Column::Bool($builder) => $do,
            Column::I8($builder) => $do,
            Column::I16($builder) => $do,
            Column::I32($builder) => $do,
            Column::I64($builder) => $do,
            Column::U8($builder) => $do,
            Column::U16($builder) => $do,
            Column::U32($builder) => $do,
            Column::U64($builder) => $do,
            Column::F32($builder) => $do,
            Column::F64($builder) => $do,
            Column::Days($builder) => $do,
            Column::Seconds($builder) => $do,
            Column::Millis($builder) => $do,
            Column::Micros($builder) => $do,
            Column::Decimals($builder, _) => $do,
            Column::Texts($builder) => $do,
            Column::LargeTexts($builder) => $do,
            Column::Bytes($builder) => $do,
            Column::LargeBytes($builder) => $do,
        }
    };
}

impl Column {
    fn of(data_type: &DataType) -> Option<Self> {
        fn new<T: ArrowPrimitiveType>(data_type: &DataType) -> PrimitiveBuilder<T> {
            PrimitiveBuilder::with_capacity(BATCH_ROWS).with_data_type(data_type.clone())
        }
        Some(match data_type {
            DataType::Boolean => Self::Bool(BooleanBuilder::with_capacity(BATCH_ROWS)),
            DataType::Int8 => Self::I8(new(data_type)),
            DataType::Int16 => Self::I16(new(data_type)),
            DataType::Int32 => Self::I32(new(data_type)),
            DataType::Int64 => Self::I64(new(data_type)),
            DataType::UInt8 => Self::U8(new(data_type)),
            DataType::UInt16 => Self::U16(new(data_type)),
            DataType::UInt32 => Self::U32(new(data_type)),
            DataType::UInt64 => Self::U64(new(data_type)),
            DataType::Float32 => Self::F32(new(data_type)),
            DataType::Float64 => Self::F64(new(data_type)),
            DataType::Date32 => Self::Days(new(data_type)),
            DataType::Timestamp(TimeUnit::Second, _) => Self::Seconds(new(data_type)),
            DataType::Timestamp(TimeUnit::Millisecond, _) => Self::Millis(new(data_type)),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Micros(new(data_type)),
            DataType::Decimal128(_, scale) => {
                Self::Decimals(new(data_type), u8::try_from(*scale).ok()?)
            }
            DataType::Utf8 => Self::Texts(StringBuilder::new()),
            DataType::LargeUtf8 => Self::LargeTexts(LargeStringBuilder::new()),
            DataType::Binary => Self::Bytes(BinaryBuilder::new()),
            DataType::LargeBinary => Self::LargeBytes(LargeBinaryBuilder::new()),
            _ => return None,
        })
    }

    fn null(&mut self) {
        each!(self, builder => builder.append_null());
    }

    /// Nothing where the bytes are no value of the type.
    fn add(&mut self, bytes: &[u8]) -> Option<()> {
        match self {
            Self::Bool(builder) => match bytes {
                [value @ (0 | 1)] => builder.append_value(*value == 1),
                _ => return None,
            },
            Self::I8(builder) => builder.append_value(small(bytes)?.try_into().ok()?),
            Self::I16(builder) => builder.append_value(small(bytes)?),
            Self::I32(builder) => builder.append_value(integer(bytes)?),
            Self::I64(builder) => builder.append_value(big(bytes)?),
            Self::U8(builder) => builder.append_value(small(bytes)?.try_into().ok()?),
            Self::U16(builder) => builder.append_value(integer(bytes)?.try_into().ok()?),
            Self::U32(builder) => builder.append_value(big(bytes)?.try_into().ok()?),
            Self::U64(builder) => {
                builder.append_value(numeric::read(bytes, 0)?.try_into().ok()?);
            }
            Self::F32(builder) => builder.append_value(f32::from_be_bytes(bytes.try_into().ok()?)),
            Self::F64(builder) => builder.append_value(f64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Days(builder) => {
                let days = i64::from(integer(bytes)?) + EPOCH_DAYS;
                builder.append_value(days.try_into().ok()?);
            }
            Self::Seconds(builder) => builder.append_value(time(bytes, 1_000_000)?),
            Self::Millis(builder) => builder.append_value(time(bytes, 1_000)?),
            Self::Micros(builder) => builder.append_value(time(bytes, 1)?),
            Self::Decimals(builder, scale) => builder.append_value(numeric::read(bytes, *scale)?),
            Self::Texts(builder) => builder.append_value(std::str::from_utf8(bytes).ok()?),
            Self::LargeTexts(builder) => builder.append_value(std::str::from_utf8(bytes).ok()?),
            Self::Bytes(builder) => builder.append_value(bytes),
            Self::LargeBytes(builder) => builder.append_value(bytes),
        }
        Some(())
    }

    fn finish(&mut self, data_type: &DataType) -> ArrayRef {
        // A finished builder of decimals forgets how many digits they have.
        if let Self::Decimals(builder, _) = self {
            let done = builder.finish().with_data_type(data_type.clone());
            return Arc::new(done);
        }
        each!(self, builder => ArrayBuilder::finish(builder))
    }
}

fn small(bytes: &[u8]) -> Option<i16> {
    Some(i16::from_be_bytes(bytes.try_into().ok()?))
}

fn integer(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(bytes.try_into().ok()?))
}

fn big(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

/// A time in units of so many microseconds; nothing where it lies between two of them.
fn time(bytes: &[u8], unit: i64) -> Option<i64> {
    let micros = big(bytes)?.checked_add(EPOCH_MICROS)?;
    (micros % unit == 0).then_some(micros / unit)
}
