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
pub(super) const CLAIMS: &str = "_lakeseed/claim-";
/// What a store writes to prove that it may, and removes at once.
pub(crate) const CHECKS: &str = "_lakeseed/check-";
const JOURNALS: &str = "_lakeseed/journal-";
const LOCKS: &str = "_lakeseed/lock-";
/// The mark of a table that Hadoop's readers look for.
pub(crate) const SUCCESS: &str = "_SUCCESS";

/// The most processes that may share a plan.
const MAX_SHARDS: u32 = 65_536;

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
    /// [`Error::Invalid`] for an index of 0 or beyond the last, and for more than 65,536 shards.
    pub fn new(index: u32, of: u32) -> Result<Self> {
        if of > MAX_SHARDS {
            return Err(Error::Invalid {
                what: "shard",
                expected: format!("at most {MAX_SHARDS}"),
                found: format!("{index}/{of}"),
            });
        }
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

/// The number in the name of a manifest.
pub(super) fn manifest_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(MANIFESTS)?.strip_suffix(".json")?;
    number
        .parse()
        .ok()
        .filter(|number| manifest(*number) == name)
}

pub(crate) fn manifest(number: u64) -> String {
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

/// What a run says of itself once it is over: host, clock, memory.
pub(super) fn report(id: &str, shard: Shard) -> String {
    format!("{OWN}report-{}.json", of(id, shard))
}

/// The log in which finished parts are recorded.
pub(super) fn journal(id: &str, shard: Shard) -> String {
    format!("{JOURNALS}{}", of(id, shard))
}

pub(super) fn lock(id: &str, shard: Shard) -> String {
    format!("{LOCKS}{}", of(id, shard))
}

pub(super) fn claim(id: &str, shard: Shard) -> String {
    format!("{CLAIMS}{}.json", of(id, shard))
}

pub(super) fn success(table: &str) -> String {
    format!("{table}/{SUCCESS}")
}

/// What a file of ours is to a plan.
pub(super) enum Kind {
    /// The plan's record.
    Plan,
    Lock,
    Claim,
    /// A line of a journal, a shard's record, a sign of life, or any of them on its way.
    Other,
}

/// What a file of ours is to the plan `id`; `None` where it is another's.
pub(super) fn kind_of(name: &str, id: &str) -> Option<Kind> {
    let of = |prefix: &str| name.strip_prefix(prefix)?.strip_prefix(id);
    if let Some(rest) = of(PLANS) {
        return Some(if rest == ".json" {
            Kind::Plan
        } else {
            Kind::Other
        });
    }
    if of(LOCKS).is_some() {
        return Some(Kind::Lock);
    }
    if of(CLAIMS).is_some() {
        return Some(Kind::Claim);
    }
    let others = [JOURNALS, SHARDS, STATUS];
    let is_other = others.iter().any(|prefix| of(prefix).is_some());
    is_other.then_some(Kind::Other)
}

fn of(id: &str, shard: Shard) -> String {
    format!("{id}-{}of{}", shard.index, shard.of)
}
