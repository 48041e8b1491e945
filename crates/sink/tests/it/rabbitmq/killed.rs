//! A client that is killed, at each step of the ledger and of the sending, and starts again.

use std::env;
use std::path::Path;

use super::plain::{Plain, QUORUM, STREAM};
use super::server::{port_of, shared};
use super::{doubles, fresh, plan, publish, queue, rows, stands_once, verify};
use crate::kills::Child;
use crate::trees::quick;

const URL: &str = "LAKESEED_TEST_RABBITMQ_CHILD";
const NAME: &str = "LAKESEED_TEST_RABBITMQ_QUEUE";
const LEDGER: &str = "LAKESEED_TEST_RABBITMQ_LEDGER";

#[test]
fn child() {
    let variables = (env::var(URL), env::var(NAME), env::var(LEDGER));
    let (Ok(url), Ok(name), Ok(ledger)) = variables else {
        return;
    };
    let batch = rows();
    publish(&plan(&batch), &queue(&url, &name), Path::new(&ledger)).unwrap();
}

/// A child that publishes into the queue `name`.
fn publisher(url: &str, name: &str, ledger: &Path) -> Child {
    Child {
        test: "rabbitmq::killed::child",
        variables: vec![
            (URL, url.to_owned()),
            (NAME, name.to_owned()),
            (LEDGER, ledger.to_str().unwrap().to_owned()),
        ],
    }
}

#[test]
fn a_client_that_is_killed_anywhere_goes_on_and_doubles_nothing_in_a_stream() {
    let test = "a_client_that_is_killed_anywhere_goes_on_and_doubles_nothing_in_a_stream";
    let Some(url) = shared(test) else {
        return;
    };
    let mut wire = Plain::connect(port_of(&url), "guest", "guest");
    let folder = quick();
    let batch = rows();
    let plan = plan(&batch);
    // A run that nobody kills names the points.
    let clean = fresh("clean");
    wire.declare(&clean, STREAM);
    let ours = [
        "ledger.acknowledged",
        "ledger.begun",
        "rabbitmq.acknowledged",
        "rabbitmq.published",
    ];
    let unbroken = publisher(&url, &clean, &folder.path().join("clean"));
    let trials = unbroken.trials(folder.path(), &ours, 50);
    wire.delete(&clean);
    let mut found = 0;
    for at in &trials {
        let name = fresh("killed");
        wire.declare(&name, STREAM);
        let ledger = folder.path().join(&name);
        publisher(&url, &name, &ledger).killed(at);
        let published = publish(&plan, &queue(&url, &name), &ledger).unwrap();
        found += published.messages_found;
        println!("{at}: {} found", published.messages_found);
        stands_once(&mut wire, &name, &plan);
        wire.delete(&name);
    }
    assert!(found > 0, "no kill left anything behind");
}

#[test]
fn a_client_that_is_killed_loses_nothing_in_a_queue() {
    let Some(url) = shared("a_client_that_is_killed_loses_nothing_in_a_queue") else {
        return;
    };
    let mut wire = Plain::connect(port_of(&url), "guest", "guest");
    let folder = quick();
    let batch = rows();
    let plan = plan(&batch);
    let name = fresh("quorum");
    wire.declare(&name, QUORUM);
    let ledger = folder.path().join("ledger");
    publisher(&url, &name, &ledger).killed("rabbitmq.acknowledged:900");
    let queue = queue(&url, &name);
    let published = publish(&plan, &queue, &ledger).unwrap();
    // Nobody could know what had arrived: the parts in flight came again.
    assert_eq!(published.messages_found, 0);
    let twice = doubles(wire.all(&name), &plan);
    assert!((200..2 * 656).contains(&twice), "{twice} came twice");
    // The library tells the same.
    let counts = verify(&plan, &queue);
    assert_eq!((counts.missing_rows, counts.altered_rows), (0, 0));
    assert!(counts.doubled_rows > 100 * (twice - 2), "{counts:?}");
    wire.delete(&name);
}
