//! `verify`: silent about what is whole, exact about what is not.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Ran, binary, ended, files, json, parts, run, start, succeed};

const FORMATS: [&str; 4] = ["parquet", "csv", "json", "arrow"];

fn written(folder: &Path, format: &str) -> PathBuf {
    let work = "generate predictions --rows 6k --classes 3 --files 3 -o out -f";
    succeed(folder, &format!("{work} {format}"));
    let (name, _) = parts(folder).swap_remove(1);
    folder.join(name)
}

/// One line on stderr, whatever was read.
fn found(folder: &Path, flags: &str) -> Ran {
    let ran = run(folder, &format!("verify out{flags}"));
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    let line = "error: expected out to hold what its manifest says, got ";
    assert!(ran.err.starts_with(line), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(
        ran.err.ends_with("; write it anew with --overwrite\n"),
        "{}",
        ran.err
    );
    ran
}

#[test]
fn what_is_whole_is_clean() {
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), format);
        let before = files(folder.path());
        let ran = run(folder.path(), "verify out");
        assert_eq!(
            (ran.code, ran.err.as_str()),
            (Some(0), ""),
            "{format}: {}",
            ran.out
        );
        assert!(
            ran.out.starts_with("out: nothing is wrong; 3 files, "),
            "{}",
            ran.out
        );
        assert!(
            ran.out.contains(" 6,000 rows made again and compared in "),
            "{}",
            ran.out
        );
        let quick = succeed(folder.path(), "verify out --quick");
        let line = "out: nothing is wrong; 3 files looked at, their bytes and rows not in ";
        assert!(quick.starts_with(line), "{quick}");
        let value = json(folder.path(), "verify out");
        assert_eq!(
            (&value["clean"], &value["rows_compared"], &value["findings"]),
            (&true.into(), &6_000.into(), &Value::Array(Vec::new())),
            "{value}"
        );
        assert!(files(folder.path()) == before);
    }
}

#[test]
fn a_changed_digit_is_named_by_file_row_and_column() {
    for format in ["csv", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let part = written(folder.path(), format);
        let text = fs::read_to_string(&part).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        // The last value of the fifth row of the second file: 2000 rows are in the first.
        let line = &mut lines[if format == "csv" { 5 } else { 4 }];
        let at = line.rfind(|c: char| c.is_ascii_digit()).unwrap();
        let other = if line.as_bytes()[at] == b'1' {
            "2"
        } else {
            "1"
        };
        line.replace_range(at..=at, other);
        fs::write(&part, lines.join("\n") + "\n").unwrap();
        let ran = found(folder.path(), "");
        let name = part.strip_prefix(folder.path().join("out")).unwrap();
        let row = ran.out.lines().find(|line| line.starts_with("other value"));
        let cells: Vec<&str> = row
            .unwrap_or_else(|| panic!("{}", ran.out))
            .split_whitespace()
            .collect();
        assert_eq!(
            cells[2..5],
            [name.to_str().unwrap(), "2004", "class_2"],
            "{}",
            ran.out
        );
        assert!(
            ran.out.lines().any(|line| line.starts_with("other digest")),
            "{}",
            ran.out
        );
        let told = run(folder.path(), "verify out --json");
        assert_eq!(told.code, Some(1));
        let value: Value = serde_json::from_str(&told.out).unwrap();
        assert_eq!(value["clean"], false);
        let findings = value["findings"].as_array().unwrap();
        let cell = findings
            .iter()
            .find(|finding| finding["what"] == "value")
            .unwrap();
        assert_eq!(
            (&cell["row"], &cell["column"], &cell["table"]),
            (&2004.into(), &"class_2".into(), &"predictions".into())
        );
        assert_ne!(cell["expected"], cell["found"]);
        // A glance at names, sizes and ends sees nothing of it, and says that it has not looked.
        let quick = succeed(folder.path(), "verify out --quick");
        assert!(quick.contains("their bytes and rows not"), "{quick}");
    }
}

/// Decoders of other people's formats may panic on such files: that is for the log, if for anybody.
#[test]
fn damage_anywhere_is_found_without_a_word_of_a_panic() {
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let part = written(folder.path(), format);
        let whole = fs::read(&part).unwrap();
        for step in 0..24 {
            let at = step * (whole.len() - 1) / 23;
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            fs::write(&part, damaged).unwrap();
            let ran = found(folder.path(), "");
            assert!(!ran.out.contains("panic"), "{}", ran.out);
        }
    }
}

/// The types of columns stand at the beginning of an Arrow file: its reader panics on some that are
/// none.
#[test]
fn a_decoder_that_panics_is_heard_in_the_log_alone() {
    let folder = tempfile::tempdir().unwrap();
    let part = written(folder.path(), "arrow");
    let whole = fs::read(&part).unwrap();
    for at in 140..220 {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        fs::write(&part, damaged).unwrap();
        found(folder.path(), " --log log --log-level debug");
    }
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(
        log.contains("DEBUG caught: panicked at "),
        "nothing has panicked"
    );
}

#[test]
fn what_is_missing_or_cut_is_found_at_a_glance() {
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let part = written(folder.path(), format);
        let whole = fs::read(&part).unwrap();
        let name = part
            .strip_prefix(folder.path().join("out"))
            .unwrap()
            .to_str()
            .unwrap();
        fs::write(&part, &whole[..whole.len() / 2]).unwrap();
        for flags in [" --quick", ""] {
            let ran = found(folder.path(), flags);
            let is_named = |line: &str| line.starts_with("other size") && line.contains(name);
            assert!(
                ran.out.lines().any(is_named),
                "{format}{flags}: {}",
                ran.out
            );
        }
        fs::remove_file(&part).unwrap();
        for flags in [" --quick", ""] {
            let ran = found(folder.path(), flags);
            let is_named = |line: &str| line.starts_with("missing file") && line.contains(name);
            assert!(
                ran.out.lines().any(is_named),
                "{format}{flags}: {}",
                ran.out
            );
        }
    }
}

/// Findings stay findings when nobody reads them to their end.
#[test]
fn a_reader_that_has_enough_does_not_make_it_clean() {
    let folder = tempfile::tempdir().unwrap();
    let work = "generate predictions --rows 6k --classes 3 --files 300 -o out -f csv";
    succeed(folder.path(), work);
    for (name, bytes) in parts(folder.path()) {
        let text = String::from_utf8(bytes).unwrap().replace("0.", "1.");
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = binary(folder.path());
    let mut child = start(command.args(["verify", "out", "--json"]));
    let mut line = String::new();
    // Larger than the buffer of a pipe, so that the write is under way when the reader goes.
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "{\n");
    let ran = ended(child);
    assert_eq!(
        (ran.code, ran.err.lines().count()),
        (Some(1), 1),
        "{}",
        ran.err
    );
    let whole = run(folder.path(), "verify out --json").out;
    assert!(whole.len() > 256 << 10, "{}", whole.len());
}
