//! `--memory` under a limit of the same size that the kernel enforces: whoever steps over it once
//! is refused memory, or killed.
//!
//! Two kinds of limits, since they bite in different ways.
//!
//! **A cgroup's** is what containers and schedulers set. It counts pages that are in use, those of
//! the kernel for this process and of the page cache too, and kills. Making one needs rights that
//! not every machine gives; where they are missing a line says so.
//!
//! **`RLIMIT_DATA`**, the shell's `ulimit -d`, needs no rights and counts private writable
//! mappings, used or not: heap, buffers, the stacks of threads. A request above it is refused,
//! which ends a program whose allocator has nothing else left. It is stricter than `--memory`,
//! which speaks of pages in use: each thread's stack counts with 2 MiB, of which few pages are
//! touched, and a range that the allocator has given back counts until it is unmapped. So two
//! threads have to do. `RLIMIT_AS`, `ulimit -v`, would count what an allocator or a thread's arena
//! only reserves, and the program's files: a gigabyte before the first row, and nothing that a
//! machine could run out of.

#![cfg(target_os = "linux")]

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use lakeseed_test_s3::{Server, Settings};
use serde_json::{Value, json};

use crate::cgroup::Cgroup;
use crate::support::{
    Ran, binary, is_like_an_unbroken_one, lines_of_the_journal, on, ran, run, send, start, until,
    with_mounts,
};

const MIB: u64 = 1 << 20;
const FORMATS: [&str; 4] = ["json", "csv", "parquet", "arrow"];

/// A bound that the kernel keeps.
pub(crate) enum Hard {
    Data(u64),
    Cgroup(Cgroup, u64),
}

impl Hard {
    pub(crate) fn all(limit: u64, test: &str) -> Vec<Self> {
        let group = Cgroup::or_left_out(limit * MIB, test);
        let group = group.map(|group| Self::Cgroup(group, limit));
        [Self::Data(limit)].into_iter().chain(group).collect()
    }

    fn threads(&self) -> u64 {
        match self {
            Self::Data(_) => 2,
            Self::Cgroup(..) => 16,
        }
    }

    /// Within 128 MiB of mappings only what is promised there is tried: text.
    fn formats(&self) -> &'static [&'static str] {
        match self {
            Self::Data(128) => &FORMATS[..2],
            _ => &FORMATS,
        }
    }

    /// The same command, bounded.
    pub(crate) fn bound(&self, whole: &Command) -> Command {
        let line = match self {
            Self::Data(limit) => format!("ulimit -d {}", limit * MIB / 1024),
            Self::Cgroup(group, _) => group.enter(),
        };
        after(&line, whole)
    }

    fn run(&self, server: &Server, folder: &Path, args: &str) -> Ran {
        ran(&mut self.bound(&on(server, folder, args)))
    }
}

impl fmt::Display for Hard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(limit) => write!(f, "RLIMIT_DATA of {limit} MiB"),
            Self::Cgroup(_, limit) => write!(f, "a cgroup of {limit} MiB"),
        }
    }
}

/// A command that a shell becomes after a line of its own.
fn after(line: &str, whole: &Command) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{line}; exec \"$0\" \"$@\"")]);
    command.arg(whole.get_program()).args(whole.get_args());
    for (name, value) in whole.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(folder) = whole.get_current_dir() {
        command.current_dir(folder);
    }
    command
}

fn work(format: &str) -> &'static str {
    match format {
        "parquet" => "predictions --rows 120k --files 16",
        "json" => "predictions --rows 60k",
        _ => "retail --scale 0.05",
    }
}

/// As much memory as it is given: nobody is told of fewer threads, and all have something to do.
const GREEDY: &str = "generate predictions --rows 600k -f json -j 64";

fn survives(limit: u64) {
    let server = Server::start(Settings::default());
    for hard in Hard::all(limit, "hard::survives") {
        let folder = tempfile::tempdir().unwrap();
        for &format in hard.formats() {
            for place in ["", "s3://lake/"] {
                let threads = hard.threads();
                let args = format!(
                    "generate {} -f {format} -j {threads} --memory {limit}MiB -q -o {place}{format} \
                     --overwrite",
                    work(format)
                );
                let ran = hard.run(&server, folder.path(), &args);
                assert_eq!(ran.code, Some(0), "{args} under {hard}: {}", ran.err);
                assert_eq!(ran.err, "", "{args} under {hard}");
            }
        }
        let verify = format!("verify json --memory {limit}MiB -j 2");
        let verified = hard.run(&server, folder.path(), &verify);
        assert_eq!(verified.code, Some(0), "under {hard}: {verified:?}");
        bites(&hard, &server, folder.path(), limit);
    }
}

/// The control: the same work, told of the limit, lives; told of four times as much, it does not.
fn bites(hard: &Hard, server: &Server, folder: &Path, limit: u64) {
    let told = |memory| format!("{GREEDY} --memory {memory}MiB -o greedy");
    let died = hard.run(server, folder, &told(4 * limit));
    assert_eq!(died.code, None, "{hard} did not bite: {}", died.err);
    match hard {
        Hard::Data(_) => assert!(died.err.contains("memory allocation of "), "{died:?}"),
        Hard::Cgroup(group, _) => {
            assert_eq!(group.oom_kills(), 1, "{died:?}");
            assert!(died.err.contains("is more than the cgroup's "), "{died:?}");
        }
    }
    let lives = hard.run(server, folder, &format!("{} --json", told(limit)));
    assert_eq!(lives.code, Some(0), "{hard}: {}", lives.err);
    let result: Value = serde_json::from_str(&lives.out).unwrap();
    let end = match hard {
        Hard::Data(_) => json!("vanished"),
        Hard::Cgroup(..) => json!({"out_of_memory": {"before": 0, "now": 1}}),
    };
    assert_eq!(result["last_run"]["end"], end, "{hard}: {result}");
    assert_eq!(run(folder, "verify greedy --quick").code, Some(0));
}

#[test]
fn lives_under_a_hard_limit_of_128_mib() {
    survives(128);
}

#[test]
fn lives_under_a_hard_limit_of_256_mib() {
    survives(256);
}

/// Sixty files, and a process that takes all memory of the group from outside of the run.
const WORK: &str = "generate predictions --rows 300k --classes 5 --files 60 -j 1 -o out";

#[test]
fn killed_by_the_kernel_in_its_cgroup_and_continued() {
    const TEST: &str = "hard::killed_by_the_kernel_in_its_cgroup_and_continued";
    let Some(group) = Cgroup::or_left_out(256 * MIB, TEST) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let whole = |args: &str| {
        let mut whole = binary(folder.path());
        whole.args(args.split_whitespace());
        whole
    };
    // The kernel takes this one first. Nobody needs rights to offer himself.
    let first = format!("{}; echo 1000 > /proc/self/oom_score_adj", group.enter());
    let mut child = start(&mut after(&first, &whole(WORK)));
    until(&mut child, || lines_of_the_journal(&out) >= 6);
    // It stands still until the kernel comes.
    send(&child, "STOP");
    // `tail` keeps a line that does not end, whole.
    let hog = format!("{}; head -c 1G /dev/zero | tail > hog", group.enter());
    let hog = Command::new("sh")
        .current_dir(folder.path())
        .args(["-c", &hog])
        .output()
        .unwrap();
    assert!(!hog.status.success(), "the memory did not run out: {hog:?}");
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "{status:?}");
    let kills = group.oom_kills();
    assert!(kills > 0, "not killed for memory");

    // The same line, and what `status` says before it.
    let told = format!("killed for memory (the cgroup's counter went from 0 to {kills})");
    let shown = ran(&mut after(&group.enter(), &whole("status out")));
    assert!(shown.out.contains(&told), "{shown:?}");
    let again = ran(&mut after(&group.enter(), &whole(WORK)));
    assert_eq!(again.code, Some(0), "{}", again.err);
    let line = again.err.lines().next().unwrap();
    assert!(
        line.starts_with("goes on: ") && line.ends_with(&told),
        "{line}"
    );
    is_like_an_unbroken_one(folder.path(), WORK);
}

/// The same where no cgroup can be made: the files of a made-up one, and a kill of our own.
#[test]
fn killed_while_a_made_up_counter_grows() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        r#"
        mount -t tmpfs tmpfs /sys/fs/cgroup || exit 99
        echo "oom_kill 3" > /sys/fs/cgroup/memory.events
        "$0" {WORK} -q & pid=$!
        until [ "$(cat out/_lakeseed/journal-* 2> /dev/null | wc -l)" -ge 6 ]; do :; done
        kill -KILL $pid; wait $pid; echo "code $?"
        "$0" status out
        echo "oom_kill 4" > /sys/fs/cgroup/memory.events
        "$0" status out
        "$0" {WORK} 2> told > table || exit 98
        head -1 told
        "#
    );
    let Some(ran) = with_mounts(folder.path(), &script) else {
        return;
    };
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((lines.len(), ran.code), (8, Some(0)), "{ran:?}");
    assert_eq!(lines[0], "code 137");
    let told = "killed for memory (the cgroup's counter went from 3 to 4)";
    assert!(lines[3].contains("ended without a word"), "{}", lines[3]);
    assert!(lines[6].contains(told), "{}", lines[6]);
    assert!(
        lines[7].starts_with("goes on: ") && lines[7].ends_with(told),
        "{}",
        lines[7]
    );
    is_like_an_unbroken_one(folder.path(), WORK);
}
