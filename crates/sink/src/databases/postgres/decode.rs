//! The bytes of `COPY … TO STDOUT BINARY` to batches.

use arrow_schema::SchemaRef;

use super::cells::{EPOCH_DAYS, EPOCH_MICROS};
use super::numeric;
use crate::databases::columns::{Column, ReadRows};
use crate::databases::database::Take;
use crate::error::{Error, Result};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of more header.
const HEADER_BYTES: usize = 19;
/// Decodes the rows of one table. Holds one batch, and the rest of a message that ends within a row.
pub(super) struct Decoder {
    table: String,
    rows: ReadRows,
    rest: Vec<u8>,
    has_begun: bool,
    has_ended: bool,
}

impl Decoder {
    /// For rows of a [`plain`](crate::databases::plan::plain) schema.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type that is not read.
    pub(super) fn try_new(table: &str, schema: SchemaRef) -> Result<Self> {
        Ok(Self {
            table: table.to_owned(),
            rows: ReadRows::try_new(table, schema, "PostgreSQL")?,
            rest: Vec::new(),
            has_begun: false,
            has_ended: false,
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

    /// Gives the last batch away.
    ///
    /// # Errors
    /// [`Error::Promise`] when the bytes end before the rows do.
    pub(super) fn finish(self, take: &mut Take<'_>) -> Result<()> {
        if !self.has_ended || !self.rest.is_empty() {
            return Err(self.broken("the end of its rows", "an end before"));
        }
        self.rows.finish(take)
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
                self.rows.end_row(take)?;
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
        if usize::try_from(count) != Ok(self.rows.width()) {
            let expected = format!("{} columns", self.rows.width());
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
        for at in 0..self.rows.width() {
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
            let shown = |value: &[u8]| format!("{value:02x?}");
            self.rows
                .add(at, value, |column, value| add(column, value), shown)?;
        }
        Ok(())
    }

    fn broken(&self, expected: &str, found: &str) -> Error {
        Error::Promise {
            table: self.table.clone(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}

/// Adds a value; nothing where the bytes are none of the column's type.
fn add(column: &mut Column, bytes: &[u8]) -> Option<()> {
    match column {
        Column::Bool(builder) => match bytes {
            [value @ (0 | 1)] => builder.append_value(*value == 1),
            _ => return None,
        },
        Column::I8(builder) => builder.append_value(small(bytes)?.try_into().ok()?),
        Column::I16(builder) => builder.append_value(small(bytes)?),
        Column::I32(builder) => builder.append_value(integer(bytes)?),
        Column::I64(builder) => builder.append_value(big(bytes)?),
        Column::U8(builder) => builder.append_value(small(bytes)?.try_into().ok()?),
        Column::U16(builder) => builder.append_value(integer(bytes)?.try_into().ok()?),
        Column::U32(builder) => builder.append_value(big(bytes)?.try_into().ok()?),
        Column::U64(builder) => {
            builder.append_value(numeric::read(bytes, 0)?.try_into().ok()?);
        }
        Column::F32(builder) => builder.append_value(f32::from_be_bytes(bytes.try_into().ok()?)),
        Column::F64(builder) => builder.append_value(f64::from_be_bytes(bytes.try_into().ok()?)),
        Column::Days(builder) => {
            let days = i64::from(integer(bytes)?) + EPOCH_DAYS;
            builder.append_value(days.try_into().ok()?);
        }
        Column::Seconds(builder) => builder.append_value(time(bytes, 1_000_000)?),
        Column::Millis(builder) => builder.append_value(time(bytes, 1_000)?),
        Column::Micros(builder) => builder.append_value(time(bytes, 1)?),
        Column::Decimals(builder, scale) => builder.append_value(numeric::read(bytes, *scale)?),
        Column::Texts(builder) => builder.append_value(std::str::from_utf8(bytes).ok()?),
        Column::LargeTexts(builder) => builder.append_value(std::str::from_utf8(bytes).ok()?),
        Column::Bytes(builder) => builder.append_value(bytes),
        Column::LargeBytes(builder) => builder.append_value(bytes),
    }
    Some(())
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
