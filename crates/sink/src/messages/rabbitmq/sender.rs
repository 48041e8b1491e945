//! One part on its way: published, acknowledged, and looked up where there is a doubt.

use std::collections::{HashSet, VecDeque};
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::connection::{Connection, TICK};
use super::doubt::{digest, left_of};
use super::failure::Failure;
use super::{RabbitQueue, runtime};
use crate::error::{Error, Result, Trouble};
use crate::fail;
use crate::messages::block::Block;
use crate::messages::queue::{PartToSend, Receipt, Sender};
use crate::messages::waits::Waits;

/// Messages on their way at most, however small.
const MOST_IN_FLIGHT: usize = 2048;
/// Kept on disk.
const PERSISTENT: u8 = 2;

/// The sender of one part.
pub(super) struct RabbitSender<'q> {
    runtime: Runtime,
    work: Work<'q>,
}

impl<'q> RabbitSender<'q> {
    /// Connects, and looks up what an earlier run has left.
    pub(super) fn open(queue: &'q RabbitQueue, part: PartToSend<'q>) -> Result<Self> {
        let runtime = runtime()?;
        let work = runtime.block_on(Work::begin(queue, part));
        let work = work.map_err(queue.error("send to"))?;
        Ok(Self { runtime, work })
    }
}

impl Sender for RabbitSender<'_> {
    fn send(&mut self, block: &Block) -> Result<()> {
        let Self { runtime, work } = self;
        let sent = runtime.block_on(work.send(block));
        sent.map_err(work.queue.error("write to"))
    }

    fn finish(mut self: Box<Self>) -> Result<Receipt> {
        let Self { runtime, work } = &mut *self;
        let finished = runtime.block_on(work.finish());
        finished.map_err(work.queue.error("write to"))
    }

    fn abort(self: Box<Self>) {}
}

pub(super) struct Work<'q> {
    pub(super) queue: &'q RabbitQueue,
    pub(super) part: PartToSend<'q>,
    /// What the ids of this part begin with.
    pub(super) mark: String,
    pub(super) is_stream: bool,
    /// An offset of the stream that all messages of the part come behind.
    pub(super) from: u64,
    pub(super) connection: Arc<Connection>,
    pub(super) channel: Channel,
    /// Messages on their way, in order.
    pub(super) flights: VecDeque<Flight>,
    pub(super) bytes_in_flight: u64,
    /// Digests of ids that an earlier run has left.
    known: HashSet<u128>,
    /// How many messages of this part are acknowledged or found.
    pub(super) there: u64,
    receipt: Receipt,
    /// When something was last acknowledged, or the waiting began anew.
    pub(super) progress: Instant,
}

/// A message on its way.
pub(super) struct Flight {
    pub(super) id: String,
    pub(super) body: Bytes,
    /// What the server will say; none before it was published on this connection.
    answer: Option<Answer>,
}

type Answer = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// A channel whose messages are confirmed.
pub(super) async fn confirming(connection: &Connection) -> Result<Channel, Failure> {
    let channel = connection.channel().await?;
    let confirmed = channel.confirm_select(ConfirmSelectOptions::default());
    connection.heed(confirmed).await?;
    Ok(channel)
}

impl<'q> Work<'q> {
    async fn begin(queue: &'q RabbitQueue, part: PartToSend<'q>) -> Result<Self, Failure> {
        let until = Instant::now() + queue.patience;
        let mut waits = Waits::default();
        let mark = format!("{}-{}-", part.plan.id(), part.part);
        loop {
            let (connection, seen) = queue.ask(part.is_over).await?;
            let is_stream = seen.is_stream();
            let left = if is_stream {
                let name = &queue.address.queue;
                let end = queue.end.load(Ordering::Acquire);
                left_of(name, &connection, part.before, end, &mark).await
            } else {
                Ok((0, HashSet::new()))
            };
            let channel = confirming(&connection).await;
            match left.and_then(|left| Ok((left, channel?))) {
                Ok(((from, known), channel)) => {
                    return Ok(Self {
                        queue,
                        part,
                        mark,
                        is_stream,
                        from,
                        connection,
                        channel,
                        flights: VecDeque::new(),
                        bytes_in_flight: 0,
                        known,
                        there: 0,
                        receipt: Receipt::default(),
                        progress: Instant::now(),
                    });
                }
                Err(failure) if !failure.is_passing() || Instant::now() >= until => {
                    return Err(failure);
                }
                Err(_) => waits.next().await,
            }
        }
    }

    async fn send(&mut self, block: &Block) -> Result<(), Failure> {
        self.catch_up().await?;
        for message in block.messages() {
            let id = message.id().to_string();
            if !self.known.is_empty() && self.known.remove(&digest(&id)) {
                self.receipt.found += 1;
                self.there += 1;
                continue;
            }
            let body = message.shared_body();
            let room = self.queue.in_flight_bytes.saturating_sub(body.len() as u64);
            self.wait(room, MOST_IN_FLIGHT - 1).await?;
            self.bytes_in_flight += body.len() as u64;
            self.flights.push_back(Flight {
                id,
                body,
                answer: None,
            });
            match self.publish(self.flights.len() - 1) {
                Err(failure) if failure.is_passing() => self.recover().await?,
                published => published?,
            }
        }
        self.receipt.add(block);
        Ok(())
    }

    /// Takes what came in while rows were made, which may have taken long: only a call that waits
    /// loses patience.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        while let Some(Some(answer)) = self.flights.front_mut().map(Flight::heard) {
            self.take(answer).await?;
        }
        self.progress = Instant::now();
        Ok(())
    }

    async fn finish(&mut self) -> Result<Receipt, Failure> {
        self.catch_up().await?;
        self.wait(0, 0).await?;
        // Who is asked next may need the channel's number.
        let _ = self
            .connection
            .heed(self.channel.close(200, "OK".into()))
            .await;
        Ok(std::mem::take(&mut self.receipt))
    }

    /// Hands a message to the connection, which takes it at once; a passing failure where there is none
    /// any more.
    pub(super) fn publish(&mut self, at: usize) -> Result<(), Failure> {
        let flight = &mut self.flights[at];
        let (channel, body) = (self.channel.clone(), flight.body.clone());
        let key = ShortString::from(self.queue.address.queue.as_str());
        let properties = BasicProperties::default()
            .with_message_id(flight.id.as_str().into())
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT);
        let options = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let answer = async move {
            let sent = channel.basic_publish("".into(), key, options, &body, properties);
            sent.await?.await
        };
        flight.answer = Some(Box::pin(answer));
        // The first look hands it over.
        match flight.heard() {
            Some(Err(error)) => return Err(self.connection.failure(&error)),
            // It is asked again when it is its turn.
            Some(Ok(answer)) => flight.answer = Some(Box::pin(ready(Ok(answer)))),
            None => {}
        }
        fail::point("rabbitmq.published");
        Ok(())
    }

    /// Waits until no more than so many bytes and messages are on their way.
    async fn wait(&mut self, bytes: u64, messages: usize) -> Result<(), Failure> {
        while self.bytes_in_flight > bytes || self.flights.len() > messages {
            let Some(answer) = self
                .flights
                .front_mut()
                .and_then(|first| first.answer.as_mut())
            else {
                break;
            };
            match timeout(TICK, answer).await {
                Ok(answer) => self.take(answer).await?,
                Err(_) => self.look_around().await?,
            }
        }
        Ok(())
    }

    /// Takes the answer to the first message on its way.
    async fn take(&mut self, answer: lapin::Result<Confirmation>) -> Result<(), Failure> {
        let refused = |trouble, text: &str| Err(Failure::Final(trouble, text.to_owned()));
        match answer {
            Ok(Confirmation::Ack(None)) => {
                self.is_there();
                Ok(())
            }
            Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
                refused(Trouble::Missing, "a message came back: its queue is gone")
            }
            Ok(Confirmation::Nack(None)) => refused(
                Trouble::Full,
                "the queue refused a message: it is full, or its server failed to keep it",
            ),
            Ok(Confirmation::NotRequested) => {
                refused(Trouble::Other, "the server acknowledges nothing")
            }
            Err(error) => match self.connection.failure(&error) {
                failure if failure.is_passing() => self.recover().await,
                failure => Err(failure),
            },
        }
    }

    /// Counts the first message as delivered, and lets go of it.
    fn is_there(&mut self) {
        if let Some(flight) = self.flights.pop_front() {
            self.bytes_in_flight -= flight.body.len() as u64;
            self.there += 1;
            fail::point("rabbitmq.acknowledged");
            self.progress = Instant::now();
        }
    }

    /// What somebody who waits asks now and then.
    async fn look_around(&mut self) -> Result<(), Failure> {
        if (self.part.is_over)() {
            return Err(Failure::Whole(Error::Stopped));
        }
        let patience = self.queue.patience;
        if self.progress.elapsed() > patience {
            let seconds = patience.as_secs_f64();
            let why = if self.connection.is_blocked() {
                ": the server takes none for want of memory or disk"
            } else {
                ""
            };
            return Err(Failure::Final(
                Trouble::Unavailable,
                format!("nothing was acknowledged for {seconds} s{why}"),
            ));
        }
        if self.connection.is_lost() {
            return self.recover().await;
        }
        Ok(())
    }
}

impl Flight {
    /// What the server has said by now.
    fn heard(&mut self) -> Option<lapin::Result<Confirmation>> {
        self.answer.as_mut().and_then(FutureExt::now_or_never)
    }
}
