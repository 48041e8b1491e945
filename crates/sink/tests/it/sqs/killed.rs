//! A client that is killed, at each step of the ledger and of the sending, and starts again.

use std::env;
use std::path::Path;

use serde_json::json;

use super::plain::Plain;
use super::{doubles, fresh, plan, publish, queue, rows, stands_once, verify};
use crate::kills::Child;
use crate::messages::all_of;
use crate::trees::quick;

const NAME: &str = "LAKESEED_TEST_SQS_QUEUE";
const LEDGER: &str = "LAKESEED_TEST_SQS_LEDGER";

#[test]
fn child() {
    let (Ok(name), Ok(ledger)) = (env::var(NAME), env::var(LEDGER)) else {
        return;
    };
    let server = Plain::shared("child").unwrap();
    let (batch, queue) = (rows(), queue(&server.service, &name));
    publish(&plan(&batch), &queue, Path::new(&ledger)).unwrap();
}

/// A child that publishes into the queue `name`.
fn publisher(name: &str, ledger: &Path) -> Child {
    Child {
        test: "sqs::killed::child",
        variables: vec![
            (NAME, name.to_owned()),
            (LEDGER, ledger.to_str().unwrap().to_owned()),
        ],
    }
}

/// Where a run can be killed.
fn trials(server: &Plain, folder: &Path) -> Vec<String> {
    let ours = [
        "ledger.acknowledged",
        "ledger.begun",
        "sqs.acknowledged",
        "sqs.answered",
        "sqs.sent",
    ];
    // Its calls are slow ones.
    let is_long = env::var_os("LAKESEED_TEST_LONG").is_some();
    let more = if is_long { 50 } else { 5 };
    let clean = fresh("clean");
    server.create(&clean, &json!({}));
    let trials = publisher(&clean, &folder.join("clean")).trials(folder, &ours, more);
    server.delete(&clean);
    trials
}

#[test]
fn a_client_that_is_killed_anywhere_goes_on_and_doubles_nothing_in_a_fifo_queue() {
    let title = "a_client_that_is_killed_anywhere_goes_on_and_doubles_nothing_in_a_fifo_queue";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let folder = quick();
    let batch = rows();
    let plan = plan(&batch);
    let fifo = json!({"FifoQueue": "true"});
    for at in trials(&server, folder.path()) {
        let name = format!("{}.fifo", fresh("killed"));
        server.create(&name, &fifo);
        let ledger = folder.path().join(&name);
        publisher(&name, &ledger).killed(&at);
        let published = publish(&plan, &queue(&server.service, &name), &ledger).unwrap();
        assert_eq!(published.rows, batch.num_rows() as u64);
        // All of it was within the five minutes.
        let warnings = published.warnings.join("\n");
        assert!(!warnings.contains("begun more than"), "{warnings}");
        stands_once(&server, &name, &plan);
        server.delete(&name);
    }
}

#[test]
fn a_client_that_is_killed_loses_nothing_in_a_standard_queue() {
    let title = "a_client_that_is_killed_loses_nothing_in_a_standard_queue";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let folder = quick();
    let batch = rows();
    let plan = plan(&batch);
    let messages = all_of(&plan).unwrap().len() as u64;
    let mut again = 0;
    for at in [
        "sqs.acknowledged:2",
        "sqs.acknowledged:7",
        "sqs.answered:5",
        "sqs.sent:6",
        "ledger.acknowledged:1",
        "ledger.done:1",
    ] {
        let name = fresh("standard");
        server.create(&name, &json!({}));
        let ledger = folder.path().join(&name);
        publisher(&name, &ledger).killed(at);
        let queue = queue(&server.service, &name);
        publish(&plan, &queue, &ledger).unwrap();
        // The library tells what the test's own hand tells: the parts in flight came again.
        let counts = verify(&plan, &queue);
        assert_eq!((counts.missing_rows, counts.altered_rows), (0, 0), "{at}");
        let twice = doubles(server.all(&name), &plan);
        assert_eq!(counts.messages, messages + twice, "{at}");
        // Of a part that is done nothing is sent again.
        assert!(twice < messages || !at.starts_with("ledger.done"), "{at}");
        again += twice;
        server.delete(&name);
    }
    assert!(again > 0, "no kill left anything behind");
}
