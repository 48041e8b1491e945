//! The result of a run: a small table for people, JSON for programs.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use lakeseed_budget::{Bytes, peak_resident};
use lakeseed_sink::{LastRun, Plan, Report, Shard};
use serde::Serialize;

use super::{Align, Grid, units};
use crate::lower::Job;

/// What stands there after `generate`. Every figure is of committed rows.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    dataset: &'static str,
    data_id: String,
    plan_id: String,
    out: String,
    format: String,
    compression: String,
    /// False where the same command had finished before, and nothing was written.
    written: bool,
    /// Which share of the files, as 3/16; none where this is the whole.
    shard: Option<String>,
    /// Files that an interrupted run before this one had finished.
    parts_found: usize,
    /// How that run ended.
    last_run: Option<LastRun>,
    tables: Vec<TableOutcome>,
    rows: u64,
    files: usize,
    bytes: u64,
    seconds: f64,
    threads: usize,
    peak_memory_bytes: Option<u64>,
    /// The line with which a common tool reads the last table.
    read: String,
    /// A row to look at: a table, and a row from its middle.
    #[serde(skip)]
    example: Option<(String, u64)>,
}

#[derive(Debug, Serialize)]
struct TableOutcome {
    table: String,
    rows: u64,
    files: usize,
    bytes: u64,
    /// Rows of these that this run has made and committed: what the rate counts.
    made_rows: u64,
    #[serde(skip)]
    made_bytes: u64,
    seconds: f64,
    rows_per_s: f64,
}

/// What a run was, for whoever asks later.
#[derive(Debug, Serialize)]
struct Account<'o> {
    written_by: &'static str,
    ended: String,
    system: String,
    processors: usize,
    #[serde(flatten)]
    outcome: &'o Outcome,
}

impl Outcome {
    pub(crate) fn new(
        job: &Job,
        plan: &Plan<'_>,
        report: &Report,
        shard: Shard,
        secret: &str,
    ) -> Self {
        // A share of what is whole already is no share any more.
        let is_whole = !report.written && report.files() >= plan.files();
        let is_share = !shard.is_whole() && !is_whole;
        let tables = report.tables.iter().map(|table| TableOutcome {
            table: table.name.clone(),
            rows: table.rows,
            files: table.files,
            bytes: table.bytes,
            seconds: table.seconds,
            made_rows: table.made_rows,
            made_bytes: table.made_bytes,
            rows_per_s: rate(table.made_rows, table.seconds),
        });
        let out = job.destination.to_string();
        Self {
            dataset: job.selection.dataset.info().name,
            data_id: plan.data_id().to_owned(),
            plan_id: report.plan_id.clone(),
            format: job.format.kind().to_string(),
            compression: job.format.compression().to_string(),
            written: report.written,
            shard: is_share.then(|| shard.to_string()),
            parts_found: report.parts_found,
            last_run: report.last_run.clone(),
            tables: tables.collect(),
            rows: report.rows(),
            files: report.files(),
            bytes: report.bytes(),
            seconds: report.seconds,
            threads: report.workers,
            peak_memory_bytes: peak_resident().map(Bytes::get),
            example: job.selection.tables.last().map(|table| {
                let rows = table.row_range();
                (
                    table.name().to_owned(),
                    rows.start + (rows.end - rows.start) / 2,
                )
            }),
            read: super::read::line(&out, secret, job, plan),
            out,
        }
    }

    /// The same with machine and time, to stand beside the manifest.
    pub(crate) fn account(&self) -> serde_json::Result<Vec<u8>> {
        let account = Account {
            written_by: concat!("lakeseed ", env!("CARGO_PKG_VERSION")),
            ended: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            outcome: self,
        };
        let mut json = serde_json::to_vec_pretty(&account)?;
        json.push(b'\n');
        Ok(json)
    }

    /// For people; `flags` are those that choose the values, for the command to try next.
    pub(crate) fn text(&self, flags: &str) -> String {
        let mut text = self.grid();
        let peak = self.peak_memory_bytes.map_or_else(String::new, |peak| {
            format!(", peak memory {}", Bytes::new(peak))
        });
        let (plan, out) = (&self.plan_id, &self.out);
        let share = match &self.shard {
            Some(shard) => format!("shard {shard} "),
            None => String::new(),
        };
        let _ = if self.written {
            let workers = match self.threads {
                1 => "1 thread".to_owned(),
                threads => format!("{threads} threads"),
            };
            let time = units::time(Duration::from_secs_f64(self.seconds));
            writeln!(
                text,
                "\n{share}written to {out} in {time} on {workers}{peak} (plan {plan})"
            )
        } else if self.shard.is_some() {
            writeln!(
                text,
                "\n{share}is finished in {out} already: nothing was written (plan {plan})"
            )
        } else {
            writeln!(
                text,
                "\n{out} holds exactly this already: nothing was written (plan {plan})"
            )
        };
        if self.shard.is_some() {
            // No reader sees the files before they are one output.
            let _ = writeln!(text, "next, after all shards: lakeseed combine {out}");
            return text;
        }
        let _ = writeln!(text, "read: {}", self.read);
        if let Some((table, row)) = &self.example {
            let _ = writeln!(
                text,
                "next: lakeseed peek {}.{table} {row}{flags}",
                self.dataset
            );
        }
        text
    }

    fn grid(&self) -> String {
        let mut grid = Grid::new([
            ("table", Align::Left),
            ("rows", Align::Right),
            ("files", Align::Right),
            ("bytes", Align::Right),
            ("bytes/row", Align::Right),
            ("rows/s", Align::Right),
            ("MB/s", Align::Right),
        ]);
        for table in &self.tables {
            grid.row(table.cells());
        }
        if self.tables.len() > 1 {
            let all = TableOutcome {
                table: "all".to_owned(),
                rows: self.rows,
                files: self.files,
                bytes: self.bytes,
                made_rows: self.tables.iter().map(|table| table.made_rows).sum(),
                made_bytes: self.tables.iter().map(|table| table.made_bytes).sum(),
                seconds: self.seconds,
                rows_per_s: 0.0,
            };
            grid.row(all.cells());
        }
        grid.text("")
    }
}

impl TableOutcome {
    fn cells(&self) -> [String; 7] {
        // Nothing was measured when nothing was written.
        let measured = |text: String| {
            if self.made_rows > 0 {
                text
            } else {
                "-".to_owned()
            }
        };
        [
            self.table.clone(),
            units::grouped(self.rows),
            self.files.to_string(),
            Bytes::new(self.bytes).to_string(),
            format!("{:.1}", self.bytes as f64 / self.rows.max(1) as f64),
            measured(units::short(rate(self.made_rows, self.seconds))),
            measured(format!("{:.0}", rate(self.made_bytes, self.seconds) / 1e6)),
        ]
    }
}

fn rate(amount: u64, seconds: f64) -> f64 {
    units::per_second(amount, Duration::from_secs_f64(seconds.max(0.0)))
}
