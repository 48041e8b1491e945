//! So many messages a second, by a steady clock.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::sync::lock;

/// The longest sleep: who waits looks so often whether the run is over.
const STEP: Duration = Duration::from_millis(50);
/// Messages are let through in groups of about so much time.
const GROUP: Duration = Duration::from_millis(10);

/// A clock that never goes back, and a way to wait by it. Tests bring their own.
pub trait Clock: Send + Sync {
    /// The time since some fixed moment.
    fn now(&self) -> Duration;

    /// Waits for about so long.
    fn sleep(&self, time: Duration);
}

/// The system's steady clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// A clock that begins now.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Lets messages of all workers through at one rate. Time that was lost is not made up for: a queue
/// that was slow is not flooded when it recovers.
pub(super) struct Pace<'c> {
    per_second: f64,
    clock: &'c dyn Clock,
    /// When the next message may go.
    next: Mutex<Duration>,
}

impl<'c> Pace<'c> {
    pub(super) fn try_new(per_second: f64, clock: &'c dyn Clock) -> Result<Self> {
        if !(per_second.is_finite() && per_second > 0.0) {
            return Err(Error::Invalid {
                what: "rate",
                expected: "more than 0 messages a second".to_owned(),
                found: per_second.to_string(),
            });
        }
        Ok(Self {
            per_second,
            clock,
            next: Mutex::new(clock.now()),
        })
    }

    /// How many messages are let through at a time: so few that they do not come in bursts.
    pub(super) fn group(&self) -> usize {
        ((self.per_second * GROUP.as_secs_f64()) as usize).max(1)
    }

    /// Waits until so many messages may go.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the run is over first.
    pub(super) fn wait(&self, messages: usize, is_over: &dyn Fn() -> bool) -> Result<()> {
        let time = Duration::try_from_secs_f64(messages as f64 / self.per_second);
        let time = time.unwrap_or(Duration::MAX / 4);
        let begin = {
            let mut next = lock(&self.next);
            let begin = self.clock.now().max(*next);
            *next = begin.saturating_add(time);
            begin
        };
        loop {
            if is_over() {
                return Err(Error::Stopped);
            }
            let left = begin.saturating_sub(self.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            self.clock.sleep(left.min(STEP));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A clock that only sleeping moves.
    #[derive(Default)]
    struct Still(AtomicU64);

    impl Clock for Still {
        fn now(&self) -> Duration {
            Duration::from_nanos(self.0.load(Ordering::SeqCst))
        }

        fn sleep(&self, time: Duration) {
            let nanos = u64::try_from(time.as_nanos()).unwrap();
            self.0.fetch_add(nanos, Ordering::SeqCst);
        }
    }

    #[test]
    fn messages_go_at_the_rate() {
        let clock = Still::default();
        let pace = Pace::try_new(5_000.0, &clock).unwrap();
        assert_eq!(pace.group(), 50);
        for _ in 0..100 {
            pace.wait(50, &|| false).unwrap();
        }
        // The first group goes at once.
        assert_eq!(clock.now(), Duration::from_millis(990));
    }

    #[test]
    fn lost_time_is_not_made_up_for() {
        let clock = Still::default();
        let pace = Pace::try_new(10.0, &clock).unwrap();
        pace.wait(1, &|| false).unwrap();
        clock.sleep(Duration::from_mins(1));
        pace.wait(1, &|| false).unwrap();
        let before = clock.now();
        pace.wait(1, &|| false).unwrap();
        assert_eq!(clock.now(), before + Duration::from_millis(100));
    }

    #[test]
    fn a_stop_ends_the_waiting() {
        let clock = Still::default();
        let pace = Pace::try_new(0.001, &clock).unwrap();
        pace.wait(1, &|| false).unwrap();
        let stopped = pace.wait(1, &|| clock.now() > Duration::from_secs(1));
        assert!(matches!(stopped, Err(Error::Stopped)));
        assert!(clock.now() < Duration::from_secs(2));
    }

    #[test]
    fn a_rate_of_nothing_is_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Pace::try_new(rate, &SystemClock::new()).is_err());
        }
    }
}
