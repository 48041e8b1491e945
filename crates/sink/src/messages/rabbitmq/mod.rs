//! RabbitMQ as a target: a queue, or a stream, by AMQP 0.9.1.
//!
//! ```text
//! RabbitQueue -- Link -- Connection   one for all senders, made anew when it breaks
//!     |  \
//!     |   Sender: published, acknowledged in order; bytes on their way are bounded
//!     |        \-> in doubt: Reading of the stream tells what is there, the others are sent again
//!     Reader: what stands in the stream, or waits in the queue, for whoever verifies
//! ```
//! Each message bears its [`MessageId`](super::MessageId) as the property `message-id`, goes through
//! the default exchange to the queue of that name, is persistent and mandatory, and is confirmed.
//!
//! A **stream** can be read without taking: after a break or a kill what is there is looked up from the
//! offset on that was written down before the part, and only what is not there is sent. Any other
//! queue cannot be looked into: what is not confirmed is sent again, and may come twice.
//!
//! The look must come after the last message of the connection before. So connections follow each
//! other: each has an exclusive queue of the plan's name, which the server gives to the next one when it
//! has done with the last one.

mod address;
mod connection;
mod doubt;
mod failure;
mod line;
mod options;
mod queue;
mod reader;
mod reading;
mod sender;
mod taking;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use self::address::Address;
use self::connection::{Connection, Link};
use self::failure::Failure;
use self::options::Means;
pub use self::options::{
    DEFAULT_IN_FLIGHT_BYTES, DEFAULT_PATIENCE, RabbitCredentials, RabbitKind, RabbitOptions,
};
use self::queue::Seen;
use self::reader::Reader;
use self::sender::RabbitSender;
use super::plan::MessagePlan;
use super::queue::{PartToSend, Queue, ReadableQueue, Reading, Sender};
use super::read_back::AllDelivered;
use super::waits::Waits;
use crate::error::{Error, Result, Trouble};

/// What a sender holds beside the messages on their way: their ids and answers, a runtime, the client's
/// buffers, a block that is held by its last message.
const SENDER_BYTES: u64 = (4 << 20) + 64 * connection::FRAME_BYTES as u64;

/// A queue of a RabbitMQ server.
///
/// **Threads.** Two for the connection. Calls block, and may be made from any thread that is not itself
/// one of an async runtime.
///
/// **Memory.** An open sender holds the bytes that are on their way twice, since the client copies them,
/// and about 6 MiB; in a part of a stream that an earlier run has begun, 16 to 36 bytes for each of its
/// messages that is there already.
///
/// See [`RabbitOptions`] for an example.
pub struct RabbitQueue {
    address: Address,
    link: Link,
    create: bool,
    patience: Duration,
    in_flight_bytes: u64,
    /// What the queue is, once it is known.
    seen: OnceLock<Seen>,
    /// An offset of the stream that was behind its last message when somebody looked.
    end: AtomicU64,
}

impl RabbitQueue {
    /// A queue at `amqp://HOST:PORT/VHOST/QUEUE`, or `amqps://`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address or certificates that are none, and [`Error::Io`] for a file of
    /// certificates that cannot be read.
    pub fn new(address: &str, options: RabbitOptions) -> Result<Self> {
        let address = Address::parse(address)?;
        let (create, patience) = (options.create, options.patience);
        let in_flight_bytes = options.in_flight_bytes;
        let means = Means::find(options, address.credentials.clone())?;
        Ok(Self {
            link: Link::new(&address, means)?,
            address,
            create,
            patience,
            in_flight_bytes,
            seen: OnceLock::new(),
            end: AtomicU64::new(0),
        })
    }

    fn error(&self, action: &'static str) -> impl Fn(Failure) -> Error + '_ {
        move |failure| failure.into_error(action, self.address.shown())
    }

    /// What the queue is, asked until there is an answer or patience ends.
    async fn ask(
        &self,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<(Arc<Connection>, Seen), Failure> {
        let until = Instant::now() + self.patience;
        let mut waits = Waits::default();
        let mut connection = self.link.get().await?;
        loop {
            if connection.is_lost() {
                connection = self.link.renew(&connection, until, is_over).await?;
            }
            match self.look(&connection).await {
                Ok(seen) => return Ok((connection, seen)),
                Err(failure) if !failure.is_passing() || Instant::now() >= until => {
                    return Err(failure);
                }
                Err(_) if is_over() => return Err(Failure::Whole(Error::Stopped)),
                Err(_) => waits.next().await,
            }
        }
    }

    /// What the queue is; it stays so.
    async fn look(&self, connection: &Connection) -> Result<Seen, Failure> {
        if let Some(seen) = self.seen.get() {
            return Ok(seen.clone());
        }
        let name = &self.address.queue;
        if !queue::is_there(connection, name).await? {
            return Err(self.no_queue());
        }
        let mut seen = queue::look(connection, name).await?;
        match (self.address.kind, seen.kind) {
            // Whoever may not ask is told by the address.
            (Some(wanted), None) => seen.kind = Some(wanted),
            (Some(wanted), Some(found)) if wanted != found => {
                return Err(Failure::Whole(Error::Invalid {
                    what: "kind of the queue",
                    expected: format!("{}, as its address says", wanted.name()),
                    found: found.name().to_owned(),
                }));
            }
            _ => {}
        }
        // Somebody may have been faster, with the same.
        let _ = self.seen.set(seen.clone());
        Ok(seen)
    }

    fn no_queue(&self) -> Failure {
        let Address { queue, vhost, .. } = &self.address;
        Failure::Final(
            Trouble::Missing,
            format!(
                "no queue {queue} in the virtual host {vhost}; lakeseed publish --create makes one: a \
                 quorum queue, or what ?type=stream or ?type=classic says"
            ),
        )
    }

    /// The queue for a plan: found, or made where that was asked for.
    async fn prepared(&self, plan: &MessagePlan<'_>) -> Result<Vec<String>, Failure> {
        let never = || false;
        let (connection, seen) = match self.ask(&never).await {
            Err(Failure::Final(Trouble::Missing, _)) if self.create => {
                let connection = self.link.get().await?;
                let kind = self.address.kind.unwrap_or(RabbitKind::Quorum);
                queue::create(&connection, &self.address.queue, kind).await?;
                self.ask(&never).await?
            }
            found => found?,
        };
        queue::check_size(&connection, plan.settings().max_bytes).await?;
        let is_followed = !seen.is_stream() || self.follow(&connection, plan).await?;
        Ok(queue::warnings(&seen, is_followed))
    }

    /// Waits until no other connection sends this plan to this queue, and has those of this queue follow
    /// each other. Whether the user may ask for that.
    async fn follow(
        &self,
        connection: &Arc<Connection>,
        plan: &MessagePlan<'_>,
    ) -> Result<bool, Failure> {
        let until = Instant::now() + self.patience;
        let mut waits = Waits::default();
        let name = format!("lakeseed.{}", plan.ledger_name(&self.address.queue, 8));
        loop {
            match self.link.follow(connection, name.clone()).await {
                Err(failure) if failure.is_passing() && Instant::now() < until => {
                    waits.next().await;
                }
                followed => return followed,
            }
        }
    }

    /// The offset behind the last message, or a lower one; none where it is no stream.
    async fn end(&self) -> Result<Option<u64>, Failure> {
        let until = Instant::now() + self.patience;
        let mut waits = Waits::default();
        let never = || false;
        loop {
            let (connection, seen) = self.ask(&never).await?;
            if !seen.is_stream() {
                return Ok(None);
            }
            let name = &self.address.queue;
            match reading::last_of(&connection, name, reading::SOON).await {
                Ok(last) => {
                    let end = last.map_or(0, |last| last + 1);
                    self.end.fetch_max(end, Ordering::AcqRel);
                    return Ok(Some(end));
                }
                Err(failure) if failure.is_passing() && Instant::now() < until => {
                    waits.next().await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}

impl Queue for RabbitQueue {
    fn address(&self) -> String {
        self.address.shown()
    }

    fn prepare(&self, plan: &MessagePlan<'_>) -> Result<Vec<String>> {
        let prepared = self.prepared(plan);
        runtime()?.block_on(prepared).map_err(self.error("send to"))
    }

    /// The offset behind the last message of a stream.
    fn position(&self) -> Result<Option<String>> {
        let end = runtime()?.block_on(self.end()).map_err(self.error("ask"))?;
        Ok(end.map(|end| end.to_string()))
    }

    fn sender_bytes(&self) -> u64 {
        2 * self.in_flight_bytes + SENDER_BYTES
    }

    fn open<'q>(&'q self, part: PartToSend<'q>) -> Result<Box<dyn Sender + 'q>> {
        Ok(Box::new(RabbitSender::open(self, part)?))
    }
}

impl ReadableQueue for RabbitQueue {
    fn reading(&self) -> Result<Reading> {
        let never = || false;
        let asked = runtime()?.block_on(self.ask(&never));
        let (_, seen) = asked.map_err(self.error("ask"))?;
        Ok(if seen.is_stream() {
            Reading::Beside
        } else {
            let words = "it is no stream: consumers get none of the messages meanwhile, and each \
                         counts as delivered once more";
            Reading::Taking(words.to_owned())
        })
    }

    fn read_back(&self) -> Result<AllDelivered<'_>> {
        Ok(Box::new(Reader::begin(self)?))
    }
}

impl std::fmt::Debug for RabbitQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitQueue")
            .field("address", &self.address.shown())
            .finish_non_exhaustive()
    }
}

/// What a calling thread waits in; connections have threads of their own.
fn runtime() -> Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.map_err(Error::io("start a runtime in", std::path::Path::new(".")))
}
