//! One part on its way: in transactions, each wholly there or not at all.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};

use super::failure::Failure;
use super::lanes::Lane;
use super::options::KafkaKey;
use super::reading::{Reading, id_of};
use super::{EAR, ID_HEADER, KafkaQueue};
use crate::error::{Error, Result, Trouble};
use crate::fail;
use crate::messages::block::{Block, Message};
use crate::messages::queue::{Before, PartToSend, Receipt, Sender};

/// A transaction that is open for so long is committed, and another begun: consumers of what is
/// committed wait for no slow part, and brokers abort none that lasts.
const COMMIT_AFTER: Duration = Duration::from_secs(10);
/// How long the client is asked for deliveries before somebody looks around.
const STEP: Duration = Duration::from_millis(2);
/// How long an end without a claim may take: the brokers end the transaction otherwise.
const FAREWELL: Duration = Duration::from_secs(2);

/// The sender of one part.
pub(super) struct KafkaSender<'q> {
    queue: &'q KafkaQueue,
    part: PartToSend<'q>,
    /// Taken out when it is given back.
    lane: Option<Lane>,
    partitions: u64,
    has_key: bool,
    /// Digests of ids that an earlier run has left.
    known: HashSet<u128>,
    /// When the transaction began, while one is open.
    begun: Option<Instant>,
    /// What the lane had acknowledged before this part, and what was given to it since.
    acknowledged_before: u64,
    sent: u64,
    receipt: Receipt,
    /// When something was last acknowledged, and how much it was then.
    progress: (Instant, u64),
}

impl<'q> KafkaSender<'q> {
    /// Takes a lane, and looks up what an earlier run has left.
    pub(super) fn open(queue: &'q KafkaQueue, part: PartToSend<'q>) -> Result<Self, Failure> {
        let topic = queue.topic(part.is_over)?;
        let known = match part.before {
            Before::Nothing => HashSet::new(),
            Before::Begun { position } => {
                queue.lanes.fence(queue, &part)?;
                left_of(queue, &part, position)?
            }
        };
        let lane = queue.lanes.take(queue, &part)?;
        let acknowledged = lane.heard().acknowledged();
        Ok(Self {
            queue,
            part,
            lane: Some(lane),
            partitions: u64::from(topic.partitions.unsigned_abs()).max(1),
            has_key: queue.key == KafkaKey::Id || topic.is_compacted(),
            known,
            begun: None,
            acknowledged_before: acknowledged,
            sent: 0,
            receipt: Receipt::default(),
            progress: (Instant::now(), acknowledged),
        })
    }

    fn lane(&self) -> Result<&Lane, Failure> {
        let gone = || Failure::Final(Trouble::Other, "the part is ended".to_owned());
        self.lane.as_ref().ok_or_else(gone)
    }

    fn send(&mut self, block: &Block) -> Result<(), Failure> {
        // Rows may have taken long: only a call that waits loses patience.
        self.progress.0 = Instant::now();
        for message in block.messages() {
            let id = message.id().to_string();
            if !self.known.is_empty() && self.known.remove(&digest(&id)) {
                self.receipt.found += 1;
                continue;
            }
            self.begin()?;
            self.hand_over(&message, &id)?;
        }
        self.receipt.add(block);
        self.lane()?.producer.poll(Duration::ZERO);
        if self
            .begun
            .is_some_and(|begun| begun.elapsed() > COMMIT_AFTER)
        {
            self.commit()?;
        }
        self.look_around()
    }

    fn begin(&mut self) -> Result<(), Failure> {
        if self.begun.is_none() {
            let begun = self.lane()?.producer.begin_transaction();
            begun.map_err(|error| Failure::of(&error, &self.queue.scrubber))?;
            self.begun = Some(Instant::now());
        }
        Ok(())
    }

    /// Gives a message to the client; waits while it holds too much.
    fn hand_over(&mut self, message: &Message<'_>, id: &str) -> Result<(), Failure> {
        let topic = self.queue.address.topic.as_str();
        // By numbers alone: the same message goes to the same partition in every run.
        let partition = (self.part.part as u64 + message.number()) % self.partitions;
        loop {
            let header = Header {
                key: ID_HEADER,
                value: Some(id),
            };
            let mut record = BaseRecord::<str, [u8]>::to(topic)
                .partition(partition as i32)
                .payload(message.body())
                .headers(OwnedHeaders::new_with_capacity(1).insert(header));
            if self.has_key {
                record = record.key(id);
            }
            match self.lane()?.producer.send(record) {
                Ok(()) => {
                    self.sent += 1;
                    fail::point("kafka.sent");
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(Code::QueueFull), _)) => {
                    self.lane()?.producer.poll(STEP);
                    self.look_around()?;
                }
                Err((error, _)) => {
                    // A producer that is of no use any more says so here, and why in the refusal.
                    let lane = self.lane()?;
                    lane.producer.poll(EAR);
                    let failure = Failure::of(&error, &self.queue.scrubber);
                    return Err(lane.refusal().unwrap_or(failure));
                }
            }
        }
    }

    /// Waits until everything is acknowledged, and commits it.
    fn commit(&mut self) -> Result<(), Failure> {
        if self.begun.is_none() {
            return Ok(());
        }
        loop {
            match self.lane()?.producer.flush(STEP) {
                Ok(()) => break,
                Err(KafkaError::Flush(Code::OperationTimedOut)) => self.look_around()?,
                Err(error) => return Err(Failure::of(&error, &self.queue.scrubber)),
            }
        }
        self.look_around()?;
        let lane = self.lane()?;
        let acknowledged = lane.heard().acknowledged() - self.acknowledged_before;
        if acknowledged != self.sent {
            let sent = self.sent;
            let text = format!("{acknowledged} of {sent} messages were acknowledged");
            return Err(Failure::Final(Trouble::Unknown, text));
        }
        fail::point("kafka.acknowledged_all");
        lane.insist(self.queue, self.part.is_over, |producer, wait| {
            producer.commit_transaction(wait)
        })?;
        fail::point("kafka.committed");
        self.begun = None;
        Ok(())
    }

    fn finish(&mut self) -> Result<Receipt, Failure> {
        self.progress.0 = Instant::now();
        self.commit()?;
        if let Some(lane) = self.lane.take() {
            self.queue.lanes.give_back(lane);
        }
        let mut receipt = std::mem::take(&mut self.receipt);
        receipt.position = Some(self.queue.place(self.part.is_over)?);
        Ok(receipt)
    }

    /// What somebody who waits asks now and then.
    fn look_around(&mut self) -> Result<(), Failure> {
        if (self.part.is_over)() {
            return Err(Failure::Whole(Error::Stopped));
        }
        let lane = self.lane()?;
        if let Some(refusal) = lane.refusal() {
            return Err(refusal);
        }
        let acknowledged = lane.heard().acknowledged();
        if acknowledged > self.progress.1 {
            self.progress = (Instant::now(), acknowledged);
        }
        let patience = self.queue.patience;
        if self.progress.0.elapsed() > patience {
            let seconds = patience.as_secs_f64();
            return Err(Failure::Final(
                Trouble::Unavailable,
                format!("nothing was acknowledged for {seconds} s"),
            ));
        }
        Ok(())
    }
}

impl Sender for KafkaSender<'_> {
    fn send(&mut self, block: &Block) -> Result<()> {
        let sent = KafkaSender::send(self, block);
        sent.map_err(self.queue.error("write to"))
    }

    fn finish(mut self: Box<Self>) -> Result<Receipt> {
        let finished = KafkaSender::finish(&mut self);
        finished.map_err(self.queue.error("write to"))
    }

    fn abort(self: Box<Self>) {}
}

impl Drop for KafkaSender<'_> {
    /// Aborts what is open, so that consumers need not wait for the brokers to do it.
    fn drop(&mut self) {
        let Some(lane) = self.lane.take() else {
            return;
        };
        if self.begun.is_none() && lane.refusal().is_none() {
            return self.queue.lanes.give_back(lane);
        }
        let until = Instant::now() + FAREWELL;
        let is_begun = self.begun.is_some();
        while is_begun && lane.producer.abort_transaction(STEP).is_err() && Instant::now() < until {
            lane.producer.poll(STEP);
            sleep(STEP);
        }
        self.queue.lanes.end(lane);
    }
}

/// Digests of the ids that an earlier run has left of a part.
fn left_of(
    queue: &KafkaQueue,
    part: &PartToSend<'_>,
    position: Option<&str>,
) -> Result<HashSet<u128>, Failure> {
    let mark = format!("{}-{}-", part.plan.id(), part.part);
    let mut known = HashSet::new();
    let mut reading = Reading::begin(queue, position, part.is_over)?;
    let of_part = |message: &BorrowedMessage<'_>| {
        let id = id_of(message).filter(|id| id.starts_with(&mark));
        id.map(digest)
    };
    while let Some(found) = reading.next(part.is_over, of_part)? {
        known.extend(found);
    }
    Ok(known)
}

/// An id in few bytes: parts can have a million.
fn digest(id: &str) -> u128 {
    twox_hash::XxHash3_128::oneshot(id.as_bytes())
}
