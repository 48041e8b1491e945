//! A sign of life for a second terminal, and how the last run ended.
//!
//! `_lakeseed/status-ID-1of1.json` is written anew every ten seconds and at the end. It is for
//! people: nothing is decided by it, and it is no part of the manifest.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::claim::{self, Owner};
use super::names::{self, STATUS, Shard};
use super::standing::records;
use crate::error::{Error, Result};
use crate::store::Store;

/// How far a run has come, as it said itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The plan.
    pub plan_id: String,
    /// Which share of it.
    pub shard: Shard,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// When the run began, in milliseconds since 1970, UTC.
    pub started_ms: u64,
    /// When this was written.
    pub written_ms: u64,
    /// Parts of this shard that are finished and recorded, those of earlier runs included.
    pub parts_done: usize,
    /// Parts of this shard.
    pub parts: usize,
    /// Rows in finished parts.
    pub rows_done: u64,
    /// Rows of this shard.
    pub rows: u64,
    /// Bytes in finished parts.
    pub bytes_done: u64,
    /// Rows that this run has finished: what its rate counts.
    pub rows_this_run: u64,
    /// Resident anonymous memory of the process.
    pub memory_bytes: Option<u64>,
    /// The process, so that it can be told whether it lives.
    owner: Owner,
    /// How often the process's cgroup had killed for memory when the run began.
    oom_kills: Option<u64>,
    /// How the run ended, once it did.
    pub ended: Option<Ending>,
}

/// How a run ended, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All its parts are there.
    Finished,
    /// Somebody asked it to stop.
    Stopped {
        /// The signal, or what else it was.
        by: String,
    },
    /// An error.
    Failed {
        /// The error and its causes.
        error: String,
    },
}

/// How the last run ended, as far as the next one can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastEnd {
    /// It said so itself.
    Said(Ending),
    /// It said nothing, and meanwhile the cgroup's counter of kills for memory has grown.
    OutOfMemory {
        /// The counter when the run began.
        before: u64,
        /// The counter now.
        now: u64,
    },
    /// It said nothing: killed, or the machine went down.
    Vanished,
}

/// The last run, seen from the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// How it ended.
    pub end: LastEnd,
    /// When it was last heard of, in milliseconds since 1970, UTC.
    pub last_seen_ms: u64,
}

impl Status {
    /// Of a run that begins now.
    pub(super) fn begin(plan_id: &str, shard: Shard, parts: usize, rows: u64) -> Self {
        let owner = Owner::this_process();
        let now = now_ms();
        Self {
            plan_id: plan_id.to_owned(),
            shard,
            host: owner.host.clone(),
            pid: owner.pid,
            started_ms: now,
            written_ms: now,
            parts_done: 0,
            parts,
            rows_done: 0,
            rows,
            bytes_done: 0,
            rows_this_run: 0,
            memory_bytes: None,
            owner,
            oom_kills: lakeseed_budget::oom_kills(),
            ended: None,
        }
    }

    pub(super) fn write(&mut self, store: &dyn Store) -> Result<()> {
        self.written_ms = now_ms();
        self.memory_bytes = lakeseed_budget::resident_anonymous().map(lakeseed_budget::Bytes::get);
        let json = serde_json::to_vec_pretty(self).map_err(Error::encode("status"))?;
        store.replace(&names::status(&self.plan_id, self.shard), &json)
    }

    /// Whether the process lives; `None` where that cannot be seen from this machine.
    pub fn lives(&self) -> Option<bool> {
        self.owner.lives()
    }

    /// How the run ended, for one that nobody hears of any more.
    pub fn last(&self) -> LastRun {
        let end = match (&self.ended, self.oom_kills, lakeseed_budget::oom_kills()) {
            (Some(ending), ..) => LastEnd::Said(ending.clone()),
            (None, Some(before), Some(now)) if now > before && self.owner.boot == claim::boot() => {
                LastEnd::OutOfMemory { before, now }
            }
            _ => LastEnd::Vanished,
        };
        LastRun {
            end,
            last_seen_ms: self.written_ms,
        }
    }
}

/// What the last run of a shard said, where there was one.
pub(super) fn last_run(store: &dyn Store, plan_id: &str, shard: Shard) -> Result<Option<LastRun>> {
    let json = store.get(&names::status(plan_id, shard))?;
    // One that cannot be read says nothing.
    let status = json.and_then(|json| serde_json::from_slice::<Status>(&json).ok());
    Ok(status.map(|status| status.last()))
}

/// Leaves an account of a run beside the manifest, in JSON of the caller's own: host, clock and
/// memory belong there, since the manifest's bytes follow from the plan alone. It takes the place
/// of an earlier one of the same plan and shard.
///
/// # Errors
/// When it cannot be written.
pub fn put_report(store: &dyn Store, plan_id: &str, shard: Shard, json: &[u8]) -> Result<()> {
    store.replace(&names::report(plan_id, shard), json)?;
    store.settle()
}

/// The signs of life in a store, of every shard that has given one.
///
/// # Errors
/// When the store cannot be read.
pub fn statuses(store: &dyn Store) -> Result<Vec<Status>> {
    let mut found = Vec::new();
    for name in records(store, STATUS)? {
        let json = store.get(&name)?;
        found.extend(json.and_then(|json| serde_json::from_slice::<Status>(&json).ok()));
    }
    found.sort_by_key(|status: &Status| status.shard);
    Ok(found)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
