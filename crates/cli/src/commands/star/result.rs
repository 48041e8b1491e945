//! What a run of `star` has done, for people and programs.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::Report;
use lakeseed_star_schema as star;
use serde::Serialize;

use super::VIEWS;
use super::indicators::Answers;
use crate::lower::Destination;
use crate::report::{Align, Cell, Grid, cell, units};

#[derive(Serialize)]
pub(super) struct Outcome {
    out: String,
    plan_id: String,
    /// False where the same command had finished before.
    written: bool,
    tables: Vec<Table>,
    rows: u64,
    bytes: u64,
    units_found: usize,
    rows_read: u64,
    rows_rejected: Option<u64>,
    spilled_bytes: u64,
    peak_bytes: u64,
    seconds: f64,
    /// The model's indicators, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    indicators: Option<Indicators>,
}

/// What was answered.
#[derive(Serialize)]
struct Indicators {
    out: String,
    plan_id: String,
    written: bool,
    answers: Vec<Shown>,
}

/// An answer; its rows where it is a main one.
#[derive(Serialize)]
struct Shown {
    name: String,
    about: String,
    rows: usize,
    columns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<Vec<Cell>>>,
}

#[derive(Serialize)]
struct Table {
    name: String,
    /// kept, extended, or made anew.
    fate: String,
    /// Why it was made anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// New files of its sources that were read for it, where it was extended.
    #[serde(skip_serializing_if = "Option::is_none")]
    files_added: Option<usize>,
    /// Rows that this run has made.
    rows_made: u64,
    strategy: String,
    rows: u64,
    files: usize,
    bytes: u64,
    rows_read: u64,
    spilled_bytes: u64,
    seconds: f64,
    /// Rows of this run that share their grain with another.
    rows_duplicate: u64,
    foreign_keys: Vec<ForeignKey>,
}

/// A foreign key that was looked up in this run.
#[derive(Serialize)]
struct ForeignKey {
    columns: Vec<String>,
    table: String,
    /// Rows that point to no row of that table; null where its keys did not fit into the memory.
    rows_missing: Option<u64>,
}

impl Outcome {
    pub(super) fn new(
        out: &Destination,
        star: &star::Star,
        report: &Report,
        made: Option<&star::Report>,
        rows_rejected: Option<u64>,
        peak: Bytes,
        answers: Option<&Answers>,
    ) -> Result<Self> {
        let tables: Vec<Table> = report
            .tables
            .iter()
            .map(|table| {
                let own =
                    made.and_then(|made| made.tables.iter().find(|own| own.table == table.name));
                let fate = star.fate(&table.name);
                let choice = star.choices().find(|(name, _)| *name == table.name);
                Table {
                    name: table.name.clone(),
                    fate: fate.map_or_else(String::new, ToString::to_string),
                    why: match fate {
                        Some(star::Fate::Anew { why }) => Some(why.clone()),
                        _ => None,
                    },
                    files_added: match fate {
                        Some(star::Fate::Extended { parts, .. }) => Some(*parts),
                        _ => None,
                    },
                    rows_made: table.made_rows,
                    strategy: choice
                        .map_or_else(String::new, |(_, choice)| choice.strategy.to_string()),
                    rows: table.rows,
                    files: table.files,
                    bytes: table.bytes,
                    rows_read: own.map_or(0, |own| own.rows_read),
                    spilled_bytes: own.map_or(0, |own| own.spilled.get()),
                    seconds: own.map_or(0.0, |own| own.time.as_secs_f64()),
                    rows_duplicate: own.map_or(0, |own| own.duplicates),
                    foreign_keys: own.map_or_else(Vec::new, foreign_keys),
                }
            })
            .collect();
        Ok(Self {
            out: out.to_string(),
            plan_id: report.plan_id.clone(),
            written: report.written,
            rows: report.rows(),
            bytes: report.bytes(),
            units_found: report.parts_found,
            rows_read: tables.iter().map(|table| table.rows_read).sum(),
            rows_rejected,
            spilled_bytes: tables.iter().map(|table| table.spilled_bytes).sum(),
            peak_bytes: peak.get(),
            seconds: report.seconds,
            indicators: answers.map(Indicators::new).transpose()?,
            tables,
        })
    }

    /// For the log.
    pub(super) fn line(&self) -> String {
        format!(
            "finished: {} rows in {} tables, {} bytes; {} rows read, {} bytes spilled, peak {} \
             bytes, {:.3} s",
            self.rows,
            self.tables.len(),
            self.bytes,
            self.rows_read,
            self.spilled_bytes,
            self.peak_bytes,
            self.seconds
        )
    }

    pub(super) fn text(&self) -> String {
        let mut grid = Grid::new([
            ("table", Align::Left),
            ("how", Align::Left),
            ("rows", Align::Right),
            ("files", Align::Right),
            ("size", Align::Right),
            ("rows read", Align::Right),
            ("spilled", Align::Right),
            ("time", Align::Right),
        ]);
        for table in &self.tables {
            grid.row([
                table.name.clone(),
                table.strategy.clone(),
                units::grouped(table.rows),
                units::grouped(table.files as u64),
                Bytes::new(table.bytes).to_string(),
                units::grouped(table.rows_read),
                Bytes::new(table.spilled_bytes).to_string(),
                units::time(Duration::from_secs_f64(table.seconds)),
            ]);
        }
        let mut text = grid.text("");
        if self.written && self.tables.iter().any(|table| !table.is_anew()) {
            text.push('\n');
            for table in &self.tables {
                let _ = writeln!(text, "{}: {}", table.name, table.what_became());
            }
        }
        if self.written {
            let time = Duration::from_secs_f64(self.seconds);
            let _ = write!(
                text,
                "\n{} rows in {}; peak memory {}",
                units::grouped(self.rows),
                units::time(time),
                Bytes::new(self.peak_bytes),
            );
            if self.units_found > 0 {
                let found = units::grouped(self.units_found as u64);
                let _ = write!(text, "; {found} files were there from before");
            }
            text.push('\n');
        } else {
            let _ = writeln!(text, "\nfinished before; nothing was written");
        }
        if let Some(rows) = self.rows_rejected.filter(|rows| *rows > 0) {
            let _ = writeln!(
                text,
                "{} rows could not be read and were kept",
                units::grouped(rows)
            );
        }
        if !self.out.contains("://") {
            let _ = writeln!(text, "\ncd {} && duckdb -init {VIEWS}", quoted(&self.out));
        }
        text
    }
}

impl Indicators {
    fn new(answers: &Answers) -> Result<Self> {
        let shown = answers.all.iter().map(|answer| {
            let spec = answer.spec();
            let columns: Vec<String> = answer.columns().map(str::to_owned).collect();
            let row = |row| {
                let cells = answer
                    .batch()
                    .columns()
                    .iter()
                    .map(|column| cell(column, row));
                cells.collect::<Result<_>>()
            };
            let values = spec
                .is_main
                .then(|| (0..answer.rows()).map(row).collect::<Result<_>>());
            Ok(Shown {
                name: spec.name.clone(),
                about: spec.about.clone(),
                rows: answer.rows(),
                values: values.transpose()?,
                columns,
            })
        });
        Ok(Self {
            out: answers.out.to_string(),
            plan_id: answers.report.plan_id.clone(),
            written: answers.report.written,
            answers: shown.collect::<Result<_>>()?,
        })
    }
}

impl Table {
    fn is_anew(&self) -> bool {
        self.why.is_some()
    }

    /// What became of it, where the star stood.
    fn what_became(&self) -> String {
        match (&self.why, self.files_added) {
            (Some(why), _) => format!("made anew, because {why}"),
            (None, Some(files)) => {
                let (rows, files) = (units::grouped(self.rows_made), units::grouped(files as u64));
                format!("extended by {rows} rows of {files} new files")
            }
            (None, None) => "kept".to_owned(),
        }
    }
}

fn foreign_keys(made: &star::TableReport) -> Vec<ForeignKey> {
    let keys = made.keys.iter().map(|key| ForeignKey {
        columns: key.columns.clone(),
        table: key.table.clone(),
        rows_missing: key.missing,
    });
    keys.collect()
}

/// A path as a word of a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}
