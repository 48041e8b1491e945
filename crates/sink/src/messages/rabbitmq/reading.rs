//! What stands in a stream, read without taking it away from anybody.
//!
//! A consumer of a stream has an offset of its own and takes nothing: what it acknowledges is room for
//! more. A stream does not tell where it ends, and what it tells of its length is late. But its last
//! chunk can be asked for, and comes in one go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, Consumer};
use tokio::time::timeout;

use super::connection::{ANSWER, Connection, TICK};
use super::failure::Failure;
use super::queue::waiting;
use crate::error::Trouble;
use crate::messages::read_back::Delivered;

/// What says where a message stands in its stream.
const OFFSET: &str = "x-stream-offset";
/// Messages that are read ahead.
const AHEAD: u16 = 100;
/// How long the first message of a stream is waited for, by whom an end that is too low costs no more than
/// time, and by whom it would cost messages.
pub(super) const SOON: Duration = Duration::from_millis(200);
const SURE: Duration = Duration::from_secs(1);

/// A message as it stands in a stream.
pub(super) struct Stood {
    pub(super) offset: u64,
    pub(super) delivered: Delivered,
}

/// Messages of a stream, from an offset to the last one of now.
pub(super) struct Reading {
    connection: Arc<Connection>,
    channel: Channel,
    consumer: Consumer,
    from: u64,
    /// The last one; none where the stream is empty.
    last: Option<u64>,
    /// Messages that are not acknowledged yet.
    unacknowledged: u16,
    is_done: bool,
    /// Whether messages before the first one are gone.
    pub(super) is_cut: bool,
    is_begun: bool,
}

/// The offset of the last message of a stream; none where it is empty, as far as that shows so soon.
pub(super) async fn last_of(
    connection: &Arc<Connection>,
    queue: &str,
    patience: Duration,
) -> Result<Option<u64>, Failure> {
    let last = AMQPValue::LongString(LongString::from("last"));
    let (channel, mut consumer) = consume(connection, queue, last).await?;
    let first = match next(connection, &mut consumer, patience).await {
        Ok(delivery) => delivery,
        Err(Failure::Passing(..)) if !connection.is_lost() => {
            close(connection, &channel).await;
            // Its length is late, but no stream that has one is empty.
            return match waiting(connection, queue).await? {
                0 => Ok(None),
                _ => Err(Failure::silent()),
            };
        }
        Err(failure) => return Err(failure),
    };
    let mut last = stood(first)?.offset;
    // A chunk is handed over whole before anything else is answered.
    qos(connection, &channel).await?;
    while let Some(Some(more)) = consumer.next().now_or_never() {
        let more = more.map_err(|error| connection.failure(&error))?;
        last = last.max(stood(more)?.offset);
    }
    close(connection, &channel).await;
    Ok(Some(last))
}

impl Reading {
    /// Begins to read from an offset on.
    pub(super) async fn begin(
        connection: &Arc<Connection>,
        queue: &str,
        from: u64,
    ) -> Result<Self, Failure> {
        let last = last_of(connection, queue, SURE).await?;
        let from_offset = AMQPValue::LongLongInt(i64::try_from(from).unwrap_or(i64::MAX));
        let (channel, consumer) = consume(connection, queue, from_offset).await?;
        Ok(Self {
            connection: Arc::clone(connection),
            channel,
            consumer,
            from,
            last,
            unacknowledged: 0,
            is_done: last.is_none_or(|last| last < from),
            is_cut: false,
            is_begun: false,
        })
    }

    /// The offset behind the last message that will be read.
    pub(super) fn end(&self) -> u64 {
        self.last.map_or(0, |last| last + 1)
    }

    /// The next message; `None` behind the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Stood>, Failure> {
        while !self.is_done {
            let delivery = next(&self.connection, &mut self.consumer, ANSWER).await?;
            self.unacknowledged += 1;
            if self.unacknowledged >= AHEAD / 2 {
                let all = BasicAckOptions { multiple: true };
                let acknowledged = async { delivery.acker.ack(all).await };
                self.connection.heed(acknowledged).await?;
                self.unacknowledged = 0;
            }
            let found = stood(delivery)?;
            if !self.is_begun {
                self.is_begun = true;
                self.is_cut = found.offset > self.from;
            }
            self.is_done = self.last.is_none_or(|last| found.offset >= last);
            // A chunk begins where it begins.
            let is_within = self.last.is_some_and(|last| found.offset <= last);
            if found.offset >= self.from && is_within {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    pub(super) async fn close(self) {
        close(&self.connection, &self.channel).await;
    }
}

async fn consume(
    connection: &Arc<Connection>,
    queue: &str,
    from: AMQPValue,
) -> Result<(Channel, Consumer), Failure> {
    let channel = connection.channel().await?;
    qos(connection, &channel).await?;
    let mut arguments = FieldTable::default();
    arguments.insert(OFFSET.into(), from);
    let options = BasicConsumeOptions::default();
    let asked = channel.basic_consume(queue.into(), "".into(), options, arguments);
    let consumer = connection.heed(asked).await?;
    Ok((channel, consumer))
}

async fn qos(connection: &Connection, channel: &Channel) -> Result<(), Failure> {
    let asked = channel.basic_qos(AHEAD, BasicQosOptions::default());
    connection.heed(asked).await
}

/// Lets go of a channel; one that is broken is let go of already.
pub(super) async fn close(connection: &Connection, channel: &Channel) {
    let _ = connection.heed(channel.close(200, "OK".into())).await;
}

/// The next message of a consumer, waited for so long.
pub(super) async fn next(
    connection: &Connection,
    consumer: &mut Consumer,
    patience: Duration,
) -> Result<Delivery, Failure> {
    let began = Instant::now();
    loop {
        match timeout(TICK, consumer.next()).await {
            Ok(Some(Ok(delivery))) => return Ok(delivery),
            Ok(Some(Err(error))) => return Err(connection.failure(&error)),
            Ok(None) | Err(_) if connection.is_lost() => return Err(Failure::lost()),
            Ok(None) => {
                let text = "the queue went away while it was read".to_owned();
                return Err(Failure::Final(Trouble::Missing, text));
            }
            Err(_) if began.elapsed() > patience => return Err(Failure::silent()),
            Err(_) => {}
        }
    }
}

fn stood(delivery: Delivery) -> Result<Stood, Failure> {
    let headers = delivery.properties.headers().as_ref();
    let offset = headers.and_then(|headers| headers.inner().get(OFFSET));
    let Some(offset) = offset.and_then(AMQPValue::as_long_long_int) else {
        let text = "a message of a stream without its offset".to_owned();
        return Err(Failure::Final(Trouble::Other, text));
    };
    Ok(Stood {
        offset: u64::try_from(offset).unwrap_or(0),
        delivered: delivered(delivery),
    })
}

/// A message with its name.
pub(super) fn delivered(delivery: Delivery) -> Delivered {
    let id = delivery.properties.message_id().as_ref();
    Delivered {
        id: id.map(|id| id.as_str().to_owned()),
        body: Bytes::from(delivery.data),
    }
}
