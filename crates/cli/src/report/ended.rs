//! How a run ended, in words.

use lakeseed_sink::{Ending, LastEnd};

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
