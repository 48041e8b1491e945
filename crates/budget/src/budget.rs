//! A semaphore in bytes: leases are handed out first come, first served, and named in errors.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{Bytes, Error, Holder, Need, Result, limit};

/// How many holders an error names.
const NAMED_HOLDERS: usize = 3;

/// So many bytes, shared by all who hold a clone.
///
/// A worker takes one lease for everything that it is going to hold, before it starts, and never a
/// second one while it has the first: then nobody waits for somebody who waits, and there is no
/// deadlock. Waiting callers are served in the order in which they came, so that a large request
/// is not starved by a stream of small ones.
///
/// ```
/// use lakeseed_budget::{Budget, MIB};
///
/// let budget = Budget::new(100 * MIB);
/// let first = budget.lease("part 1", 60 * MIB)?; // waits for its turn; here there is room
/// let error = budget.try_lease("part 2", 60 * MIB).unwrap_err(); // does not wait
/// assert_eq!(
///     error.to_string(),
///     "part 2 asks for 60 MiB, and 40 MiB of the 100 MiB budget is free; \
///      the largest holders are part 1 with 60 MiB",
/// );
/// drop(first);
/// assert!(budget.try_lease("part 2", 60 * MIB).is_ok());
/// # Ok::<(), lakeseed_budget::Error>(())
/// ```
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

struct Shared {
    total: Bytes,
    state: Mutex<State>,
    /// Woken whenever bytes come back or the queue moves on.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    held: Bytes,
    leases: BTreeMap<u64, Holder>,
    next_lease: u64,
    /// Tickets of the waiting queue: handed out at `next_ticket`, served at `serving`.
    next_ticket: u64,
    serving: u64,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(total: Bytes) -> Self {
        let state = Mutex::new(State::default());
        Self {
            shared: Arc::new(Shared {
                total,
                state,
                changed: Condvar::new(),
            }),
        }
    }

    /// A budget of [`limit()`], where this system tells one.
    pub fn of_this_process() -> Option<Self> {
        limit().map(|found| Self::new(found.bytes))
    }

    /// The whole budget.
    pub fn total(&self) -> Bytes {
        self.shared.total
    }

    /// What nobody holds at the moment.
    pub fn free(&self) -> Bytes {
        self.total() - self.shared.lock().held
    }

    /// Takes a lease, waiting until all who came before are served and there is room.
    ///
    /// # Errors
    /// [`Error::TooLarge`] at once if the whole budget is smaller than what is asked.
    pub fn lease(&self, holder: impl Into<String>, bytes: Bytes) -> Result<Lease> {
        let holder = self.fitting(holder.into(), bytes)?;
        let mut state = self.shared.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        while state.serving != ticket || self.total() - state.held < bytes {
            state = self
                .shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.serving += 1;
        let lease = self.grant(&mut state, holder, bytes);
        drop(state);
        // The next in the queue may fit as well.
        self.shared.changed.notify_all();
        Ok(lease)
    }

    /// Takes a lease if there is room now and nobody waits in front.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if it can never fit; [`Error::Exhausted`], which names the largest
    /// holders, if it does not fit now.
    pub fn try_lease(&self, holder: impl Into<String>, bytes: Bytes) -> Result<Lease> {
        let holder = self.fitting(holder.into(), bytes)?;
        let mut state = self.shared.lock();
        let free = self.total() - state.held;
        let waiting = state.next_ticket - state.serving;
        if waiting > 0 || free < bytes {
            let (total, largest) = (self.total(), state.largest());
            return Err(Error::Exhausted {
                holder,
                asked: bytes,
                free,
                total,
                largest,
                waiting,
            });
        }
        Ok(self.grant(&mut state, holder, bytes))
    }

    /// How many workers to start: the smallest of what was asked (at least one), what there is to
    /// do, and what the free part of the budget carries. No work needs no worker.
    ///
    /// ```
    /// use lakeseed_budget::{Budget, MIB, Need};
    ///
    /// let need = Need::new("chunk", 100 * MIB);
    /// let budget = Budget::new(512 * MIB);
    /// assert_eq!(budget.workers(2, 99, &need)?, 2); // asked
    /// assert_eq!(budget.workers(8, 3, &need)?, 3); // to do
    /// assert_eq!(budget.workers(8, 99, &need)?, 5); // carried
    /// # Ok::<(), lakeseed_budget::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoWorker`], with the sum of the need, if not even one fits.
    pub fn workers(&self, asked: usize, parts_to_do: u64, need: &Need) -> Result<usize> {
        let wanted = (asked.max(1) as u64).min(parts_to_do);
        let one = need.total();
        let state = self.shared.lock();
        let free = self.total() - state.held;
        let carried = free.get().checked_div(one.get()).unwrap_or(wanted);
        if wanted > 0 && carried == 0 {
            let (total, largest) = (self.total(), state.largest());
            return Err(Error::NoWorker {
                need: need.clone(),
                free,
                total,
                largest,
            });
        }
        // At most `asked`, which is a usize.
        Ok(wanted.min(carried) as usize)
    }

    fn fitting(&self, holder: String, asked: Bytes) -> Result<String> {
        let total = self.total();
        if asked > total {
            Err(Error::TooLarge {
                holder,
                asked,
                total,
            })
        } else {
            Ok(holder)
        }
    }

    fn grant(&self, state: &mut State, name: String, bytes: Bytes) -> Lease {
        let id = state.next_lease;
        state.next_lease += 1;
        state.held = state.held + bytes;
        state.leases.insert(id, Holder { name, bytes });
        Lease {
            shared: Arc::clone(&self.shared),
            id,
            bytes,
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Budget")
            .field("total", &self.total())
            .field("held", &state.held)
            .field("largest", &state.largest())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// A panic elsewhere leaves the counts true: each change below is a few plain assignments.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn largest(&self) -> Vec<Holder> {
        let mut holders: Vec<Holder> = self.leases.values().cloned().collect();
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.bytes));
        holders.truncate(NAMED_HOLDERS);
        holders
    }
}

/// Bytes that its owner may hold. Dropping it gives them back.
#[derive(Debug)]
#[must_use = "a lease that is dropped at once reserves nothing"]
pub struct Lease {
    shared: Arc<Shared>,
    id: u64,
    bytes: Bytes,
}

impl Lease {
    /// How much may be held.
    pub fn bytes(&self) -> Bytes {
        self.bytes
    }

    /// Gives back all but `bytes`. A lease never grows: that would be waiting while holding.
    pub fn shrink_to(&mut self, bytes: Bytes) {
        if bytes >= self.bytes {
            return;
        }
        let mut state = self.shared.lock();
        state.held = state.held - (self.bytes - bytes);
        if let Some(holder) = state.leases.get_mut(&self.id) {
            holder.bytes = bytes;
        }
        drop(state);
        self.bytes = bytes;
        self.shared.changed.notify_all();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.held = state.held - self.bytes;
        state.leases.remove(&self.id);
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in all", self.total)
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
