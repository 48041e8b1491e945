//! Stdout: data for another program, which may stop listening.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::support::{binary, binary_after, json, parts, run, succeed};

/// Reads one line and closes the pipe, as `head -1` does.
fn first_line(args: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    let piped = command
        .args(args.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let code = child.wait().unwrap().code();
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    (code, line, err)
}

#[test]
fn a_reader_that_has_enough_ends_us_quietly() {
    let (code, line, err) =
        first_line("generate predictions --rows 5M --classes 2 -f csv -o - -j 2");
    assert_eq!(line, "id_client,class_0,class_1\n");
    assert_eq!((code, err.as_str()), (Some(0), ""));
}

#[test]
fn so_it_does_for_every_command() {
    // Larger than the buffer of a pipe, so that the write is under way when the reader goes.
    let (code, line, err) = first_line("schema predictions --classes 4096 --as arrow");
    assert_eq!(line, "[\n");
    assert_eq!((code, err.as_str()), (Some(0), ""));
}

#[test]
fn stdout_and_a_folder_hold_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for flags in ["-f csv", "-f json", "-f json -c gzip", "-f parquet"] {
        let flags = format!("generate predictions --rows 3k --classes 3 {flags}");
        let out = flags.replace([' ', ':'], "");
        succeed(folder.path(), &format!("{flags} -o {out}"));
        let piped = binary(folder.path())
            .args(flags.split_whitespace())
            .args(["-o", "-"])
            .output()
            .unwrap();
        assert_eq!(piped.status.code(), Some(0), "{flags}");
        assert_eq!(String::from_utf8_lossy(&piped.stderr), "", "{flags}");
        assert!(
            parts(&folder.path().join(out))[0].1 == piped.stdout,
            "{flags}"
        );
    }
}

#[test]
fn arrow_on_stdout_is_a_stream() {
    let folder = tempfile::tempdir().unwrap();
    let args = "generate predictions --rows 3k --classes 3 -f arrow -o -";
    let piped = binary(folder.path())
        .args(args.split_whitespace())
        .output()
        .unwrap();
    assert_eq!(piped.status.code(), Some(0));
    let stream = arrow_ipc::reader::StreamReader::try_new(piped.stdout.as_slice(), None).unwrap();
    let rows: usize = stream.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 3_000);
}

#[test]
fn nothing_but_data_goes_to_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let args = "generate predictions --rows 10 --classes 1 -f csv -o - -v --progress plain";
    let ran = run(folder.path(), args);
    assert_eq!(ran.out.lines().count(), 11, "{}", ran.out);
    assert!(
        ran.err.contains("predictions: 10 rows in 1 file"),
        "{}",
        ran.err
    );
    assert_eq!(
        json(folder.path(), "plan predictions --rows 10 -o -")["out"],
        "-"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_device_behind_stdout_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let args = "generate predictions --rows 1k -f csv -o -";
    let ran = binary_after(folder.path(), "exec > /dev/full", args);
    let line = "error: expected room at standard output, got no space left on device (os error \
                28); the output is cut off: make room and repeat the command\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(4), line));
}
