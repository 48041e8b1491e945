//! What is refused, with which words, and before what.

use std::net::TcpListener;
use std::time::Instant;

use lakeseed_sink::Trouble;
use lakeseed_sink::messages::kafka::{KafkaOptions, KafkaQueue};
use lakeseed_sink::messages::{Publish, Queue};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{Cluster, SHORT, options, plan, publish, queue, rows, trouble};
use crate::trees::quick;

#[test]
fn a_missing_topic_is_told_with_the_way_to_make_one() {
    let cluster = Cluster::start();
    let batch = rows().slice(0, 100);
    let queue = queue(&cluster.url("nowhere"));
    let error = Publish::to_queue(&plan(&batch), &queue).run().unwrap_err();
    let (kind, text) = trouble(&error);
    assert_eq!(kind, Trouble::Missing, "{text}");
    assert!(text.contains("publish --create"), "{text}");
    assert_eq!(trouble(&queue.read().unwrap_err()).0, Trouble::Missing);
}

#[test]
fn a_cluster_that_makes_no_topics_says_so() {
    let cluster = Cluster::start();
    let options = KafkaOptions {
        create: true,
        patience: SHORT,
        ..options()
    };
    let queue = KafkaQueue::new(&cluster.url("nowhere"), options).unwrap();
    let batch = rows().slice(0, 100);
    let error = queue.prepare(&plan(&batch)).unwrap_err();
    // The mock has nobody who could be asked for it.
    let (kind, text) = trouble(&error);
    assert_eq!(kind, Trouble::Unreachable, "{text}");
}

#[test]
fn brokers_that_are_not_there_are_tried_once() {
    // A port that nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let batch = rows().slice(0, 100);
    let began = Instant::now();
    let queue = queue(&format!("kafka://{address}/lake"));
    let error = Publish::to_queue(&plan(&batch), &queue).run().unwrap_err();
    assert_eq!(trouble(&error).0, Trouble::Unreachable);
    assert!(
        began.elapsed() < super::PATIENCE / 3,
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn what_may_not_be_written_is_denied_and_what_may_be_later_is_sent() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 5_000);
    let plan = plan(&batch);
    let folder = quick();
    let ledger = folder.path().join("ledger");
    let denied = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 20];
    cluster.mock.request_errors(RDKafkaApiKey::Produce, &denied);
    let error = publish(&plan, &queue(&cluster.url("lake")), &ledger).unwrap_err();
    let (kind, text) = trouble(&error);
    assert_eq!(kind, Trouble::Denied, "{text}");
    cluster.mock.clear_request_errors(RDKafkaApiKey::Produce);
    publish(&plan, &queue(&cluster.url("lake")), &ledger).unwrap();
    cluster.stands_once("lake", &plan);
}

#[test]
fn transactions_that_are_not_allowed_are_denied() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 100);
    let denied = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED; 5];
    cluster
        .mock
        .request_errors(RDKafkaApiKey::FindCoordinator, &denied);
    let options = KafkaOptions {
        patience: SHORT,
        ..options()
    };
    let queue = KafkaQueue::new(&cluster.url("lake"), options).unwrap();
    let error = Publish::to_queue(&plan(&batch), &queue).run().unwrap_err();
    let (kind, text) = trouble(&error);
    assert_eq!(kind, Trouble::Denied, "{text}");
}

#[test]
fn a_message_that_the_broker_refuses_for_its_size_ends_the_run() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 100);
    let too_large = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 5];
    cluster
        .mock
        .request_errors(RDKafkaApiKey::Produce, &too_large);
    let queue = queue(&cluster.url("lake"));
    let error = Publish::to_queue(&plan(&batch), &queue).run().unwrap_err();
    let (kind, text) = trouble(&error);
    assert_eq!(kind, Trouble::Other, "{text}");
    assert!(text.contains("too large"), "{text}");
}

#[test]
fn secrets_of_a_file_are_shown_nowhere() {
    let folder = quick();
    let path = folder.path().join("kcat.conf");
    let text = "sasl.mechanism=PLAIN\nsasl.username=ana\nsasl.password=canary-7f3a\n\
                ssl.key.password=canary-9b1c\n";
    std::fs::write(&path, text).unwrap();
    let cluster = Cluster::with("lake");
    let with = |config| KafkaOptions {
        config: Some(config),
        patience: SHORT,
        ..options()
    };
    let queue = KafkaQueue::new(&cluster.url("lake"), with(path.clone())).unwrap();
    let batch = rows().slice(0, 100);
    // The mock knows no SASL.
    let error = Publish::to_queue(&plan(&batch), &queue).run().unwrap_err();
    let options = with(path);
    let shown = format!(
        "{queue:?} {options:?} {error:?} {error} {:?}",
        trouble(&error)
    );
    assert!(!shown.contains("canary"), "{shown}");
}
