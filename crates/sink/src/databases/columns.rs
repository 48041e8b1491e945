//! The values of a table's columns as they are read, and batches of them.

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

use super::database::Take;
use crate::error::{Error, Result};

/// Rows of a batch.
const BATCH_ROWS: usize = 8_192;

/// Rows as they are read, given away in batches.
pub(super) struct ReadRows {
    table: String,
    schema: SchemaRef,
    columns: Vec<Column>,
    in_batch: usize,
    seen: u64,
}

impl ReadRows {
    /// For rows of a [`plain`](super::plan::plain) schema, from a system of that name.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type that is not read.
    pub(super) fn try_new(table: &str, schema: SchemaRef, system: &'static str) -> Result<Self> {
        let columns = schema.fields().iter().map(|field| {
            Column::of(field.data_type()).ok_or_else(|| Error::Unsupported {
                format: system,
                column: field.name().clone(),
                found: Box::new(field.data_type().clone()),
            })
        });
        Ok(Self {
            table: table.to_owned(),
            columns: columns.collect::<Result<_>>()?,
            schema,
            in_batch: 0,
            seen: 0,
        })
    }

    /// Refuses rows of another width.
    ///
    /// # Errors
    /// [`Error::Promise`].
    pub(super) fn check_columns(&self, found: usize) -> Result<()> {
        if found == self.columns.len() {
            return Ok(());
        }
        Err(Error::Promise {
            table: self.table.clone(),
            expected: format!("{} columns", self.columns.len()),
            found: found.to_string(),
        })
    }

    /// Adds a value to a column of the row that is read; nothing where `add` says that it is none.
    ///
    /// # Errors
    /// [`Error::Value`] for it, and for a null where there is none.
    pub(super) fn add<V>(
        &mut self,
        at: usize,
        value: Option<V>,
        add: impl FnOnce(&mut Column, &V) -> Option<()>,
        shown: impl FnOnce(V) -> String,
    ) -> Result<()> {
        let (column, field) = (&mut self.columns[at], self.schema.field(at));
        let is_read = match &value {
            None if !field.is_nullable() => Err("no null"),
            None => {
                column.null();
                Ok(())
            }
            Some(value) => add(column, value).ok_or("a value of its type"),
        };
        is_read.map_err(|expected| Error::Value {
            table: self.table.clone(),
            column: field.name().clone(),
            row: self.seen,
            expected: format!("{expected} ({})", field.data_type()),
            found: value.map_or_else(|| "null".to_owned(), shown),
        })
    }

    /// How many columns there are.
    #[cfg(feature = "postgres")]
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Ends a row; a batch that is full is given away.
    ///
    /// # Errors
    /// What `take` fails with.
    pub(super) fn end_row(&mut self, take: &mut Take<'_>) -> Result<()> {
        self.seen += 1;
        self.in_batch += 1;
        if self.in_batch == BATCH_ROWS {
            self.give(take)?;
        }
        Ok(())
    }

    /// Gives the last batch away.
    ///
    /// # Errors
    /// What `take` fails with.
    pub(super) fn finish(mut self, take: &mut Take<'_>) -> Result<()> {
        self.give(take)
    }

    fn give(&mut self, take: &mut Take<'_>) -> Result<()> {
        if self.in_batch == 0 {
            return Ok(());
        }
        self.in_batch = 0;
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
}

/// The values of a column so far.
pub(super) enum Column {
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

    fn finish(&mut self, data_type: &DataType) -> ArrayRef {
        // A finished builder of decimals forgets how many digits they have.
        if let Self::Decimals(builder, _) = self {
            let done = builder.finish().with_data_type(data_type.clone());
            return Arc::new(done);
        }
        each!(self, builder => ArrayBuilder::finish(builder))
    }
}
