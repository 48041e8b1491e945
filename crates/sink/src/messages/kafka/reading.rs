//! What stands in a topic, read without taking it away from anybody.
//!
//! Partitions are assigned, not subscribed to: no group is joined, and no offset is committed. Messages
//! of transactions that were aborted are not given, and those of open ones are waited for.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Instant;

use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::failure::Failure;
use super::heard::Heard;
use super::{ANSWER, ID_HEADER, KafkaQueue, PAUSE, TICK, offsets, settings};
use crate::error::{Error, Result, Trouble};
use crate::messages::read_back::Delivered;

/// Kilobytes that are read ahead.
const AHEAD_KBYTES: &str = "8192";

/// A message as it stands in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaMessage {
    /// The partition, from 0.
    pub partition: i32,
    /// Its number in the partition, from 0.
    pub offset: i64,
    /// The id that it was sent with, where it has one.
    pub id: Option<String>,
    /// The body; empty where there is none.
    pub body: Bytes,
}

impl KafkaMessage {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            id: id_of(message).map(str::to_owned),
            body: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
        }
    }
}

impl From<KafkaMessage> for Delivered {
    fn from(message: KafkaMessage) -> Self {
        Self {
            id: message.id,
            body: message.body,
        }
    }
}

/// The id of a message, where it bears one.
pub(super) fn id_of<'m>(message: &'m BorrowedMessage<'_>) -> Option<&'m str> {
    let mut headers = message.headers()?.iter();
    let header = headers.find(|header| header.key == ID_HEADER)?;
    std::str::from_utf8(header.value?).ok()
}

/// The messages of a topic, partition by partition in order, up to those that were there at the start.
pub(super) struct Reading<'q> {
    queue: &'q KafkaQueue,
    client: BaseConsumer<Heard>,
    /// Behind the last message of each partition that is given.
    ends: Vec<i64>,
    /// Partitions with messages to come.
    open: BTreeSet<i32>,
    /// When something last came.
    progress: Instant,
}

impl<'q> Reading<'q> {
    /// Begins at a position that was written down, or at the beginning.
    pub(super) fn begin(
        queue: &'q KafkaQueue,
        position: Option<&str>,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, Failure> {
        let topic = queue.look(is_over)?;
        let ends = queue.ends(topic.partitions, is_over)?;
        let from = offsets::from(position, &ends);
        let mut config = settings::base(&queue.address, &queue.means)?;
        config
            // The client wants a name to assign by; the group is never joined.
            .set("group.id", "lakeseed")
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            // Messages that retention has taken meanwhile.
            .set("auto.offset.reset", "earliest")
            .set("check.crcs", "true")
            .set("queued.max.messages.kbytes", AHEAD_KBYTES)
            .set("fetch.queue.backoff.ms", "10");
        let client: BaseConsumer<Heard> = queue.client(&config)?;
        wait_for_open_transactions(queue, &client, &topic.name, &ends, is_over)?;
        let mut wanted = TopicPartitionList::new();
        let mut open = BTreeSet::new();
        for (partition, (from, end)) in (0..).zip(from.into_iter().zip(&ends)) {
            if from < *end {
                open.insert(partition);
                let from = if from == 0 {
                    Offset::Beginning
                } else {
                    Offset::Offset(from)
                };
                let added = wanted.add_partition_offset(&topic.name, partition, from);
                added.map_err(|error| Failure::of(&error, &queue.scrubber))?;
            }
        }
        let assigned = client.assign(&wanted);
        assigned.map_err(|error| Failure::of(&error, &queue.scrubber))?;
        Ok(Self {
            queue,
            client,
            ends,
            open,
            progress: Instant::now(),
        })
    }

    /// What `take` makes of the next message; `None` behind the last one.
    pub(super) fn next<T>(
        &mut self,
        is_over: &(dyn Fn() -> bool + Sync),
        take: impl Fn(&BorrowedMessage<'_>) -> T,
    ) -> Result<Option<T>, Failure> {
        let queue = self.queue;
        while !self.open.is_empty() {
            if is_over() {
                return Err(Failure::Whole(Error::Stopped));
            }
            match self.client.poll(TICK) {
                Some(Ok(message)) => {
                    self.progress = Instant::now();
                    let (partition, offset) = (message.partition(), message.offset());
                    let end = self.ends.get(partition as usize).copied().unwrap_or(0);
                    if offset + 1 >= end {
                        self.open.remove(&partition);
                    }
                    if offset < end {
                        return Ok(Some(take(&message)));
                    }
                }
                // The last of a partition may be a mark of a transaction, which nobody is given.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.progress = Instant::now();
                    self.open.remove(&partition);
                }
                Some(Err(error)) => {
                    let failure = Failure::of(&error, &queue.scrubber);
                    let refusal = self.client.context().refusal();
                    if let (false, Some(refusal)) = (failure.is_passing(), refusal) {
                        return Err(refusal);
                    }
                }
                None => {}
            }
            if self.progress.elapsed() > queue.patience {
                let seconds = queue.patience.as_secs_f64();
                return Err(Failure::Passing(
                    Trouble::Unavailable,
                    format!("no message came for {seconds} s"),
                ));
            }
        }
        Ok(None)
    }
}

/// Waits until no transaction is open in front of the ends: what stands behind one is given to nobody.
fn wait_for_open_transactions(
    queue: &KafkaQueue,
    client: &BaseConsumer<Heard>,
    topic: &str,
    ends: &[i64],
    is_over: &(dyn Fn() -> bool + Sync),
) -> Result<(), Failure> {
    let until = Instant::now() + queue.patience;
    loop {
        let settled = offsets::ends(client, topic, ends.len() as i32, ANSWER);
        let late = match settled {
            Ok(settled) => {
                let mut late = (0..).zip(settled.iter().zip(ends));
                late.find(|(_, (settled, end))| settled < end).map(|(partition, _): (i32, _)| {
                    let text = format!(
                        "a transaction of somebody else is open in partition {partition} of {topic}: \
                         what stands behind it cannot be read until it is committed or aborted"
                    );
                    Failure::Passing(Trouble::Unavailable, text)
                })
            }
            Err(error) => match Failure::of(&error, &queue.scrubber) {
                failure if failure.is_passing() => Some(failure),
                failure => return Err(failure),
            },
        };
        match late {
            None => return Ok(()),
            Some(failure) if Instant::now() >= until => return Err(failure),
            Some(_) if is_over() => return Err(Failure::Whole(Error::Stopped)),
            Some(_) => sleep(PAUSE),
        }
    }
}

/// The messages of a topic, each partition in its order. See [`KafkaQueue::read`].
///
/// **Memory.** The messages that are read ahead: 8 MiB, and one answer of a broker.
pub struct KafkaReader<'q> {
    reading: Option<Reading<'q>>,
    queue: &'q KafkaQueue,
}

impl<'q> KafkaReader<'q> {
    pub(super) fn begin(queue: &'q KafkaQueue) -> Result<Self> {
        let reading = Reading::begin(queue, None, &|| false).map_err(queue.error("read"))?;
        Ok(Self {
            reading: Some(reading),
            queue,
        })
    }
}

impl Iterator for KafkaReader<'_> {
    type Item = Result<KafkaMessage>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.reading.as_mut()?.next(&|| false, KafkaMessage::of);
        let found = found.map_err(self.queue.error("read")).transpose();
        if !matches!(found, Some(Ok(_))) {
            self.reading = None;
        }
        found
    }
}

impl std::fmt::Debug for KafkaReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaReader")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
