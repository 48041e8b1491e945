//! `publish` to SQS and `verify` of what stands there, killed on the way, with a server that checks
//! signatures.

use std::path::Path;
use std::process::Command;

use lakeseed_test_s3::Service;
use serde_json::Value;

use crate::support::{Ran, binary, files, ran, succeed};

/// Five parts of predictions with few columns, in messages that are not many: the server takes
/// milliseconds for each.
const ROWS: &str = "predictions --classes 3 --rows 300k --max-rows 1000";

/// A name that no other run has.
fn fresh(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// The command line with the server's keys, but for its address.
fn keyed(service: &Service, folder: &Path, args: &str) -> Command {
    let mut command = binary(folder);
    command
        .args(args.split_whitespace())
        .env("HOME", folder)
        .env("AWS_ACCESS_KEY_ID", &service.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &service.secret_key)
        .env("AWS_REGION", "us-east-1");
    command
}

fn on(service: &Service, folder: &Path, args: &str) -> Command {
    let mut command = keyed(service, folder, args);
    command.env("AWS_ENDPOINT_URL_SQS", &service.endpoint);
    command
}

fn run_on(service: &Service, folder: &Path, args: &str) -> Ran {
    ran(&mut on(service, folder, args))
}

/// The JSON of what must go well.
#[track_caller]
fn json_on(service: &Service, folder: &Path, args: &str) -> Value {
    let done = run_on(service, folder, &format!("{args} --json"));
    assert_eq!(done.code, Some(0), "{}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

/// A run that ends itself at a point.
#[track_caller]
fn killed(service: &Service, folder: &Path, args: &str, point: &str) {
    let mut command = on(service, folder, args);
    command.env("LAKESEED_FAIL_POINT", point);
    assert_eq!(ran(&mut command).code, None, "{point} was not reached");
}

#[track_caller]
fn nothing_is_lost(found: &Value, rows: u64) {
    for what in ["missing_rows", "altered_rows", "strange_rows"] {
        assert_eq!(found[what], 0, "{found}");
    }
    assert!(found["rows_read"].as_u64().unwrap() >= rows, "{found}");
}

#[test]
fn a_standard_queue_gets_all_predictions_although_the_run_is_killed_twice() {
    let test = "a_standard_queue_gets_all_predictions_although_the_run_is_killed_twice";
    let Some(service) = Service::find("moto", test) else {
        return;
    };
    let (folder, name) = (tempfile::tempdir().unwrap(), fresh("predictions"));
    let folder = folder.path();
    let to = format!("sqs://{name}");
    let missing = run_on(&service, folder, &format!("publish {ROWS} --to {to}"));
    assert_eq!(missing.code, Some(3), "{}", missing.err);
    assert!(missing.err.contains("--create"), "{}", missing.err);
    let publish = format!("publish {ROWS} --to {to} --create -j 2");
    killed(&service, folder, &publish, "sqs.acknowledged:9");
    killed(&service, folder, &publish, "ledger.acknowledged:1");
    let refused = run_on(&service, folder, &format!("verify {to} --take"));
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("parts are proven"), "{}", refused.err);
    let done = json_on(&service, folder, &publish);
    assert_eq!(done["rows"], 300_000, "{done}");
    let refused = run_on(&service, folder, &format!("verify {to}"));
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("with --take"), "{}", refused.err);
    // What came twice is a finding, and nothing else is.
    let found = run_on(&service, folder, &format!("verify {to} --take --json"));
    assert_eq!(found.code, Some(1), "{}", found.err);
    let found: Value = serde_json::from_str(&found.out).unwrap();
    nothing_is_lost(&found, 300_000);
    assert!(found["doubled_rows"].as_u64().unwrap() > 0, "{found}");
    // The same line again has nothing to do.
    let again = json_on(&service, folder, &publish);
    assert_eq!(again["parts_found"], 5, "{again}");
}

#[test]
fn rows_of_parquet_files_go_into_a_queue_once_and_stay_there() {
    let test = "rows_of_parquet_files_go_into_a_queue_once_and_stay_there";
    let Some(service) = Service::find("moto", test) else {
        return;
    };
    let (folder, name) = (tempfile::tempdir().unwrap(), fresh("files"));
    let folder = folder.path();
    succeed(
        folder,
        "generate predictions --classes 3 --rows 20k --out lake -q",
    );
    let to = format!("sqs://{name}");
    let publish = format!("publish --from lake --max-rows 200 --to {to} --create");
    let done = json_on(&service, folder, &publish);
    assert_eq!(
        (&done["rows"], &done["messages"]),
        (&20_000.into(), &100.into())
    );
    for _ in 0..2 {
        let found = json_on(&service, folder, &format!("verify {to} --take"));
        nothing_is_lost(&found, 20_000);
        assert_eq!(
            (&found["clean"], &found["doubled_rows"]),
            (&true.into(), &0.into())
        );
    }
    // Flags name the server as well as variables do.
    let flags = format!("--endpoint-url {} --region us-east-1", service.endpoint);
    let found = ran(&mut keyed(
        &service,
        folder,
        &format!("verify {to} --take {flags}"),
    ));
    assert_eq!(found.code, Some(0), "{}", found.err);
}

#[test]
fn a_fifo_queue_gets_each_message_once_and_is_not_read() {
    let Some(service) = Service::find(
        "moto",
        "a_fifo_queue_gets_each_message_once_and_is_not_read",
    ) else {
        return;
    };
    let (folder, name) = (tempfile::tempdir().unwrap(), fresh("ordered"));
    let folder = folder.path();
    let to = format!("sqs://{name}.fifo");
    let publish = format!("publish {ROWS} --to {to} --create -j 2");
    killed(&service, folder, &publish, "sqs.answered:9");
    let done = run_on(&service, folder, &publish);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("five minutes"), "{}", done.err);
    let refused = run_on(&service, folder, &format!("verify {to} --take"));
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("FIFO"), "{}", refused.err);
    let hasty = run_on(&service, folder, &format!("{publish} --patience 5m"));
    assert_eq!(hasty.code, Some(2), "{}", hasty.err);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (args, told) in [
        ("--to sqs://q", "--region"),
        ("--to sqs://q --region eu-west-1 --sse AES256", "--sse"),
        ("--to sqs://q/r --region eu-west-1", "sqs://QUEUE"),
        ("--to http://mq:9324/000000000000/q", "https://"),
    ] {
        let mut command = binary(folder);
        command
            .args(format!("publish {ROWS} {args}").split_whitespace())
            .env("HOME", folder)
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI");
        let refused = ran(&mut command);
        assert_eq!(refused.code, Some(2), "{args}: {}", refused.err);
        assert!(refused.err.contains(told), "{args}: {}", refused.err);
    }
    let mut command = binary(folder);
    let args = format!("publish {ROWS} --to sqs://q --region eu-west-1");
    command.args(args.split_whitespace()).env("HOME", folder);
    let refused = ran(&mut command);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("AWS_ACCESS_KEY_ID"), "{}", refused.err);
}

#[test]
fn keys_are_never_shown() {
    let Some(service) = Service::find("moto", "keys_are_never_shown") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let publish = format!("publish {ROWS} --to sqs://lake --log log --log-level debug");
    for (id, secret) in [
        ("AKIACANARY7F3A000000", service.secret_key.as_str()),
        (service.access_key.as_str(), "canary-7f3a-secret"),
    ] {
        let mut command = on(&service, folder, &publish);
        command
            .env("AWS_ACCESS_KEY_ID", id)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_SESSION_TOKEN", "canary-7f3a-token");
        let refused = ran(&mut command);
        assert_eq!(refused.code, Some(3), "{}", refused.err);
        let all = [refused.out, refused.err].concat().to_lowercase();
        assert!(!all.contains("canary"), "{all}");
    }
    for address in [
        "https://AKIA:canary-7f3a@sqs.eu-west-1.amazonaws.com/1/q",
        "https://sqs.eu-west-1.amazonaws.com/1/q?X-Amz-Signature=canary-7f3a",
    ] {
        for args in [
            format!("publish {ROWS} --to {address}"),
            format!("verify {address}"),
        ] {
            let refused = run_on(&service, folder, &args);
            assert_eq!(refused.code, Some(2), "{args}: {}", refused.err);
            let all = [refused.out, refused.err].concat();
            assert!(!all.contains("canary"), "{all}");
        }
    }
    for (name, bytes) in files(folder) {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(!text.contains("canary"), "{name}: {text}");
    }
}
