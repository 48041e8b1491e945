//! Kafka as a target: a topic, and the transactions that messages come in.
//!
//! ```text
//! KafkaQueue -- watcher      one client that asks: partitions, their ends, settings
//!     |  \
//!     |   Sender: a part, in transactions, through a Lane: a producer with an id of its own
//!     |        \-> in doubt: lanes are fenced, Reading tells what is there, the rest is sent
//!     KafkaReader: what stands in the topic, for whoever verifies
//! ```
//! Each message bears its [`MessageId`](super::MessageId) in the header `lakeseed-id`. Kafka knows no
//! messages by their names: its idempotence is that of one producer's session, and ends with it. So a
//! part is sent in a transaction. After a kill the producers of the killed run are fenced, which aborts
//! what they had open and refuses what they still had on its way; then the topic is read from the
//! position on that was written down before the part, and what is not there is sent. Consumers that
//! read what is committed see each message once; others see those of aborted transactions too.
//!
//! A message goes to the partition `(part + number) % partitions`: by its numbers alone.
//!
//! The client is librdkafka, with which most of the other languages speak to Kafka; the crate builds it
//! from the sources that it brings.

mod address;
mod failure;
mod heard;
mod lanes;
mod offsets;
mod options;
mod reading;
mod sender;
mod settings;
mod topic;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::runtime::{Builder, Runtime};

use self::address::Address;
use self::failure::Failure;
use self::heard::Heard;
use self::lanes::{LANES, Lanes};
use self::options::Means;
pub use self::options::{
    DEFAULT_IN_FLIGHT_BYTES, DEFAULT_PATIENCE, KafkaCredentials, KafkaKey, KafkaOptions,
};
pub use self::reading::{KafkaMessage, KafkaReader};
use self::sender::KafkaSender;
use self::topic::Topic;
use super::plan::MessagePlan;
use super::queue::{PartToSend, Queue, ReadableQueue, Sender};
use super::read_back::{AllDelivered, Delivered};
use crate::error::{Error, Result, Trouble};
use crate::secret::Scrubber;

/// The header that bears a message's id.
pub const ID_HEADER: &str = "lakeseed-id";

/// What a sender holds beside the bodies on their way: up to 8,192 messages' ids, headers and records
/// within the client, and its threads.
const SENDER_BYTES: u64 = 8 << 20;
/// Between two questions that were not answered.
const PAUSE: Duration = Duration::from_millis(50);
/// How often who waits looks around.
const TICK: Duration = Duration::from_millis(100);
/// How long an answer may take, at first and at most: a client without a connection does not say so
/// before the time is over.
const FIRST_ANSWER: Duration = Duration::from_millis(200);
const ANSWER: Duration = Duration::from_secs(5);
/// How long a client is asked what it has heard.
const EAR: Duration = Duration::from_millis(5);

/// A topic of a Kafka cluster.
///
/// **Threads.** The client's own: one for each client and one for each broker that it knows. Calls
/// block, and may be made from any thread that is not itself one of an async runtime.
///
/// **Memory.** An open sender holds the bytes that are on their way, and about 8 MiB; in a part that an
/// earlier run has begun, 16 to 36 bytes for each of its messages that is there already, and 8 MiB
/// while they are looked up.
///
/// See [`KafkaOptions`] for an example.
pub struct KafkaQueue {
    address: Address,
    means: Means,
    scrubber: Arc<Scrubber>,
    create: bool,
    key: KafkaKey,
    patience: Duration,
    in_flight_bytes: u64,
    /// Asks for what is there, committed or not.
    watcher: OnceLock<BaseConsumer<Heard>>,
    /// Whether a broker has answered at all.
    is_met: AtomicBool,
    /// The topic as it was found first.
    topic: OnceLock<Topic>,
    lanes: Lanes,
}

impl KafkaQueue {
    /// A queue at `kafka://HOST:PORT/TOPIC`, or `kafkas://` for TLS. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that is none and for settings that are lakeseed's,
    /// [`Error::Io`] for a file of settings that cannot be read, and [`Error::Remote`] for TLS or SCRAM
    /// in a build without them.
    pub fn new(address: &str, options: KafkaOptions) -> Result<Self> {
        let address = Address::parse(address)?;
        let (create, key) = (options.create, options.key);
        let (patience, in_flight_bytes) = (options.patience, options.in_flight_bytes);
        let means = Means::find(options, address.user.clone())?;
        let scrubber = Scrubber::default();
        for secret in means.secrets() {
            scrubber.learn(secret);
        }
        let queue = Self {
            address,
            means,
            scrubber: Arc::new(scrubber),
            create,
            key,
            patience,
            in_flight_bytes,
            watcher: OnceLock::new(),
            is_met: AtomicBool::new(false),
            topic: OnceLock::new(),
            lanes: Lanes::default(),
        };
        settings::base(&queue.address, &queue.means).map_err(queue.error("connect to"))?;
        Ok(queue)
    }

    /// What stands in the topic, up to the last message of now, as consumers see it that read what is
    /// committed. No group is joined, and nothing is committed.
    ///
    /// # Errors
    /// [`Error::Remote`] where the brokers or the topic cannot be reached, and where somebody's open
    /// transaction holds messages back for longer than the patience.
    pub fn read(&self) -> Result<KafkaReader<'_>> {
        KafkaReader::begin(self)
    }

    fn error(&self, action: &'static str) -> impl Fn(Failure) -> Error + '_ {
        move |failure| failure.into_error(action, self.address.shown())
    }

    /// A client of any kind.
    fn client<C: FromClientConfigAndContext<Heard>>(
        &self,
        config: &ClientConfig,
    ) -> Result<C, Failure> {
        let client = config.create_with_context(Heard::new(&self.scrubber));
        client.map_err(|error| Failure::of(&error, &self.scrubber))
    }

    fn watcher(&self) -> Result<&BaseConsumer<Heard>, Failure> {
        if let Some(watcher) = self.watcher.get() {
            return Ok(watcher);
        }
        let mut config = settings::base(&self.address, &self.means)?;
        config.set("isolation.level", "read_uncommitted");
        let made = self.client(&config)?;
        Ok(self.watcher.get_or_init(|| made))
    }

    /// Asks until there is an answer or patience ends. Where nobody has answered yet, brokers that
    /// cannot be reached are tried once: an address that is wrong does not become right.
    fn ask<T>(
        &self,
        is_over: &(dyn Fn() -> bool + Sync),
        question: impl Fn(&BaseConsumer<Heard>, Duration) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let watcher = self.watcher()?;
        let until = Instant::now() + self.patience;
        let mut wait = FIRST_ANSWER;
        loop {
            let failure = match question(watcher, wait) {
                Ok(answer) => {
                    self.is_met.store(true, Ordering::Release);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            while watcher.poll(EAR).is_some() {}
            let heard = watcher.context();
            if let Some(refusal) = heard.refusal() {
                return Err(refusal);
            }
            let is_wrong = !self.is_met.load(Ordering::Acquire) && heard.are_all_down();
            if !failure.is_passing() || is_wrong || Instant::now() >= until {
                return Err(failure);
            }
            if is_over() {
                return Err(Failure::Whole(Error::Stopped));
            }
            sleep(PAUSE);
            wait = (wait * 2).min(ANSWER);
        }
    }

    /// What the topic is now.
    fn look(&self, is_over: &(dyn Fn() -> bool + Sync)) -> Result<Topic, Failure> {
        let name = &self.address.topic;
        self.ask(is_over, |watcher, wait| {
            let found = watcher.fetch_metadata(Some(name), wait);
            let found = found.map_err(|error| Failure::of(&error, &self.scrubber))?;
            Topic::of(name, &found)
        })
    }

    /// The topic as it was found first, its settings included.
    fn topic(&self, is_over: &(dyn Fn() -> bool + Sync)) -> Result<&Topic, Failure> {
        if let Some(topic) = self.topic.get() {
            return Ok(topic);
        }
        let mut topic = match self.look(is_over) {
            Err(Failure::Final(Trouble::Missing, _)) if self.create => {
                let name = &self.address.topic;
                topic::create(&self.admin()?, name, self.patience, &self.scrubber)?;
                // Brokers hear of a new topic one after the other.
                self.wait_for_topic(is_over)?
            }
            found => found?,
        };
        let asked = topic::settings(&self.admin()?, &topic, &self.scrubber);
        topic.settings = match asked {
            Ok(settings) => Ok(settings),
            Err(Failure::Passing(_, text) | Failure::Final(_, text)) => Err(text),
            Err(whole @ Failure::Whole(_)) => return Err(whole),
        };
        Ok(self.topic.get_or_init(|| topic))
    }

    fn wait_for_topic(&self, is_over: &(dyn Fn() -> bool + Sync)) -> Result<Topic, Failure> {
        let until = Instant::now() + self.patience;
        loop {
            match self.look(is_over) {
                Err(Failure::Final(Trouble::Missing, _)) if Instant::now() < until => sleep(PAUSE),
                found => return found,
            }
        }
    }

    fn admin(&self) -> Result<AdminClient<Heard>, Failure> {
        self.client(&settings::base(&self.address, &self.means)?)
    }

    /// Behind the last message of each of so many partitions, committed or not.
    fn ends(
        &self,
        partitions: i32,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<i64>, Failure> {
        self.ask(is_over, |watcher, wait| {
            let ends = offsets::ends(watcher, &self.address.topic, partitions, wait);
            ends.map_err(|error| Failure::of(&error, &self.scrubber))
        })
    }

    /// Where the topic stands now, as the ledger keeps it.
    fn place(&self, is_over: &(dyn Fn() -> bool + Sync)) -> Result<String, Failure> {
        let partitions = self.topic(is_over)?.partitions;
        Ok(offsets::write(&self.ends(partitions, is_over)?))
    }
}

impl Queue for KafkaQueue {
    fn address(&self) -> String {
        self.address.shown()
    }

    fn prepare(&self, plan: &MessagePlan<'_>) -> Result<Vec<String>> {
        let topic = self.topic(&|| false).map_err(self.error("send to"))?;
        let checked = topic.check(plan.settings().max_bytes);
        checked.map_err(self.error("send to"))?;
        let mut warnings = topic.warnings();
        let is_plain = self
            .means
            .mechanism()
            .is_some_and(|how| how.eq_ignore_ascii_case("PLAIN"));
        if is_plain && !self.address.is_tls() {
            let line = "PLAIN over kafka:// sends the password in clear: kafkas:// does not";
            warnings.push(line.to_owned());
        }
        Ok(warnings)
    }

    /// The ends of all partitions, in their order.
    fn position(&self) -> Result<Option<String>> {
        self.place(&|| false).map(Some).map_err(self.error("ask"))
    }

    fn sender_bytes(&self) -> u64 {
        self.in_flight_bytes + SENDER_BYTES
    }

    fn most_senders(&self) -> Option<usize> {
        Some(LANES)
    }

    fn open<'q>(&'q self, part: PartToSend<'q>) -> Result<Box<dyn Sender + 'q>> {
        let sender = KafkaSender::open(self, part).map_err(self.error("send to"))?;
        Ok(Box::new(sender))
    }
}

impl ReadableQueue for KafkaQueue {
    fn read_back(&self) -> Result<AllDelivered<'_>> {
        let all = self.read()?;
        Ok(Box::new(all.map(|message| message.map(Delivered::from))))
    }
}

impl std::fmt::Debug for KafkaQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaQueue")
            .field("address", &self.address.shown())
            .finish_non_exhaustive()
    }
}

/// What a calling thread waits in for the answer of an administrator's question.
fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().build();
    let runtime = runtime.map_err(Error::io("start a runtime in", Path::new(".")));
    runtime.map_err(Failure::Whole)
}
