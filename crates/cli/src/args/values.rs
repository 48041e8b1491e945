//! Values of arguments: how a text becomes one, and what is said when it does not.

use std::fmt;
use std::time::Duration;

use lakeseed_budget::Bytes;
use lakeseed_gen_core::Date;
use lakeseed_sink::{Compression, Shard};

/// The most rows that a table can have.
const MOST_ROWS: u64 = 1 << 62;

/// The most ranges of a table.
const MOST_PARTITIONS: usize = 4_096;

/// The longest table for people.
const MOST_SHOWN: u64 = 10_000;

/// Why a text is no value: what was expected, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) what: String,
    pub(crate) advice: String,
}

impl Expected {
    fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}; {}", self.what, self.advice)
    }
}

impl std::error::Error for Expected {}

/// With what means one question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) memory: Bytes,
    pub(crate) threads: u64,
    pub(crate) partitions: usize,
}

/// As [`cell`] takes it.
#[cfg(feature = "star")]
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.memory.get();
        write!(f, "{memory},{},{}", self.threads, self.partitions)
    }
}

/// The numbers of a cell, with commas between them.
pub(super) fn cell(text: &str) -> Result<Cell, Expected> {
    let numbers = text.split(',').map(str::parse::<u64>);
    match numbers.collect::<Result<Vec<u64>, _>>().as_deref() {
        Ok(&[memory, threads, partitions]) => Ok(Cell {
            memory: Bytes::new(memory),
            threads,
            partitions: usize::try_from(partitions).unwrap_or(usize::MAX),
        }),
        _ => Err(Expected::new("three numbers", "leave the flag out")),
    }
}

/// A dataset, or one of its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) dataset: String,
    pub(crate) table: Option<String>,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Self, Expected> {
        let (dataset, table) = match text.split_once('.') {
            Some((dataset, table)) => (dataset, Some(table)),
            None => (text, None),
        };
        if dataset.is_empty() || table == Some("") {
            return Err(Expected::new(
                "DATASET or DATASET.TABLE",
                "see lakeseed list for the names",
            ));
        }
        Ok(Self {
            dataset: dataset.to_owned(),
            table: table.map(str::to_owned),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.dataset)?;
        self.table
            .as_ref()
            .map_or(Ok(()), |table| write!(f, ".{table}"))
    }
}

/// The row count of a root table; no table where there is one root only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) table: Option<String>,
    pub(crate) rows: u64,
}

impl Rows {
    pub(crate) fn parse(text: &str) -> Result<Self, Expected> {
        let (table, number) = match text.split_once('=') {
            Some((table, number)) => (Some(table.trim().to_owned()), number),
            None => (None, text),
        };
        let rows = number_of(number).filter(|rows| (1..=MOST_ROWS).contains(rows));
        rows.map(|rows| Self { table, rows }).ok_or_else(|| {
            Expected::new(
                format!("1 to {MOST_ROWS} rows, as 60M, 60_000_000 or invoices=60M"),
                "change the number",
            )
        })
    }
}

/// A whole number, 0 included: `60M`, `60_000_000`, `1.5k`.
pub(crate) fn count(text: &str) -> Result<u64, Expected> {
    number_of(text).ok_or_else(|| {
        Expected::new(
            "a whole number, as 1234567, 60_000_000 or 60M",
            "change the number",
        )
    })
}

/// A whole number above 0.
pub(super) fn positive_count(text: &str) -> Result<u64, Expected> {
    number_of(text).filter(|&number| number > 0).ok_or_else(|| {
        Expected::new(
            "a whole number above 0, as 8, 60_000 or 1M",
            "change the number",
        )
    })
}

/// Ranges of a table: each is a task of its own.
pub(super) fn partitions(text: &str) -> Result<usize, Expected> {
    let count = number_of(text).and_then(|number| usize::try_from(number).ok());
    count
        .filter(|count| (1..=MOST_PARTITIONS).contains(count))
        .ok_or_else(|| Expected::new("a whole number from 1 to 4,096", "change the number"))
}

/// Messages a second: `5000/s`, `1.5k/s`, `0.5/s`.
pub(super) fn rate(text: &str) -> Result<f64, Expected> {
    let expected = || Expected::new("a rate above 0, as 5000/s or 1.5k/s", "change the rate");
    let number = text.strip_suffix("/s").unwrap_or(text).trim();
    let rate = match number_of(number) {
        Some(whole) => whole as f64,
        None => number.parse::<f64>().map_err(|_| expected())?,
    };
    if rate.is_finite() && rate > 0.0 {
        Ok(rate)
    } else {
        Err(expected())
    }
}

/// A column and its type, as `id=text`.
pub(super) fn column_of_type(text: &str) -> Result<(String, String), Expected> {
    let pair = text.split_once('=');
    let pair = pair.filter(|(column, of)| !column.is_empty() && !of.is_empty());
    let (column, of) = pair.ok_or_else(|| {
        let advice = "name a column and one of text, i32, i64, f64, bool, date, timestamp";
        Expected::new("COLUMN=TYPE, as id=text", advice)
    })?;
    Ok((column.to_owned(), of.to_owned()))
}

/// Rows of a table for people, which waits in memory for its widest cells.
pub(super) fn shown_rows(text: &str) -> Result<u64, Expected> {
    let rows = number_of(text).filter(|rows| (1..=MOST_SHOWN).contains(rows));
    rows.ok_or_else(|| {
        Expected::new(
            "a whole number from 1 to 10,000",
            "change the number, or write all rows with -f csv",
        )
    })
}

/// A number above 0, whole or not.
pub(super) fn scale(text: &str) -> Result<f64, Expected> {
    let (number, power) = split_suffix(text);
    let parsed = number.replace('_', "").parse::<f64>().ok();
    let scaled = parsed.map(|number| number * 10_f64.powi(power as i32));
    scaled
        .filter(|scale| scale.is_finite() && *scale > 0.0)
        .ok_or_else(|| Expected::new("a number above 0, as 0.01, 1 or 1.5k", "change the number"))
}

/// A day that exists.
pub(super) fn date(text: &str) -> Result<Date, Expected> {
    text.parse()
        .map_err(|_| Expected::new("a day that exists, as 2023-12-31", "change the date"))
}

/// A time above 0.
pub(super) fn time(text: &str) -> Result<Duration, Expected> {
    let parsed = humantime::parse_duration(text).ok();
    parsed
        .filter(|time| !time.is_zero())
        .ok_or_else(|| Expected::new("a time above 0, as 30s or 10m", "change the time"))
}

/// A size above 0.
pub(super) fn size(text: &str) -> Result<Bytes, Expected> {
    let refused = |reason: &str| Expected::new("a size above 0, as 512MiB or 512MB", reason);
    match text.parse::<Bytes>() {
        Ok(Bytes::ZERO) => Err(refused("change the size")),
        Ok(size) => Ok(size),
        Err(lakeseed_budget::Error::NotASize { reason, .. }) => Err(refused(reason)),
        Err(_) => Err(refused("change the size")),
    }
}

/// A share, counted from 1.
pub(super) fn shard(text: &str) -> Result<Shard, Expected> {
    let numbers = text.split_once('/').and_then(|(index, of)| {
        let (index, of) = (index.trim().parse::<u32>(), of.trim().parse::<u32>());
        Some((index.ok()?, of.ok()?))
    });
    let what = "a share as 3/16, from 1/16 to 16/16";
    let Some((index, of)) = numbers else {
        return Err(Expected::new(what, "change the share"));
    };
    Shard::new(index, of).map_err(|error| {
        let advice = match error {
            _ if index == 0 && of > 0 => {
                format!("where jobs count from 0, write $((JOB_INDEX + 1))/{of}")
            }
            // A share that is one, of too many.
            lakeseed_sink::Error::Invalid { expected, .. } if (1..=of).contains(&index) => {
                format!("take {expected} shares")
            }
            _ => "change the share".to_owned(),
        };
        Expected::new(what, advice)
    })
}

/// A codec with its level.
pub(super) fn compression(text: &str) -> Result<Compression, Expected> {
    text.parse().map_err(|_| {
        Expected::new(
            "none, snappy, zstd[:1..19] or gzip[:1..9]",
            "change the codec or level",
        )
    })
}

/// Integers all the way: a double would round what it cannot hold.
fn number_of(text: &str) -> Option<u64> {
    let (number, power) = split_suffix(text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: String = whole.chars().filter(|&c| c != '_').collect();
    let digits = format!("{whole}{fraction}");
    let is_number = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_complete = !number.starts_with('_') && !number.ends_with(['_', '.']);
    if !(is_number && is_complete) {
        return None;
    }
    // `1.5k` is 15 times 10^2; `1.5` alone, or `1.2345k`, is no whole number.
    let power = power.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    digits
        .parse::<u64>()
        .ok()?
        .checked_mul(10_u64.checked_pow(power)?)
}

/// The number without its suffix, and the power of ten that the suffix stands for.
fn split_suffix(text: &str) -> (&str, u32) {
    let text = text.trim();
    for (suffix, power) in [('k', 3), ('m', 6), ('g', 9), ('b', 9), ('t', 12)] {
        let upper = suffix.to_ascii_uppercase();
        if let Some(number) = text.strip_suffix([suffix, upper]) {
            return (number, power);
        }
    }
    (text, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact() {
        assert_eq!(count("60M"), Ok(60_000_000));
        assert_eq!(count("60_000_000"), Ok(60_000_000));
        assert_eq!(count("1.5k"), Ok(1_500));
        assert_eq!(count("0"), Ok(0));
        assert_eq!(count("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(count("2b"), Ok(2_000_000_000));
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for text in [
            "",
            "k",
            "-1",
            "+1",
            "1.5",
            "1.2345k",
            "1e6",
            "_1",
            "1_",
            "1.",
            ".5k",
            "1 2",
            "18446744073709551616",
            "99999999999999T",
            "0x10",
            "nan",
        ] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rows_name_their_table_or_none() {
        let rows = |table: Option<&str>, rows| Rows {
            table: table.map(str::to_owned),
            rows,
        };
        assert_eq!(
            Rows::parse("invoices=60M"),
            Ok(rows(Some("invoices"), 60_000_000))
        );
        assert_eq!(Rows::parse("7"), Ok(rows(None, 7)));
        assert_eq!(Rows::parse("4611686018427387904"), Ok(rows(None, 1 << 62)));
        assert!(Rows::parse("4611686018427387905").is_err());
        assert!(Rows::parse("invoices=0").is_err());
        assert!(Rows::parse("invoices=").is_err());
    }

    #[test]
    fn rates_are_finite_and_above_zero() {
        assert_eq!(rate("5000/s"), Ok(5_000.0));
        assert_eq!(rate("1.5k/s"), Ok(1_500.0));
        assert_eq!(rate("0.5"), Ok(0.5));
        for text in ["0/s", "-1/s", "5/min", "nan/s", "inf", "", "/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn scales_are_finite_and_above_zero() {
        assert_eq!(scale("1.5k"), Ok(1_500.0));
        assert_eq!(scale("0.01"), Ok(0.01));
        for text in ["nan", "inf", "0", "-1", "", "one", "1e999"] {
            assert!(scale(text).is_err(), "{text}");
        }
    }
}
