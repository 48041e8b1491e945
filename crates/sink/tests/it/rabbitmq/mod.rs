//! Messages to RabbitMQ, against the server that tests share and, where one is killed, one of a test's
//! own.

mod broken;
mod clean;
mod killed;
mod plain;
mod refused;
mod secured;
mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow_array::RecordBatch;
use lakeseed_sink::messages::rabbitmq::{RabbitOptions, RabbitQueue};
use lakeseed_sink::messages::{
    MessageCounts, MessagePlan, MessageSettings, PIECE_ROWS, Publish, Published, ReadableQueue,
    VerifyQueue,
};
use lakeseed_sink::{Environment, Error, Result, Trouble};

use self::plain::{PATIENCE, Plain, Stood};
use crate::messages::{all_of, plan_of};
use crate::support::numbers;

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
fn options() -> RabbitOptions {
    RabbitOptions {
        patience: PATIENCE,
        // Little, so that a part is many rounds.
        in_flight_bytes: 256 << 10,
        environment: Environment::new(|_| None),
        ..RabbitOptions::default()
    }
}

/// A queue in the virtual host that is always there.
fn queue(url: &str, name: &str) -> RabbitQueue {
    RabbitQueue::new(&format!("{url}/%2F/{name}"), options()).unwrap()
}

/// A name that no other test, and no other run, has.
fn fresh(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{}-{count}", process::id())
}

fn publish(plan: &MessagePlan<'_>, queue: &RabbitQueue, ledger: &Path) -> Result<Published> {
    Publish::with_ledger(plan, queue, ledger).threads(2).run()
}

fn verify(plan: &MessagePlan<'_>, queue: &RabbitQueue) -> MessageCounts {
    let read = || queue.read_back();
    VerifyQueue::new(plan, &read).run().unwrap().counts
}

/// Every message of the plan is among these, whole, and nothing else is; how many came twice.
#[track_caller]
fn doubles(all: Vec<Stood>, plan: &MessagePlan<'_>) -> u64 {
    let mut expected = BTreeMap::new();
    for message in all_of(plan).unwrap() {
        expected.insert(message.id, (message.body, 0_u64));
    }
    for (id, body) in all {
        let Some((whole, count)) = expected.get_mut(&id) else {
            panic!("a stranger: {id}");
        };
        assert!(*whole == body, "{id} is altered");
        *count += 1;
    }
    let missing = expected.values().filter(|(_, count)| *count == 0).count();
    assert_eq!(missing, 0, "{missing} messages are missing");
    expected.values().map(|(_, count)| count - 1).sum()
}

/// Every message of the plan stands in the stream once, whole, and nothing else does.
#[track_caller]
fn stands_once(wire: &mut Plain, stream: &str, plan: &MessagePlan<'_>) {
    assert_eq!(doubles(wire.all_of_stream(stream), plan), 0);
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

const SHORT: Duration = Duration::from_secs(2);
