//! What breaks on the way: brokers that go and come back, connections that are cut, brokers that are
//! slow or do not answer.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use lakeseed_sink::messages::kafka::{KafkaOptions, KafkaQueue};
use lakeseed_sink::messages::{Before, MessagePlan, PartToSend, Publish, Queue, Receipt};
use lakeseed_sink::{Error, Result, Trouble};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{Cluster, PARTITIONS, PATIENCE, SHORT, options, plan, publish, queue, rows, trouble};
use crate::trees::quick;

const CUT: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT;

/// What the thread that sends asks of the one that has the brokers.
enum Call {
    /// Three blocks are on their way.
    Amid,
    /// It waits.
    Waits,
}

/// Sends a plan's first part. `amid` happens between two blocks, `waits` when somebody has waited for
/// a while since. A stop comes where that is wanted.
fn send(
    queue: &KafkaQueue,
    plan: &MessagePlan<'_>,
    stops: bool,
    amid: impl Fn(),
    waits: impl Fn(),
) -> Result<Receipt> {
    let (calls, called) = mpsc::channel();
    let (answers, answered) = mpsc::channel();
    thread::scope(|scope| {
        let sending = scope.spawn(move || {
            let asked = AtomicU64::new(0);
            let is_over = || {
                let so_often = asked.fetch_add(1, Ordering::SeqCst);
                if so_often == PAUSES {
                    calls.send(Call::Waits).unwrap();
                }
                stops && (PAUSES..2 * PAUSES).contains(&so_often)
            };
            let mut sender = queue.open(PartToSend {
                plan,
                part: 0,
                before: Before::Nothing,
                is_over: &is_over,
            })?;
            let mut blocks = 0;
            plan.messages(0, &mut |block| {
                blocks += 1;
                if blocks == 3 {
                    calls.send(Call::Amid).unwrap();
                    // The other thread may have failed.
                    answered.recv_timeout(PATIENCE).unwrap();
                    asked.store(0, Ordering::SeqCst);
                }
                sender.send(block)
            })?;
            assert!(blocks > 3, "only {blocks} blocks");
            sender.finish()
        });
        for call in called {
            match call {
                Call::Amid => {
                    amid();
                    answers.send(()).unwrap();
                }
                Call::Waits => waits(),
            }
        }
        sending.join().unwrap()
    })
}

/// Questions whether it is over, until a waiting is called one.
const PAUSES: u64 = 100;

#[test]
fn connections_that_are_cut_lose_and_double_nothing() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 100_000);
    let plan = plan(&batch);
    // Each cut comes before the broker has looked at the request.
    let errors = [CUT, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR, CUT, CUT];
    for key in [
        RDKafkaApiKey::InitProducerId,
        RDKafkaApiKey::AddPartitionsToTxn,
        RDKafkaApiKey::Produce,
        RDKafkaApiKey::EndTxn,
    ] {
        cluster.mock.request_errors(key, &errors);
    }
    let queue = queue(&cluster.url("lake"));
    let published = Publish::to_queue(&plan, &queue).threads(2).run().unwrap();
    assert_eq!(published.rows, 100_000);
    cluster.stands_once("lake", &plan);
}

#[test]
fn passing_refusals_of_brokers_are_waited_for() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 20_000);
    let plan = plan(&batch);
    let passing = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    ];
    cluster
        .mock
        .request_errors(RDKafkaApiKey::Produce, &passing);
    let coordinator = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    ];
    cluster
        .mock
        .request_errors(RDKafkaApiKey::EndTxn, &coordinator);
    let queue = queue(&cluster.url("lake"));
    Publish::to_queue(&plan, &queue).run().unwrap();
    cluster.stands_once("lake", &plan);
}

#[test]
fn brokers_that_go_and_come_back_lose_and_double_nothing() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 65_000);
    let plan = plan(&batch);
    let queue = queue(&cluster.url("lake"));
    queue.prepare(&plan).unwrap();
    let waited = Cell::new(false);
    let up = || {
        waited.set(true);
        cluster.mock.broker_up(-1).unwrap();
    };
    let receipt = send(&queue, &plan, false, || cluster.down(), up).unwrap();
    assert_eq!((receipt.messages, receipt.found), (650, 0));
    assert!(waited.get(), "nobody waited");
    cluster.stands_once("lake", &plan);
}

#[test]
fn a_leader_that_changes_loses_and_doubles_nothing() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 65_000);
    let plan = plan(&batch);
    let queue = queue(&cluster.url("lake"));
    queue.prepare(&plan).unwrap();
    let change = || {
        for partition in 0..PARTITIONS {
            let to = Some(1 + (partition + 1) % 3);
            let mock = &cluster.mock;
            mock.partition_leader("lake", partition, to).unwrap();
        }
    };
    send(&queue, &plan, false, change, || {}).unwrap();
    cluster.stands_once("lake", &plan);
}

#[test]
fn a_cluster_that_never_answers_again_ends_the_run() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 65_000);
    let plan = plan(&batch);
    let options = KafkaOptions {
        patience: SHORT,
        ..options()
    };
    let queue = KafkaQueue::new(&cluster.url("lake"), options).unwrap();
    queue.prepare(&plan).unwrap();
    let error = send(&queue, &plan, false, || cluster.down(), || {}).unwrap_err();
    let (kind, text) = trouble(&error);
    let kinds = [Trouble::Unreachable, Trouble::Unavailable];
    assert!(kinds.contains(&kind), "{kind:?}: {text}");
}

#[test]
fn a_stop_ends_the_waiting() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 65_000);
    let plan = plan(&batch);
    let queue = queue(&cluster.url("lake"));
    queue.prepare(&plan).unwrap();
    let stopped = send(&queue, &plan, true, || cluster.down(), || {});
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
}

#[test]
fn slow_brokers_are_waited_for() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 20_000);
    let plan = plan(&batch);
    let slow = Duration::from_millis(300);
    cluster.mock.broker_round_trip_time(-1, slow).unwrap();
    let folder = quick();
    let ledger = folder.path().join("ledger");
    publish(&plan, &queue(&cluster.url("lake")), &ledger).unwrap();
    cluster.stands_once("lake", &plan);
    let read = queue(&cluster.url("lake"));
    assert_eq!(read.read().unwrap().count(), 200);
}

#[test]
fn a_reading_goes_on_where_brokers_come_back() {
    let cluster = Cluster::with("lake");
    let batch = rows().slice(0, 65_000);
    let plan = plan(&batch);
    let queue = queue(&cluster.url("lake"));
    Publish::to_queue(&plan, &queue).run().unwrap();
    let mut reading = queue.read().unwrap();
    let mut ids = vec![reading.next().unwrap().unwrap().id];
    // What was read ahead comes at once; the rest waits.
    cluster.down();
    thread::scope(|scope| {
        let rest = scope.spawn(|| ids.extend(reading.map(|message| message.unwrap().id)));
        cluster.mock.broker_up(-1).unwrap();
        rest.join().unwrap();
    });
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 650);
}
