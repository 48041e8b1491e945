//! How a run ended, in words.

use lakeseed_sink::{Ending, LastEnd, LastRun};

use super::units;

/// How a run ended, in words.
pub(crate) fn ended(end: &LastEnd) -> String {
    match end {
        LastEnd::Said(Ending::Finished) => "finished".to_owned(),
        LastEnd::Said(Ending::Stopped { by }) => format!("stopped by {by}"),
        LastEnd::Said(Ending::Failed { error }) => format!("failed: {error}"),
        LastEnd::OutOfMemory { before, now } => {
            format!("killed for memory (the cgroup's counter went from {before} to {now})")
        }
        LastEnd::Vanished => "ended without a word: killed, or the machine went down".to_owned(),
    }
}

/// What a run tells that comes after another one: how many files that has finished, `rows` in them
/// where they are counted, and how it ended.
pub(crate) fn going_on(files: usize, rows: Option<u64>, last: Option<&LastRun>) -> String {
    let rows = rows.map_or_else(String::new, |rows| {
        format!(", {} rows,", units::grouped(rows))
    });
    let left = match files {
        0 => "starts again: no file was finished".to_owned(),
        1 => format!("goes on: 1 file{rows} is finished"),
        _ => format!("goes on: {files} files{rows} are finished"),
    };
    let before = last.map_or_else(String::new, |last| {
        let since = units::since(last.last_seen_ms);
        format!("; the last run, {since}: {}", ended(&last.end))
    });
    format!("{left}{before}")
}
