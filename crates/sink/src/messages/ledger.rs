//! What a queue has acknowledged, on disk: so that the same run again sends what is not proven.
//!
//! ```text
//! LEDGER/plan.json       which plan goes where, before the first message
//! LEDGER/ledger.jsonl    appended, a line synced before anything follows from it:
//!     {"begun":{"part":3,"position":"18"}}    before the first message of a part
//!     {"done":{"part":3,"messages":40,...}}   after the last one was acknowledged
//! LEDGER/lock            who is at work, while that process lives
//! ```
//! A part that is done is never sent again. One that was begun and is not done may have left messages
//! behind: the queue is told where it stood when the part was first begun. A part is begun once: the
//! first line counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

use super::plan::MessagePlan;
use super::queue::{Before, Receipt};
use super::settings::MessageSettings;
use crate::error::{Error, Result};
use crate::fail;
use crate::store::{LocalStore, Lock, PutNew, Store};
use crate::sync::lock;
use crate::totals::Totals;

const VERSION: u32 = 1;
const PLAN: &str = "plan.json";
/// `ledger.jsonl`, by its name as a log.
const LINES: &str = "ledger";
const LOCK: &str = "lock";
/// Files that are looked at to tell an empty folder from another one.
const MOST_NAMES: usize = 16;

/// Which plan a ledger is of, and where its messages go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerRecord {
    version: u32,
    /// The plan's id: names of messages begin with it.
    pub plan_id: String,
    /// Where the messages go, without credentials.
    pub address: String,
    /// The data id.
    pub data_id: String,
    /// What the rows are made from, in the words of the caller.
    pub data: serde_json::Value,
    /// The table.
    pub table: String,
    /// How rows become messages.
    pub settings: MessageSettings,
    /// How many parts there are.
    pub parts: usize,
}

impl LedgerRecord {
    fn new(plan: &MessagePlan<'_>, address: &str) -> Self {
        Self {
            version: VERSION,
            plan_id: plan.id.clone(),
            address: address.to_owned(),
            data_id: plan.data_id.clone(),
            data: plan.data.clone(),
            table: plan.table.clone(),
            settings: plan.settings,
            parts: plan.parts.len(),
        }
    }

    /// Whether the two are of the same messages to the same place; words for the data may differ.
    fn is_of(&self, other: &Self) -> bool {
        self.version == other.version
            && self.plan_id == other.plan_id
            && self.address == other.address
            && self.parts == other.parts
    }

    fn words(&self) -> String {
        format!("the plan {} to {}", self.plan_id, self.address)
    }
}

/// A part whose messages are all acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DonePart {
    /// The part, by its position in the plan.
    pub part: usize,
    /// Messages.
    pub messages: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Control totals of the rows; none where a column is of a type that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
    /// Where the queue stood before the part, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where the queue stood behind the last message, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Begun(BegunPart),
    Done(DonePart),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct BegunPart {
    part: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<String>,
}

/// What a ledger tells: its plan, and the parts that are begun and done.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerState {
    /// Which plan, and where to.
    pub record: LedgerRecord,
    /// Parts that are done.
    pub done: BTreeMap<usize, DonePart>,
    /// Where the queue stood when each part was first begun.
    pub begun: BTreeMap<usize, Option<String>>,
}

impl LedgerState {
    /// Reads the ledger in a folder; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is none of ours.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        read(&LocalStore::new(folder))
    }

    /// Whether all parts are done.
    pub fn is_finished(&self) -> bool {
        self.done.len() == self.record.parts
    }
}

fn read(store: &LocalStore) -> Result<Option<LedgerState>> {
    let Some(json) = store.get(PLAN)? else {
        return Ok(None);
    };
    let record: LedgerRecord = serde_json::from_slice(&json)
        .ok()
        .filter(|record: &LedgerRecord| record.version == VERSION)
        .ok_or_else(|| Error::Exists {
            path: store.root().to_path_buf(),
            found: format!("`{PLAN}`, which is no ledger's"),
        })?;
    let mut state = LedgerState {
        record,
        done: BTreeMap::new(),
        begun: BTreeMap::new(),
    };
    for line in store.logged(LINES)? {
        // A line that cannot be read proves nothing.
        match serde_json::from_slice(&line) {
            Ok(Line::Begun(begun)) if begun.part < state.record.parts => {
                state.begun.entry(begun.part).or_insert(begun.position);
            }
            Ok(Line::Done(done)) if done.part < state.record.parts => {
                state.done.entry(done.part).or_insert(done);
            }
            _ => {}
        }
    }
    Ok(Some(state))
}

/// A ledger that this process writes.
pub(super) struct Ledger {
    store: LocalStore,
    state: Mutex<LedgerState>,
    /// What an earlier run had begun.
    earlier: BTreeMap<usize, Option<String>>,
    found: usize,
    lock: Option<Box<dyn Send + Sync>>,
}

impl Ledger {
    /// Begins a ledger in a folder, or goes on with it.
    ///
    /// # Errors
    /// [`Error::InUse`] for another living process, [`Error::OtherPlan`] for another plan or place,
    /// [`Error::Exists`] for files that are none of a ledger.
    pub(super) fn open(folder: &Path, plan: &MessagePlan<'_>, address: &str) -> Result<Self> {
        let store = LocalStore::new(folder);
        let wanted = LedgerRecord::new(plan, address);
        if store.get(PLAN)?.is_none() {
            refuse_strangers(&store)?;
        }
        let lock = match store.lock(LOCK)? {
            Lock::Held(held) => Some(held),
            Lock::Taken => {
                return Err(Error::InUse {
                    address: store.address(),
                    by: "another process".to_owned(),
                });
            }
            Lock::Unsupported => None,
        };
        let mut ledger = Self {
            state: Mutex::new(LedgerState {
                record: wanted.clone(),
                done: BTreeMap::new(),
                begun: BTreeMap::new(),
            }),
            store,
            earlier: BTreeMap::new(),
            found: 0,
            lock,
        };
        let Some(state) = read(&ledger.store)? else {
            let json = serde_json::to_vec_pretty(&wanted).map_err(Error::encode("ledger"))?;
            if ledger.store.put_new(PLAN, &json)? == PutNew::Taken {
                return Err(ledger.other("another one"));
            }
            fail::point("ledger.planned");
            return Ok(ledger);
        };
        if !state.record.is_of(&wanted) {
            return Err(ledger.other(&state.record.words()));
        }
        ledger.found = state.done.len();
        ledger.earlier.clone_from(&state.begun);
        ledger.state = Mutex::new(state);
        Ok(ledger)
    }

    fn other(&self, found: &str) -> Error {
        Error::OtherPlan {
            address: self.store.address(),
            expected: self.state().record.words(),
            found: found.to_owned(),
        }
    }

    fn state(&self) -> MutexGuard<'_, LedgerState> {
        lock(&self.state)
    }

    /// The parts that are to be sent, in order.
    pub(super) fn todo(&self) -> Vec<usize> {
        let state = self.state();
        let all = 0..state.record.parts;
        all.filter(|part| !state.done.contains_key(part)).collect()
    }

    /// How many parts earlier runs had proven.
    pub(super) fn found(&self) -> usize {
        self.found
    }

    /// Whether an earlier run had begun anything.
    pub(super) fn was_begun(&self) -> bool {
        !self.earlier.is_empty()
    }

    /// Where the queue stood when each part was begun that an earlier run has left unproven.
    pub(super) fn left(&self) -> Vec<Option<&str>> {
        let state = self.state();
        let left = self.earlier.iter();
        let left = left.filter(|(part, _)| !state.done.contains_key(part));
        left.map(|(_, position)| position.as_deref()).collect()
    }

    /// All parts that are proven.
    pub(super) fn done_parts(&self) -> Vec<DonePart> {
        self.state().done.values().cloned().collect()
    }

    /// Writes down that a part is about to be sent, and tells what an earlier run has left of it.
    pub(super) fn begin(&self, part: usize, position: Option<String>) -> Result<Before<'_>> {
        if let Some(position) = self.earlier.get(&part) {
            let position = position.as_deref();
            return Ok(Before::Begun { position });
        }
        self.log(&Line::Begun(BegunPart {
            part,
            position: position.clone(),
        }))?;
        self.state().begun.entry(part).or_insert(position);
        fail::point("ledger.begun");
        Ok(Before::Nothing)
    }

    /// Writes down that a part is proven.
    pub(super) fn done(
        &self,
        part: usize,
        rows: u64,
        totals: Option<Totals>,
        receipt: Receipt,
    ) -> Result<()> {
        fail::point("ledger.acknowledged");
        let from = self.state().begun.get(&part).cloned().flatten();
        let done = DonePart {
            part,
            messages: receipt.messages,
            rows,
            bytes: receipt.bytes,
            totals,
            from,
            position: receipt.position,
        };
        self.log(&Line::Done(done.clone()))?;
        self.state().done.insert(part, done);
        fail::point("ledger.done");
        Ok(())
    }

    fn log(&self, line: &Line) -> Result<()> {
        let json = serde_json::to_vec(line).map_err(Error::encode("ledger"))?;
        self.store.log(LINES, "", &json)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // The name goes while it is still locked: whoever opens it later makes a new one.
        if self.lock.is_some() {
            let _ = self.store.remove(LOCK);
        }
    }
}

fn refuse_strangers(store: &LocalStore) -> Result<()> {
    let is_ours = |name: &str| {
        name == LOCK || name.starts_with(crate::commit::OWN) || crate::store::is_unfinished(name)
    };
    let found = store.list("", MOST_NAMES)?;
    match found.into_iter().find(|found| !is_ours(&found.name)) {
        Some(stranger) => Err(Error::Exists {
            path: store.root().to_path_buf(),
            found: format!("`{}`", stranger.name),
        }),
        None => Ok(()),
    }
}
