//! Messages to NATS JetStream, against real servers that each test starts.

mod broken;
mod clean;
mod killed;
mod refused;
mod secured;
mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use arrow_array::RecordBatch;
use lakeseed_sink::messages::nats::{NatsOptions, NatsQueue};
use lakeseed_sink::messages::{MessagePlan, MessageSettings, PIECE_ROWS, Publish, Published};
use lakeseed_sink::{Environment, Error, Result, Trouble};
use serde_json::{Value, json};

use self::server::{PATIENCE, Plain};
use crate::messages::{all_of, plan_of};
use crate::support::numbers;

/// A duplicate window that helps nobody: the least that servers take.
fn no_window() -> Value {
    json!({ "duplicate_window": 100_000_000 })
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
fn options() -> NatsOptions {
    NatsOptions {
        patience: PATIENCE,
        // Little, so that a part is many rounds.
        in_flight_bytes: 256 << 10,
        environment: Environment::new(|_| None),
        ..NatsOptions::default()
    }
}

fn queue(url: &str) -> NatsQueue {
    NatsQueue::new(url, options()).unwrap()
}

fn publish(plan: &MessagePlan<'_>, queue: &NatsQueue, ledger: &Path) -> Result<Published> {
    Publish::with_ledger(plan, queue, ledger).threads(2).run()
}

/// Every message of the plan stands in the stream once, whole, and nothing else does.
#[track_caller]
fn stands_once(wire: &mut Plain, stream: &str, plan: &MessagePlan<'_>) {
    let mut expected = BTreeMap::new();
    for message in all_of(plan).unwrap() {
        expected.insert(message.id, message.body);
    }
    let mut seen = 0;
    for (number, id, body) in wire.all(stream) {
        let whole = expected.remove(&id);
        assert!(
            whole.is_some(),
            "message {number} is there twice, or a stranger: {id}"
        );
        assert!(whole.unwrap() == body, "message {number} is altered: {id}");
        seen += 1;
    }
    let missing = expected.len();
    assert_eq!(
        missing, 0,
        "{missing} messages are missing, {seen} are there"
    );
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
