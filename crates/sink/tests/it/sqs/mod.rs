//! Messages to SQS, against the server that tests share, and with somebody between where it cannot do
//! what a real one does.

mod between;
mod broken;
mod clean;
mod killed;
mod plain;
mod refused;

use std::collections::BTreeMap;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::SchemaRef;
use lakeseed_sink::messages::sqs::{SqsOptions, SqsQueue};
use lakeseed_sink::messages::{
    MessageCounts, MessagePlan, MessageSettings, Piece, Pieces, Publish, Published, ReadableQueue,
    VerifyQueue,
};
use lakeseed_sink::s3::Keys;
use lakeseed_sink::{BoxedReader, Environment, Error, Result, Secret, Trouble};
use lakeseed_test_s3::Service;

use self::plain::{Plain, Stood};
use crate::messages::all_of;
use crate::support::numbers;

/// How long what must come may take.
const PATIENCE: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_secs(2);

/// Rows of a part: few, since the server takes milliseconds for each message.
const PART_ROWS: usize = 1_320;

/// Three parts and a rest.
fn rows() -> RecordBatch {
    numbers(3 * PART_ROWS as u64 + 17)
}

/// Rows in parts.
struct Parts {
    batch: RecordBatch,
    pieces: Vec<Piece>,
}

impl Pieces for Parts {
    fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn open(&self, piece: usize, _batch_rows: usize) -> Result<BoxedReader> {
        let rows = self.pieces[piece].rows.unwrap() as usize;
        let batch = self.batch.slice(piece * PART_ROWS, rows);
        let schema = batch.schema();
        Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
    }
}

/// A hundred messages of rows.
fn plan(batch: &RecordBatch) -> MessagePlan<'static> {
    let settings = MessageSettings {
        max_rows: 40,
        ..MessageSettings::default()
    };
    let starts = (0..batch.num_rows()).step_by(PART_ROWS);
    let piece = |start: usize| {
        let end = batch.num_rows().min(start + PART_ROWS);
        Piece {
            name: format!("rows {start}..{end}"),
            identity: format!("{start}..{end}"),
            first_row: Some(start as u64),
            rows: Some((end - start) as u64),
        }
    };
    let parts = Parts {
        batch: batch.clone(),
        pieces: starts.map(piece).collect(),
    };
    let plan = MessagePlan::builder("pets")
        .data_id("test")
        .settings(settings);
    plan.pieces(Arc::new(parts)).build().unwrap()
}

/// Settings without this machine's environment.
fn options(service: &Service) -> SqsOptions {
    SqsOptions {
        endpoint_url: Some(service.endpoint.clone()),
        keys: Some(Keys {
            id: Secret::new(&service.access_key),
            secret: Secret::new(&service.secret_key),
            token: None,
        }),
        patience: PATIENCE,
        // Little, so that a part is many rounds.
        in_flight_bytes: 32 << 10,
        environment: Environment::new(|_| None),
        ..SqsOptions::default()
    }
}

fn queue(service: &Service, name: &str) -> SqsQueue {
    SqsQueue::new(&format!("sqs://{name}"), &options(service)).unwrap()
}

/// A name that no other test, and no other run, has.
fn fresh(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{}-{count}", process::id())
}

fn publish(plan: &MessagePlan<'_>, queue: &SqsQueue, ledger: &Path) -> Result<Published> {
    Publish::with_ledger(plan, queue, ledger).threads(2).run()
}

fn verify(plan: &MessagePlan<'_>, queue: &SqsQueue) -> MessageCounts {
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

/// Every message of the plan stands in the queue once, whole, and nothing else does. Takes them away.
#[track_caller]
fn stands_once(server: &Plain, name: &str, plan: &MessagePlan<'_>) {
    assert_eq!(doubles(server.all(name), plan), 0);
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
