//! A client that is killed, at each step of the ledger and of the sending, and starts again.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use super::plain::{Plain, QUORUM, STREAM};
use super::server::{port_of, shared};
use super::{doubles, fresh, plan, publish, queue, rows, stands_once, verify};
use crate::trees::quick;

const URL: &str = "LAKESEED_TEST_RABBITMQ_CHILD";
const NAME: &str = "LAKESEED_TEST_RABBITMQ_QUEUE";
const LEDGER: &str = "LAKESEED_TEST_RABBITMQ_LEDGER";
const SIGABRT: i32 = 6;

#[test]
fn child() {
    let variables = (env::var(URL), env::var(NAME), env::var(LEDGER));
    let (Ok(url), Ok(name), Ok(ledger)) = variables else {
        return;
    };
    let batch = rows();
    publish(&plan(&batch), &queue(&url, &name), Path::new(&ledger)).unwrap();
}

fn run(url: &str, name: &str, ledger: &Path, variables: &[(&str, &str)]) -> ExitStatus {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "rabbitmq::killed::child", "--nocapture"])
        .env(URL, url)
        .env(NAME, name)
        .env(LEDGER, ledger)
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
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
    let log = folder.path().join("points");
    let log_name = log.to_str().unwrap();
    let ended = run(
        &url,
        &clean,
        &folder.path().join("clean"),
        &[("LAKESEED_FAIL_LOG", log_name)],
    );
    assert!(ended.success());
    wire.delete(&clean);
    let hits = fs::read_to_string(&log).unwrap();
    let points: BTreeSet<&str> = hits.lines().collect();
    let ours = [
        "ledger.acknowledged",
        "ledger.begun",
        "rabbitmq.acknowledged",
        "rabbitmq.published",
    ];
    assert!(
        ours.iter().all(|point| points.contains(point)),
        "{points:?}"
    );
    let mut found = 0;
    for point in &points {
        let count = hits.lines().filter(|hit| hit == point).count();
        for hit in [1, count.div_ceil(2), count] {
            let name = fresh("killed");
            wire.declare(&name, STREAM);
            let ledger = folder.path().join(&name);
            let killed = run(
                &url,
                &name,
                &ledger,
                &[("LAKESEED_FAIL_POINT", &format!("{point}:{hit}"))],
            );
            assert_eq!(
                killed.signal(),
                Some(SIGABRT),
                "{point}:{hit} was not reached"
            );
            let published = publish(&plan, &queue(&url, &name), &ledger).unwrap();
            found += published.messages_found;
            println!("{point}:{hit}: {} found", published.messages_found);
            stands_once(&mut wire, &name, &plan);
            wire.delete(&name);
        }
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
    let point = ("LAKESEED_FAIL_POINT", "rabbitmq.acknowledged:900");
    assert_eq!(run(&url, &name, &ledger, &[point]).signal(), Some(SIGABRT));
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
