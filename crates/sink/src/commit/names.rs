//! The names of our own files within an output.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The folder of our own files.
pub(crate) const OWN: &str = "_lakeseed/";
pub(super) const MANIFESTS: &str = "_lakeseed/manifest-";
pub(super) const PLANS: &str = "_lakeseed/plan-";
pub(super) const SHARDS: &str = "_lakeseed/shard-";
pub(super) const STATUS: &str = "_lakeseed/status-";
/// The mark of a table that Hadoop's readers look for.
pub(super) const SUCCESS: &str = "_SUCCESS";

/// One of several processes that share a plan: `3/16` is the third of sixteen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    index: u32,
    of: u32,
}

impl Shard {
    /// The only one.
    pub const WHOLE: Self = Self { index: 1, of: 1 };

    /// The shard `index`, counted from 1, of `of`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an index of 0 or beyond the last.
    pub fn new(index: u32, of: u32) -> Result<Self> {
        if (1..=of).contains(&index) {
            return Ok(Self { index, of });
        }
        Err(Error::Invalid {
            what: "shard",
            expected: format!("1/{of} to {of}/{of}"),
            found: format!("{index}/{of}"),
        })
    }

    /// Its number, from 1.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    pub fn of(self) -> u32 {
        self.of
    }

    /// Whether there are others.
    pub fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Whether the part at this position of the plan is this shard's: they are dealt in turn.
    pub(crate) fn has(self, position: usize) -> bool {
        position % self.of as usize == self.index as usize - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

pub(super) fn manifest(number: u64) -> String {
    format!("{MANIFESTS}{number:06}.json")
}

pub(super) fn plan(id: &str) -> String {
    format!("{PLANS}{id}.json")
}

pub(super) fn shard(id: &str, shard: Shard) -> String {
    format!("{SHARDS}{}.json", of(id, shard))
}

pub(super) fn status(id: &str, shard: Shard) -> String {
    format!("{STATUS}{}.json", of(id, shard))
}

/// The log in which finished parts are recorded.
pub(super) fn journal(id: &str, shard: Shard) -> String {
    format!("{OWN}journal-{}", of(id, shard))
}

pub(super) fn lock(id: &str, shard: Shard) -> String {
    format!("{OWN}lock-{}", of(id, shard))
}

pub(super) fn claim(id: &str, shard: Shard) -> String {
    format!("{OWN}claim-{}.json", of(id, shard))
}

pub(super) fn success(table: &str) -> String {
    format!("{table}/{SUCCESS}")
}

fn of(id: &str, shard: Shard) -> String {
    format!("{id}-{}of{}", shard.index, shard.of)
}
