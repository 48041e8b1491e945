//! NATS JetStream as a target: a subject, and the stream that takes it.
//!
//! ```text
//! NatsQueue -- Link -- Connection     one for all senders, made anew when it breaks
//!     |  \
//!     |   Sender: published, acknowledged in any order; bytes on their way are bounded
//!     |        \-> in doubt: Reading of headers tells what is there, the others are sent again
//!     NatsReader: what stands in the stream, for whoever verifies
//! ```
//! Each message bears its [`MessageId`](super::MessageId) as `Nats-Msg-Id`, so that the server drops
//! one that comes twice within its duplicate window. Beyond the window it is looked up: where a
//! connection broke, and where an earlier run has left a part unfinished, the headers of the stream
//! are read from the position on that was written down before the part, and only what is not there
//! is sent.
//!
//! Expected sequences (`Nats-Expected-Last-Sequence`) are not used: parts are sent side by side, and
//! others may write to the stream. Each foreign message would refuse one of ours, and with many on
//! their way all that follow it.

mod address;
mod connection;
mod doubt;
mod failure;
mod options;
mod reader;
mod reading;
mod sender;
mod stream;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::Info;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use self::address::Address;
use self::connection::{Connection, Link};
use self::failure::Failure;
use self::options::Means;
pub use self::options::{DEFAULT_IN_FLIGHT_BYTES, DEFAULT_PATIENCE, NatsCredentials, NatsOptions};
pub use self::reader::NatsReader;
pub use self::reading::NatsMessage;
use self::sender::NatsSender;
use super::plan::MessagePlan;
use super::queue::{PartToSend, Queue, ReadableQueue, Sender};
use super::read_back::{AllDelivered, Delivered};
use crate::error::{Error, Result, Trouble};
use crate::secret::Scrubber;

/// What a sender holds beside the messages on their way: their ids and headers, a runtime, a block
/// that is held by its last message.
const SENDER_BYTES: u64 = 4 << 20;
/// Between two questions that were not answered.
const PAUSE: Duration = Duration::from_millis(50);

/// A subject of a NATS server, and the stream behind it.
///
/// **Threads.** One for the connection. Calls block, and may be made from any thread that is not
/// itself one of an async runtime.
///
/// **Memory.** An open sender holds the bytes that are on their way, and about 4 MiB; in a part that
/// an earlier run has begun, 16 to 36 bytes for each of its messages that is there already.
///
/// See [`NatsOptions`] for an example.
pub struct NatsQueue {
    address: Address,
    link: Link,
    create_stream: Option<String>,
    patience: Duration,
    in_flight_bytes: u64,
    /// The stream's name, once it is known.
    stream: OnceLock<String>,
    /// The highest number that the stream has acknowledged.
    highest: AtomicU64,
}

impl NatsQueue {
    /// A queue at `nats://HOST:PORT/SUBJECT`, or `tls://`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that is none, and [`Error::Io`] for a file of credentials
    /// that cannot be read.
    pub fn new(address: &str, options: NatsOptions) -> Result<Self> {
        let address = Address::parse(address)?;
        if let Some(name) = &options.create_stream
            && !stream::is_name(name)
        {
            return Err(Error::Invalid {
                what: "name of a stream",
                expected: "letters, digits, - and _".to_owned(),
                found: name.clone(),
            });
        }
        let means = Means::find(&options, address.credentials.clone())?;
        let scrubber = Scrubber::default();
        for secret in means.secrets() {
            // A file of credentials is a secret line by line.
            for line in secret.reveal().lines() {
                scrubber.learn(line.trim());
            }
        }
        Ok(Self {
            link: Link::new(address.servers(), means, Arc::new(scrubber)),
            address,
            create_stream: options.create_stream,
            patience: options.patience,
            in_flight_bytes: options.in_flight_bytes,
            stream: OnceLock::new(),
            highest: AtomicU64::new(0),
        })
    }

    /// What stands in the stream of this subject behind the message `after`, up to the last message
    /// of now. Nothing is acknowledged, and nothing is taken away.
    ///
    /// # Errors
    /// [`Error::Remote`] where the server or the stream cannot be reached.
    pub fn read(&self, after: u64) -> Result<NatsReader<'_>> {
        NatsReader::begin(self, after)
    }

    fn error(&self, action: &'static str) -> impl Fn(Failure) -> Error + '_ {
        move |failure| failure.into_error(action, self.address.shown())
    }

    /// What the stream is now, asked until there is an answer or patience ends.
    async fn ask(
        &self,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<(Arc<Connection>, Info), Failure> {
        let until = Instant::now() + self.patience;
        let mut connection = self.link.get().await?;
        loop {
            match self.look(&connection).await {
                Ok(info) => return Ok((connection, info)),
                Err(failure) if !failure.is_passing() || Instant::now() >= until => {
                    return Err(failure);
                }
                Err(_) if is_over() => return Err(Failure::Whole(Error::Stopped)),
                Err(_) if connection.is_lost() => {
                    connection = self.link.renew(&connection, until, is_over).await?;
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// What the stream is now.
    async fn look(&self, connection: &Connection) -> Result<Info, Failure> {
        let name = match self.stream.get() {
            Some(name) => name.clone(),
            None => match stream::name_of(connection, &self.address.subject).await? {
                Some(name) => name,
                None => return Err(self.no_stream()),
            },
        };
        // Before the question: other senders go on meanwhile.
        let highest = self.highest.load(Ordering::Acquire);
        let info = stream::info(connection, &name).await?;
        // Somebody may have been faster, with the same name.
        let _ = self.stream.set(name);
        let last = info.state.last_sequence;
        if last < highest {
            return Err(Failure::Final(
                Trouble::Other,
                format!(
                    "the stream ends at message {last}, and {highest} was acknowledged: its server \
                     has lost messages; verify tells which"
                ),
            ));
        }
        Ok(info)
    }

    fn no_stream(&self) -> Failure {
        let subject = &self.address.subject;
        Failure::Final(
            Trouble::Missing,
            format!(
                "no stream takes the subject {subject}; lakeseed publish --create makes one, as does: nats \
                 stream add NAME --subjects {subject} --storage file --discard new --defaults"
            ),
        )
    }

    /// The stream for a plan: found, or made where that was asked for.
    async fn prepared(&self, most_bytes: u64) -> Result<Vec<String>, Failure> {
        let never = || false;
        let (connection, info) = match (self.ask(&never).await, &self.create_stream) {
            (Err(Failure::Final(Trouble::Missing, _)), Some(name)) => {
                let connection = self.link.get().await?;
                stream::create(&connection, name, &self.address.subject).await?;
                self.ask(&never).await?
            }
            (found, _) => found?,
        };
        stream::check(&info, &connection, most_bytes, &self.address.place())?;
        Ok(stream::warnings(&info, self.patience))
    }
}

impl Queue for NatsQueue {
    fn address(&self) -> String {
        self.address.shown()
    }

    fn prepare(&self, plan: &MessagePlan<'_>) -> Result<Vec<String>> {
        let prepared = self.prepared(plan.settings().max_bytes);
        runtime()?.block_on(prepared).map_err(self.error("send to"))
    }

    /// The stream's last number.
    fn position(&self) -> Result<Option<String>> {
        let never = || false;
        let (_, info) = runtime()?
            .block_on(self.ask(&never))
            .map_err(self.error("ask"))?;
        Ok(Some(info.state.last_sequence.to_string()))
    }

    fn sender_bytes(&self) -> u64 {
        self.in_flight_bytes + SENDER_BYTES
    }

    fn open<'q>(&'q self, part: PartToSend<'q>) -> Result<Box<dyn Sender + 'q>> {
        Ok(Box::new(NatsSender::open(self, part)?))
    }
}

impl ReadableQueue for NatsQueue {
    fn read_back(&self) -> Result<AllDelivered<'_>> {
        let all = self.read(0)?;
        Ok(Box::new(all.map(|message| message.map(Delivered::from))))
    }
}

impl std::fmt::Debug for NatsQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsQueue")
            .field("address", &self.address.shown())
            .finish_non_exhaustive()
    }
}

/// What a calling thread waits in; connections have threads of their own.
fn runtime() -> Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.map_err(Error::io("start a runtime in", std::path::Path::new(".")))
}
