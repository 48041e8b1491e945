//! How far a run has come: bars on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use lakeseed_budget::Bytes;
#[cfg(feature = "load")]
use lakeseed_sink::databases::LoadPlan;
use lakeseed_sink::messages::MessagePlan;
use lakeseed_sink::{LastRun, ManifestPart, Observer, Plan};

use super::{going_on, tell, units};
use crate::args::{self, Voice};
use crate::log::Log;
use crate::lower::Destination;

/// Plain lines come this often, in milliseconds.
pub(super) const LINE_EVERY_MS: u64 = 5_000;

/// What is shown while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    form: Form,
    is_verbose: bool,
    is_quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Bars,
    Lines,
    Nothing,
}

impl Style {
    pub(crate) fn choose(asked: args::Progress, voice: Voice, destination: &Destination) -> Self {
        let form = match asked {
            _ if voice.quiet => Form::Nothing,
            args::Progress::None => Form::Nothing,
            // Whoever reads the data may print to the same terminal.
            args::Progress::Auto if *destination == Destination::Stdout => Form::Nothing,
            args::Progress::Auto if stderr().is_terminal() => Form::Bars,
            args::Progress::Auto | args::Progress::Plain => Form::Lines,
        };
        Self {
            form,
            is_verbose: voice.verbose,
            is_quiet: voice.quiet,
        }
    }

    #[cfg(feature = "star")]
    pub(super) fn form(self) -> Form {
        self.form
    }

    #[cfg(feature = "star")]
    pub(super) fn is_verbose(self) -> bool {
        self.is_verbose
    }

    #[cfg(feature = "star")]
    pub(super) fn is_quiet(self) -> bool {
        self.is_quiet
    }
}

/// The observer of a run. Rates here count rows that were made; those of the result count rows
/// that were committed.
pub(crate) struct Progress {
    style: Style,
    log: Log,
    started: Instant,
    bars: MultiProgress,
    tables: Vec<Table>,
    planned_rows: u64,
    /// Rows that an interrupted run had finished.
    found_rows: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    next_line_ms: AtomicU64,
}

struct Table {
    name: String,
    bar: ProgressBar,
    rows: u64,
    files: u64,
    bytes: AtomicU64,
    finished_bytes: AtomicU64,
    finished_files: AtomicU64,
}

/// What is going to be there.
struct Planned<'p> {
    name: &'p str,
    rows: u64,
    /// Files, or what else is finished alone.
    parts: u64,
}

impl Progress {
    pub(crate) fn start(style: Style, plan: &Plan<'_>, log: &Log) -> Self {
        let tables = plan.tables().iter();
        let tables = tables.map(|table| Planned {
            name: table.name(),
            rows: table.rows(),
            parts: table.parts().len() as u64,
        });
        Self::of(style, &tables.collect::<Vec<_>>(), log)
    }

    /// The same of messages, whose rows are not always known before they are read: 0 then.
    pub(crate) fn of_messages(style: Style, plan: &MessagePlan<'_>, log: &Log) -> Self {
        let planned = Planned {
            name: plan.table(),
            rows: plan.rows().unwrap_or(0),
            parts: plan.parts().len() as u64,
        };
        Self::of(style, &[planned], log)
    }

    /// The same of a load: what is finished alone are parts.
    #[cfg(feature = "load")]
    pub(crate) fn of_load(style: Style, plan: &LoadPlan<'_>, log: &Log) -> Self {
        let tables = plan.tables().iter().map(|table| Planned {
            name: table.name(),
            rows: table.row_count().unwrap_or(0),
            parts: table.parts(),
        });
        Self::of(style, &tables.collect::<Vec<_>>(), log)
    }

    fn of(style: Style, planned: &[Planned<'_>], log: &Log) -> Self {
        let bars = MultiProgress::new();
        let width = planned.iter().map(|table| table.name.len()).max();
        let width = width.unwrap_or(0);
        let tables = planned.iter().map(|table| Table {
            name: table.name.to_owned(),
            bar: match style.form {
                Form::Bars => bars.add(bar(table.name, width, table.rows)),
                Form::Lines | Form::Nothing => ProgressBar::hidden(),
            },
            rows: table.rows,
            files: table.parts,
            bytes: AtomicU64::new(0),
            finished_bytes: AtomicU64::new(0),
            finished_files: AtomicU64::new(0),
        });
        Self {
            style,
            log: log.clone(),
            started: Instant::now(),
            tables: tables.collect(),
            bars,
            planned_rows: planned.iter().map(|table| table.rows).sum(),
            found_rows: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            next_line_ms: AtomicU64::new(LINE_EVERY_MS),
        }
    }

    /// Rows that were made so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// A line that does not disturb the bars.
    pub(crate) fn tell(&self, line: &str) {
        match self.style.form {
            Form::Bars => {
                // Without a terminal any more there is nobody to tell.
                let _ = self.bars.println(line);
            }
            Form::Lines | Form::Nothing => tell(line),
        }
    }

    /// Tells of a part. Returns how many parts of the table are finished now, and their bytes.
    fn finished(&self, table: &Table, part: &str, rows: u64, bytes: u64) -> (u64, u64) {
        self.log
            .debug(&format!("finished {part}: {rows} rows, {bytes} bytes"));
        if self.style.is_verbose {
            let (rows, size) = (units::grouped(rows), Bytes::new(bytes));
            self.tell(&format!("finished {part}: {rows} rows, {size}"));
        }
        let bytes = table.finished_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let files = table.finished_files.fetch_add(1, Ordering::Relaxed) + 1;
        (files, bytes)
    }

    /// Takes the bars off the screen.
    pub(crate) fn finish(&self) {
        for table in &self.tables {
            table.bar.finish_and_clear();
        }
    }

    /// A plain line when it is time for one; one thread wins.
    fn line_when_due(&self) {
        let elapsed = self.started.elapsed();
        let now_ms = elapsed.as_millis() as u64;
        let due = self.next_line_ms.load(Ordering::Relaxed);
        let next = now_ms + LINE_EVERY_MS;
        if now_ms < due
            || self
                .next_line_ms
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        let rows = self.rows();
        let bytes = self.bytes.load(Ordering::Relaxed);
        let there = rows + self.found_rows.load(Ordering::Relaxed);
        if self.planned_rows == 0 {
            // Files of text do not say how many they are.
            tell(&format!(
                "{} rows, {} rows/s, {}B/s",
                units::grouped(there),
                units::short(units::per_second(rows, elapsed)),
                units::short(units::per_second(bytes, elapsed)),
            ));
            return;
        }
        let left = self.planned_rows.saturating_sub(there) as f64 / rows.max(1) as f64;
        tell(&format!(
            "{} of {} rows ({} %), {} rows/s, {}B/s, {} left",
            units::grouped(there),
            units::grouped(self.planned_rows),
            there.saturating_mul(100) / self.planned_rows.max(1),
            units::short(units::per_second(rows, elapsed)),
            units::short(units::per_second(bytes, elapsed)),
            units::time(elapsed.mul_f64(left)),
        ));
    }
}

impl Observer for Progress {
    fn goes_on(&self, parts: usize, rows: u64, last: Option<&LastRun>) {
        self.found_rows.store(rows, Ordering::Relaxed);
        let line = going_on(parts, Some(rows), last);
        self.log.info(&line);
        if !self.style.is_quiet {
            self.tell(&line);
        }
    }

    fn rows(&self, table: usize, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        match self.style.form {
            Form::Bars => {
                let bar = &self.tables[table].bar;
                if bar.position() == 0 {
                    // Time spent waiting for other tables is none of this one's.
                    bar.reset_elapsed();
                }
                bar.inc(rows);
            }
            Form::Lines => self.line_when_due(),
            Form::Nothing => {}
        }
    }

    fn bytes(&self, table: usize, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let table = &self.tables[table];
        let so_far = table.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.style.form == Form::Bars {
            let rate = units::per_second(so_far, table.bar.elapsed());
            table.bar.set_message(format!("{}B/s", units::short(rate)));
        }
    }

    fn part_finished(&self, table: usize, part: &ManifestPart) {
        let table = &self.tables[table];
        let (files, bytes) = self.finished(table, &part.path, part.rows, part.bytes);
        if files == table.files && self.style.form == Form::Lines {
            let (rows, size) = (units::grouped(table.rows), Bytes::new(bytes));
            let file = if files == 1 { "file" } else { "files" };
            tell(&format!(
                "{}: {rows} rows in {files} {file}, {size}",
                table.name
            ));
        }
    }

    fn warns(&self, line: &str) {
        self.log.warn(line);
        self.tell(&format!("warning: {line}"));
    }

    fn part_acknowledged(&self, part: &str, rows: u64, bytes: u64) {
        self.finished(&self.tables[0], part, rows, bytes);
    }

    fn part_loaded(&self, table: usize, part: &str, rows: u64, bytes: u64) {
        self.finished(&self.tables[table], part, rows, bytes);
    }
}

fn bar(name: &str, width: usize, rows: u64) -> ProgressBar {
    const TEMPLATE: &str =
        "{prefix}  {wide_bar} {percent:>3} %  {rate:>8} rows/s  {msg:>9}  {left}";
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // What cannot be drawn is left out.
        let _ = out.write_str(&units::short(state.per_sec()));
    };
    let left = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let left = match state.pos() {
            0 => "waiting".to_owned(),
            rows if Some(rows) == state.len() => "done".to_owned(),
            _ => format!("{} s left", state.eta().as_secs()),
        };
        let _ = out.write_str(&left);
    };
    let style = ProgressStyle::with_template(TEMPLATE)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", rate)
        .with_key("left", left);
    ProgressBar::new(rows)
        .with_style(style)
        .with_prefix(format!("{name:width$}"))
}
