//! `--log FILE`: what happened, one line an event.

use std::fs;
use std::path::Path;

use lakeseed_test_s3::{Fault, Kind, Server, Settings};

use crate::support::{on, ran, refused, run, succeed};

const WORK: &str = "generate predictions --rows 1k --classes 2 --files 3 -q";

/// Time, level and text of each line.
fn lines(folder: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(folder.join("log")).unwrap();
    assert!(text.ends_with('\n'));
    let line = |line: &str| {
        let (time, rest) = line.split_at(25);
        assert!(time.starts_with("20") && time.ends_with("Z "), "{line}");
        let (level, text) = rest.split_at(6);
        assert!(!text.is_empty() && !text.starts_with(' '), "{line}");
        (level.trim_end().to_owned(), text.to_owned())
    };
    text.lines().map(line).collect()
}

fn levels(folder: &Path) -> Vec<String> {
    lines(folder).into_iter().map(|(level, _)| level).collect()
}

#[test]
fn steps_by_default_and_files_at_debug() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), &format!("{WORK} -o one --log log"));
    let one = lines(folder.path());
    assert_eq!(levels(folder.path()), ["INFO", "INFO"], "{one:?}");
    assert!(
        one[0].1.starts_with("writes predictions/1?seed=42&"),
        "{one:?}"
    );
    assert!(one[0].1.contains(" to one: plan "), "{one:?}");
    assert!(
        one[1].1.starts_with("finished: 1000 rows in 3 files, "),
        "{one:?}"
    );
    // Appended, and each finished file.
    succeed(
        folder.path(),
        &format!("{WORK} -o two --log log --log-level debug"),
    );
    let two = lines(folder.path());
    assert_eq!(two[..2], one[..]);
    assert_eq!(
        levels(folder.path())[2..],
        ["INFO", "DEBUG", "DEBUG", "DEBUG", "INFO"],
        "{two:?}"
    );
    assert!(
        two[3].1.starts_with("finished predictions/part-0000"),
        "{two:?}"
    );
}

#[test]
fn errors_alone() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = format!("{WORK} -o out --log log --log-level error");
    succeed(folder.path(), &quiet);
    assert_eq!(fs::read_to_string(folder.path().join("log")).unwrap(), "");
    let refused = run(folder.path(), &format!("{quiet} --seed 7"));
    assert_eq!(refused.code, Some(3));
    let error = refused.err.strip_prefix("error: ").unwrap().trim_end();
    assert_eq!(
        lines(folder.path()),
        [("ERROR".to_owned(), error.to_owned())]
    );
}

#[test]
fn what_was_mended_is_a_warning() {
    let server = Server::start(Settings::default());
    server.faults().some(
        |request| request.kind == Kind::PutObject && request.key().contains("/part-"),
        2,
        1,
        Fault::SlowDown,
    );
    let folder = tempfile::tempdir().unwrap();
    let work = format!("{WORK} -o s3://lake/log --log log --log-level warn");
    let done = ran(&mut on(&server, folder.path(), &work));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(server.faults().fired(), 1);
    let warned = lines(folder.path());
    assert_eq!(levels(folder.path()), ["WARN"], "{warned:?}");
    assert!(warned[0].1.contains("503"), "{warned:?}");
    assert!(warned[0].1.contains("s3://lake/log/"), "{warned:?}");
}

#[test]
fn findings_are_warnings() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), &format!("{WORK} -f csv -o out"));
    let (name, _) = crate::support::parts(folder.path()).swap_remove(0);
    fs::remove_file(folder.path().join(name)).unwrap();
    let verified = run(folder.path(), "verify out --log log");
    assert_eq!(verified.code, Some(1));
    let told = lines(folder.path());
    let warned = told.iter().find(|(level, _)| level == "WARN").unwrap();
    assert!(
        warned
            .1
            .starts_with("missing file, predictions/part-00000-"),
        "{told:?}"
    );
}

#[test]
fn a_log_that_cannot_be_written_is_refused() {
    refused(
        &format!("{WORK} --log nowhere/log"),
        3,
        "expected a file that can be written for --log nowhere/log, got No such file or directory \
         (os error 2); choose another file",
    );
}

#[test]
fn status_and_combine_write_one_too() {
    let server = Server::start(Settings::default());
    let folder = tempfile::tempdir().unwrap();
    let log = "--log log --log-level debug";
    let command = |args: &str| ran(&mut on(&server, folder.path(), args));
    for shard in ["1/2", "2/2"] {
        let made = command(&format!("{WORK} -o s3://lake/two --shard {shard}"));
        assert_eq!(made.code, Some(0), "{}", made.err);
    }
    // A listing that fails once is a warning in each.
    let list = |request: &lakeseed_test_s3::Request| request.kind == Kind::List;
    for (args, last) in [
        (
            "status s3://lake/two",
            "status of s3://lake/two: unfinished",
        ),
        (
            "combine s3://lake/two",
            "s3://lake/two is whole: 1,000 rows in 3 files, ",
        ),
        (
            "status s3://lake/two --json",
            "status of s3://lake/two: finished",
        ),
    ] {
        let _ = fs::remove_file(folder.path().join("log"));
        server.faults().clear();
        server.faults().some(list, 1, 1, Fault::SlowDown);
        let done = command(&format!("{args} {log}"));
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
        assert_eq!(server.faults().fired(), 1);
        let told = lines(folder.path());
        let (level, text) = told.last().unwrap();
        assert!(level == "INFO" && text.starts_with(last), "{told:?}");
        let warned = |(level, text): &(String, String)| level == "WARN" && text.contains("503");
        assert!(told.iter().any(warned), "{told:?}");
    }
    // What ends them stands there as well, at the lowest level too.
    for command in ["status", "combine"] {
        let _ = fs::remove_file(folder.path().join("log"));
        let refused = run(
            folder.path(),
            &format!("{command} nowhere --log log --log-level error"),
        );
        assert_eq!(refused.code, Some(3));
        let error = refused.err.strip_prefix("error: ").unwrap().trim_end();
        assert_eq!(
            lines(folder.path()),
            [("ERROR".to_owned(), error.to_owned())]
        );
    }
}
