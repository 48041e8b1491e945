//! Reading Arrow arrays as plain values, and a random generator that is not the crate's own.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use lakeseed_gen_core::{Date, Table};

/// One value of any of our types.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    /// Integers, booleans, dates in days, moments in microseconds, decimals in their last place.
    Whole(i128),
    Float(f64),
    Text(&'a str),
}

/// The values of an array; a dictionary gives its texts.
pub(crate) fn cells(array: &dyn Array) -> Vec<Cell<'_>> {
    fn whole<T: ArrowPrimitiveType>(array: &dyn Array) -> Vec<Cell<'_>>
    where
        i128: From<T::Native>,
    {
        let values = array.as_primitive::<T>().iter();
        values
            .map(|value| value.map_or(Cell::Null, |v| Cell::Whole(i128::from(v))))
            .collect()
    }
    match array.data_type() {
        DataType::Int64 => whole::<Int64Type>(array),
        DataType::Int32 => whole::<Int32Type>(array),
        DataType::Date32 => whole::<Date32Type>(array),
        DataType::Decimal128(..) => whole::<Decimal128Type>(array),
        DataType::Timestamp(..) => whole::<TimestampMicrosecondType>(array),
        DataType::Boolean => {
            let values = array.as_boolean().iter();
            values
                .map(|value| value.map_or(Cell::Null, |v| Cell::Whole(i128::from(v))))
                .collect()
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().iter();
            values
                .map(|value| value.map_or(Cell::Null, Cell::Float))
                .collect()
        }
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .map(|v| v.map_or(Cell::Null, Cell::Text))
            .collect(),
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            let texts = dictionary.values().as_string::<i32>();
            let keys = dictionary.keys().iter();
            keys.map(|key| key.map_or(Cell::Null, |at| Cell::Text(texts.value(at as usize))))
                .collect()
        }
        other => panic!("no test reads {other}"),
    }
}

/// A value as a person reads it, without loss.
pub(crate) fn text(cell: Cell<'_>, data_type: &DataType) -> String {
    match (cell, data_type) {
        (Cell::Null, _) => "null".to_owned(),
        (Cell::Whole(units), DataType::Decimal128(_, scale)) => {
            let one = 10i128.pow(u32::try_from(*scale).unwrap());
            format!(
                "{}.{:0width$}",
                units / one,
                units % one,
                width = *scale as usize
            )
        }
        (Cell::Whole(days), DataType::Date32) => Date::from_days(days as i32).to_string(),
        (Cell::Whole(number), _) => number.to_string(),
        (Cell::Float(number), _) => format!("{number:?}"),
        (Cell::Text(text), _) => text.to_owned(),
    }
}

/// FNV-1a, fed value by value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checksum(pub(crate) u64);

impl Checksum {
    pub(crate) const START: Self = Self(0xCBF2_9CE4_8422_2325);

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }

    pub(crate) fn cell(&mut self, cell: Cell<'_>) {
        match cell {
            Cell::Null => self.bytes(&[0]),
            Cell::Whole(number) => {
                self.bytes(&[1]);
                self.bytes(&number.to_le_bytes());
            }
            Cell::Float(number) => {
                self.bytes(&[2]);
                self.bytes(&number.to_bits().to_le_bytes());
            }
            Cell::Text(text) => {
                self.bytes(&[3]);
                self.bytes(&(text.len() as u64).to_le_bytes());
                self.bytes(text.as_bytes());
            }
        }
    }
}

/// A checksum of each value: short to keep, exact enough to compare.
pub(crate) fn prints(array: &ArrayRef) -> Vec<u64> {
    let print = |cell| {
        let mut sum = Checksum::START;
        sum.cell(cell);
        sum.0
    };
    cells(array).into_iter().map(print).collect()
}

/// Rows of a table, to be asked for columns as plain vectors.
pub(crate) struct Frame(pub(crate) RecordBatch);

impl Frame {
    pub(crate) fn all(table: &Table) -> Self {
        Self(table.all_rows().batch().unwrap())
    }

    pub(crate) fn rows(table: &Table, rows: Range<u64>, columns: &[&str]) -> Self {
        let scan = table.rows(rows).columns(columns.iter().copied());
        Self(scan.unwrap().batch().unwrap())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.num_rows()
    }

    fn column(&self, name: &str) -> &ArrayRef {
        self.0
            .column_by_name(name)
            .unwrap_or_else(|| panic!("no column {name}"))
    }

    /// Whole numbers, see [`Cell::Whole`]; no null may be among them.
    pub(crate) fn ints(&self, name: &str) -> Vec<i64> {
        let number = |cell| match cell {
            Cell::Whole(number) => number as i64,
            other => panic!("{name}: {other:?}"),
        };
        cells(self.column(name)).into_iter().map(number).collect()
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        let text = |cell| match cell {
            Cell::Text(text) => text,
            other => panic!("{name}: {other:?}"),
        };
        cells(self.column(name)).into_iter().map(text).collect()
    }

    /// How often each of these words comes in a column of categories; no other may.
    pub(crate) fn tally(&self, name: &str, words: &[&str]) -> Vec<u64> {
        let dictionary = self.column(name).as_dictionary::<Int32Type>();
        let texts = dictionary.values().as_string::<i32>();
        let mut by_key = vec![0; texts.len()];
        for &key in dictionary.keys().values() {
            by_key[key as usize] += 1;
        }
        let mut counts = vec![0; words.len()];
        for (key, count) in by_key.into_iter().enumerate().filter(|pair| pair.1 > 0) {
            let word = texts.value(key);
            let place = words.iter().position(|&known| known == word);
            counts[place.unwrap_or_else(|| panic!("{name}: {word}"))] += count;
        }
        counts
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f64> {
        self.column(name)
            .as_primitive::<Float64Type>()
            .values()
            .to_vec()
    }
}

/// Marsaglia's xorshift64*: the oracle's randomness, not ours.
pub(crate) struct Xorshift(pub(crate) u64);

impl rand::TryRng for Xorshift {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|bits| (bits >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        Ok(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in out.chunks_mut(8) {
            let bits = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&bits[..chunk.len()]);
        }
        Ok(())
    }
}
