//! `publish`: rows as messages, to files, buckets and stdout, and read back.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lakeseed_test_s3::{Server, Settings};
use serde_json::Value;

use crate::support::{
    binary, ended, files, json, on, ran, refused, run, send, start, succeed, until,
};

const ROWS: &str = "predictions --rows 70k --classes 3";

/// The files of messages below a folder, in order, as one text.
fn messages(folder: &Path) -> String {
    let all = files(folder).into_iter();
    let all = all.filter(|(name, _)| name.ends_with(".messages.jsonl"));
    all.map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect()
}

fn rows_of(text: &str) -> Vec<Value> {
    let arrays = text
        .lines()
        .map(|line| serde_json::from_str::<Vec<Value>>(line).unwrap());
    arrays.flatten().collect()
}

#[test]
fn messages_to_files_are_there_once_and_verify() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let done = json(folder, &format!("publish {ROWS} --to m -j 2"));
    assert_eq!(
        (&done["rows"], &done["messages"]),
        (&70_000.into(), &7_001.into())
    );
    assert_eq!(
        (&done["made_rows"], &done["written"]),
        (&70_000.into(), &true.into())
    );
    let text = messages(folder);
    assert_eq!(text.lines().count(), 7_001);
    assert_eq!(done["bytes"], text.len());
    let verified = json(folder, "verify m");
    assert_eq!(
        (&verified["clean"], &verified["rows_compared"]),
        (&true.into(), &70_000.into())
    );
    assert_eq!(
        (&verified["messages"], &verified["missing_rows"]),
        (&7_001.into(), &0.into())
    );

    let again = json(folder, &format!("publish {ROWS} --to m"));
    assert_eq!(
        (&again["written"], &again["rows"]),
        (&false.into(), &70_000.into())
    );
    // One thread, another place: the same bytes.
    succeed(
        folder,
        &format!("publish {ROWS} --to {}/n -j 1 -q", folder.display()),
    );
    assert_eq!(messages(&folder.join("n")), text);
    assert_eq!(succeed(folder, &format!("publish {ROWS} --to -")), text);
    // The same rows as `generate` makes.
    let lines = succeed(folder, &format!("generate {ROWS} -f json -o -"));
    let lines: Vec<Value> = lines
        .lines()
        .map(|at| serde_json::from_str(at).unwrap())
        .collect();
    assert_eq!(rows_of(&text), lines);
}

#[test]
fn files_become_messages() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(
        folder,
        &format!("generate {ROWS} -o pq --files 3 --row-group-rows 9k"),
    );
    let generated = succeed(folder, &format!("publish {ROWS} --to -"));
    for from in ["pq", "pq/predictions", "./pq/predictions/"] {
        let text = succeed(folder, &format!("publish --from {from} --to -"));
        assert_eq!(rows_of(&text), rows_of(&generated), "{from}");
    }
    let (name, _) = files(&folder.join("pq/predictions")).pop_last().unwrap();
    let one = json(
        folder,
        &format!("publish --from pq/predictions/{name} --to one"),
    );
    assert!(one["rows"].as_u64().unwrap() < 30_000);
    json(
        folder,
        "publish --from pq --to m --max-rows 7 --max-bytes 1KiB",
    );
    assert_eq!(json(folder, "verify m")["rows_compared"], 70_000);
    let most = messages(&folder.join("m")).lines().map(str::len).max();
    assert!(most.unwrap() <= 1024);
    succeed(folder, &format!("generate {ROWS} -f json -o js --files 2"));
    let text = succeed(folder, "publish --from js --to -");
    assert_eq!(rows_of(&text), rows_of(&generated));
    json(folder, "publish --from js/predictions --to k");
    assert_eq!(json(folder, "verify k")["rows_compared"], 70_000);
    // Other files are other messages: what stood there is no proof any more.
    succeed(
        folder,
        "generate predictions --rows 71k --classes 3 -o pq --overwrite",
    );
    let refused = run(folder, "publish --from pq --to m");
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    // No flag that `publish` has not.
    let ways = "; repeat the command that wrote it, or choose another --to\n";
    assert!(refused.err.ends_with(ways), "{}", refused.err);
    let refused = run(folder, "verify m");
    assert_eq!(refused.code, Some(3), "{}", refused.err);
}

#[test]
fn groups_by_modulo_hold_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let plain = succeed(
        folder,
        "generate predictions --rows 1005 --classes 2 -f json -o -",
    );
    let plain: Vec<&str> = plain.lines().collect();
    let work = "publish predictions --rows 1005 --classes 2 --grouping modulo --max-rows 10";
    let text = succeed(folder, &format!("{work} --to -"));
    let groups = plain.len().div_ceil(10);
    for (group, line) in text.lines().enumerate() {
        let rows: Vec<&str> = plain.iter().skip(group).step_by(groups).copied().collect();
        assert_eq!(line, format!("[{}]", rows.join(",")));
    }
    assert_eq!(text.lines().count(), groups);
    succeed(folder, &format!("{work} --to m"));
    assert_eq!(json(folder, "verify m")["rows_compared"], 1_005);
}

#[test]
fn nulls_are_kept_or_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let work = "publish assessments --rows pupils=400 --states 1 --dirt --to -";
    let kept = succeed(folder.path(), work);
    let omitted = succeed(folder.path(), &format!("{work} --nulls omit"));
    assert!(kept.contains(":null") && !omitted.contains(":null"));
    let without = |row: Value| -> Value {
        let Value::Object(members) = row else {
            panic!("a row that is no object")
        };
        members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect()
    };
    let expected: Vec<Value> = rows_of(&kept).into_iter().map(without).collect();
    assert_eq!(rows_of(&omitted), expected);
}

#[test]
fn from_a_bucket_and_into_one() {
    let server = Server::start(Settings::default());
    let folder = tempfile::tempdir().unwrap();
    let on = |args: &str| {
        let ran = ran(&mut on(&server, folder.path(), args));
        assert_eq!(ran.code, Some(0), "{args}: {}", ran.err);
        ran.out
    };
    on(&format!("generate {ROWS} -o s3://lake/pq --files 2"));
    on("publish --from s3://lake/pq --to s3://lake/m -j 2");
    let found: Value = serde_json::from_str(&on("verify s3://lake/m --json")).unwrap();
    assert_eq!(
        (&found["clean"], &found["rows_compared"]),
        (&true.into(), &70_000.into())
    );
    let text = on("publish --from s3://lake/pq --to -");
    let generated = succeed(folder.path(), &format!("publish {ROWS} --to -"));
    assert_eq!(rows_of(&text), rows_of(&generated));
}

#[test]
fn damage_is_told_by_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, "publish predictions --rows 1k --classes 2 --to m");
    let (name, bytes) = files(folder)
        .into_iter()
        .find(|(name, _)| name.ends_with(".messages.jsonl"))
        .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let changed = lines[5].replacen("\"class_0\":0.", "\"class_0\":0.9", 1);
    let mut damaged: Vec<&str> = lines.clone();
    damaged[5] = &changed;
    damaged.push(lines[7]);
    damaged.remove(2);
    fs::write(folder.join(&name), damaged.join("\n") + "\n").unwrap();
    let found = run(folder, "verify m --json");
    assert_eq!(found.code, Some(1), "{}", found.err);
    let found: Value = serde_json::from_str(&found.out).unwrap();
    let counts = ["missing_rows", "doubled_rows", "altered_rows"].map(|name| &found[name]);
    assert_eq!(counts, [&Value::from(10), &10.into(), &1.into()]);
    let text = run(folder, "verify m").out;
    assert!(
        text.contains(": 10 missing, 10 doubled, 1 altered in "),
        "{text}"
    );
}

#[cfg(unix)]
#[test]
fn a_stopped_run_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let work = "publish predictions --rows 200k --classes 2 --to m -j 1";
    let mut child = start(
        binary(folder)
            .args(work.split_whitespace())
            .args(["--rate", "20000/s"]),
    );
    let is_begun = || {
        let journal = |name: &String| name.contains("/journal-");
        files(folder).keys().any(journal)
    };
    until(&mut child, is_begun);
    send(&child, "INT");
    let stopped = ended(child);
    assert_eq!(stopped.code, Some(130), "{}", stopped.err);
    assert!(
        stopped
            .err
            .contains("parts are proven; repeat the command to go on"),
        "{}",
        stopped.err
    );
    let done = json(folder, work);
    assert!(done["parts_found"].as_u64().unwrap() >= 1);
    assert!(done["made_rows"].as_u64().unwrap() < 200_000);
    assert_eq!(done["rows"], 200_000);
    assert_eq!(json(folder, "verify m")["clean"], true);
}

#[test]
fn little_memory_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let done = json(
        folder.path(),
        "publish predictions --rows 150k --memory 64MiB -j 1 --to m",
    );
    let peak = done["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak <= 64 << 20, "{peak}");
    succeed(folder.path(), "generate predictions --rows 150k -o pq");
    let done = json(
        folder.path(),
        "publish --from pq --memory 64MiB -j 1 --to n",
    );
    let peak = done["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak <= 64 << 20, "{peak}");
    let names: BTreeSet<String> = files(folder.path()).into_keys().collect();
    assert!(
        !names.iter().any(|name| name.ends_with(".inprogress")),
        "{names:?}"
    );
}

#[test]
fn a_table_of_an_output_has_the_parts_of_its_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, &format!("generate {ROWS} -o pq --files 2 -q"));
    let of_all = succeed(folder, "publish --from pq --to -");
    // A part that the manifest does not have.
    let (name, bytes) = files(&folder.join("pq/predictions")).pop_first().unwrap();
    fs::write(folder.join("pq/predictions").join("more.parquet"), bytes).unwrap();
    assert_eq!(
        succeed(folder, "publish --from pq/predictions --to -"),
        of_all
    );
    assert!(folder.join("pq/predictions").join(name).is_file());

    // Without its manifest nobody knows whether the output is whole.
    for (name, _) in files(&folder.join("pq/_lakeseed")) {
        if name.starts_with("manifest") {
            fs::remove_file(folder.join("pq/_lakeseed").join(name)).unwrap();
        }
    }
    fs::write(folder.join("pq/_lakeseed/kept"), "something of a run").unwrap();
    let refused = run(folder, "publish --from pq/predictions --to -");
    assert_eq!((refused.code, refused.out.as_str()), (Some(3), ""));
    assert!(
        refused.err.contains("expected a finished output at ")
            && refused
                .err
                .contains("one without a manifest; repeat the command that began it"),
        "{}",
        refused.err
    );
}

#[test]
fn files_that_would_not_be_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("in")).unwrap();
    fs::write(folder.join("in/a.jsonl"), "{}\n").unwrap();
    fs::write(folder.join("in/b.jsonl.gz"), "").unwrap();
    let refused = run(folder, "publish --from in --to -");
    assert_eq!((refused.code, refused.out.as_str()), (Some(3), ""));
    assert!(
        refused.err.contains("in/b.jsonl.gz") && refused.err.contains("unpack it"),
        "{}",
        refused.err
    );
}

#[test]
fn what_is_written_lies_apart_from_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("in")).unwrap();
    fs::write(folder.join("in/a.jsonl"), "{}\n").unwrap();
    let before = files(folder);
    for line in [
        "--from in --to in",
        "--from in --to in/new/m",
        "--from in --to in/new/../m",
        "--from . --to m",
        "--from in --to .",
        "--from in/a.jsonl --to other/../in",
        "--from s3://lake/in --to s3://lake/in/m",
    ] {
        let refused = run(folder, &format!("publish {line}"));
        assert_eq!(refused.code, Some(2), "{line}: {}", refused.err);
        assert!(
            refused.err.contains("apart from each other"),
            "{}",
            refused.err
        );
    }
    assert_eq!(files(folder), before);
    succeed(folder, "publish --from in --to inside -q");
}

#[test]
fn what_cannot_be_is_refused() {
    refused(
        "publish predictions --to sns://user:secret@host:9092/topic?key=secret",
        2,
        "expected a folder, s3://BUCKET/PREFIX, - or one of nats://, tls://, kafka://, kafkas://, \
         amqp://, amqps://, sqs://, https://, http://, got 'sns://'; name one of these",
    );
    refused(
        "publish predictions --to m --ledger l",
        2,
        "expected a queue with --ledger, got 'm'; leave it out: files remember by themselves, and \
         stdout cannot",
    );
    refused(
        "publish predictions --from x --to m",
        2,
        "expected DATASET[.TABLE] or --from, got predictions and --from; leave one out",
    );
    refused(
        "publish --from x --rows 7 --to m",
        2,
        "expected DATASET[.TABLE] with --rows, got --from; leave one out",
    );
    refused(
        "publish --to m",
        2,
        "expected DATASET[.TABLE] whose rows are made, or --from PLACE, got neither; name one of \
         them",
    );
    refused(
        "publish predictions --to - --json",
        2,
        "expected either --json or --to -, got both; leave --json out, or send elsewhere",
    );
    refused(
        "publish predictions --rows 10 --to m --endpoint-url http://localhost:1",
        2,
        "expected s3://BUCKET/PREFIX with --endpoint-url, got 'm'; leave it out",
    );
    let folder = tempfile::tempdir().unwrap();
    let ran = run(
        folder.path(),
        "publish predictions --rows 10 --to m --max-bytes 100",
    );
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let line = "error: expected messages of at most 100 bytes, got ";
    assert!(ran.err.starts_with(line), "{}", ran.err);
    let line = " bytes for row 0 of predictions (rows 0..10); raise --max-bytes\n";
    assert!(ran.err.ends_with(line), "{}", ran.err);
    assert!(
        files(folder.path()).is_empty(),
        "{:?}",
        files(folder.path()).keys()
    );
}
