//! `predictions`: the output of a classifier, a key and a probability per class.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::builder::MAX_ROWS;
use crate::column::ascii;
use crate::dataset::{Dataset, DatasetInfo, Parameter, ParameterKind, Resolved, Root, Settings};
use crate::dist::Softmax;
use crate::error::Result;
use crate::hints::{self, Hints};
use crate::rows::Rows;
use crate::seed::Stream;
use crate::table::{Generate, Table};
use crate::wide::wide;

/// What the dataset is.
pub static INFO: DatasetInfo = DatasetInfo {
    name: "predictions",
    about: "the output of a classifier: a UUID and 30 probabilities a row",
    data_version: 1,
    has_window: false,
    build,
    tables: &[("predictions", "a client and the probability of each class")],
    roots: &[Root {
        table: "predictions",
        // About 1 GB of CSV; the table that it is modelled on had 60,000,000 rows.
        rows_at_scale_1: 1_500_000.0,
        limit: (MAX_ROWS, ""),
    }],
    replaceable: &[],
    parameters: &[
        Parameter {
            name: "classes",
            about: "how many classes, class_0 and on",
            kind: ParameterKind::Integer(1, 4096),
            default: "30",
        },
        Parameter {
            name: "mode",
            about: "simplex: a row sums to 1 and has a winner; uniform: independent in [0, 1)",
            kind: ParameterKind::Choice(&["simplex", "uniform"]),
            default: "simplex",
        },
        Parameter {
            name: "precision",
            about: "round to so many decimals; none keeps the shortest form that reads back",
            kind: ParameterKind::OptionalInteger(1, 15),
            default: "none",
        },
    ],
    views: &[],
};

/// The dataset `predictions`.
///
/// ```
/// use lakeseed_gen_core::{Settings, predictions::Predictions};
///
/// let predictions = Predictions::new(&Settings::new().only_rows(60_000_000))?;
/// let one = predictions.predictions().rows(59_999_999..60_000_000).batch()?;
/// assert_eq!(one.num_columns(), 31);
/// # Ok::<(), lakeseed_gen_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Predictions(Dataset);

impl Predictions {
    /// Fixes the settings.
    ///
    /// # Errors
    /// As [`Dataset::new`].
    pub fn new(settings: &Settings) -> Result<Self> {
        INFO.dataset(settings).map(Self)
    }

    /// The one table.
    pub fn predictions(&self) -> &Table {
        &self.0.tables()[0]
    }

    /// As any dataset.
    pub fn dataset(&self) -> &Dataset {
        &self.0
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all datasets")]
fn build(settings: &Resolved) -> Result<Vec<Table>> {
    let stream = Stream::root(INFO.name, settings.data_version, settings.seed);
    let stream = stream.named("predictions");
    let classes: usize = settings.number("classes").unwrap_or(30);
    let mode = match settings.text("mode") {
        "uniform" => Mode::Uniform,
        _ => Mode::Simplex(Softmax::new(classes)),
    };
    let key = Hints::default()
        .with(hints::KEY, "primary")
        .with(hints::ENCODING, "delta_length")
        .with(hints::DOC, "UUID of version 4 form, unique");
    let mut fields =
        vec![Field::new("id_client", DataType::Utf8, false).with_metadata(key.into_metadata())];
    for class in 0..classes {
        let hints = Hints::default()
            .with(hints::ENCODING, "plain")
            .with(hints::COMPRESS, "none")
            .with(hints::DOC, format!("probability of class {class}"));
        let field = Field::new(format!("class_{class}"), DataType::Float64, false);
        fields.push(field.with_metadata(hints.into_metadata()));
    }
    Ok(vec![Table::new(PredictionTable {
        schema: Arc::new(Schema::new(fields)),
        row_count: settings.rows("predictions"),
        ids: stream.named("id_client"),
        values: (0..classes)
            .map(|class| stream.named(&format!("class_{class}")))
            .collect(),
        rows: stream.named("simplex"),
        mode,
        units: settings
            .number::<i32>("precision")
            .map(|digits| libm::pow(10.0, f64::from(digits))),
    })])
}

struct PredictionTable {
    schema: SchemaRef,
    row_count: u64,
    ids: Stream,
    /// One stream per class: the values of `uniform`.
    values: Vec<Stream>,
    /// One stream for whole rows: the values of `simplex`, which depend on each other.
    rows: Stream,
    mode: Mode,
    /// 10^precision where values are rounded.
    units: Option<f64>,
}

enum Mode {
    Uniform,
    Simplex(Softmax),
}

impl Generate for PredictionTable {
    fn name(&self) -> &'static str {
        "predictions"
    }

    fn about(&self) -> &str {
        INFO.tables[0].1
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn row_range(&self) -> Range<u64> {
        0..self.row_count
    }

    fn make(&self, rows: &Rows<'_>, columns: &[usize]) -> Vec<ArrayRef> {
        let mut simplex = None;
        let make = |&column: &usize| match (column.checked_sub(1), &self.mode) {
            (None, _) => ascii(rows, 36, |row, out| {
                out.extend_from_slice(&uuid(self.ids, row));
            }),
            (Some(class), Mode::Uniform) => self.uniform(rows, class),
            (Some(class), Mode::Simplex(softmax)) => {
                // All classes of a row come from one computation, whichever are asked for.
                let classes = simplex.get_or_insert_with(|| self.simplex(rows, softmax));
                Arc::new(Float64Array::new(classes[class].clone(), None))
            }
        };
        columns.iter().map(make).collect()
    }
}

impl PredictionTable {
    fn uniform(&self, rows: &Rows<'_>, class: usize) -> ArrayRef {
        let stream = self.values[class];
        let mut values = vec![0.0; rows.len()];
        match rows {
            Rows::Range(range) => wide!(draw(stream, range.clone(), &mut values)),
            Rows::List(list) => draw(stream, list.iter().copied(), &mut values),
        }
        if let Some(units) = self.units {
            wide!(cut_to_units(&mut values, units));
        }
        Arc::new(Float64Array::new(ScalarBuffer::from(values), None))
    }

    fn simplex(&self, rows: &Rows<'_>, softmax: &Softmax) -> Vec<ScalarBuffer<f64>> {
        let classes = self.values.len();
        let streams: Vec<Stream> = rows.map(|row| self.rows.fork(row));
        let mut columns = vec![Vec::with_capacity(streams.len()); classes];
        let block_rows = (BLOCK_VALUES / classes).max(LEAST_BLOCK_ROWS);
        let mut block = vec![0.0; block_rows * classes];
        for streams in streams.chunks(block_rows) {
            let block = &mut block[..streams.len() * classes];
            softmax.fill_rows(streams, block);
            if let Some(units) = self.units {
                round_rows(block, streams.len(), units);
            }
            for (column, values) in columns.iter_mut().zip(block.chunks_exact(streams.len())) {
                column.extend_from_slice(values);
            }
        }
        columns.into_iter().map(ScalarBuffer::from).collect()
    }
}

/// A number of `[0, 1)` for each row.
#[expect(clippy::inline_always, reason = "what `wide!` is given")]
#[inline(always)]
fn draw(stream: Stream, rows: impl Iterator<Item = u64>, values: &mut [f64]) {
    for (value, row) in values.iter_mut().zip(rows) {
        *value = stream.unit(row);
    }
}

/// Rounds down to whole units.
#[expect(clippy::inline_always, reason = "what `wide!` is given")]
#[inline(always)]
fn cut_to_units(values: &mut [f64], units: f64) {
    for value in values {
        *value = whole(*value * units) / units;
    }
}

/// Probabilities of rows that are made side by side: 16 KiB, half of what the nearest cache of
/// common processors holds.
const BLOCK_VALUES: usize = 2048;
/// With many classes the cache is left rather than the vectors empty.
const LEAST_BLOCK_ROWS: usize = 16;

/// Rounds each row of a block whose classes follow one another.
fn round_rows(block: &mut [f64], rows: usize, units: f64) {
    let mut values = vec![0.0; block.len() / rows];
    for row in 0..rows {
        for (value, of_block) in values.iter_mut().zip(block[row..].iter().step_by(rows)) {
            *value = *of_block;
        }
        round_to_units(&mut values, units);
        for (value, of_block) in values.iter().zip(block[row..].iter_mut().step_by(rows)) {
            *of_block = *value;
        }
    }
}

/// Rounds probabilities down to whole units and hands the missing ones to the largest remainders,
/// so that the units of a row sum to one exactly.
fn round_to_units(values: &mut [f64], units: f64) {
    let mut order: Vec<(f64, usize)> = Vec::with_capacity(values.len());
    let mut given = 0.0;
    for (at, value) in values.iter_mut().enumerate() {
        let exact = *value * units;
        let floor = whole(exact);
        given += floor;
        order.push((exact - floor, at));
        *value = floor;
    }
    // Ties go to the lower class: the order is total, so the result is too.
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let missing = (units - given).max(0.0) as usize;
    for &(_, at) in order.iter().cycle().take(missing) {
        values[at] += 1.0;
    }
    for value in values.iter_mut() {
        *value /= units;
    }
}

/// The whole part of a number that is not negative and not above 10^15: an instruction or two, where
/// [`libm::floor`] is a call for each value.
#[inline]
fn whole(number: f64) -> f64 {
    number as i64 as f64
}

/// A UUID in its text form: 122 free bits, of which 64 are a bijection of the row number, so that
/// it is unique without memory. Version 4, variant 1, as RFC 9562 has them.
fn uuid(stream: Stream, row: u64) -> [u8; 36] {
    let unique = stream.at(row);
    let random = stream.fork(row).at(0);
    let high = (unique >> 16) << 16 | 0x4000 | (unique >> 4) & 0x0FFF;
    let low = 1 << 63 | (unique & 0xF) << 58 | random >> 6;
    let digits = [
        hex(high >> 32),
        hex(high & 0xFFFF_FFFF),
        hex(low >> 32),
        hex(low & 0xFFFF_FFFF),
    ];
    let mut out = [b'-'; 36];
    out[0..8].copy_from_slice(&digits[0]);
    out[9..13].copy_from_slice(&digits[1][..4]);
    out[14..18].copy_from_slice(&digits[1][4..]);
    out[19..23].copy_from_slice(&digits[2][..4]);
    out[24..28].copy_from_slice(&digits[2][4..]);
    out[28..36].copy_from_slice(&digits[3]);
    out
}

/// The eight hexadecimal digits of 32 bits, all at once in one register.
const fn hex(x: u64) -> [u8; 8] {
    // One nibble a byte, the most significant first in memory.
    let mut nibbles = x & 0xFFFF_FFFF;
    nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF;
    nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF;
    nibbles = (nibbles | nibbles << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    // Bit 4 of `nibble + 6` is set from 10 on: those are letters, 39 past the digits in ASCII.
    let letters = ((nibbles + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    (nibbles + 0x3030_3030_3030_3030 + letters * 39).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits() {
        assert_eq!(&hex(0x0123_4567), b"01234567");
        assert_eq!(&hex(0x89AB_CDEF), b"89abcdef");
    }

    #[test]
    fn rounded_rows_still_sum_to_one() {
        let mut values = [0.333_333, 0.333_333, 0.333_334];
        round_to_units(&mut values, 100.0);
        assert_eq!(
            values.map(|value| libm::round(value * 1000.0) as i64),
            [330, 330, 340]
        );
    }
}
