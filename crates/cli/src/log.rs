//! What happened, for whoever asks later: `--log FILE`, one line an event, appended.
//!
//! The libraries hand over texts without credentials; nothing else is written here.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Result;
use clap::ValueEnum;

use crate::error::Failure;

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    /// What ended the work.
    Error,
    /// What went wrong and was mended.
    Warn,
    /// The steps.
    Info,
    /// Each finished file as well.
    Debug,
}

/// A log that may be none. Clones write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    file: Option<Arc<Mutex<File>>>,
    level: LogLevel,
}

impl Log {
    /// No log.
    pub(crate) fn none() -> Self {
        Self {
            file: None,
            level: LogLevel::Error,
        }
    }

    /// Opens the file that was asked for; what is in it stays.
    pub(crate) fn open(path: Option<&Path>, level: LogLevel) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::none());
        };
        let file = OpenOptions::new().append(true).create(true).open(path);
        let file = file.map_err(|error| {
            let expected = format!("a file that can be written for --log {}", path.display());
            Failure::refused(expected, error, "choose another file")
        })?;
        let file = Some(Arc::new(Mutex::new(file)));
        Ok(Self { file, level })
    }

    /// Writes down what ended the work, in the words that the user reads: libraries may repeat in
    /// theirs what was typed.
    pub(crate) fn end(&self, done: Result<()>) -> Result<()> {
        done.map_err(|error| {
            let failure = Failure::of(error);
            if let Some(line) = failure.line() {
                self.write(LogLevel::Error, line);
            }
            failure.into()
        })
    }

    pub(crate) fn warn(&self, text: &str) {
        self.write(LogLevel::Warn, text);
    }

    pub(crate) fn info(&self, text: &str) {
        self.write(LogLevel::Info, text);
    }

    pub(crate) fn debug(&self, text: &str) {
        self.write(LogLevel::Debug, text);
    }

    fn write(&self, level: LogLevel, text: &str) {
        let Some(file) = &self.file else {
            return;
        };
        if level > self.level {
            return;
        }
        let name = match level {
            LogLevel::Error => "ERROR",
            LogLevel::Warn => "WARN ",
            LogLevel::Info => "INFO ",
            LogLevel::Debug => "DEBUG",
        };
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written stops nobody's work.
        let _ = file.write_all(format!("{now} {name} {one_line}\n").as_bytes());
    }
}
