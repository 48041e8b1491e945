//! One part on its way: in batches, several at a time, each tried until all of it is acknowledged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use super::SqsQueue;
use super::batch::{Answer, Batch, Entry, request};
use super::client::{Client, time_left};
use super::failure::Failure;
use crate::error::{Error, Result, Trouble};
use crate::fail;
use crate::messages::block::Block;
use crate::messages::queue::{PartToSend, Receipt, Sender};
use crate::messages::waits::Waits;

/// How often who waits looks around.
const TICK: Duration = Duration::from_millis(100);
/// Batches on their way at most. The messages of a group of a FIFO queue go one batch after the other,
/// which keeps their order.
const MOST_BATCHES: usize = 8;

/// The sender of one part.
pub(super) struct SqsSender<'q> {
    queue: &'q SqsQueue,
    part: PartToSend<'q>,
    way: Arc<Way>,
    /// What the queue takes in one batch.
    most_bytes: u64,
    gathered: Batch,
    flights: JoinSet<Flight>,
    bytes_in_flight: u64,
    receipt: Receipt,
}

/// What all batches of a part have in common.
struct Way {
    client: Arc<Client>,
    url: String,
    /// The group of the part's messages in a FIFO queue.
    group: Option<String>,
    patience: Duration,
}

/// A batch that came to its end.
struct Flight {
    bytes: u64,
    done: Result<(), Failure>,
}

impl<'q> SqsSender<'q> {
    /// Looks at the queue.
    pub(super) fn open(queue: &'q SqsQueue, part: PartToSend<'q>) -> Result<Self> {
        let seen = queue.run(queue.seen(part.is_over), "send to")?;
        let group = seen.is_fifo();
        let way = Way {
            client: Arc::clone(&queue.client),
            url: seen.url.clone(),
            group: group.then(|| format!("{}-{}", part.plan.id(), part.part)),
            patience: queue.patience,
        };
        Ok(Self {
            queue,
            part,
            way: Arc::new(way),
            most_bytes: seen.most_bytes(),
            gathered: Batch::default(),
            flights: JoinSet::new(),
            bytes_in_flight: 0,
            receipt: Receipt::default(),
        })
    }

    async fn take_in(&mut self, block: &Block) -> Result<(), Failure> {
        for message in block.messages() {
            let entry = Entry::try_new(message.id().to_string(), message.shared_body())?;
            if self.gathered.is_full_for(&entry, self.most_bytes) {
                self.dispatch().await?;
            }
            self.gathered.push(entry);
        }
        // A batch that waits would keep the whole block.
        self.dispatch().await?;
        self.receipt.add(block);
        Ok(())
    }

    /// Sends what is gathered, when there is room for it.
    async fn dispatch(&mut self) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.gathered);
        if batch.entries.is_empty() {
            return Ok(());
        }
        let bytes = batch.bytes;
        let room = self.queue.in_flight_bytes.saturating_sub(bytes);
        let most = if self.way.group.is_some() {
            1
        } else {
            MOST_BATCHES
        };
        self.wait(room, most - 1).await?;
        self.bytes_in_flight += bytes;
        let way = Arc::clone(&self.way);
        self.flights.spawn(async move {
            let done = way.deliver(batch.entries).await;
            Flight { bytes, done }
        });
        fail::point("sqs.sent");
        Ok(())
    }

    /// Waits until no more than so many bytes and batches are on their way.
    async fn wait(&mut self, bytes: u64, batches: usize) -> Result<(), Failure> {
        while self.bytes_in_flight > bytes || self.flights.len() > batches {
            match timeout(TICK, self.flights.join_next()).await {
                Ok(Some(flight)) => self.land(flight)?,
                Ok(None) => break,
                Err(_) if (self.part.is_over)() => return Err(Failure::Whole(Error::Stopped)),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn land(&mut self, flight: Result<Flight, JoinError>) -> Result<(), Failure> {
        let flight = flight.map_err(|error| Failure::Final(Trouble::Other, error.to_string()))?;
        self.bytes_in_flight -= flight.bytes;
        flight.done?;
        fail::point("sqs.acknowledged");
        Ok(())
    }
}

impl Sender for SqsSender<'_> {
    fn send(&mut self, block: &Block) -> Result<()> {
        let queue = self.queue;
        queue.run(self.take_in(block), "write to")
    }

    fn finish(mut self: Box<Self>) -> Result<Receipt> {
        let queue = self.queue;
        queue.run(self.wait(0, 0), "write to")?;
        Ok(self.receipt)
    }

    fn abort(self: Box<Self>) {}
}

impl Way {
    /// Sends messages until all of them are acknowledged, or patience ends: then a FIFO queue still
    /// knows those that it has.
    async fn deliver(&self, mut left: Vec<Entry>) -> Result<(), Failure> {
        let until = Instant::now() + self.patience;
        let mut waits = Waits::default();
        loop {
            let failure = match self.offer(&mut left, until).await {
                Ok(None) => return Ok(()),
                Ok(Some(failure)) | Err(failure) => failure,
            };
            if !failure.is_passing() {
                return Err(failure);
            }
            if Instant::now() >= until {
                return Err(failure.after(self.patience.as_secs_f64()));
            }
            waits.next().await;
        }
    }

    /// Sends messages once, and keeps those that are not acknowledged.
    async fn offer(
        &self,
        left: &mut Vec<Entry>,
        until: Instant,
    ) -> Result<Option<Failure>, Failure> {
        let body = request(&self.url, self.group.as_deref(), left)?;
        let answer = self.client.call("SendMessageBatch", body, time_left(until));
        let answer: Answer = answer.await?;
        fail::point("sqs.answered");
        answer.settle(left, |text| self.client.scrub(text))
    }
}
