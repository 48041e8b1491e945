//! Signs of life, on a thread of their own.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::commit::Session;
use crate::error::Error;
use crate::sync::lock;

/// The signs of life of a run, on a thread of their own.
pub(crate) struct Heart {
    every: Duration,
    stopped: Mutex<bool>,
    woken: Condvar,
}

impl Heart {
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            stopped: Mutex::new(false),
            woken: Condvar::new(),
        }
    }

    /// Beats until somebody stops it, or another process has taken over, which `lost` is told.
    pub(crate) fn beat_until_stopped(&self, session: &Session<'_>, lost: &dyn Fn(Error)) {
        let mut stopped = lock(&self.stopped);
        loop {
            // A run may be over before this thread first waits: it asks, and then waits.
            let is_going_on = |stopped: &mut bool| !*stopped;
            let waited = self
                .woken
                .wait_timeout_while(stopped, self.every, is_going_on);
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
            if *stopped {
                return;
            }
            if let Err(error) = session.beat() {
                lost(error);
                return;
            }
        }
    }

    /// Stops it when dropped.
    pub(crate) fn stopper(&self) -> StopHeart<'_> {
        StopHeart(self)
    }
}

/// Stops the heart even where a worker panics: the scope waits for both.
pub(crate) struct StopHeart<'h>(&'h Heart);

impl Drop for StopHeart<'_> {
    fn drop(&mut self) {
        let mut stopped = lock(&self.0.stopped);
        *stopped = true;
        self.0.woken.notify_all();
    }
}
