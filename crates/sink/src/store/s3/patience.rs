//! How long a call is tried, who counts the time, and who hears of it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The wait before the second try.
pub const DEFAULT_FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait between two tries.
pub const DEFAULT_MOST_WAIT: Duration = Duration::from_secs(15);
/// How long a call is tried before its error counts: longer than the two minutes that a service
/// takes to spread a changed permission.
pub const DEFAULT_TOTAL: Duration = Duration::from_mins(3);
/// How long an answer may take, beside the time that the bytes themselves are granted.
pub const DEFAULT_ANSWER: Duration = Duration::from_secs(30);
/// The slowest transfer that still counts as alive, in bytes a second.
const SLOWEST: u64 = 128 << 10;

/// How long a call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The wait before the second try; it doubles from there on.
    pub first_wait: Duration,
    /// The longest wait between two tries.
    pub most_wait: Duration,
    /// From the first try on, no try starts later than this.
    pub total: Duration,
    /// How long one try may take; for each 128 KiB that it carries it is granted a second more.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_wait: DEFAULT_FIRST_WAIT,
            most_wait: DEFAULT_MOST_WAIT,
            total: DEFAULT_TOTAL,
            answer: DEFAULT_ANSWER,
        }
    }
}

impl Patience {
    /// The wait before the try that follows `tries` others, before it is spread.
    pub(super) fn wait(&self, tries: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
        self.first_wait.saturating_mul(doubled).min(self.most_wait)
    }

    /// How long a try that carries so many bytes may take.
    pub(super) fn answer_to(&self, bytes: u64) -> Duration {
        self.answer + Duration::from_secs(bytes / SLOWEST)
    }
}

/// A clock to wait by. Tests bring one that needs no time.
pub trait Pause: fmt::Debug + Send + Sync {
    /// The time since some fixed moment.
    fn now(&self) -> Duration;

    /// Lets `duration` go by on this clock.
    fn wait(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The clock of the machine.
#[derive(Debug)]
pub(super) struct RealPause(Instant);

impl RealPause {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Pause for RealPause {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wait(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know afterwards.
    Info,
    /// Something went wrong and was mended, or may go wrong yet.
    Warn,
}

type Hear = dyn Fn(Level, &str) + Send + Sync;

/// Hears what a store does beside its calls. The text is one line without secrets.
#[derive(Clone)]
pub struct Events(Arc<Hear>);

impl Events {
    /// Hands events to a function, which is called from several threads.
    pub fn new(hear: impl Fn(Level, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    pub(super) fn tell(&self, level: Level, text: &str) {
        (self.0)(level, text);
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new(|_, _| ())
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// What a store has sent so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were sent, repeated ones included.
    pub requests: u64,
    /// Requests that were sent again after one that failed.
    pub retries: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    retries: AtomicU64,
}

impl Counters {
    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let patience = Patience::default();
        let waits: Vec<_> = (1..=8)
            .map(|tries| patience.wait(tries).as_millis())
            .collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12800, 15000]);
        assert_eq!(patience.wait(u32::MAX), DEFAULT_MOST_WAIT);
    }

    #[test]
    fn a_transfer_is_granted_time_for_its_bytes() {
        let patience = Patience::default();
        assert_eq!(patience.answer_to(0), DEFAULT_ANSWER);
        assert_eq!(
            patience.answer_to(8 << 20),
            DEFAULT_ANSWER + Duration::from_secs(64)
        );
    }
}
