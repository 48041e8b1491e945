//! Messages to Kafka, against librdkafka's mock cluster in this process: real connections and the real
//! protocol, brokers that can be taken down, errors that are injected. What it does not have is said
//! in docs/kafka.md: it keeps messages of transactions that are aborted, fences nobody, and knows no
//! settings of topics.

mod broken;
mod clean;
mod killed;
mod refused;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use arrow_array::RecordBatch;
use lakeseed_sink::messages::kafka::{KafkaOptions, KafkaQueue};
use lakeseed_sink::messages::{MessagePlan, MessageSettings, PIECE_ROWS, Publish, Published};
use lakeseed_sink::{Environment, Error, Result, Trouble};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::messages::{all_of, plan_of};
use crate::support::numbers;

/// More than any of these tests takes.
const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_secs(2);
const PARTITIONS: i32 = 4;

/// Three brokers, and what a test asks of them without our code.
struct Cluster {
    mock: MockCluster<'static, DefaultProducerContext>,
}

impl Cluster {
    fn start() -> Self {
        let mock = MockCluster::new(3).unwrap();
        Self { mock }
    }

    /// With a topic of that name.
    fn with(topic: &str) -> Self {
        let cluster = Self::start();
        cluster.topic(topic);
        cluster
    }

    fn topic(&self, topic: &str) {
        self.mock.create_topic(topic, PARTITIONS, 3).unwrap();
    }

    /// Takes all brokers down.
    fn down(&self) {
        self.mock.broker_down(-1).unwrap();
    }

    fn url(&self, topic: &str) -> String {
        format!("kafka://{}/{topic}", self.mock.bootstrap_servers())
    }

    /// All messages of a topic, as somebody else sees them: partition, offset, id, body.
    fn all(&self, topic: &str) -> Vec<(i32, i64, Option<String>, Vec<u8>)> {
        self.each(topic, |message| {
            let headers = message.headers().into_iter();
            let mut headers = headers.flat_map(Headers::iter);
            let id = headers.find(|header| header.key == "lakeseed-id");
            let id = id.map(|id| String::from_utf8(id.value.unwrap().to_vec()).unwrap());
            let body = message.payload().unwrap_or_default().to_vec();
            (message.partition(), message.offset(), id, body)
        })
    }

    /// The keys of all messages of a topic, sorted.
    fn keys(&self, topic: &str) -> Vec<String> {
        let key =
            |message: &BorrowedMessage<'_>| message.key_view::<str>().unwrap().unwrap().to_owned();
        let mut keys = self.each(topic, key);
        keys.sort();
        keys
    }

    /// What is made of each message of a topic, by a client with nothing of ours.
    fn each<T>(&self, topic: &str, take: impl Fn(&BorrowedMessage<'_>) -> T) -> Vec<T> {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.mock.bootstrap_servers())
            .set("group.id", "somebody")
            .set("isolation.level", "read_uncommitted")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()
            .unwrap();
        let mut wanted = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            wanted
                .add_partition_offset(topic, partition, Offset::Beginning)
                .unwrap();
        }
        client.assign(&wanted).unwrap();
        let (mut all, mut open) = (Vec::new(), PARTITIONS);
        while open > 0 {
            match client.poll(PATIENCE).expect("the mock does not answer") {
                Ok(message) => all.push(take(&message)),
                Err(KafkaError::PartitionEOF(_)) => open -= 1,
                Err(error) => panic!("{error}"),
            }
        }
        all
    }

    /// Every message of the plan stands in the topic once, whole, and nothing else does.
    #[track_caller]
    fn stands_once(&self, topic: &str, plan: &MessagePlan<'_>) {
        let mut expected = BTreeMap::new();
        for message in all_of(plan).unwrap() {
            expected.insert(message.id, message.body);
        }
        let mut seen = 0;
        for (partition, offset, id, body) in self.all(topic) {
            let id = id.expect("a message without an id");
            let whole = expected.remove(&id);
            assert!(
                whole.is_some(),
                "{partition}:{offset} is there twice, or a stranger: {id}"
            );
            assert!(whole.unwrap() == body, "{partition}:{offset} is altered");
            seen += 1;
        }
        let missing = expected.len();
        assert_eq!(missing, 0, "{missing} are missing, {seen} are there");
    }
}

/// Three parts and a rest.
fn rows() -> RecordBatch {
    numbers(3 * PIECE_ROWS + 17)
}

/// Some thousand messages of rows.
fn plan(batch: &RecordBatch) -> MessagePlan<'static> {
    let settings = MessageSettings {
        max_rows: 100,
        ..MessageSettings::default()
    };
    plan_of(batch, 3, settings).unwrap()
}

/// Settings without this machine's environment.
fn options() -> KafkaOptions {
    KafkaOptions {
        patience: PATIENCE,
        // Little, so that a part is many rounds.
        in_flight_bytes: 256 << 10,
        environment: Environment::new(|_| None),
        ..KafkaOptions::default()
    }
}

fn queue(url: &str) -> KafkaQueue {
    KafkaQueue::new(url, options()).unwrap()
}

fn publish(plan: &MessagePlan<'_>, queue: &KafkaQueue, ledger: &Path) -> Result<Published> {
    Publish::with_ledger(plan, queue, ledger).threads(2).run()
}

/// What a refusal says, and of which kind it is.
#[track_caller]
fn trouble(error: &Error) -> (Trouble, String) {
    match error.cause() {
        Error::Remote {
            trouble, source, ..
        } => (*trouble, format!("{error} {source}")),
        other => panic!("{other:?}"),
    }
}
