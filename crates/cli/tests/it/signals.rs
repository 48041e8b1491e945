//! SIGINT and SIGTERM: an orderly end that leaves nothing behind.

#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Ran, binary, files};

/// A run of a gigabyte, with its first file begun.
fn begun(folder: &Path) -> Child {
    let args = "generate predictions --rows 4M --row-group-rows 20k -o out -j 1";
    let mut command = binary(folder);
    let piped = command
        .args(args.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let started = Instant::now();
    while !has_begun(&folder.join("out/predictions")) {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "ended before it was stopped: {ended:?}");
        let waited = started.elapsed();
        assert!(waited < Duration::from_mins(1), "no part was begun");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn has_begun(table: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(table) else {
        return false;
    };
    let names = entries.map(|entry| entry.unwrap().file_name());
    names
        .into_iter()
        .any(|name| name.to_string_lossy().ends_with(".inprogress"))
}

fn stop(signal: &str, code: i32, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let child = begun(folder.path());
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let ran = Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(code), ""),
        "{}",
        ran.err
    );
    let last = ran.err.lines().last().unwrap();
    let line = format!(
        "error: stopped by {name}; nothing of it is in out; repeat the command to start again"
    );
    assert_eq!(last, line);
    assert!(
        files(folder.path()).is_empty(),
        "{:?}",
        files(folder.path()).keys()
    );
}

#[test]
fn interrupted() {
    stop("-INT", 130, "SIGINT");
}

#[test]
fn terminated() {
    stop("-TERM", 143, "SIGTERM");
}
