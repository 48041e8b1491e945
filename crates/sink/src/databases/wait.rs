//! Waits for a server: each has an end, and can be ended from outside.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::database::IsOver;
use super::failure::Failure;
use crate::error::Error;

/// How often a wait looks whether it is over.
const LOOK: Duration = Duration::from_millis(100);

/// Waits for an answer until there is one, somebody ends it, or it takes too long.
pub(super) fn wait<T>(
    runtime: &Runtime,
    within: Option<Duration>,
    is_over: &IsOver<'_>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    runtime.block_on(async {
        let started = Instant::now();
        let mut work = pin!(work);
        loop {
            if let Ok(done) = timeout(LOOK, work.as_mut()).await {
                return done;
            }
            if is_over() {
                return Err(Failure::Whole(Error::Stopped));
            }
            if within.is_some_and(|within| started.elapsed() > within) {
                return Err(Failure::silent());
            }
        }
    })
}
