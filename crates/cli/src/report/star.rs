//! How far a star has come: one bar a table on a terminal, plain lines elsewhere.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use lakeseed_budget::Bytes;
use lakeseed_sink::LastRun;
use lakeseed_star_schema as star;

use super::progress::{Form, LINE_EVERY_MS, Style};
use super::{going_on, tell, units};
use crate::log::Log;
use crate::signals::Stop;

/// The observer of a run of the engine. It also hands on the wish to stop.
pub(crate) struct StarProgress<'s> {
    style: Style,
    log: Log,
    stop: &'s Stop,
    engine: &'s star::Stop,
    started: Instant,
    bar: ProgressBar,
    table: Mutex<(String, Instant)>,
    peak: AtomicU64,
    next_line_ms: AtomicU64,
    /// Whether a split was told: where one unit is larger than estimated, most are.
    split_told: AtomicBool,
}

impl<'s> StarProgress<'s> {
    pub(crate) fn start(style: Style, stop: &'s Stop, engine: &'s star::Stop, log: &Log) -> Self {
        let bar = match style.form() {
            Form::Bars => ProgressBar::new(0),
            Form::Lines | Form::Nothing => ProgressBar::hidden(),
        };
        let template = "{prefix} {bar:30} {percent:>3} % {msg}";
        if let Ok(look) = ProgressStyle::with_template(template) {
            bar.set_style(look);
        }
        Self {
            style,
            log: log.clone(),
            stop,
            engine,
            started: Instant::now(),
            bar,
            table: Mutex::new((String::new(), Instant::now())),
            peak: AtomicU64::new(0),
            next_line_ms: AtomicU64::new(LINE_EVERY_MS),
            split_told: AtomicBool::new(false),
        }
    }

    /// An earlier run came to no end, and may have finished some files.
    pub(crate) fn goes_on(&self, found: usize, last: Option<&LastRun>) {
        if found > 0 || last.is_some() {
            self.say(&going_on(found, None, last));
        }
    }

    /// The most memory that was seen.
    pub(crate) fn peak(&self) -> Bytes {
        Bytes::new(self.peak.load(Ordering::Relaxed))
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Tells of a turn that the run has taken.
    pub(crate) fn note(&self, line: &str) {
        self.say(line);
    }

    /// For the log, and for who watches.
    fn say(&self, line: &str) {
        self.log.info(line);
        if !self.style.is_quiet() {
            match self.style.form() {
                Form::Bars => self.bar.println(line),
                Form::Lines | Form::Nothing => tell(line),
            }
        }
    }

    fn line_is_due(&self) -> bool {
        let now_ms = self.started.elapsed().as_millis() as u64;
        let due = self.next_line_ms.load(Ordering::Relaxed);
        let next = now_ms + LINE_EVERY_MS;
        let order = Ordering::Relaxed;
        now_ms >= due
            && self
                .next_line_ms
                .compare_exchange(due, next, order, order)
                .is_ok()
    }

    /// How long the table takes already; another table begins anew.
    fn table_time(&self, table: &str) -> Duration {
        let mut current = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != table {
            *current = (table.to_owned(), Instant::now());
            self.bar.set_prefix(table.to_owned());
        }
        current.1.elapsed()
    }
}

impl star::Observer for StarProgress<'_> {
    fn progress(&self, now: &star::Progress<'_>) {
        if self.stop.flag().load(Ordering::Relaxed) {
            self.engine.raise();
        }
        self.peak
            .fetch_max(now.memory_peak.get(), Ordering::Relaxed);
        let time = self.table_time(now.table);
        let is_reading = matches!(now.step, star::Step::Read);
        let (done, all) = if is_reading {
            (now.rows_read, now.source_rows)
        } else {
            (now.units_done as u64, now.units as u64)
        };
        let memory = format!("{} now, {} at most", now.memory, now.memory_peak);
        if self.style.form() == Form::Bars {
            self.bar.set_length(all);
            self.bar.set_position(done);
            self.bar
                .set_message(format!("{}, memory {memory}", steps(now, is_reading)));
        }
        if !self.line_is_due() {
            return;
        }
        let part = done as f64 / all.max(1) as f64;
        let left = time.mul_f64(((1.0 - part) / part.max(1e-9)).clamp(0.0, 1e6));
        let line = format!(
            "{}: {}, {} rows/s read, {} spilled, memory {memory}, this step {} left",
            now.table,
            steps(now, is_reading),
            units::short(units::per_second(now.rows_read, time)),
            now.spilled,
            units::time(left),
        );
        self.log.info(&line);
        if self.style.form() == Form::Lines {
            tell(&line);
        }
    }

    fn unit_done(&self, done: &star::UnitDone<'_>) {
        let batch = done
            .batch
            .map_or_else(String::new, |value| format!(" ({value})"));
        let line = format!(
            "finished {}{batch}: {} rows of {} in {}",
            done.unit,
            units::grouped(done.rows),
            units::grouped(done.rows_in),
            units::time(done.time),
        );
        if self.style.is_verbose() || done.batch.is_some() {
            self.say(&line);
        } else {
            self.log.debug(&line);
        }
    }

    fn warning(&self, warning: &star::Warning) {
        let line = format!("warning: {}", text(warning));
        let is_split = matches!(warning, star::Warning::Split { .. });
        if is_split && self.split_told.swap(true, Ordering::Relaxed) {
            self.log.info(&line);
        } else if is_split {
            self.say(&format!("{line}; further ones are only logged"));
        } else {
            self.say(&line);
        }
    }
}

fn steps(now: &star::Progress<'_>, is_reading: bool) -> String {
    if is_reading {
        let (read, all) = (
            units::grouped(now.rows_read),
            units::grouped(now.source_rows),
        );
        format!("read {read} of {all} rows")
    } else {
        format!(
            "{} of {} files, {} rows",
            now.units_done,
            now.units,
            units::grouped(now.rows_written)
        )
    }
}

fn text(warning: &star::Warning) -> String {
    use star::Warning as W;
    match warning {
        W::NearLimit { held, limit } => format!("the process holds {held} of its {limit}"),
        W::Swapped { swapped } => format!("{swapped} of the process are swapped out"),
        W::Slower { first, now } => format!(
            "a million rows took {} at first and take {} now",
            units::time(*first),
            units::time(*now)
        ),
        W::DictionaryFull { column } => format!(
            "column {column} has too many values for codes; its rows are read again as text"
        ),
        W::Duplicates {
            table,
            rows,
            examples,
        } => format!(
            "{table}: {} rows share their grain with another, as {}",
            units::grouped(*rows),
            examples.join("; ")
        ),
        W::Missing {
            table,
            columns,
            parent,
            rows: Some(rows),
            examples,
        } => format!(
            "{table}: {} rows point to no row of {parent}, as {} = {}",
            units::grouped(*rows),
            columns.join(", "),
            examples.join("; ")
        ),
        W::Missing {
            table,
            columns,
            parent,
            rows: None,
            ..
        } => format!(
            "{table}: whether {parent} has every {} is not known; its keys do not fit, give more \
             --memory",
            columns.join(", ")
        ),
        W::Split { unit, pieces } => format!("{unit} was larger than estimated: split in {pieces}"),
        other => format!("{other:?}"),
    }
}
