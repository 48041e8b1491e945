//! What stands in a queue that is no stream, read in the one way there is: all messages are taken, none
//! is acknowledged, and all are given back when the channel ends.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::time::timeout;

use super::connection::{ANSWER, Connection, TICK};
use super::failure::Failure;
use super::queue::waiting;
use super::reading::{close, delivered};
use crate::error::Trouble;
use crate::messages::read_back::Delivered;
use crate::messages::waits::Waits;

/// Messages that a consumer gets before another one takes its place: as many are read ahead.
const AT_ONCE: u16 = 100;

/// Messages of a queue, taken until none waits.
pub(super) struct Taking {
    connection: Arc<Connection>,
    queue: String,
    channel: Channel,
    consumer: Consumer,
    /// How many of the consumer's messages came.
    came: u16,
    taken: u32,
}

impl Taking {
    /// Begins to take.
    pub(super) async fn begin(connection: &Arc<Connection>, queue: &str) -> Result<Self, Failure> {
        let channel = connection.channel().await?;
        let limited = channel.basic_qos(AT_ONCE, BasicQosOptions::default());
        connection.heed(limited).await?;
        let consumer = consume(connection, &channel, queue).await?;
        Ok(Self {
            connection: Arc::clone(connection),
            queue: queue.to_owned(),
            channel,
            consumer,
            came: 0,
            taken: 0,
        })
    }

    /// The next message; `None` where none waits any more.
    pub(super) async fn next(&mut self) -> Result<Option<Delivered>, Failure> {
        let mut is_last_call = false;
        loop {
            if self.came == AT_ONCE {
                self.change_consumer().await?;
            }
            let found = match self.consumer.next().now_or_never() {
                Some(found) => Some(found),
                None if is_last_call => return Ok(None),
                None => timeout(TICK, self.consumer.next()).await.ok(),
            };
            match found {
                Some(Some(Ok(delivery))) => {
                    self.came += 1;
                    self.taken += 1;
                    return Ok(Some(delivered(delivery)));
                }
                Some(Some(Err(error))) => return Err(self.connection.failure(&error)),
                Some(None) if !self.connection.is_lost() => {
                    let text = "the queue went away while it was read".to_owned();
                    return Err(Failure::Final(Trouble::Missing, text));
                }
                _ if self.connection.is_lost() => return Err(Failure::lost()),
                _ => {
                    // Where none waits, what is on its way to us comes before the next answer.
                    is_last_call = waiting(&self.connection, &self.queue).await? == 0;
                    let limited = self.channel.basic_qos(AT_ONCE, BasicQosOptions::default());
                    self.connection.heed(limited).await?;
                }
            }
        }
    }

    /// Another consumer on the same channel, which gets as many again.
    async fn change_consumer(&mut self) -> Result<(), Failure> {
        let tag = self.consumer.tag();
        let cancelled = self
            .channel
            .basic_cancel(tag, BasicCancelOptions::default());
        self.connection.heed(cancelled).await?;
        self.consumer = consume(&self.connection, &self.channel, &self.queue).await?;
        self.came = 0;
        Ok(())
    }

    /// Gives all messages back, and waits until they are there, so that who reads next finds them. Where
    /// others take them at once, it does not wait for long.
    pub(super) async fn close(self) {
        close(&self.connection, &self.channel).await;
        let (began, mut waits) = (Instant::now(), Waits::default());
        while began.elapsed() < ANSWER {
            match waiting(&self.connection, &self.queue).await {
                Ok(waiting) if waiting < self.taken => waits.next().await,
                _ => return,
            }
        }
    }
}

async fn consume(
    connection: &Connection,
    channel: &Channel,
    queue: &str,
) -> Result<Consumer, Failure> {
    let options = BasicConsumeOptions::default();
    let consumed = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    connection.heed(consumed).await
}
