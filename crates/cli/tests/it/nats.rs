//! `publish` to NATS and `verify` of what stands there, killed on the way, with real servers.

#[path = "../../../sink/tests/it/nats/server.rs"]
#[expect(dead_code, reason = "the tests of sink ask more of it")]
mod server;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use self::server::NatsServer;
use crate::support::{Ran, binary, files, json, ran, run, succeed};

/// Five parts of predictions with few columns.
const ROWS: &str = "predictions --classes 3 --rows 300k";
/// The least that servers take: ids alone help nobody.
const NO_WINDOW: u64 = 100_000_000;

fn stream(server: &NatsServer) {
    let window = json!({ "duplicate_window": NO_WINDOW });
    server.plain().stream("LAKE", "lake.>", &window);
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
fn verified(folder: &Path, url: &str, rows: u64) {
    let found = json(folder, &format!("verify {url}"));
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
fn predictions_arrive_once_although_the_run_is_killed_twice() {
    let Some(server) =
        NatsServer::start("predictions_arrive_once_although_the_run_is_killed_twice")
    else {
        return;
    };
    stream(&server);
    let (folder, url) = (tempfile::tempdir().unwrap(), server.url("lake.new"));
    let folder = folder.path();
    let publish = format!("publish {ROWS} --to {url} -j 2");
    killed(folder, &publish, "nats.acknowledged:7000");
    // A ledger that is not finished is no reason to look.
    let early = run(folder, &format!("verify {url}"));
    assert_eq!(early.code, Some(3), "{}", early.err);
    assert!(
        early.err.contains("repeat the publish command"),
        "{}",
        early.err
    );
    killed(folder, &publish, "ledger.acknowledged:1");
    let done = json(folder, &publish);
    assert_eq!(done["rows"], 300_000, "{done}");
    assert!(done["messages_found"].as_u64().unwrap() > 1_000, "{done}");
    verified(folder, &url, 300_000);
    assert_eq!(server.plain().last("LAKE"), 30_002);
    // The same line again has nothing to do.
    let again = json(folder, &publish);
    assert_eq!(again["parts_found"], 5, "{again}");
    assert_eq!(server.plain().last("LAKE"), 30_002);
}

#[test]
fn rows_of_files_arrive_and_damage_is_found() {
    let Some(server) = NatsServer::start("rows_of_files_arrive_and_damage_is_found") else {
        return;
    };
    stream(&server);
    let (folder, url) = (tempfile::tempdir().unwrap(), server.url("lake.files"));
    let folder = folder.path();
    succeed(
        folder,
        "generate predictions --classes 3 --rows 20k -o files -q",
    );
    let publish = format!("publish --from files --to {url} --ledger book");
    // Warnings come before the first message: one that ends early has told them too.
    let mut early = binary(folder);
    early.args(publish.split_whitespace());
    early.env("LAKESEED_FAIL_POINT", "nats.published:500");
    let early = ran(&mut early);
    assert_eq!(early.code, None);
    assert!(early.err.contains("warning: stream LAKE"), "{}", early.err);
    let told = run(folder, &publish);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.err.contains("warning: stream LAKE"), "{}", told.err);
    let verify = format!("{url} --ledger book");
    verified(folder, &verify, 20_000);
    // Without the ledger nobody knows what should be there.
    let unknown = run(folder, &format!("verify {url}"));
    assert_eq!(unknown.code, Some(3), "{}", unknown.err);
    server
        .plain()
        .api("STREAM.MSG.DELETE.LAKE", &json!({ "seq": 9 }));
    let Ran { code, out, .. } = run(folder, &format!("verify {verify} --json"));
    assert_eq!(code, Some(1));
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["missing_rows"], 10, "{found}");
}

#[test]
fn a_stream_is_made_where_it_is_missing_and_asked_for() {
    let Some(server) = NatsServer::start("a_stream_is_made_where_it_is_missing_and_asked_for")
    else {
        return;
    };
    let (folder, url) = (tempfile::tempdir().unwrap(), server.url("made.here"));
    let folder = folder.path();
    let publish = format!("publish predictions --classes 3 --rows 5k --to {url}");
    let missing = run(folder, &publish);
    assert_eq!(missing.code, Some(3), "{}", missing.err);
    assert!(missing.err.contains("--create"), "{}", missing.err);
    json(folder, &format!("{publish} --create"));
    assert_eq!(server.plain().last("made_here"), 500);
    verified(folder, &url, 5_000);
    // Where nothing is taken away, nobody is asked.
    let taking = run(folder, &format!("verify {url} --take"));
    assert_eq!(taking.code, Some(2), "{}", taking.err);
    for (line, expected) in [
        (
            "publish predictions --rows 10 --to out --create",
            "a queue with --create",
        ),
        ("verify out --take", "a queue with --take"),
    ] {
        let refused = run(folder, line);
        assert_eq!(refused.code, Some(2), "{line}: {}", refused.err);
        assert!(refused.err.contains(expected), "{}", refused.err);
    }
}

#[test]
fn passwords_are_never_shown() {
    let settings = "authorization { user: ana, password: right }";
    let Some(server) = NatsServer::with("passwords_are_never_shown", settings) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let host = format!("127.0.0.1:{}/lake", server.port());
    for (args, code) in [
        (
            format!(
                "publish {ROWS} --to nats://ana:canary-7f3a@{host} --log log --log-level debug"
            ),
            3,
        ),
        (
            format!("publish {ROWS} --to nats://ana:canary-7f3a@{host}/a..b"),
            2,
        ),
        (
            format!("publish {ROWS} --to kafka://ana:canary-7f3a@{host}"),
            2,
        ),
        (format!("verify nats://ana:canary-7f3a@{host}"), 3),
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

#[test]
fn a_ledger_among_the_rows_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("in")).unwrap();
    fs::write(folder.join("in/a.jsonl"), "{}\n").unwrap();
    for (from, ledger) in [("in", "in"), ("in", "in/book"), (".", "book")] {
        let line = format!("publish --from {from} --to nats://127.0.0.1:1/a --ledger {ledger}");
        let refused = run(folder, &line);
        assert_eq!(refused.code, Some(2), "{line}: {}", refused.err);
        assert!(
            refused
                .err
                .contains("expected a ledger apart from the source"),
            "{}",
            refused.err
        );
    }
    assert_eq!(files(folder).len(), 1);
}
