//! What a run of messages has done.

use serde::Serialize;

use super::plan::MessagePlan;
use crate::commit::LastRun;
use crate::manifest::ManifestPart;

/// What is proven: acknowledged by the queue and written down, or whole in files. Rates count what
/// this run has made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Published {
    /// The plan: names of messages begin with it.
    pub plan_id: String,
    /// The table.
    pub table: String,
    /// Where the messages are, without credentials.
    pub address: String,
    /// Parts of the plan.
    pub parts: usize,
    /// All messages that are proven.
    pub messages: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of them: of their bodies in a queue, of the files in a folder.
    pub bytes: u64,
    /// Messages of these that this run has made.
    pub made_messages: u64,
    /// Rows of these that this run has made.
    pub made_rows: u64,
    /// Bytes of these that this run has made.
    pub made_bytes: u64,
    /// Messages of parts that this run has proven, and that an earlier run had sent: the queue knew
    /// them.
    pub messages_found: u64,
    /// Parts that earlier runs had proven.
    pub parts_found: usize,
    /// How the run before ended, where a folder tells.
    pub last_run: Option<LastRun>,
    /// What of the queue's settings weakens what is promised.
    pub warnings: Vec<String>,
    /// How many workers there were; none where nothing was left to do.
    pub workers: usize,
    /// From the start to the last proof.
    pub seconds: f64,
}

impl Published {
    pub(super) fn new(plan: &MessagePlan<'_>, address: String) -> Self {
        Self {
            plan_id: plan.id.clone(),
            table: plan.table.clone(),
            address,
            parts: plan.parts.len(),
            messages: 0,
            rows: 0,
            bytes: 0,
            made_messages: 0,
            made_rows: 0,
            made_bytes: 0,
            messages_found: 0,
            parts_found: 0,
            last_run: None,
            warnings: Vec::new(),
            workers: 0,
            seconds: 0.0,
        }
    }

    /// Whether this run has sent anything.
    pub fn is_written(&self) -> bool {
        self.workers > 0
    }

    pub(super) fn found(&mut self, rows: u64, messages: u64, bytes: u64) {
        self.rows += rows;
        self.messages += messages;
        self.bytes += bytes;
    }

    pub(super) fn made(&mut self, rows: u64, messages: u64, bytes: u64) {
        self.made_rows += rows;
        self.made_messages += messages;
        self.made_bytes += bytes;
        self.found(rows, messages, bytes);
    }

    /// Counts all parts of a finished folder, in place of what was counted so far.
    pub(super) fn count_parts<'m>(&mut self, parts: impl Iterator<Item = &'m ManifestPart>) {
        (self.rows, self.messages, self.bytes) = (0, 0, 0);
        for part in parts {
            self.found(part.rows, part.messages.unwrap_or(0), part.bytes);
        }
    }
}
