//! `lakeseed status`: how far a run is, seen from a second terminal.

use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::{LastEnd, Standing, Status, inspect, statuses};
use serde::Serialize;

use crate::args;
use crate::error::Failure;
use crate::log::Log;
use crate::lower;
use crate::report::{self, Align, Grid, ended, units};

/// A run that gave no sign of life for longer is taken for dead: three heartbeats.
const SILENT_AFTER: Duration = Duration::from_secs(30);

/// What stands in a place, and who is at work there.
#[derive(Debug, Serialize)]
struct Shown {
    place: String,
    /// finished or unfinished; with nothing of ours there is nothing to show.
    state: &'static str,
    plan_ids: Vec<String>,
    rows: Option<u64>,
    files: Option<usize>,
    bytes: Option<u64>,
    shards: Option<u32>,
    runs: Vec<RunShown>,
}

/// One process, as it last spoke of itself.
#[derive(Debug, Serialize)]
struct RunShown {
    #[serde(flatten)]
    status: Status,
    rows_per_s: f64,
    seconds_since_sign: f64,
    /// How it ended, or that it seems to be at work.
    end: Option<LastEnd>,
}

pub(super) fn run(args: &args::Stored) -> Result<()> {
    let log = Log::open(args.logging.log.as_deref(), args.logging.log_level)?;
    log.end(work(args, &log))
}

fn work(args: &args::Stored, log: &Log) -> Result<()> {
    let store = lower::store(&args.place, &args.remote, log)?;
    let standing = inspect(store.as_ref())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let runs = statuses(store.as_ref())?;
    let runs = runs.into_iter().map(|status| RunShown::new(status, now));
    let shown = Shown::new(store.address(), &standing, runs.collect());
    if matches!(shown.state, "empty" | "foreign") {
        let expected = format!("an output of lakeseed at {}", shown.place);
        let found = standing.foreign.as_deref().unwrap_or("nothing");
        return Err(Failure::refused(expected, found, "check the place").into());
    }
    log.info(&format!("status of {}: {}", shown.place, shown.state));
    if args.json {
        return report::json(&shown);
    }
    report::print(&shown.text())
}

impl Shown {
    fn new(place: String, standing: &Standing, runs: Vec<RunShown>) -> Self {
        let finished = standing.finished.as_ref();
        let state = match (&standing.foreign, finished, standing.unfinished.as_slice()) {
            (_, _, [_, ..]) => "unfinished",
            (_, Some(_), []) => "finished",
            (Some(_), None, []) => "foreign",
            (None, None, []) => "empty",
        };
        let unfinished = standing.unfinished.iter().map(|plan| plan.plan_id.clone());
        let plan_ids = match state {
            "unfinished" => unfinished.collect(),
            _ => finished
                .into_iter()
                .flat_map(|manifest| &manifest.plans)
                .map(|plan| plan.id.clone())
                .collect(),
        };
        Self {
            place,
            state,
            plan_ids,
            rows: finished.map(lakeseed_sink::Manifest::rows),
            files: finished.map(|manifest| manifest.parts().count()),
            bytes: finished.map(lakeseed_sink::Manifest::bytes),
            shards: standing.unfinished.first().map(|plan| plan.shards),
            runs,
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}: {}", self.place, self.state);
        if let (Some(rows), Some(files), Some(bytes)) = (self.rows, self.files, self.bytes) {
            let is_old = if self.state == "finished" {
                ","
            } else {
                ", beside a finished output of"
            };
            let (rows, files) = (units::grouped(rows), units::grouped(files as u64));
            let _ = write!(
                text,
                "{is_old} {rows} rows in {files} files, {}",
                Bytes::new(bytes)
            );
        }
        let _ = writeln!(text, " (plan {})", self.plan_ids.join(", "));
        if self.runs.is_empty() {
            return text;
        }
        let mut grid = Grid::new([
            ("shard", Align::Left),
            ("files", Align::Right),
            ("rows", Align::Right),
            ("rows/s", Align::Right),
            ("memory", Align::Right),
            ("process", Align::Left),
            ("state", Align::Left),
        ]);
        for run in &self.runs {
            grid.row(run.cells());
        }
        text.push_str(&grid.text(""));
        text
    }
}

impl RunShown {
    fn new(status: Status, now: Duration) -> Self {
        let since = now.saturating_sub(Duration::from_millis(status.written_ms));
        let worked = status.written_ms.saturating_sub(status.started_ms);
        let seconds = Duration::from_millis(worked).as_secs_f64();
        let end = match &status.ended {
            None if status.lives().unwrap_or(since < SILENT_AFTER) => None,
            _ => Some(status.last().end),
        };
        Self {
            rows_per_s: if seconds > 0.0 {
                status.rows_this_run as f64 / seconds
            } else {
                0.0
            },
            seconds_since_sign: since.as_secs_f64(),
            end,
            status,
        }
    }

    fn cells(&self) -> [String; 7] {
        let status = &self.status;
        let ago = units::time(Duration::from_secs_f64(self.seconds_since_sign));
        let state = match &self.end {
            None => format!("at work, heard of {ago} ago"),
            Some(end) => format!("{}, {ago} ago", ended(end)),
        };
        let share = |done: u64, all: u64| format!("{done} of {all}");
        [
            status.shard.to_string(),
            share(status.parts_done as u64, status.parts as u64),
            match status.rows {
                // Nobody counts the rows of a star before they are made.
                0 => units::grouped(status.rows_done),
                rows => format!(
                    "{} of {}",
                    units::grouped(status.rows_done),
                    units::grouped(rows)
                ),
            },
            units::short(self.rows_per_s),
            status
                .memory_bytes
                .map_or_else(|| "-".to_owned(), |bytes| Bytes::new(bytes).to_string()),
            format!("{} on {}", status.pid, status.host),
            state,
        ]
    }
}
