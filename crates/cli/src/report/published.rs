//! The result of a run of messages: a small table for people, JSON for programs.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use lakeseed_budget::{Bytes, peak_resident};
use lakeseed_sink::messages::Published;
use serde::Serialize;

use super::{Align, Grid, units};

/// What is proven after `publish`. Every figure is of messages that were acknowledged.
#[derive(Debug, Serialize)]
pub(crate) struct PublishOutcome {
    #[serde(flatten)]
    published: Published,
    /// False where the same command had finished before, and nothing was sent.
    written: bool,
    messages_per_s: f64,
    rows_per_s: f64,
    bytes_per_s: f64,
    peak_memory_bytes: Option<u64>,
    /// Where it is written down what a queue has acknowledged.
    ledger: Option<String>,
    #[serde(skip)]
    can_be_verified: bool,
}

impl PublishOutcome {
    pub(crate) fn new(published: Published, ledger: Option<&Path>, can_be_verified: bool) -> Self {
        let time = Duration::from_secs_f64(published.seconds.max(0.0));
        Self {
            written: published.is_written(),
            messages_per_s: units::per_second(published.made_messages, time),
            rows_per_s: units::per_second(published.made_rows, time),
            bytes_per_s: units::per_second(published.made_bytes, time),
            peak_memory_bytes: peak_resident().map(Bytes::get),
            ledger: ledger.map(|folder| folder.display().to_string()),
            can_be_verified,
            published,
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let done = &self.published;
        let mut text = self.grid();
        let peak = self.peak_memory_bytes.map_or_else(String::new, |peak| {
            format!(", peak memory {}", Bytes::new(peak))
        });
        let (plan, to) = (&done.plan_id, &done.address);
        let _ = if self.written {
            let workers = match done.workers {
                1 => "1 thread".to_owned(),
                threads => format!("{threads} threads"),
            };
            let time = units::time(Duration::from_secs_f64(done.seconds));
            writeln!(
                text,
                "\npublished to {to} in {time} on {workers}{peak} (plan {plan})"
            )
        } else {
            writeln!(
                text,
                "\n{to} holds exactly this already: nothing was sent (plan {plan})"
            )
        };
        if done.messages_found > 0 {
            let found = units::grouped(done.messages_found);
            let _ = writeln!(
                text,
                "found: {found} messages that an earlier run had sent were there"
            );
        }
        if let Some(ledger) = &self.ledger {
            let _ = writeln!(text, "ledger: {ledger}");
        }
        if self.can_be_verified {
            let _ = writeln!(text, "next: lakeseed verify {to}");
        }
        text
    }

    fn grid(&self) -> String {
        let done = &self.published;
        let mut grid = Grid::new([
            ("table", Align::Left),
            ("messages", Align::Right),
            ("rows", Align::Right),
            ("bytes", Align::Right),
            ("bytes/message", Align::Right),
            ("messages/s", Align::Right),
            ("rows/s", Align::Right),
            ("MB/s", Align::Right),
        ]);
        // Nothing was measured when nothing was sent.
        let measured = |text: String| {
            if self.written { text } else { "-".to_owned() }
        };
        grid.row([
            done.table.clone(),
            units::grouped(done.messages),
            units::grouped(done.rows),
            Bytes::new(done.bytes).to_string(),
            format!("{:.1}", done.bytes as f64 / done.messages.max(1) as f64),
            measured(units::short(self.messages_per_s)),
            measured(units::short(self.rows_per_s)),
            measured(format!("{:.0}", self.bytes_per_s / 1e6)),
        ]);
        grid.text("")
    }
}
