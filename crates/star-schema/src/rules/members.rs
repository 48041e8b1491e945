//! The keys of a table that others point to, as hashes.

use std::sync::{Mutex, PoisonError};

use hashbrown::HashSet;
use lakeseed_budget::{Budget, Bytes, Lease};

/// What a key takes in the set, at most: it doubles, and for a moment there are two.
const KEY_BYTES: u64 = 3 * 17;
/// The least that is leased at once.
const LEAST_KEYS: u64 = 4_096;

/// The 128-bit hash of each key. Two keys share one less often than a disk errs.
pub(crate) struct Members {
    keys: Mutex<Set>,
}

struct Set {
    keys: HashSet<u128>,
    /// So many fit into what is leased.
    room: usize,
    leases: Vec<Lease>,
    /// There was not memory enough for all.
    is_given_up: bool,
}

impl Members {
    /// With room for so many keys of a table, if the budget carries them: later all of it is leased to
    /// those who make the rows.
    pub(crate) fn new(budget: &Budget, table: &str, expected: u64) -> Self {
        let mut set = Set {
            keys: HashSet::new(),
            room: 0,
            leases: Vec::new(),
            is_given_up: false,
        };
        // Less than expected is better than nothing: the estimate may be high.
        let mut asked = expected.max(LEAST_KEYS);
        while asked >= LEAST_KEYS && set.room == 0 {
            set.is_given_up = false;
            set.more(budget, table, asked);
            asked /= 2;
        }
        Self {
            keys: Mutex::new(set),
        }
    }

    /// Adds keys, inside of the budget; gives all up where it does not carry them.
    pub(super) fn add(&self, budget: &Budget, table: &str, keys: impl Iterator<Item = u128>) {
        let mut set = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if set.is_given_up {
            return;
        }
        for key in keys {
            if set.keys.len() == set.room {
                let as_many = set.room as u64;
                set.more(budget, table, as_many);
            }
            if set.is_given_up {
                return;
            }
            set.keys.insert(key);
        }
    }

    /// Whether each of the keys is there; `None` where nobody knows.
    pub(super) fn have(&self, keys: &[u128]) -> Option<Vec<bool>> {
        let set = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if set.is_given_up {
            return None;
        }
        Some(keys.iter().map(|key| set.keys.contains(key)).collect())
    }
}

impl Set {
    /// Leases room for some more keys; gives all up where there is none.
    fn more(&mut self, budget: &Budget, table: &str, keys: u64) {
        let keys = keys.max(LEAST_KEYS);
        let lease = budget.try_lease(format!("keys of {table}"), keys * Bytes::new(KEY_BYTES));
        if let Ok(lease) = lease {
            self.leases.push(lease);
            self.room += keys as usize;
        } else {
            self.keys = HashSet::new();
            self.leases.clear();
            self.is_given_up = true;
        }
    }
}
