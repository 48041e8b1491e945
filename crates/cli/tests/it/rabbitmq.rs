//! `publish` to RabbitMQ and `verify` of what stands there, killed on the way, with a real server.

#[path = "../../../sink/tests/it/rabbitmq/plain.rs"]
#[expect(dead_code, reason = "the tests of sink ask more of it")]
mod plain;
#[path = "../../../sink/tests/it/rabbitmq/server.rs"]
#[expect(dead_code, reason = "the tests of sink ask more of it")]
mod server;

use std::path::Path;

use self::plain::Plain;
use self::server::{port_of, shared};
use crate::support::{binary, files, json, ran, run};

/// Five parts of predictions with few columns.
const ROWS: &str = "predictions --classes 3 --rows 300k";

/// A name that no other run has.
fn fresh(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

fn wire(url: &str) -> Plain {
    Plain::connect(port_of(url), "guest", "guest")
}

/// A run that ends itself at a point.
fn killed(folder: &Path, args: &str, point: &str) {
    let mut command = binary(folder);
    command
        .args(args.split_whitespace())
        .env("LAKESEED_FAIL_POINT", point);
    assert_eq!(ran(&mut command).code, None, "{point} was not reached");
}

#[track_caller]
fn verified(folder: &Path, verify: &str, rows: u64) {
    let found = json(folder, verify);
    assert_eq!(found["clean"], true, "{found}");
    assert_eq!(found["rows_read"], rows, "{found}");
    for what in [
        "missing_rows",
        "doubled_rows",
        "altered_rows",
        "strange_rows",
    ] {
        assert_eq!(found[what], 0, "{found}");
    }
}

#[test]
fn a_stream_gets_predictions_once_although_the_run_is_killed_twice() {
    let test = "a_stream_gets_predictions_once_although_the_run_is_killed_twice";
    let Some(url) = shared(test) else {
        return;
    };
    let (folder, name) = (tempfile::tempdir().unwrap(), fresh("predictions"));
    let folder = folder.path();
    let to = format!("{url}/%2F/{name}");
    let missing = run(folder, &format!("publish {ROWS} --to {to}"));
    assert_eq!(missing.code, Some(3), "{}", missing.err);
    assert!(missing.err.contains("--create"), "{}", missing.err);
    let publish = format!("publish {ROWS} --to {to}?type=stream --create -j 2");
    killed(folder, &publish, "rabbitmq.acknowledged:7000");
    killed(folder, &publish, "ledger.acknowledged:1");
    let done = json(folder, &publish);
    assert_eq!(done["rows"], 300_000, "{done}");
    assert!(done["messages_found"].as_u64().unwrap() > 1_000, "{done}");
    verified(folder, &format!("verify {to}"), 300_000);
    assert_eq!(wire(&url).all_of_stream(&name).len(), 30_002);
    // The same line again has nothing to do.
    let again = json(folder, &publish);
    assert_eq!(again["parts_found"], 5, "{again}");
    let told = run(folder, &format!("verify {to} --take"));
    assert_eq!(told.code, Some(2), "{}", told.err);
    wire(&url).delete(&name);
}

#[test]
fn a_queue_is_read_back_only_where_taking_is_asked_for() {
    let Some(url) = shared("a_queue_is_read_back_only_where_taking_is_asked_for") else {
        return;
    };
    let (folder, name) = (tempfile::tempdir().unwrap(), fresh("quorum"));
    let folder = folder.path();
    let to = format!("{url}/%2F/{name}");
    let rows = "predictions --classes 3 --rows 20k";
    let told = run(folder, &format!("publish {rows} --to {to} --create"));
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.err.contains("may come twice"), "{}", told.err);
    let refused = run(folder, &format!("verify {to}"));
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("with --take"), "{}", refused.err);
    verified(folder, &format!("verify {to} --take"), 20_000);
    assert_eq!(wire(&url).waiting(&name), Some(2_000));
    wire(&url).take(&name);
    let found = run(folder, &format!("verify {to} --take --json"));
    assert_eq!(found.code, Some(1), "{}", found.err);
    assert!(found.out.contains("\"missing_rows\": 10"), "{}", found.out);
    wire(&url).delete(&name);
}

#[test]
fn passwords_are_never_shown() {
    let Some(url) = shared("passwords_are_never_shown") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let host = url.trim_start_matches("amqp://");
    for (args, code) in [
        (
            format!(
                "publish {ROWS} --to amqp://ana:canary-7f3a@{host}/%2F/lake --log log --log-level \
                 debug"
            ),
            3,
        ),
        (
            format!("publish {ROWS} --to amqp://ana:canary-7f3a@{host}/lake"),
            2,
        ),
        (
            format!("publish {ROWS} --to amqps://ana:canary-7f3a@{host}/%2F/lake?ttl=1"),
            2,
        ),
        (format!("verify amqp://ana:canary-7f3a@{host}/%2F/lake"), 3),
    ] {
        let refused = run(folder, &args);
        assert_eq!(refused.code, Some(code), "{args}: {}", refused.err);
        let all = [refused.out, refused.err].concat();
        assert!(!all.contains("canary"), "{all}");
    }
    for (name, bytes) in files(folder) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !name.contains("canary") && !text.contains("canary"),
            "{name}: {text}"
        );
    }
}
