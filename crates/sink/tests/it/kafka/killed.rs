//! A client that is killed, at each step of the ledger and of the sending, and starts again.
//!
//! The mock keeps what an aborted transaction has left, as consumers see it that read what is not
//! committed: here even they see each message once, since what is there is looked up.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use super::{Cluster, plan, publish, queue, rows};
use crate::trees::quick;

const URL: &str = "LAKESEED_TEST_KAFKA_CHILD";
const LEDGER: &str = "LAKESEED_TEST_KAFKA_LEDGER";
const SIGABRT: i32 = 6;

#[test]
fn child() {
    let (Ok(url), Ok(ledger)) = (env::var(URL), env::var(LEDGER)) else {
        return;
    };
    let batch = rows();
    publish(&plan(&batch), &queue(&url), Path::new(&ledger)).unwrap();
}

fn run(url: &str, ledger: &Path, variables: &[(&str, &str)]) -> ExitStatus {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "kafka::killed::child", "--nocapture"])
        .env(URL, url)
        .env(LEDGER, ledger)
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

#[test]
fn a_client_that_is_killed_anywhere_goes_on_and_doubles_nothing() {
    let cluster = Cluster::with("clean");
    let folder = quick();
    let batch = rows();
    let plan = plan(&batch);
    // A run that nobody kills names the points.
    let log = folder.path().join("points");
    let log_name = log.to_str().unwrap();
    let clean = run(
        &cluster.url("clean"),
        &folder.path().join("clean"),
        &[("LAKESEED_FAIL_LOG", log_name)],
    );
    assert!(clean.success());
    let hits = fs::read_to_string(&log).unwrap();
    let points: BTreeSet<&str> = hits.lines().collect();
    let ours = [
        "kafka.acknowledged",
        "kafka.acknowledged_all",
        "kafka.committed",
        "kafka.sent",
        "ledger.acknowledged",
        "ledger.begun",
    ];
    assert!(
        ours.iter().all(|point| points.contains(point)),
        "{points:?}"
    );
    let mut found = 0;
    for (at, point) in points.iter().enumerate() {
        let count = hits.lines().filter(|hit| hit == point).count();
        for (which, hit) in [("first", 1), ("middle", count.div_ceil(2)), ("last", count)] {
            let name = format!("K{at}{which}");
            cluster.topic(&name);
            let (url, ledger) = (cluster.url(&name), folder.path().join(&name));
            let killed = run(
                &url,
                &ledger,
                &[("LAKESEED_FAIL_POINT", &format!("{point}:{hit}"))],
            );
            assert_eq!(
                killed.signal(),
                Some(SIGABRT),
                "{point}:{hit} was not reached"
            );
            let published = publish(&plan, &queue(&url), &ledger).unwrap();
            found += published.messages_found;
            println!("{point}:{hit}: {} found", published.messages_found);
            cluster.stands_once(&name, &plan);
        }
    }
    assert!(found > 0, "no kill left anything behind");
}
