//! What goes well: everything arrives once, and is read back.

use lakeseed_sink::Result;
use lakeseed_sink::messages::kafka::{KafkaKey, KafkaOptions, KafkaQueue};
use lakeseed_sink::messages::{AllDelivered, Publish, Queue, ReadableQueue, Reading, VerifyQueue};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::{Cluster, PARTITIONS, PATIENCE, options, plan, publish, queue, rows};
use crate::messages::all_of;
use crate::trees::quick;

#[test]
fn everything_arrives_once_and_is_read_back() {
    let cluster = Cluster::with("lake");
    let batch = rows();
    let plan = plan(&batch);
    let queue = queue(&cluster.url("lake"));
    let folder = quick();
    let ledger = folder.path().join("ledger");
    let published = publish(&plan, &queue, &ledger).unwrap();
    assert_eq!(published.rows, batch.num_rows() as u64);
    assert_eq!(published.messages_found, 0);
    cluster.stands_once("lake", &plan);
    // The mock knows no settings of topics: that is told, and three replicas are no reason to warn.
    let warnings = published.warnings.join("\n");
    assert!(warnings.contains("could not be asked"), "{warnings}");
    assert!(!warnings.contains("one replica:"), "{warnings}");
    // Our own reader tells the same as somebody else's client.
    let mut others = cluster.all("lake");
    let read = queue.read().unwrap().map(Result::unwrap);
    let read = read.map(|one| (one.partition, one.offset, one.id, one.body.to_vec()));
    let mut read: Vec<_> = read.collect();
    others.sort();
    read.sort();
    assert!(
        read == others,
        "{} and {} messages",
        read.len(),
        others.len()
    );
    assert_eq!(queue.reading().unwrap(), Reading::Beside);
    // The same line again has nothing to do.
    let again = publish(&plan, &queue, &ledger).unwrap();
    assert_eq!((again.parts_found, again.made_messages), (4, 0));
    assert_eq!(cluster.all("lake").len(), others.len());
}

#[test]
fn partitions_follow_from_numbers_alone() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 70_000);
    let plan = plan(&batch);
    Publish::to_queue(&plan, &queue(&cluster.url("lake")))
        .threads(2)
        .run()
        .unwrap();
    let mut seen = 0;
    for (partition, _, id, _) in cluster.all("lake") {
        let id = id.unwrap();
        let mut numbers = id
            .split('-')
            .skip(1)
            .map(|text| text.parse::<i32>().unwrap_or(0));
        let (part, number) = (numbers.next().unwrap(), numbers.next().unwrap());
        assert_eq!(partition, (part + number) % PARTITIONS, "{id}");
        seen += 1;
    }
    assert_eq!(seen, 700 + 1);
}

#[test]
fn keys_are_ids_where_that_is_asked_for() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 5_000);
    let plan = plan(&batch);
    let options = KafkaOptions {
        key: KafkaKey::Id,
        ..options()
    };
    let queue = KafkaQueue::new(&cluster.url("lake"), options).unwrap();
    Publish::to_queue(&plan, &queue).run().unwrap();
    cluster.stands_once("lake", &plan);
    let keys = cluster.keys("lake");
    let mut ids: Vec<_> = all_of(&plan)
        .unwrap()
        .into_iter()
        .map(|one| one.id)
        .collect();
    ids.sort();
    assert_eq!(keys, ids);
}

#[test]
fn what_is_missing_double_or_altered_is_told() {
    let cluster = Cluster::with("lake");
    let batch = rows();
    let plan = plan(&batch);
    let url = cluster.url("lake");
    let queue = queue(&url);
    // By somebody else's hand: all but one, one twice, one with another number in its last row, and a
    // message that is none of ours.
    let all = all_of(&plan).unwrap();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.mock.bootstrap_servers())
        .create()
        .unwrap();
    let send = |id: &str, body: &[u8]| {
        let header = Header {
            key: "lakeseed-id",
            value: Some(id),
        };
        let record = BaseRecord::<(), [u8]>::to("lake")
            .partition(id.len() as i32 % PARTITIONS)
            .payload(body)
            .headers(OwnedHeaders::new().insert(header));
        producer.send(record).map_err(|(error, _)| error).unwrap();
    };
    for (at, message) in all.iter().enumerate() {
        match at {
            5 => {}
            1500 => {
                let mut body = message.body.clone();
                let digit = body.iter().rposition(u8::is_ascii_digit).unwrap();
                body[digit] = if body[digit] == b'7' { b'8' } else { b'7' };
                send(&message.id, &body);
            }
            _ => send(&message.id, &message.body),
        }
    }
    send(&all[900].id, &all[900].body);
    send("of somebody else", b"hello");
    let bare = BaseRecord::<(), [u8]>::to("lake").payload(b"no header");
    producer.send(bare).map_err(|(error, _)| error).unwrap();
    producer.flush(PATIENCE).unwrap();
    let read = || -> Result<AllDelivered<'_>> { queue.read_back() };
    let found = VerifyQueue::new(&plan, &read).run().unwrap();
    assert_eq!(found.counts.missing_rows, 100, "{found:?}");
    assert_eq!(found.counts.doubled_rows, 100, "{found:?}");
    assert_eq!(found.counts.altered_rows, 1, "{found:?}");
    assert_eq!(found.counts.strange_rows, 0, "{found:?}");
    assert_eq!(found.counts.messages, all.len() as u64, "{found:?}");
}

#[test]
fn another_ledger_is_another_run_and_doubles_are_seen() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 5_000);
    let plan = plan(&batch);
    let queue = queue(&cluster.url("lake"));
    let folder = quick();
    for ledger in ["one", "two"] {
        let published = publish(&plan, &queue, &folder.path().join(ledger)).unwrap();
        assert_eq!((published.messages, published.messages_found), (50, 0));
    }
    assert_eq!(cluster.all("lake").len(), 100);
    let read = || -> Result<AllDelivered<'_>> { queue.read_back() };
    let found = VerifyQueue::new(&plan, &read).run().unwrap();
    assert_eq!(found.counts.doubled_rows, 5_000, "{found:?}");
    assert_eq!(found.counts.missing_rows, 0, "{found:?}");
}

#[test]
fn an_empty_topic_is_read_to_its_end() {
    let cluster = Cluster::with("lake");
    let queue = queue(&cluster.url("lake"));
    assert_eq!(queue.read().unwrap().count(), 0);
    assert_eq!(queue.position().unwrap().as_deref(), Some("0,0,0,0"));
}

#[test]
fn an_open_sender_keeps_to_its_bytes() {
    let cluster = Cluster::with("lake");
    let queue = queue(&cluster.url("lake"));
    assert!(queue.sender_bytes() < 10 << 20);
    assert_eq!(queue.most_senders(), Some(8));
}
