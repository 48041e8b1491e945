//! What the process holds, as the kernel counts it.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Bytes;
use crate::limit::kilobytes_after;

const OWN_STATUS: &str = "/proc/self/status";

/// Resident anonymous memory (`RssAnon`): heap and stacks that are in memory now, without mapped
/// files and the page cache. This is what a limit kills for. `None` other than on Linux.
///
/// One small read of `/proc`, a few microseconds.
///
/// ```
/// if let Some(before) = lakeseed_budget::resident_anonymous() {
///     let held = std::hint::black_box(vec![1_u8; 32 << 20]);
///     let after = lakeseed_budget::resident_anonymous().unwrap();
///     assert!((after - before).get() > 30 << 20);
///     drop(held);
/// }
/// ```
pub fn resident_anonymous() -> Option<Bytes> {
    usage_in(&fs::read_to_string(OWN_STATUS).ok()?, "RssAnon")
}

/// The most memory that was ever resident (`VmHWM`), mapped files included. `None` other than on
/// Linux.
pub fn peak_resident() -> Option<Bytes> {
    usage_in(&fs::read_to_string(OWN_STATUS).ok()?, "VmHWM")
}

/// A field of a `/proc/PID/status` text, such as `RssAnon`, for watching another process.
///
/// ```
/// use lakeseed_budget::{KIB, usage_in};
///
/// let status = "Name:\tlakeseed\nVmHWM:\t  2048 kB\nRssAnon:\t    116 kB\n";
/// assert_eq!(usage_in(status, "RssAnon"), Some(116 * KIB));
/// assert_eq!(usage_in(status, "RssShmem"), None);
/// ```
pub fn usage_in(status: &str, field: &str) -> Option<Bytes> {
    kilobytes_after(status, &format!("{field}:"))
}

/// The largest resident anonymous memory that was seen, for as long as somebody ticks it.
///
/// The kernel keeps a peak of all resident memory only ([`peak_resident`]); this keeps the one that
/// counts. Whoever does work in steps (a batch, a chunk) ticks after each. Shared by reference
/// between threads.
///
/// ```
/// use lakeseed_budget::{Bytes, MIB, Peak};
///
/// let peak = Peak::new();
/// peak.tick(); // reads /proc
/// peak.record(300 * MIB); // or a figure from elsewhere
/// peak.record(200 * MIB);
/// assert!(peak.get() >= 300 * MIB);
/// ```
#[derive(Debug, Default)]
pub struct Peak {
    largest: AtomicU64,
}

impl Peak {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self {
            largest: AtomicU64::new(0),
        }
    }

    /// Looks at the process now and returns what it holds; `None` other than on Linux.
    pub fn tick(&self) -> Option<Bytes> {
        let now = resident_anonymous()?;
        self.record(now);
        Some(now)
    }

    /// Counts a figure that was read elsewhere.
    pub fn record(&self, seen: Bytes) {
        self.largest.fetch_max(seen.get(), Ordering::Relaxed);
    }

    /// The largest so far; zero if nothing was ever seen.
    pub fn get(&self) -> Bytes {
        Bytes::new(self.largest.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KIB;

    #[test]
    fn reads_exactly_the_named_field() {
        let status = "VmRSS:\t    9 kB\nRssAnonX:\t 7 kB\nRssAnon:\t     116 kB\nThreads:\t1\n";
        assert_eq!(usage_in(status, "RssAnon"), Some(116 * KIB));
        assert_eq!(usage_in(status, "Rss"), None);
        assert_eq!(
            usage_in(status, "Threads"),
            None,
            "a number without kB is no size"
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn anonymous_memory_follows_the_heap_and_the_peak_stays() {
        let peak = Peak::new();
        let before = peak.tick().unwrap();
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        let during = peak.tick().unwrap();
        assert!(
            (during - before).get() >= 60 << 20,
            "{before} before, {during} during"
        );
        drop(held);
        let after = peak.tick().unwrap();
        assert!(after < during, "{during} during, {after} after");
        assert!(peak.get() >= during);
        assert!(peak_resident().unwrap() >= during);
    }
}
