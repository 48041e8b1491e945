//! A client that is killed, at each step of the ledger and of the sending, and starts again. The
//! duplicate window is the shortest there is.

use std::env;
use std::path::Path;

use super::server::NatsServer;
use super::{no_window, plan, publish, queue, rows, stands_once};
use crate::kills::Child;
use crate::trees::quick;

const URL: &str = "LAKESEED_TEST_NATS_CHILD";
const LEDGER: &str = "LAKESEED_TEST_NATS_LEDGER";

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
        test: "nats::killed::child",
        variables: vec![
            (URL, url.to_owned()),
            (LEDGER, ledger.to_str().unwrap().to_owned()),
        ],
    }
}

#[test]
fn a_client_that_is_killed_anywhere_goes_on_and_doubles_nothing() {
    let test = "a_client_that_is_killed_anywhere_goes_on_and_doubles_nothing";
    let Some(server) = NatsServer::start(test) else {
        return;
    };
    let mut wire = server.plain();
    let folder = quick();
    let batch = rows();
    let plan = plan(&batch);
    // A run that nobody kills names the points.
    wire.stream("CLEAN", "clean", &no_window());
    let ours = [
        "ledger.acknowledged",
        "ledger.begun",
        "nats.acknowledged",
        "nats.published",
    ];
    let clean = publisher(&server.url("clean"), &folder.path().join("clean"));
    let trials = clean.trials(folder.path(), &ours, 50);
    let mut found = 0;
    for (number, at) in trials.iter().enumerate() {
        let name = format!("K{number}");
        wire.stream(&name, &name, &no_window());
        let (url, ledger) = (server.url(&name), folder.path().join(&name));
        publisher(&url, &ledger).killed(at);
        let published = publish(&plan, &queue(&url), &ledger).unwrap();
        found += published.messages_found;
        println!("{at}: {} found", published.messages_found);
        stands_once(&mut wire, &name, &plan);
        wire.api(&format!("STREAM.DELETE.{name}"), &serde_json::json!({}));
    }
    assert!(found > 0, "no kill left anything behind");
}
