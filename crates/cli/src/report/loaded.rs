//! The result of a load: a table for people, JSON for programs.

use std::fmt::Write;
use std::time::Duration;

use lakeseed_budget::{Bytes, peak_resident};
use lakeseed_sink::databases::{Growth, Loaded};
use serde::Serialize;

use super::{Align, Grid, rounds, units};

/// What stands after `load`. Every figure is of rows that were committed.
#[derive(Debug, Serialize)]
pub(crate) struct LoadOutcome {
    #[serde(flatten)]
    loaded: Loaded,
    /// False where the same command had finished before, and nothing was sent.
    written: bool,
    /// How the time of a round grows, where there are enough of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    growth: Option<Growth>,
    rows_per_s: f64,
    bytes_per_s: f64,
    peak_memory_bytes: Option<u64>,
}

impl LoadOutcome {
    pub(crate) fn new(loaded: Loaded) -> Self {
        // Keys are made when the rows are there.
        let seconds = (loaded.seconds - loaded.keys_seconds).max(0.0);
        let time = Duration::from_secs_f64(seconds);
        Self {
            written: loaded.is_written(),
            growth: Growth::of(&loaded.rounds),
            rows_per_s: units::per_second(loaded.made_rows, time),
            bytes_per_s: units::per_second(loaded.made_bytes, time),
            peak_memory_bytes: peak_resident().map(Bytes::get),
            loaded,
        }
    }

    /// The times of the rounds, drawn.
    pub(crate) fn chart(&self) -> String {
        rounds::chart(&self.loaded.rounds, &self.loaded.address, self.growth)
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let done = &self.loaded;
        let mut text = self.grid();
        if !done.rounds.is_empty() {
            let _ = write!(text, "\n{}", rounds::text(&done.rounds, self.growth));
        }
        let (plan, to) = (&done.run_id, &done.address);
        if done.workers == 0 && done.made_views > 0 {
            let views = views(done.made_views);
            let _ = writeln!(
                text,
                "\n{to} holds exactly these rows already: {views} added (plan {plan})"
            );
            return text;
        }
        if !self.written {
            let _ = writeln!(
                text,
                "\n{to} holds exactly this already: nothing was added (plan {plan})"
            );
            return text;
        }
        let peak = self.peak_memory_bytes.map_or_else(String::new, |peak| {
            format!(", peak memory {}", Bytes::new(peak))
        });
        let workers = match done.workers {
            1 => "1 connection".to_owned(),
            workers => format!("{workers} connections"),
        };
        let time = |seconds: f64| units::time(Duration::from_secs_f64(seconds));
        let _ = writeln!(
            text,
            "\nloaded into {to} in {} on {workers}, {} of it for keys{peak} (plan {plan})",
            time(done.seconds),
            time(done.keys_seconds),
        );
        let _ = writeln!(
            text,
            "{} rows/s before keys; of the workers' time {} made rows, {} waited for the database",
            units::short(self.rows_per_s),
            time(done.making_seconds),
            time(done.waiting_seconds),
        );
        if done.made_views > 0 {
            let _ = writeln!(text, "{} made over them", views(done.made_views));
        }
        let _ = writeln!(text, "next: lakeseed verify {to}");
        text
    }

    fn grid(&self) -> String {
        let mut grid = Grid::new([
            ("table", Align::Left),
            ("rows", Align::Right),
            ("parts", Align::Right),
            ("sent", Align::Right),
        ]);
        for table in &self.loaded.tables {
            grid.row([
                table.name.clone(),
                units::grouped(table.rows),
                units::grouped(table.parts),
                Bytes::new(table.made_bytes).to_string(),
            ]);
        }
        grid.text("")
    }
}

/// `1 view was`, `29 views were`.
fn views(count: u64) -> String {
    match count {
        1 => "1 view was".to_owned(),
        count => format!("{} views were", units::grouped(count)),
    }
}
