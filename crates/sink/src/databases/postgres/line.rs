//! What moves a connection: the thread that waits for it, and no other.
//!
//! A thread of the connection's own would be a third one beside the maker of rows and the server; on two
//! cores the server waits for it where both are placed on one. Bytes that were handed to the system
//! go on their way by themselves while rows are made.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use crate::databases::database::IsOver;
use crate::databases::failure::Failure;
use crate::databases::wait::wait;
use crate::error::Trouble;

/// The longest that a connection is given to take its leave.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// The runtime of one connection, on the thread that uses it.
///
/// It stands behind the client in its session: the client goes first, then the connection says farewell.
pub(super) struct Line {
    runtime: Runtime,
    /// Ends when its client has gone, or the server.
    moving: Option<JoinHandle<()>>,
}

impl Line {
    pub(super) fn new() -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let failed = |error: std::io::Error| {
            Failure::Final(
                Trouble::Other,
                format!("no runtime can be started: {error}"),
            )
        };
        Ok(Self {
            runtime: runtime.map_err(failed)?,
            moving: None,
        })
    }

    /// Waits for `work`, and moves the connection meanwhile.
    pub(super) fn wait<T>(
        &self,
        within: Option<Duration>,
        is_over: &IsOver<'_>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        wait(&self.runtime, within, is_over, work)
    }

    /// From now on `connection` moves with every wait. What it fails with, its client tells.
    pub(super) fn carry<E>(
        &mut self,
        connection: impl Future<Output = Result<(), E>> + Send + 'static,
    ) where
        E: Send + 'static,
    {
        let moving = async { drop(connection.await) };
        self.moving = Some(self.runtime.spawn(moving));
    }

    /// Has what waits in the client go to the system, as far as it takes it now.
    pub(super) async fn push() {
        yield_now().await;
    }
}

impl Drop for Line {
    /// The server hears that the connection ends, and does not have to find out.
    fn drop(&mut self) {
        if let Some(moving) = self.moving.take() {
            let _ = self
                .runtime
                .block_on(async { timeout(LEAVE_WITHIN, moving).await });
        }
    }
}
