//! What the grid reads, and what has to come out: rows of a kind, and their groups counted a second way.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

/// The statement of every cell.
pub(crate) const SQL: &str = "SELECT state, k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY state, k";
/// Rows of a row group, which is a piece.
const GROUP_ROWS: u64 = 1 << 16;
const STATES: u64 = 27;
/// The key of half of all rows, where one has that many.
const HOT: (u64, u64) = (0, 7);
const TEXT: &str = "the pupil with the number ";

/// How rows are spread over keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skew {
    None,
    HalfInOneKey,
    OneState,
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::HalfInOneKey => "half in one key",
            Self::OneState => "one state",
        })
    }
}

/// A table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Data {
    pub(crate) rows: u64,
    /// Whether nearly every row has a group of its own.
    pub(crate) many: bool,
    /// Whether the key is a text.
    pub(crate) text: bool,
    pub(crate) skew: Skew,
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = if self.many { "many" } else { "few" };
        let key = if self.text { "text" } else { "integer" };
        let (rows, skew) = (self.rows, self.skew);
        write!(f, "{rows} | {groups} | {key} | {skew}")
    }
}

/// State and key of a group, rows and sum.
pub(crate) type Groups = HashMap<(u64, u64), (i64, i64)>;

impl Data {
    /// State, key and value of a row.
    fn row(&self, row: u64) -> (u64, u64, i64) {
        let keys = if self.many { 8 * self.rows } else { 100 };
        let value = (chance(3, row) % 1_000) as i64;
        if self.skew == Skew::HalfInOneKey && chance(4, row).is_multiple_of(2) {
            return (HOT.0, HOT.1, value);
        }
        let state = match self.skew {
            Skew::OneState => 0,
            _ => chance(1, row) % STATES,
        };
        (state, chance(2, row) % keys, value)
    }

    fn schema(&self) -> SchemaRef {
        let key = if self.text {
            DataType::Utf8
        } else {
            DataType::Int64
        };
        Arc::new(Schema::new(vec![
            Field::new("state", DataType::Utf8, false),
            Field::new("k", key, false),
            Field::new("v", DataType::Int64, false),
        ]))
    }

    fn batch(&self, rows: Range<u64>) -> RecordBatch {
        let rows: Vec<_> = rows.map(|row| self.row(row)).collect();
        let states = rows.iter().map(|(state, ..)| Some(format!("S{state:02}")));
        let keys: ArrayRef = if self.text {
            let keys = rows.iter().map(|(_, key, _)| Some(format!("{TEXT}{key}")));
            Arc::new(keys.collect::<StringArray>())
        } else {
            let keys = rows.iter().map(|(_, key, _)| Some(*key as i64));
            Arc::new(keys.collect::<Int64Array>())
        };
        let values = rows.iter().map(|(.., value)| Some(*value));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(states.collect::<StringArray>()),
            keys,
            Arc::new(values.collect::<Int64Array>()),
        ];
        RecordBatch::try_new(self.schema(), columns).unwrap()
    }

    /// Writes the table as Parquet with many row groups.
    pub(crate) fn write(&self, path: &Path) {
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(GROUP_ROWS as usize))
            .build();
        let file = File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, self.schema(), Some(properties)).unwrap();
        for start in (0..self.rows).step_by(GROUP_ROWS as usize) {
            let rows = start..(start + GROUP_ROWS).min(self.rows);
            writer.write(&self.batch(rows)).unwrap();
        }
        writer.close().unwrap();
    }

    /// The groups, by plain arithmetic over all rows.
    pub(crate) fn groups(&self) -> Groups {
        let mut groups = Groups::new();
        for row in 0..self.rows {
            let (state, key, value) = self.row(row);
            let group = groups.entry((state, key)).or_default();
            group.0 += 1;
            group.1 += value;
        }
        groups
    }
}

/// Compares files of a result with the groups that have to be there, each once.
#[track_caller]
pub(crate) fn compare(files: impl Iterator<Item = Vec<u8>>, expected: &Groups, what: &str) {
    let mut found = Groups::with_capacity(expected.len());
    for bytes in files {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let number = |column: usize, row: usize| {
                let column = batch.column(column);
                column.as_primitive::<Int64Type>().value(row)
            };
            let states = batch.column(0).as_string::<i32>();
            let texts = batch.column(1).as_string_opt::<i32>();
            for row in 0..batch.num_rows() {
                let state = states.value(row)[1..].parse().unwrap();
                let key = match texts {
                    Some(texts) => texts.value(row)[TEXT.len()..].parse().unwrap(),
                    None => number(1, row) as u64,
                };
                let before = found.insert((state, key), (number(2, row), number(3, row)));
                assert!(before.is_none(), "{what}: {state} {key} is there twice");
            }
        }
    }
    assert_eq!(found.len(), expected.len(), "{what}");
    let other = expected
        .iter()
        .find(|(key, group)| found.get(key) != Some(group));
    if let Some((key, group)) = other {
        panic!("{what}: {key:?} is {:?}, not {group:?}", found.get(key));
    }
}

/// Mixes a seed and a number.
fn chance(seed: u64, number: u64) -> u64 {
    let mut x = (seed << 56 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
