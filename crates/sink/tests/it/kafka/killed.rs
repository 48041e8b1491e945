//! A client that is killed, at each step of the ledger and of the sending, and starts again.
//!
//! The mock keeps what an aborted transaction has left, as consumers see it that read what is not
//! committed: here even they see each message once, since what is there is looked up.

use std::env;
use std::path::Path;

use super::{Cluster, plan, publish, queue, rows};
use crate::kills::Child;
use crate::trees::quick;

const URL: &str = "LAKESEED_TEST_KAFKA_CHILD";
const LEDGER: &str = "LAKESEED_TEST_KAFKA_LEDGER";

#[test]
fn child() {
    let (Ok(url), Ok(ledger)) = (env::var(URL), env::var(LEDGER)) else {
        return;
    };
    let batch = rows();
    publish(&plan(&batch), &queue(&url), Path::new(&ledger)).unwrap();
}

/// A child that publishes to `url`.
fn publisher(url: &str, ledger: &Path) -> Child {
    Child {
        test: "kafka::killed::child",
        variables: vec![
            (URL, url.to_owned()),
            (LEDGER, ledger.to_str().unwrap().to_owned()),
        ],
    }
}

#[test]
fn a_client_that_is_killed_anywhere_goes_on_and_doubles_nothing() {
    let cluster = Cluster::with("clean");
    let folder = quick();
    let batch = rows();
    let plan = plan(&batch);
    // A run that nobody kills names the points.
    let ours = [
        "kafka.acknowledged",
        "kafka.acknowledged_all",
        "kafka.committed",
        "kafka.sent",
        "ledger.acknowledged",
        "ledger.begun",
    ];
    let clean = publisher(&cluster.url("clean"), &folder.path().join("clean"));
    let trials = clean.trials(folder.path(), &ours, 50);
    let mut found = 0;
    for (number, at) in trials.iter().enumerate() {
        let name = format!("K{number}");
        cluster.topic(&name);
        let (url, ledger) = (cluster.url(&name), folder.path().join(&name));
        publisher(&url, &ledger).killed(at);
        let published = publish(&plan, &queue(&url), &ledger).unwrap();
        found += published.messages_found;
        println!("{at}: {} found", published.messages_found);
        cluster.stands_once(&name, &plan);
    }
    assert!(found > 0, "no kill left anything behind");
}
