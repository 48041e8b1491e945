//! Amazon SQS as a target: a queue, standard or FIFO.
//!
//! ```text
//! SqsQueue -- Site -- Client      signed JSON over HTTPS, one for all senders
//!     |  \
//!     |   Sender: batches of ten, several on their way; what is not acknowledged is sent again
//!     Taking: what stands in the queue, taken and given back, for whoever verifies
//! ```
//! Each message bears its [`MessageId`](super::MessageId) as the attribute `lakeseed-id`, and in a FIFO
//! queue as its deduplication id; the group is the part.
//!
//! A queue cannot be looked into, and nothing tells whether a message has arrived but the answer to it.
//! So a **standard** queue gets each message at least once. A **FIFO** queue drops what comes again
//! within five minutes of its first sending: a batch is tried for less than that, so that within one run
//! each message is there once. What a killed run has left is sent again whole: once where that is within
//! the five minutes, at least once where it is later.

mod address;
mod batch;
mod client;
mod failure;
mod options;
mod queue;
mod sender;
mod site;
mod taking;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use self::address::Address;
use self::client::Client;
use self::failure::Failure;
pub use self::options::{
    DEFAULT_IN_FLIGHT_BYTES, DEFAULT_PATIENCE, SqsOptions, USUAL_MESSAGE_BYTES,
};
use self::queue::Seen;
use self::sender::SqsSender;
use self::site::Site;
use self::taking::Taking;
use super::plan::MessagePlan;
use super::queue::{PartToSend, Queue, ReadableQueue, Reading, Sender};
use super::read_back::AllDelivered;
use crate::error::{Error, Result, Trouble};

/// The attribute that bears a message's id.
pub const ID_ATTRIBUTE: &str = "lakeseed-id";
/// What a sender holds beside the messages on their way: their ids, a block that is held by its last
/// message, buffers of connections.
const SENDER_BYTES: u64 = 4 << 20;
/// For transfers and their encryption.
const THREADS: usize = 2;
/// For how long a FIFO queue knows a message, and what is left of it for what is on its way.
const KNOWN_SECONDS: i64 = 300;
const MARGIN_SECONDS: i64 = 60;
const MOST_FIFO_PATIENCE: Duration = Duration::from_mins(4);

/// A queue of Amazon SQS, or of a server that speaks as it does.
///
/// **Threads.** Two, for all transfers. Calls block, and may be made from any thread that is not itself
/// one of an async runtime.
///
/// **Memory.** An open sender holds the bytes that are on their way up to three times, since JSON
/// escapes them, and about 4 MiB.
///
/// See [`SqsOptions`] for an example.
pub struct SqsQueue {
    address: Address,
    shown: String,
    client: Arc<Client>,
    create: bool,
    patience: Duration,
    in_flight_bytes: u64,
    /// What the queue is, once it is known.
    seen: OnceLock<Seen>,
    /// Only a drop takes it.
    runtime: Option<Runtime>,
}

impl SqsQueue {
    /// A queue at `sqs://QUEUE`, or at its URL, `https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE`.
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address, endpoint, region, profile or key that cannot be, and a
    /// patience that is longer than a FIFO queue knows a message; [`Error::Io`] for a file that cannot
    /// be read.
    pub fn new(address: &str, options: &SqsOptions) -> Result<Self> {
        let address = Address::parse(address)?;
        if address.is_fifo() && options.patience > MOST_FIFO_PATIENCE {
            return Err(Error::Invalid {
                what: "patience",
                expected: "at most 4 minutes for a FIFO queue, which knows a message for 5"
                    .to_owned(),
                found: format!("{} s", options.patience.as_secs()),
            });
        }
        let Site { client, shown } = Site::find(&address, options)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("lakeseed-sqs")
            .enable_all()
            .build()
            .map_err(Error::io("start threads for", Path::new("SQS")))?;
        Ok(Self {
            address,
            shown,
            client: Arc::new(client),
            create: options.create,
            patience: options.patience,
            in_flight_bytes: options.in_flight_bytes,
            seen: OnceLock::new(),
            runtime: Some(runtime),
        })
    }

    /// Waits for something that speaks to the server.
    fn run<T>(
        &self,
        task: impl Future<Output = Result<T, Failure>>,
        action: &'static str,
    ) -> Result<T> {
        let Some(runtime) = &self.runtime else {
            return Err(Error::Stopped);
        };
        let done = runtime.block_on(task);
        done.map_err(|failure| failure.into_error(action, self.shown.clone()))
    }

    /// What the queue is; its URL and its kind stay so.
    async fn seen(&self, is_over: &(dyn Fn() -> bool + Sync)) -> Result<Seen, Failure> {
        if let Some(seen) = self.seen.get() {
            return Ok(seen.clone());
        }
        let asked = Seen::ask(&self.client, &self.address, self.patience, is_over).await;
        let seen = asked.map_err(|failure| self.with_advice(failure))?;
        // Somebody may have been faster, with the same.
        let _ = self.seen.set(seen.clone());
        Ok(seen)
    }

    async fn renew(&self, seen: &mut Seen) -> Result<(), Failure> {
        seen.renew(&self.client, self.patience, &|| false).await
    }

    /// Says how a queue that is missing is made.
    fn with_advice(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Final(Trouble::Missing, _) => Failure::Final(
                Trouble::Missing,
                format!(
                    "no queue {} at this server for these keys; lakeseed publish --create makes one",
                    self.address.queue
                ),
            ),
            other => other,
        }
    }

    /// The queue for a plan: found, or made where that was asked for.
    async fn prepared(&self, plan: &MessagePlan<'_>) -> Result<Vec<String>, Failure> {
        let mut seen = match self.seen(&|| false).await {
            Err(failure) if failure.is_missing() && self.create => {
                let made = Seen::create(&self.client, &self.address, self.patience).await?;
                let _ = self.seen.set(made.clone());
                made
            }
            seen => seen?,
        };
        self.renew(&mut seen).await?;
        seen.check_size(plan.settings().max_bytes)?;
        Ok(seen.warnings())
    }
}

impl Queue for SqsQueue {
    fn address(&self) -> String {
        self.shown.clone()
    }

    fn prepare(&self, plan: &MessagePlan<'_>) -> Result<Vec<String>> {
        self.run(self.prepared(plan), "send to")
    }

    /// Of a FIFO queue the server's time, in seconds of Unix: for five minutes from then on it knows
    /// what it gets.
    fn position(&self) -> Result<Option<String>> {
        if !self.address.is_fifo() {
            return Ok(None);
        }
        Ok(self.client.server_time().map(|time| time.to_string()))
    }

    fn warn_of_begun(&self, begun: &[Option<&str>]) -> Vec<String> {
        if !self.address.is_fifo() {
            return Vec::new();
        }
        let now = self.client.server_time();
        let age = |position: Option<&str>| {
            let since: i64 = position?.parse().ok()?;
            Some(now?.saturating_sub(since))
        };
        // One that nobody knows the time of is taken for old.
        let is_old = |age: Option<i64>| age.is_none_or(|age| age > KNOWN_SECONDS - MARGIN_SECONDS);
        let old = begun.iter().filter(|position| is_old(age(**position)));
        let old = old.count();
        if old == 0 {
            return Vec::new();
        }
        vec![format!(
            "queue {}: {old} of the parts that are sent again were begun more than {} minutes ago: what \
             had arrived of them comes twice where the queue has forgotten it, after five",
            self.address.queue,
            (KNOWN_SECONDS - MARGIN_SECONDS) / 60,
        )]
    }

    fn usual_message_bytes(&self) -> u64 {
        USUAL_MESSAGE_BYTES
    }

    fn sender_bytes(&self) -> u64 {
        3 * self.in_flight_bytes + SENDER_BYTES
    }

    fn open<'q>(&'q self, part: PartToSend<'q>) -> Result<Box<dyn Sender + 'q>> {
        Ok(Box::new(SqsSender::open(self, part)?))
    }
}

impl ReadableQueue for SqsQueue {
    /// # Errors
    /// [`Trouble::Unsupported`] for a FIFO queue: while messages of a group are taken it hands out no
    /// others of that group, so that it cannot be read without deleting.
    fn reading(&self) -> Result<Reading> {
        let seen = self.run(self.seen(&|| false), "ask")?;
        self.run(async { refuse_fifo(&seen) }, "read")?;
        let mut words =
            "consumers get none of the messages meanwhile, and each counts as received \
                         once more, twice where something is wrong"
                .to_owned();
        if let Some(most) = seen.most_receives() {
            words = format!("{words}, of {most} times before it goes to the dead letters");
        }
        Ok(Reading::Taking(words))
    }

    fn read_back(&self) -> Result<AllDelivered<'_>> {
        let seen = self.run(self.seen(&|| false), "ask")?;
        self.run(async { refuse_fifo(&seen) }, "read")?;
        Ok(Box::new(Taking::begin(self)?))
    }
}

fn refuse_fifo(seen: &Seen) -> Result<(), Failure> {
    if !seen.is_fifo() {
        return Ok(());
    }
    let text = "a FIFO queue hands out no message of a group while others of it are taken: it can be \
                read only by deleting, which verify does not";
    Err(Failure::Final(Trouble::Unsupported, text.to_owned()))
}

impl Drop for SqsQueue {
    fn drop(&mut self) {
        // Waiting for tasks here would panic inside of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for SqsQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqsQueue")
            .field("address", &self.shown)
            .finish_non_exhaustive()
    }
}
