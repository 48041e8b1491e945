//! `publish` to Kafka and `verify` of what stands there, killed on the way. The brokers are
//! librdkafka's mock cluster, in this process; the command line connects to them.

use std::path::Path;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::{ClientConfig, message};

use crate::support::{binary, files, json, ran, run};

/// Five parts of predictions with few columns, small enough for the mock: it keeps 5 MB of a partition.
const ROWS: &str = "predictions --classes 3 --rows 270k";

struct Cluster(MockCluster<'static, DefaultProducerContext>);

impl Cluster {
    fn with(topic: &str) -> Self {
        let mock = MockCluster::new(2).unwrap();
        mock.create_topic(topic, 16, 2).unwrap();
        Self(mock)
    }

    fn url(&self, topic: &str) -> String {
        format!("kafka://{}/{topic}", self.0.bootstrap_servers())
    }
}

/// A run that ends itself at a point.
fn killed(folder: &Path, args: &str, point: &str) {
    let mut command = binary(folder);
    command
        .args(args.split_whitespace())
        .env("LAKESEED_FAIL_POINT", point);
    assert_eq!(ran(&mut command).code, None, "{point} was not reached");
}

#[test]
fn predictions_arrive_once_although_the_run_is_killed_twice() {
    let cluster = Cluster::with("new");
    let (folder, url) = (tempfile::tempdir().unwrap(), cluster.url("new"));
    let folder = folder.path();
    let publish = format!("publish {ROWS} --to {url} -j 2");
    killed(folder, &publish, "kafka.acknowledged:7000");
    // A ledger that is not finished is no reason to look.
    let early = run(folder, &format!("verify {url}"));
    assert_eq!(early.code, Some(3), "{}", early.err);
    assert!(
        early.err.contains("repeat the publish command"),
        "{}",
        early.err
    );
    killed(folder, &publish, "kafka.committed:1");
    let done = json(folder, &publish);
    assert_eq!(done["rows"], 270_000, "{done}");
    assert!(done["messages_found"].as_u64().unwrap() > 1_000, "{done}");
    let found = json(folder, &format!("verify {url}"));
    assert_eq!(found["clean"], true, "{found}");
    assert_eq!(found["rows_read"], 270_000, "{found}");
    assert_eq!(found["doubled_rows"], 0, "{found}");
    // The same line again has nothing to do.
    let again = json(folder, &publish);
    assert_eq!(again["parts_found"], 5, "{again}");
    // Somebody sends a message once more.
    double(&cluster, "new");
    let damaged = run(folder, &format!("verify {url} --json"));
    assert_eq!(damaged.code, Some(1), "{}", damaged.err);
    let found: serde_json::Value = serde_json::from_str(&damaged.out).unwrap();
    assert_eq!(found["doubled_rows"], 10, "{found}");
}

/// Sends the first message of a topic again.
fn double(cluster: &Cluster, topic: &str) {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::message::Message;
    let client = |group| {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.0.bootstrap_servers());
        config.set("group.id", group);
        config
    };
    let reader: BaseConsumer = client("somebody").create().unwrap();
    let mut first = rdkafka::TopicPartitionList::new();
    first
        .add_partition_offset(topic, 0, rdkafka::Offset::Beginning)
        .unwrap();
    reader.assign(&first).unwrap();
    let minute = std::time::Duration::from_mins(1);
    let message = reader.poll(minute).unwrap().unwrap();
    let headers: message::OwnedHeaders = message.headers().unwrap().detach();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.0.bootstrap_servers())
        .create()
        .unwrap();
    let record = BaseRecord::<(), [u8]>::to(topic)
        .payload(message.payload().unwrap())
        .headers(headers);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(minute).unwrap();
}

#[test]
fn secrets_are_never_shown() {
    let cluster = Cluster::with("lake");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let place = cluster.url("lake").replace("kafka://", "");
    let publish = format!("publish {ROWS} --log log --log-level debug --to");
    for (args, mechanism, code) in [
        // No mechanism: a guess could send the password in clear.
        (format!("{publish} kafka://ana:canary-7f3a@{place}"), "", 2),
        (
            format!("{publish} kafka://ana:canary-7f3a@{place}/x"),
            "PLAIN",
            2,
        ),
        // The mock knows no SASL, and this build may know no SCRAM and no TLS.
        (
            format!("{publish} kafka://ana:canary-7f3a@{place}"),
            "PLAIN",
            3,
        ),
        (
            format!("{publish} kafka://ana:canary-7f3a@{place}"),
            "SCRAM-SHA-512",
            3,
        ),
        (
            format!("verify kafka://ana:canary-7f3a@{place}"),
            "PLAIN",
            3,
        ),
    ] {
        let mut command = binary(folder);
        command.args(args.split_whitespace());
        if !mechanism.is_empty() {
            command.env("KAFKA_SASL_MECHANISM", mechanism);
        }
        let refused = ran(&mut command);
        assert_eq!(refused.code, Some(code), "{args}: {}", refused.err);
        let all = [refused.out, refused.err].concat();
        assert!(!all.contains("canary"), "{all}");
    }
    for (name, bytes) in files(folder) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !name.contains("canary") && !text.contains("canary"),
            "{name}: {text}"
        );
    }
}

#[test]
fn a_missing_topic_is_told_with_the_way_to_make_one() {
    let cluster = Cluster::with("lake");
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.url("nowhere");
    let refused = run(folder.path(), &format!("publish {ROWS} --to {url}"));
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("publish --create"), "{}", refused.err);
}

#[test]
fn warnings_name_what_is_not_known() {
    let cluster = Cluster::with("lake");
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.url("lake");
    let args = format!("publish predictions --classes 3 --rows 1k --to {url}");
    let told = run(folder.path(), &args);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.err.contains("warning: topic lake"), "{}", told.err);
}
