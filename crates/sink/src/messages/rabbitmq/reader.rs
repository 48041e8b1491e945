//! A queue read back, for whoever verifies it.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::connection::Connection;
use super::failure::Failure;
use super::reading::Reading;
use super::taking::Taking;
use super::{RabbitQueue, runtime};
use crate::error::Result;
use crate::messages::read_back::Delivered;
use crate::messages::waits::Waits;

/// The messages of a queue: of a stream from its first one on, of another queue those that wait.
///
/// **Memory.** The messages that are read ahead: a hundred, or a chunk of a stream.
pub(super) struct Reader<'q> {
    runtime: Runtime,
    work: Work<'q>,
    is_done: bool,
}

struct Work<'q> {
    queue: &'q RabbitQueue,
    connection: Arc<Connection>,
    way: Option<Way>,
    is_stream: bool,
    /// The offset of the next message of a stream.
    at: u64,
}

enum Way {
    Stream(Reading),
    Taken(Taking),
}

impl<'q> Reader<'q> {
    pub(super) fn begin(queue: &'q RabbitQueue) -> Result<Self> {
        let runtime = runtime()?;
        let asked = runtime.block_on(queue.ask(&|| false));
        let (connection, seen) = asked.map_err(queue.error("read"))?;
        let work = Work {
            queue,
            connection,
            way: None,
            is_stream: seen.is_stream(),
            at: 0,
        };
        Ok(Self {
            runtime,
            work,
            is_done: false,
        })
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<Delivered>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let found = self.runtime.block_on(self.work.next());
        self.is_done = !matches!(found, Ok(Some(_)));
        found.map_err(self.work.queue.error("read")).transpose()
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.runtime.block_on(self.work.close());
    }
}

impl Work<'_> {
    async fn next(&mut self) -> Result<Option<Delivered>, Failure> {
        let until = Instant::now() + self.queue.patience;
        let mut waits = Waits::default();
        loop {
            let failure = match self.on_this_connection().await {
                Ok(found) => return Ok(found),
                // Messages that were taken went back with the connection: they would come again.
                Err(failure) if !self.is_stream && self.way.is_some() => return Err(failure),
                Err(failure) => failure,
            };
            if !failure.is_passing() || Instant::now() >= until {
                return Err(failure);
            }
            self.way = None;
            waits.next().await;
            if self.connection.is_lost() {
                let link = &self.queue.link;
                self.connection = link.renew(&self.connection, until, &|| false).await?;
            }
        }
    }

    async fn on_this_connection(&mut self) -> Result<Option<Delivered>, Failure> {
        let name = &self.queue.address.queue;
        let way = match &mut self.way {
            Some(way) => way,
            None if self.is_stream => {
                let reading = Reading::begin(&self.connection, name, self.at).await?;
                self.way.insert(Way::Stream(reading))
            }
            None => {
                let taking = Taking::begin(&self.connection, name).await?;
                self.way.insert(Way::Taken(taking))
            }
        };
        match way {
            Way::Stream(reading) => {
                let found = reading.next().await?;
                Ok(found.map(|found| {
                    self.at = found.offset + 1;
                    found.delivered
                }))
            }
            Way::Taken(taking) => taking.next().await,
        }
    }

    /// Lets go of what was read.
    async fn close(&mut self) {
        match self.way.take() {
            Some(Way::Stream(reading)) => reading.close().await,
            Some(Way::Taken(taking)) => taking.close().await,
            None => {}
        }
    }
}
