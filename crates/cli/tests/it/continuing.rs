//! A run that was ended goes on where it ended, and finishes to the same bytes.

#![cfg(unix)]

use std::path::Path;
use std::process::Child;

use serde_json::Value;

use crate::support::{
    Ran, binary, ended, files, hidden, is_like_an_unbroken_one, json, lines_of_the_journal, parts,
    ran, run, send, start, succeed, until,
};

/// Sixty small files by one worker: time enough to come in between.
const WORK: &str = "generate predictions --rows 300k --classes 5 --files 60 -j 1 -o out";
const FILES: usize = 60;
const ROWS_A_FILE: usize = 5_000;

/// The work under way, with some files finished.
fn begun(folder: &Path) -> Child {
    let mut command = binary(folder);
    let mut child = start(command.args(WORK.split_whitespace()));
    let out = folder.join("out");
    until(&mut child, || lines_of_the_journal(&out) >= 6);
    child
}

/// The number of files that a line begins or goes on with.
fn number(line: &str, before: &str, after: &str) -> usize {
    let found = line
        .strip_prefix(before)
        .and_then(|rest| rest.split_once(after));
    let (number, _) = found.unwrap_or_else(|| panic!("no number in {line:?}"));
    number.parse().unwrap()
}

fn goes_on(folder: &Path, finished: usize, how: &str) {
    let rows = finished * ROWS_A_FILE;
    let planned = run(folder, &WORK.replace("generate", "plan")).out;
    assert!(
        planned.contains("an unfinished run of this is there, generate would go on with it"),
        "{planned}"
    );
    let again = run(folder, &format!("{WORK} --json"));
    assert_eq!(again.code, Some(0), "{}", again.err);
    let line = again.err.lines().next().unwrap();
    let group = |rows: usize| format!("{},{:03}", rows / 1000, rows % 1000);
    let start = format!(
        "goes on: {finished} files, {} rows, are finished; the last run, heard of ",
        group(rows)
    );
    assert!(line.starts_with(&start), "{line}");
    assert!(line.ends_with(&format!(" s ago: {how}")), "{line}");
    let result: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(result["parts_found"], finished);
    assert_eq!(result["rows"], FILES * ROWS_A_FILE);
    let table = &result["tables"][0];
    assert_eq!(table["made_rows"], FILES * ROWS_A_FILE - rows);
    let seconds = table["seconds"].as_f64().unwrap();
    let rate = table["made_rows"].as_f64().unwrap() / seconds;
    let told = table["rows_per_s"].as_f64().unwrap();
    assert!((told / rate - 1.0).abs() < 1e-6, "{told} is not {rate}");
    is_like_an_unbroken_one(folder, WORK);
}

fn stopped(signal: &str, code: i32, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let child = begun(folder.path());
    send(&child, signal);
    let ran = ended(child);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(code), ""),
        "{}",
        ran.err
    );
    let last = ran.err.lines().last().unwrap();
    let finished = number(
        last,
        &format!("error: stopped by {name}; "),
        " of 60 files are finished and stay; repeat the command to go on",
    );
    assert!(
        parts(folder.path()).is_empty(),
        "a reader would take them for the whole"
    );
    assert_eq!(finished, hidden(folder.path()).len());
    assert!((3..FILES).contains(&finished), "{finished}");
    let status = json(folder.path(), "status out");
    assert_eq!(status["state"], "unfinished");
    assert_eq!(status["runs"][0]["parts_done"], finished);
    assert_eq!(status["runs"][0]["end"]["said"]["stopped"]["by"], name);
    goes_on(folder.path(), finished, &format!("stopped by {name}"));
}

#[test]
fn after_sigint() {
    stopped("INT", 130, "SIGINT");
}

#[test]
fn after_sigterm() {
    stopped("TERM", 143, "SIGTERM");
}

/// Signals to a process that stands still are all there when it wakes up: the second ends it before
/// the first has had its orderly end. Unless two threads take one each at the same moment, when neither
/// is the second: then once more.
#[test]
fn after_two_signals_at_once() {
    let at_once = (0..20).find_map(|_| {
        let folder = tempfile::tempdir().unwrap();
        let child = begun(folder.path());
        for signal in ["STOP", "INT", "TERM", "CONT"] {
            send(&child, signal);
        }
        let ran = ended(child);
        assert!(matches!(ran.code, Some(130 | 143)), "{:?}", ran.code);
        (!ran.err.contains("stopped by")).then_some(folder)
    });
    let folder = at_once.expect("a second signal never ended it at once");
    let result = json(folder.path(), WORK);
    assert!(result["parts_found"].as_u64().unwrap() >= 2, "{result}");
    assert_eq!(result["last_run"]["end"], "vanished");
    is_like_an_unbroken_one(folder.path(), WORK);
}

#[test]
fn after_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = begun(folder.path());
    child.kill().unwrap();
    assert_eq!(ended(child).code, None);
    // Not one of our readers takes it for whole.
    let line = "error: expected a finished output at out, got one without a manifest; repeat the \
                command that began it\n";
    let ran = run(folder.path(), "verify out");
    assert_eq!((ran.code, ran.err.as_str()), (Some(3), line));
    let again = run(folder.path(), WORK);
    assert_eq!(again.code, Some(0), "{}", again.err);
    let line = again.err.lines().next().unwrap();
    assert!(
        line.starts_with("goes on: ")
            && line.ends_with(" ago: ended without a word: killed, or the machine went down"),
        "{line}"
    );
    is_like_an_unbroken_one(folder.path(), WORK);
}

/// How the run before ended is worth a line also where it has left nothing to go on with.
#[test]
fn after_a_kill_before_the_first_file() {
    let folder = tempfile::tempdir().unwrap();
    let killed = ran(binary(folder.path())
        .env("LAKESEED_FAIL_POINT", "part.appended:1")
        .args(WORK.split_whitespace()));
    assert_eq!(killed.code, None, "{}", killed.err);
    assert_eq!(lines_of_the_journal(&folder.path().join("out")), 0);
    let again = run(folder.path(), WORK);
    assert_eq!(again.code, Some(0), "{}", again.err);
    let line = again.err.lines().next().unwrap();
    assert!(
        line.starts_with("starts again: no file was finished; the last run, heard of ")
            && line.ends_with(" ago: ended without a word: killed, or the machine went down"),
        "{line}"
    );
    is_like_an_unbroken_one(folder.path(), WORK);
}

#[test]
fn quietly() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = begun(folder.path());
    child.kill().unwrap();
    ended(child);
    let again = run(folder.path(), &format!("{WORK} -q"));
    assert_eq!(
        (again.code, again.out.as_str(), again.err.as_str()),
        (Some(0), "", "")
    );
}

/// A process that stands still is alive.
#[test]
fn a_second_process_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let child = begun(folder.path());
    send(&child, "STOP");
    let before = files(folder.path());
    let line = "error: expected nobody else at out, got another process; wait for it, or choose \
                another --out\n";
    for flags in ["", " --json", " -q"] {
        let second = run(folder.path(), &format!("{WORK}{flags}"));
        assert_eq!((second.code, second.err.as_str()), (Some(3), line));
    }
    let status = json(folder.path(), "status out");
    assert_eq!(status["state"], "unfinished");
    let own = &status["runs"][0];
    assert_eq!(own["pid"], child.id());
    assert_eq!((&own["parts"], &own["rows"]), (&60.into(), &300_000.into()));
    assert_eq!(own["end"], Value::Null);
    let shown = succeed(folder.path(), "status out");
    assert!(shown.starts_with("out: unfinished (plan "), "{shown}");
    assert!(shown.contains("at work, heard of "), "{shown}");
    assert!(files(folder.path()) == before);
    send(&child, "CONT");
    let first = ended(child);
    assert_eq!(first.code, Some(0), "{}", first.err);
    let shown = succeed(folder.path(), "status out");
    let line = "out: finished, 300,000 rows in 60 files, ";
    assert!(shown.starts_with(line), "{shown}");
    is_like_an_unbroken_one(folder.path(), WORK);
}

#[test]
fn another_plan_is_refused_while_one_is_unfinished_until_it_may_start_over() {
    let folder = tempfile::tempdir().unwrap();
    let child = begun(folder.path());
    send(&child, "TERM");
    assert_eq!(ended(child).code, Some(143));
    let plan = json(folder.path(), "status out")["plan_ids"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let before = files(folder.path());
    let other = format!("{WORK} --seed 8");
    let line = format!(
        "error: expected nothing else at out, got the unfinished plan {plan}; repeat the command \
         that began it, choose another --out, or start over with --overwrite\n"
    );
    let refused = run(folder.path(), &other);
    assert_eq!((refused.code, refused.err), (Some(3), line));
    assert!(files(folder.path()) == before);
    let over = json(folder.path(), &format!("{other} --overwrite"));
    assert_eq!(
        (&over["rows"], &over["parts_found"]),
        (&300_000.into(), &0.into())
    );
    let left: Vec<String> = parts(folder.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(left.len(), FILES);
    assert!(!left.iter().any(|name| name.contains(&plan)), "{left:?}");
    assert_clean(&run(folder.path(), "verify out"));
}

fn assert_clean(ran: &Ran) {
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    assert!(ran.out.contains("nothing is wrong"), "{}", ran.out);
}
