//! A stream read back, for whoever verifies it.

use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::stream::Info;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::connection::Connection;
use super::failure::Failure;
use super::reading::{NatsMessage, Reading};
use super::{NatsQueue, PAUSE, runtime};
use crate::error::Result;

/// The messages of a subject, in the stream's order. See [`NatsQueue::read`].
///
/// **Memory.** The messages that are read ahead: up to a hundred.
pub struct NatsReader<'q> {
    queue: &'q NatsQueue,
    runtime: Runtime,
    connection: Arc<Connection>,
    info: Info,
    reading: Option<Reading>,
    /// The last message that was given.
    at: u64,
    is_done: bool,
}

impl<'q> NatsReader<'q> {
    pub(super) fn begin(queue: &'q NatsQueue, after: u64) -> Result<Self> {
        let runtime = runtime()?;
        let never = || false;
        let asked = runtime.block_on(queue.ask(&never));
        let (connection, info) = asked.map_err(queue.error("read"))?;
        Ok(Self {
            queue,
            runtime,
            connection,
            info,
            reading: None,
            at: after,
            is_done: false,
        })
    }

    /// The number of the last message that will be read: the stream's last one at the start.
    pub fn last(&self) -> u64 {
        self.info.state.last_sequence
    }
}

impl Iterator for NatsReader<'_> {
    type Item = Result<NatsMessage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let Self {
            queue,
            runtime,
            connection,
            info,
            reading,
            at,
            ..
        } = self;
        let found = runtime.block_on(next(queue, connection, info, reading, *at));
        match found {
            Ok(Some(message)) => {
                self.at = message.sequence;
                Some(Ok(message))
            }
            Ok(None) => {
                self.is_done = true;
                None
            }
            Err(failure) => {
                self.is_done = true;
                Some(Err(self.queue.error("read")(failure)))
            }
        }
    }
}

/// The next message, on another connection where one breaks.
async fn next(
    queue: &NatsQueue,
    connection: &mut Arc<Connection>,
    info: &Info,
    reading: &mut Option<Reading>,
    at: u64,
) -> Result<Option<NatsMessage>, Failure> {
    let until = Instant::now() + queue.patience;
    let never = || false;
    loop {
        let found = if let Some(reading) = reading {
            reading.next().await
        } else {
            let subject = &queue.address.subject;
            match Reading::begin(connection, info, subject, at, false).await {
                Ok(begun) => reading.insert(begun).next().await,
                Err(failure) => Err(failure),
            }
        };
        match found {
            Ok(None) => {
                if let Some(reading) = reading.take() {
                    reading.end().await;
                }
                return Ok(None);
            }
            Err(failure) if failure.is_passing() && Instant::now() < until => {
                *reading = None;
                sleep(PAUSE).await;
                if connection.is_lost() {
                    *connection = queue.link.renew(connection, until, &never).await?;
                }
            }
            found => return found,
        }
    }
}

impl std::fmt::Debug for NatsReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsReader")
            .field("queue", &self.queue)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
