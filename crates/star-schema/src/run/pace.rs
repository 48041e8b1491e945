//! Whether units take longer and longer, and whether the process is swapped out.

use crate::observe::Warning;
use lakeseed_budget::{Bytes, MIB};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A few pages of a sleeping process are no trouble.
pub(super) const SWAP_WORTH_A_WORD: Bytes = Bytes::new(8 * MIB.get());

/// How much of this process is swapped out; `None` where the system does not tell.
pub(super) fn swapped() -> Option<Bytes> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    lakeseed_budget::usage_in(&status, "VmSwap")
}

/// How long a million rows of a unit take, at first and now.
#[derive(Default)]
pub(super) struct Pace(Mutex<Paces>);

#[derive(Default)]
struct Paces {
    units: u32,
    first: f64,
    now: f64,
    warned: bool,
}

/// Units that tell the first pace.
const FIRST_UNITS: u32 = 8;
/// So many times the first pace is worth a warning.
const SLOWER: f64 = 3.0;

impl Pace {
    /// Counts a unit; a warning when units have become much slower, once.
    pub(super) fn after(&self, rows: u64, time: Duration) -> Option<Warning> {
        // A small unit is all beginning and end.
        if rows < 10_000 {
            return None;
        }
        let pace = time.as_secs_f64() / (rows as f64 / 1e6);
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paces.units += 1;
        if paces.units <= FIRST_UNITS {
            paces.first += pace / f64::from(FIRST_UNITS);
            paces.now = paces.first;
            return None;
        }
        paces.now = paces.now.mul_add(0.75, pace * 0.25);
        if paces.warned || paces.now < SLOWER * paces.first {
            return None;
        }
        paces.warned = true;
        Some(Warning::Slower {
            first: Duration::from_secs_f64(paces.first),
            now: Duration::from_secs_f64(paces.now),
        })
    }
}
