//! How rows become messages: limits, grouping, nulls.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The most rows of a message where nothing else is asked for.
pub const DEFAULT_MESSAGE_ROWS: u64 = 10;
/// The most bytes of a message where nothing else is asked for: what the smallest of the usual
/// queues takes.
pub const DEFAULT_MESSAGE_BYTES: u64 = 256 << 10;

/// The most that a message may be allowed to take: a worker holds a few of them.
const MOST_BYTES: u64 = 1 << 30;
/// The smallest array with an object in it.
const LEAST_BYTES: u64 = 4;
/// The most rows that a message may have where groups are read in lockstep: each takes a reader.
const MOST_LANES: u64 = 1000;

/// Which rows share a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grouping {
    /// Rows that follow each other. The first limit that is reached closes a message.
    #[default]
    Neighbours,
    /// Row `n` is in group `n mod G`, where `G` is the number of rows divided by `max_rows`, rounded
    /// up: one message a group, in the order of groups, its rows in the order of their numbers. The
    /// rows have to be counted and to be had from any row on. A group beyond `max_bytes` is an error.
    Modulo,
}

impl Grouping {
    /// What stands for it in the digest of a plan: another word is another plan.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Neighbours => "Neighbours",
            Self::Modulo => "Modulo",
        }
    }
}

/// What becomes of nulls in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nulls {
    /// `"name":null`.
    #[default]
    Keep,
    /// The name is left out with the null, in nested objects too. Within a list it stays.
    Omit,
}

impl Nulls {
    /// What stands for it in the digest of a plan.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Keep => "Keep",
            Self::Omit => "Omit",
        }
    }
}

/// How rows become messages. What a message holds depends on these and on the rows alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageSettings {
    /// The most rows of a message.
    pub max_rows: u64,
    /// The most bytes of a message's body, brackets included.
    pub max_bytes: u64,
    /// Which rows share a message.
    pub grouping: Grouping,
    /// What becomes of nulls.
    pub nulls: Nulls,
}

impl Default for MessageSettings {
    fn default() -> Self {
        Self {
            max_rows: DEFAULT_MESSAGE_ROWS,
            max_bytes: DEFAULT_MESSAGE_BYTES,
            grouping: Grouping::default(),
            nulls: Nulls::default(),
        }
    }
}

impl MessageSettings {
    /// Refuses limits that no message, or no memory, could keep.
    pub(super) fn check(&self) -> Result<()> {
        let refused = |what, expected: String, found: u64| {
            Err(Error::Invalid {
                what,
                expected,
                found: found.to_string(),
            })
        };
        if self.max_rows == 0 || self.max_rows > u64::from(u32::MAX) {
            let expected = format!("1 to {} rows", u32::MAX);
            return refused("rows of a message", expected, self.max_rows);
        }
        if self.grouping == Grouping::Modulo && self.max_rows > MOST_LANES {
            let expected = format!("at most {MOST_LANES} rows for groups by modulo");
            return refused("rows of a message", expected, self.max_rows);
        }
        if !(LEAST_BYTES..=MOST_BYTES).contains(&self.max_bytes) {
            let expected = format!("{LEAST_BYTES} to {MOST_BYTES} bytes");
            return refused("bytes of a message", expected, self.max_bytes);
        }
        Ok(())
    }
}
