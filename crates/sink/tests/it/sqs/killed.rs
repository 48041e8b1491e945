//! A client that is killed, at each step of the ledger and of the sending, and starts again.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use serde_json::json;

use super::plain::Plain;
use super::{doubles, fresh, plan, publish, queue, rows, stands_once, verify};
use crate::messages::all_of;
use crate::trees::quick;

const NAME: &str = "LAKESEED_TEST_SQS_QUEUE";
const LEDGER: &str = "LAKESEED_TEST_SQS_LEDGER";
const SIGABRT: i32 = 6;

#[test]
fn child() {
    let (Ok(name), Ok(ledger)) = (env::var(NAME), env::var(LEDGER)) else {
        return;
    };
    let server = Plain::shared("child").unwrap();
    let (batch, queue) = (rows(), queue(&server.service, &name));
    publish(&plan(&batch), &queue, Path::new(&ledger)).unwrap();
}

fn run(name: &str, ledger: &Path, variables: &[(&str, &str)]) -> ExitStatus {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "sqs::killed::child", "--nocapture"])
        .env(NAME, name)
        .env(LEDGER, ledger)
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

/// The points of a run that nobody kills, with how often each is reached.
fn points(server: &Plain, folder: &Path) -> Vec<(String, usize)> {
    let (clean, log) = (fresh("clean"), folder.join("points"));
    server.create(&clean, &json!({}));
    let log_name = log.to_str().unwrap();
    let ended = run(
        &clean,
        &folder.join("clean"),
        &[("LAKESEED_FAIL_LOG", log_name)],
    );
    assert!(ended.success());
    server.delete(&clean);
    let hits = fs::read_to_string(&log).unwrap();
    let points: BTreeSet<&str> = hits.lines().collect();
    for ours in [
        "ledger.acknowledged",
        "ledger.begun",
        "sqs.acknowledged",
        "sqs.answered",
        "sqs.sent",
    ] {
        assert!(points.contains(ours), "{points:?}");
    }
    let count = |point: &str| hits.lines().filter(|hit| *hit == point).count();
    let counted = points
        .iter()
        .map(|point| ((*point).to_owned(), count(point)));
    counted.collect()
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
    for (point, count) in points(&server, folder.path()) {
        for hit in [1, count.div_ceil(2), count] {
            let name = format!("{}.fifo", fresh("killed"));
            server.create(&name, &fifo);
            let ledger = folder.path().join(&name);
            let at = format!("{point}:{hit}");
            let killed = run(&name, &ledger, &[("LAKESEED_FAIL_POINT", &at)]);
            assert_eq!(killed.signal(), Some(SIGABRT), "{at} was not reached");
            let published = publish(&plan, &queue(&server.service, &name), &ledger).unwrap();
            assert_eq!(published.rows, batch.num_rows() as u64);
            // All of it was within the five minutes.
            let warnings = published.warnings.join("\n");
            assert!(!warnings.contains("begun more than"), "{warnings}");
            stands_once(&server, &name, &plan);
            server.delete(&name);
        }
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
        let killed = run(&name, &ledger, &[("LAKESEED_FAIL_POINT", at)]);
        assert_eq!(killed.signal(), Some(SIGABRT), "{at} was not reached");
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
