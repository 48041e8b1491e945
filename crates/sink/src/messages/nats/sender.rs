//! One part on its way: published, acknowledged, and looked up where there is a doubt.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use async_nats::client::PublishErrorKind;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::{HeaderMap, Message, StatusCode, Subject, Subscriber, jetstream};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use serde::Deserialize;
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

use super::connection::{Connection, TICK};
use super::doubt::{digest, left_of};
use super::failure::Failure;
use super::{NatsQueue, PAUSE, runtime};
use crate::error::{Error, Result, Trouble};
use crate::fail;
use crate::messages::block::Block;
use crate::messages::queue::{PartToSend, Receipt, Sender};

/// Messages on their way at most, however small: a server keeps as many of a stream, or a few times
/// as many, before it refuses.
const MOST_IN_FLIGHT: usize = 2048;

/// The sender of one part.
pub(super) struct NatsSender<'q> {
    runtime: Runtime,
    work: Work<'q>,
}

impl<'q> NatsSender<'q> {
    /// Connects, and looks up what an earlier run has left.
    pub(super) fn open(queue: &'q NatsQueue, part: PartToSend<'q>) -> Result<Self> {
        let runtime = runtime()?;
        let work = runtime.block_on(Work::begin(queue, part));
        let work = work.map_err(queue.error("send to"))?;
        Ok(Self { runtime, work })
    }
}

impl Sender for NatsSender<'_> {
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
    pub(super) queue: &'q NatsQueue,
    pub(super) part: PartToSend<'q>,
    /// What the ids of this part begin with.
    pub(super) mark: String,
    pub(super) subject: Subject,
    /// The stream's last number before the part was first begun.
    pub(super) from: u64,
    pub(super) line: Line,
    /// Messages on their way, in order; the first has the number `first`.
    pub(super) flights: VecDeque<Flight>,
    pub(super) first: u64,
    pub(super) bytes_in_flight: u64,
    /// Whether the server has refused some of them for now.
    pub(super) is_refused: bool,
    /// Digests of ids that an earlier run has left.
    pub(super) known: HashSet<u128>,
    /// Ids that the server says it had before, and their lowest number.
    pub(super) had: HashSet<String>,
    pub(super) had_from: u64,
    /// How many messages of this part are acknowledged or found.
    pub(super) there: u64,
    pub(super) receipt: Receipt,
    pub(super) last: u64,
    /// When something was last acknowledged, and when the waiting began anew.
    pub(super) progress: Instant,
    pub(super) quiet: Instant,
}

/// A connection, and where this sender's acknowledgements come in on it.
pub(super) struct Line {
    pub(super) connection: Arc<Connection>,
    pub(super) prefix: String,
    pub(super) acks: Subscriber,
}

/// A message on its way.
pub(super) struct Flight {
    pub(super) id: String,
    pub(super) body: Bytes,
    pub(super) state: State,
    /// Whether it was sent more than once.
    pub(super) is_again: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Sent,
    /// Not stored: to be sent again.
    Refused,
    There,
}

/// What the server answers to a message.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    error: Option<jetstream::Error>,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
}

impl Answer {
    /// What the server answered; an error where it has not stored the message.
    fn of(message: &Message) -> Result<Self, Failure> {
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            // No stream listens: one that is missing, or that is not up yet.
            let text = "no stream takes the subject".to_owned();
            return Err(Failure::Passing(Trouble::Missing, text));
        }
        let answer: Self = serde_json::from_slice(&message.payload).map_err(|error| {
            Failure::Final(Trouble::Other, format!("an answer that is none: {error}"))
        })?;
        match &answer.error {
            Some(error) => Err(Failure::of_answer(error)),
            None => Ok(answer),
        }
    }
}

impl Line {
    pub(super) async fn try_new(connection: Arc<Connection>) -> Result<Self, Failure> {
        let prefix = format!("{}.", connection.client.new_inbox());
        let acks = connection.client.subscribe(format!("{prefix}*")).await;
        let acks = acks.map_err(|_| Failure::lost())?;
        Ok(Self {
            connection,
            prefix,
            acks,
        })
    }
}

impl<'q> Work<'q> {
    async fn begin(queue: &'q NatsQueue, part: PartToSend<'q>) -> Result<Self, Failure> {
        let until = Instant::now() + queue.patience;
        let mark = format!("{}-{}-", part.plan.id(), part.part);
        let (line, from, known) = loop {
            let (connection, info) = queue.ask(part.is_over).await?;
            let left = left_of(queue, &connection, &info, part.before, &mark).await;
            let line = Line::try_new(Arc::clone(&connection)).await;
            match left.and_then(|left| Ok((left, line?))) {
                Ok(((from, known), line)) => break (line, from, known),
                Err(failure) if !failure.is_passing() || Instant::now() >= until => {
                    return Err(failure);
                }
                Err(_) => sleep(PAUSE).await,
            }
            if connection.is_lost() {
                queue.link.renew(&connection, until, part.is_over).await?;
            }
        };
        let now = Instant::now();
        Ok(Self {
            queue,
            part,
            mark,
            subject: Subject::from(queue.address.subject.as_str()),
            from,
            line,
            flights: VecDeque::new(),
            first: 0,
            bytes_in_flight: 0,
            is_refused: false,
            known,
            had: HashSet::new(),
            had_from: u64::MAX,
            there: 0,
            receipt: Receipt::default(),
            last: 0,
            progress: now,
            quiet: now,
        })
    }

    async fn send(&mut self, block: &Block) -> Result<(), Failure> {
        self.catch_up()?;
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
                state: State::Sent,
                is_again: false,
            });
            self.publish(self.flights.len() - 1).await?;
        }
        self.receipt.add(block);
        Ok(())
    }

    /// Takes what came in while rows were made, which may have taken long: only a call that waits
    /// loses patience.
    fn catch_up(&mut self) -> Result<(), Failure> {
        while let Some(Some(answer)) = self.line.acks.next().now_or_never() {
            self.answered(&answer)?;
        }
        (self.progress, self.quiet) = (Instant::now(), Instant::now());
        Ok(())
    }

    async fn finish(&mut self) -> Result<Receipt, Failure> {
        self.catch_up()?;
        self.wait(0, 0).await?;
        self.check_had().await?;
        let mut receipt = std::mem::take(&mut self.receipt);
        receipt.position = Some(self.last.max(self.from).to_string());
        Ok(receipt)
    }

    /// Hands a message to the connection. Where it broke, all that is not there goes out again.
    async fn publish(&mut self, at: usize) -> Result<(), Failure> {
        loop {
            match self.hand_over(at).await {
                Ok(true) => return Ok(()),
                // It is blocked: the server takes nothing.
                Ok(false) => {
                    if self.look_around().await? {
                        return Ok(());
                    }
                }
                Err(failure) if failure.is_passing() => return self.recover().await,
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Whether the connection has taken a message; a passing failure where there is none any more.
    pub(super) async fn hand_over(&mut self, at: usize) -> Result<bool, Failure> {
        let flight = &self.flights[at];
        let number = self.first + at as u64;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, flight.id.as_str());
        let published = self.line.connection.client.publish_with_reply_and_headers(
            self.subject.clone(),
            format!("{}{number}", self.line.prefix),
            headers,
            flight.body.clone(),
        );
        match timeout(TICK, published).await {
            Ok(Ok(())) => {
                fail::point("nats.published");
                Ok(true)
            }
            // Another server of the cluster may take less than the first one.
            Ok(Err(error)) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                Err(Failure::Final(Trouble::Other, error.to_string()))
            }
            Ok(Err(_)) => Err(Failure::lost()),
            Err(_) => Ok(false),
        }
    }

    /// Waits until no more than so many bytes and messages are on their way.
    async fn wait(&mut self, bytes: u64, messages: usize) -> Result<(), Failure> {
        while !self.flights.is_empty()
            && (self.bytes_in_flight > bytes || self.flights.len() > messages)
        {
            match timeout(TICK, self.line.acks.next()).await {
                Ok(Some(answer)) => self.answered(&answer)?,
                Ok(None) => self.recover().await?,
                Err(_) => {
                    self.look_around().await?;
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, message: &Message) -> Result<(), Failure> {
        let number = message.subject.strip_prefix(self.line.prefix.as_str());
        let number = number.and_then(|number| number.parse::<u64>().ok());
        let at = number.and_then(|number| number.checked_sub(self.first));
        let Some(flight) = at.and_then(|at| self.flights.get_mut(at as usize)) else {
            // Of a message that was acknowledged before.
            return Ok(());
        };
        if flight.state == State::There {
            return Ok(());
        }
        match Answer::of(message) {
            Ok(answer) if answer.stream.as_ref() != self.queue.stream.get() => {
                let text = "another stream took the subject over".to_owned();
                return Err(Failure::Final(Trouble::Other, text));
            }
            Ok(answer) => {
                if answer.duplicate && !flight.is_again {
                    self.had.insert(std::mem::take(&mut flight.id));
                    self.had_from = self.had_from.min(answer.seq);
                }
                self.last = self.last.max(answer.seq);
                self.queue.highest.fetch_max(answer.seq, Ordering::AcqRel);
                self.is_there(at.unwrap_or_default() as usize);
            }
            Err(refusal) if !refusal.is_passing() => return Err(refusal),
            Err(_) => {
                flight.state = State::Refused;
                self.is_refused = true;
            }
        }
        Ok(())
    }

    /// Counts a message as delivered, and lets go of it.
    pub(super) fn is_there(&mut self, at: usize) {
        let flight = &mut self.flights[at];
        flight.state = State::There;
        self.bytes_in_flight -= flight.body.len() as u64;
        flight.body = Bytes::new();
        self.there += 1;
        fail::point("nats.acknowledged");
        (self.progress, self.quiet) = (Instant::now(), Instant::now());
        while self
            .flights
            .front()
            .is_some_and(|flight| flight.state == State::There)
        {
            self.flights.pop_front();
            self.first += 1;
        }
    }

    /// What somebody who waits asks now and then. Whether all messages went out again.
    async fn look_around(&mut self) -> Result<bool, Failure> {
        if (self.part.is_over)() {
            return Err(Failure::Whole(Error::Stopped));
        }
        let connection = &self.line.connection;
        if let Some(refusal) = connection.refusal() {
            return Err(refusal);
        }
        let patience = self.queue.patience;
        if self.progress.elapsed() > patience {
            let seconds = patience.as_secs_f64();
            return Err(Failure::Final(
                Trouble::Unavailable,
                format!("nothing was acknowledged for {seconds} s"),
            ));
        }
        if connection.is_lost() || self.quiet.elapsed() > patience / 3 {
            self.recover().await?;
            return Ok(true);
        }
        if self.is_refused {
            self.send_refused().await?;
        }
        Ok(false)
    }

    /// Sends again what the server has refused for now, and so has not stored.
    async fn send_refused(&mut self) -> Result<(), Failure> {
        // Tells a stream that is missing from one that is not up yet.
        match self.queue.look(&self.line.connection).await {
            Err(failure) if failure.is_passing() => return Ok(()),
            looked => looked?,
        };
        self.is_refused = false;
        for at in 0..self.flights.len() {
            if self.flights[at].state == State::Refused {
                self.flights[at].state = State::Sent;
                match self.hand_over(at).await {
                    Ok(true) => {}
                    Ok(false) => {
                        self.flights[at].state = State::Refused;
                        self.is_refused = true;
                    }
                    Err(failure) if failure.is_passing() => return self.recover().await,
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(())
    }
}
