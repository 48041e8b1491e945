//! What stands at the output already, what cannot be written, and what is left then.

use std::fs;

use crate::support::{Ran, binary_after, files, json, parts, run, succeed};

const SMALL: &str = "generate predictions --rows 1k --classes 2 -o out";

fn assert_refused(ran: &Ran, code: i32, line: &str) {
    assert_eq!(ran.err, format!("error: {line}\n"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""));
}

#[test]
fn the_same_command_again_says_so_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), SMALL);
    let before = files(folder.path());
    let ran = run(folder.path(), SMALL);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(
        ran.out
            .contains("out holds exactly this already: nothing was written"),
        "{}",
        ran.out
    );
    assert!(files(folder.path()) == before);
    let result = json(folder.path(), SMALL);
    assert_eq!(
        (&result["written"], &result["rows"]),
        (&false.into(), &1000.into())
    );
}

#[test]
fn another_plan_is_refused_until_it_may_start_over() {
    let folder = tempfile::tempdir().unwrap();
    let plan = json(folder.path(), SMALL)["plan_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = files(folder.path());
    let other = format!("{SMALL} --seed 7");
    let line = format!(
        "expected nothing else at out, got the finished plan {plan}; repeat the command that wrote \
         it, choose another --out, add rows with --append, or start over with --overwrite"
    );
    assert_refused(&run(folder.path(), &other), 3, &line);
    assert!(files(folder.path()) == before);
    succeed(folder.path(), &format!("{other} --overwrite"));
    let after = parts(folder.path());
    assert_eq!(after.len(), 1);
    assert!(!after[0].0.contains(&plan), "{}", after[0].0);
}

#[test]
fn what_others_put_there_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out/thesis.txt"), "years of work").unwrap();
    let line = "expected a new or empty folder at out, got `thesis.txt`; choose another --out, or \
                empty it yourself";
    for flags in ["", " --overwrite"] {
        assert_refused(&run(folder.path(), &format!("{SMALL}{flags}")), 3, line);
    }
    let left = files(folder.path());
    assert_eq!(
        left.into_iter().collect::<Vec<_>>(),
        [("out/thesis.txt".to_owned(), b"years of work".to_vec())]
    );
}

#[test]
fn starting_over_keeps_everything_when_a_strangers_file_is_among_it() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), SMALL);
    fs::write(
        folder.path().join("out/predictions/notes.txt"),
        "years of work",
    )
    .unwrap();
    let before = files(folder.path());
    let line = "expected a new or empty folder at out, got `predictions/notes.txt`; choose another \
                --out, or empty it yourself";
    let again = format!("{SMALL} --seed 7 --overwrite");
    assert_refused(&run(folder.path(), &again), 3, line);
    assert!(files(folder.path()) == before);
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("out"), "mine").unwrap();
    let line = "expected a new or empty folder at out, got a file of that name; choose another \
                --out, or empty it yourself";
    assert_refused(&run(folder.path(), SMALL), 3, line);
}

#[test]
fn a_folder_below_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "mine").unwrap();
    let line = "expected a folder that can be read at file/out, got cannot read file/out: Not a \
                directory (os error 20); choose another --out";
    let ran = run(folder.path(), "generate predictions --rows 1k -o file/out");
    assert_refused(&ran, 3, line);
}

/// `/proc` takes no new folders from anybody, root included.
#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let line = "expected a folder that can be written at /proc/lakeseed, got no such file or \
                directory (os error 2); choose another --out";
    let ran = run(
        folder.path(),
        "generate predictions --rows 1k -o /proc/lakeseed",
    );
    assert_refused(&ran, 3, line);
}

/// A limit on the size of a file is a full disk that everybody can have.
#[test]
#[cfg(unix)]
fn a_disk_that_fills_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let args = "generate predictions --rows 50k -f csv -o out -q --files 1";
    let ran = binary_after(folder.path(), "trap '' XFSZ; ulimit -f 64", args);
    let name = ran
        .err
        .split(' ')
        .find(|word| word.starts_with("out/"))
        .unwrap_or_default();
    let line = format!(
        "expected room at {name} got file too large (os error 27); nothing was finished: make \
         room and repeat the command"
    );
    assert!(
        name.starts_with("out/predictions/.part-00000-"),
        "{}",
        ran.err
    );
    assert_refused(&ran, 4, &line);
    assert!(
        files(folder.path()).is_empty(),
        "{:?}",
        files(folder.path()).keys()
    );
    assert!(!folder.path().join("out").exists());
    // The same command with room finishes.
    succeed(folder.path(), args);
    assert_eq!(parts(folder.path()).len(), 1);
}

#[test]
fn memory_that_carries_no_worker_is_refused_with_the_sum() {
    let folder = tempfile::tempdir().unwrap();
    let args = "generate predictions --rows 500k --mode uniform -o out --memory 60MiB";
    let ran = run(folder.path(), args);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{}", ran.err);
    assert!(
        ran.err
            .starts_with("error: expected memory for one worker, "),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains(" (program ") && ran.err.contains(" + worker "),
        "{}",
        ran.err
    );
    assert!(
        ran.err
            .contains(", got 60 MiB by --memory 60 MiB; give --memory "),
        "{}",
        ran.err
    );
    assert!(files(folder.path()).is_empty());
    // What the line proposes works.
    let (_, proposed) = ran.err.trim_end().rsplit_once(", or ").unwrap();
    assert!(proposed.starts_with("--row-group-size "), "{proposed}");
    succeed(folder.path(), &format!("{args} {proposed}"));
}

#[test]
#[cfg(unix)]
fn what_the_disk_cannot_hold_is_refused_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    // About 5 PB.
    let args = "generate predictions --rows 20T --mode uniform --file-size 64GiB -o out";
    let ran = run(folder.path(), args);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{}", ran.err);
    let (expected, got) = ran.err.split_once(", got ").unwrap();
    assert!(
        expected.starts_with("error: expected room for about "),
        "{}",
        ran.err
    );
    assert!(expected.ends_with(" at out"), "{}", ran.err);
    assert!(
        got.ends_with(" free; make room, choose another --out, or fewer rows\n"),
        "{}",
        ran.err
    );
    assert!(files(folder.path()).is_empty());
}
