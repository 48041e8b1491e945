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
use std::path::Path;
use std::process::Command;

use lakeseed_test_s3::{Server, Settings};
use serde_json::{Value, json};

use crate::cgroup::Cgroup;
use crate::support::{Ran, on, ran, run};

const MIB: u64 = 1 << 20;
const FORMATS: [&str; 4] = ["json", "csv", "parquet", "arrow"];

/// A bound that the kernel keeps.
enum Hard {
    Data(u64),
    Cgroup(Cgroup, u64),
}

impl Hard {
    fn all(limit: u64, test: &str) -> Vec<Self> {
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
    fn bound(&self, whole: &Command) -> Command {
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

/// The control: the same work, told of the limit, lives; told of twice as much, it does not.
fn bites(hard: &Hard, server: &Server, folder: &Path, limit: u64) {
    let told = |memory| format!("{GREEDY} --memory {memory}MiB -o greedy");
    let died = hard.run(server, folder, &told(2 * limit));
    assert_eq!(died.code, None, "{hard} did not bite: {}", died.err);
    match hard {
        Hard::Data(_) => assert!(died.err.contains("memory allocation of "), "{died:?}"),
        Hard::Cgroup(group, _) => assert_eq!(group.oom_kills(), 1, "{died:?}"),
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
