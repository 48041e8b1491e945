//! Full disks, disks that are read only, and too few open files: a clear line, and all that was
//! finished stays.

#![cfg(target_os = "linux")]

use std::process::Command;

use lakeseed_test_s3::{Server, Settings};

#[cfg(feature = "star")]
use crate::grid::{
    data::{Data, Skew, compare},
    model,
};
#[cfg(feature = "star")]
use crate::support::parts;
use crate::support::{binary_after, ended, on, ran, run, start, succeed, with_mounts};

/// The disk fills up while a run stands still with some files finished.
#[test]
fn a_disk_that_fills_up_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
        mkdir disk && mount -t tmpfs -o size=40m tmpfs disk && cd disk || exit 99
        work="generate predictions --rows 300k --classes 5 --files 60 -j 1 -o out"
        "$0" $work -q 2> ../err & pid=$!
        until [ "$(cat out/_lakeseed/journal-* 2> /dev/null | wc -l)" -ge 6 ]; do :; done
        kill -STOP $pid
        cat /dev/zero > ballast 2> /dev/null
        kill -CONT $pid
        wait $pid; echo "code $?"
        cat ../err
        rm ballast
        "$0" $work 2> ../err > told; echo "code $?"
        head -1 ../err
        "$0" verify out; echo "code $?"
    "#;
    let Some(ran) = with_mounts(folder.path(), script) else {
        return;
    };
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((lines.len(), ran.code), (6, Some(0)), "{ran:?}");
    assert_eq!(lines[0], "code 4");
    let (start, rest) = lines[1]
        .split_once(", got no space left on device (os error 28); ")
        .unwrap();
    assert!(
        start.starts_with("error: expected room at out/"),
        "{}",
        lines[1]
    );
    let (finished, advice) = rest.split_once(' ').unwrap();
    let line = "of 60 files are finished and stay: make room and repeat the command";
    assert_eq!(advice, line);
    assert!(finished.parse::<usize>().unwrap() >= 3, "{rest}");
    assert_eq!(lines[2], "code 0");
    assert!(
        lines[3].starts_with(&format!("goes on: {finished} files, ")),
        "{}",
        lines[3]
    );
    assert!(
        lines[4].starts_with("out: nothing is wrong; 60 files, "),
        "{}",
        lines[4]
    );
    assert_eq!(lines[5], "code 0");
}

#[test]
fn a_disk_without_room_is_refused_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mkdir disk && mount -t tmpfs -o size=2m tmpfs disk && cd disk || exit 99
        \"$0\" generate predictions --rows 20k -o out; echo code $?; ls -A";
    let Some(ran) = with_mounts(folder.path(), script) else {
        return;
    };
    assert_eq!(ran.out, "code 3\n");
    assert!(
        ran.err.starts_with("error: expected room for about "),
        "{}",
        ran.err
    );
    let end = " at out, got 2 MiB free; make room, choose another --out, or fewer rows\n";
    assert!(ran.err.ends_with(end), "{}", ran.err);
}

#[test]
fn a_disk_that_is_read_only_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mkdir disk && mount -t tmpfs -o ro tmpfs disk || exit 99
        exec \"$0\" generate predictions --rows 1k -o disk/out";
    let Some(ran) = with_mounts(folder.path(), script) else {
        return;
    };
    let line = "error: expected a folder that can be written at disk/out, got read-only file \
                system (os error 30); choose another --out\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(3), line));
}

/// Whatever the limit: done, or one line that says what is missing, and the same command finishes.
#[test]
fn too_few_open_files() {
    let work = "generate retail -s 0.002 -j 4 -q -f csv --files 3";
    let mut short = 0;
    for limit in [5, 6, 7, 8, 10, 12, 16, 32] {
        let folder = tempfile::tempdir().unwrap();
        let args = format!("{work} -o out");
        let few = binary_after(folder.path(), &format!("ulimit -n {limit}"), &args);
        assert!(!few.err.contains("panicked"), "{limit}: {}", few.err);
        if few.code != Some(0) {
            short += 1;
            assert!(matches!(few.code, Some(1 | 3 | 4)), "{limit}: {few:?}");
            assert_eq!(few.err.lines().count(), 1, "{limit}: {}", few.err);
            let reason = few.err.to_lowercase();
            assert!(
                reason.contains("too many open files"),
                "{limit}: {}",
                few.err
            );
            if few.code == Some(4) {
                assert!(
                    few.err.contains("raise `ulimit -n`"),
                    "{limit}: {}",
                    few.err
                );
            }
            succeed(folder.path(), &args);
        }
        let verified = binary_after(folder.path(), &format!("ulimit -n {limit}"), "verify out");
        assert!(
            !verified.err.contains("panicked"),
            "{limit}: {}",
            verified.err
        );
        if verified.code != Some(0) {
            assert!(
                verified.err.to_lowercase().contains("open files"),
                "{limit}: {verified:?}"
            );
        }
        assert_eq!(run(folder.path(), "verify out").code, Some(0), "{limit}");
    }
    assert!(short > 0, "no limit was low enough to show anything");
}

/// What a caller has left open is closed first: it would count.
#[test]
fn too_few_open_files_for_a_bucket() {
    let server = Server::start(Settings::default());
    let folder = tempfile::tempdir().unwrap();
    let limits = [5, 6, 16];
    let work = |limit| {
        let args =
            format!("generate retail -s 0.002 -j 4 -q -f csv --files 3 -o s3://lake/{limit}");
        on(&server, folder.path(), &args)
    };
    let children = limits.map(|limit| {
        let whole = work(limit);
        let mut few = Command::new("sh");
        let close = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";
        let shell = format!("{close}; ulimit -n {limit}; exec \"$0\" \"$@\"");
        few.current_dir(folder.path()).args(["-c", &shell]);
        few.arg(whole.get_program()).args(whole.get_args());
        few.env_clear();
        few.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        few.envs(
            whole
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        start(&mut few)
    });
    let [five, six, sixteen] = children.map(ended);
    let line = "error: cannot start threads for S3: Too many open files (os error 24)\n";
    assert_eq!((five.code, five.err.as_str()), (Some(1), line));
    assert_eq!(
        (six.code, six.err.lines().count()),
        (Some(3), 1),
        "{}",
        six.err
    );
    assert!(six.err.contains("Too many open files"), "{}", six.err);
    assert!(six.err.ends_with("; raise `ulimit -n`\n"), "{}", six.err);
    // Told at once, and not as the network's fault.
    let got = "got Too many open files (os error 24);";
    assert!(six.err.contains(got), "{}", six.err);
    assert_eq!((sixteen.code, sixteen.err.as_str()), (Some(0), ""));
    for limit in limits {
        let again = ran(&mut work(limit));
        assert_eq!(again.code, Some(0), "{limit}: {}", again.err);
    }
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
}

/// Rows whose groups do not fit into memory, in the folder of a model that makes a table of few groups
/// before.
#[cfg(feature = "star")]
fn star(folder: &std::path::Path) -> Data {
    let data = Data {
        rows: 1_000_000,
        many: true,
        text: true,
        skew: Skew::None,
    };
    model(folder);
    data.write(&folder.join("in/t.parquet"));
    let toml = folder.join("model/star.toml");
    let first = "[tables.dim_state]\nreads = [\"t\"]\ngrain = [\"state\"]\n";
    let tables = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, format!("{tables}{first}")).unwrap();
    let sql = "SELECT state, COUNT(*) AS n FROM t GROUP BY state";
    std::fs::write(folder.join("model/dim_state.sql"), sql).unwrap();
    data
}

/// The temporary folder fills up while a star stands still with rows on the way.
#[test]
#[cfg(feature = "star")]
fn a_temporary_folder_that_fills_up_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let data = star(folder.path());
    let script = r#"
        mkdir small && mount -t tmpfs -o size=60m tmpfs small || exit 99
        work="star ./model --from in -o out --temp-dir small --temp-in-memory -j 1"
        "$0" $work -q 2> err & pid=$!
        until [ -n "$(cat small/lakeseed-star-*/fact_t/* 2> /dev/null | head -c 1)" ]; do
            kill -0 $pid || exit 98
        done
        kill -STOP $pid
        cat /dev/zero > small/ballast 2> /dev/null
        kill -CONT $pid
        wait $pid; echo "code $?"
        cat err
        ls -A small
        rm small/ballast
        "$0" $work 2> err > told; echo "code $?"
        head -1 err
        "$0" verify out > told; echo "code $?"
        ls -A small
    "#;
    let Some(ran) = with_mounts(folder.path(), script) else {
        return;
    };
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((lines.len(), ran.code), (6, Some(0)), "{ran:?}");
    assert_eq!(lines[0], "code 4", "{ran:?}");
    let (start, rest) = lines[1]
        .split_once(", got no space left on device (os error 28); 1 of ")
        .expect(lines[1]);
    assert!(
        start.starts_with("error: expected room at small/"),
        "{start}"
    );
    let end = " files are finished and stay: make room and repeat the command";
    assert!(rest.ends_with(end), "{rest}");
    // Nothing of the run itself.
    assert_eq!(lines[2], "ballast");
    assert_eq!(lines[3], "code 0");
    assert!(
        lines[4].starts_with("goes on: 1 file is finished"),
        "{}",
        lines[4]
    );
    assert_eq!(lines[5], "code 0");
    let files = parts(&folder.path().join("out/fact_t")).into_iter();
    compare(
        files.map(|(_, bytes)| bytes),
        &data.groups(),
        "after a full disk",
    );
}

#[test]
#[cfg(feature = "star")]
fn a_temporary_folder_without_room_is_refused_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    star(folder.path());
    std::fs::remove_file(folder.path().join("model/dim_state.sql")).unwrap();
    let toml = folder.path().join("model/star.toml");
    let tables = std::fs::read_to_string(&toml).unwrap();
    let (one, _) = tables.split_once("[tables.dim_state]").unwrap();
    std::fs::write(&toml, one).unwrap();
    let script = r#"
        mkdir small && mount -t tmpfs -o size=2m tmpfs small || exit 99
        "$0" star ./model --from in -o out --temp-dir small --temp-in-memory; echo "code $?"
        ls -A . small
    "#;
    let Some(ran) = with_mounts(folder.path(), script) else {
        return;
    };
    assert_eq!(ran.out, "code 3\n.:\nin\nmodel\nsmall\n\nsmall:\n");
    let (expected, got) = ran.err.split_once(" at small, got ").expect(&ran.err);
    assert!(
        expected.starts_with("error: expected room for about "),
        "{expected}"
    );
    let end = "2 MiB free; make room, or choose another --temp-dir\n";
    assert_eq!(got, end);
}
