//! Runs the binary and says what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lakeseed_test_s3::Server;
use serde_json::Value;

/// What a run left: exit code, stdout, stderr.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The binary, in `folder`, with nothing of the caller's environment that concerns it.
pub(crate) fn binary(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakeseed"));
    clean(&mut command);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// The binary started by a shell line that ends in `exec "$0" "$@"`.
pub(crate) fn binary_after(folder: &Path, shell: &str, args: &str) -> Ran {
    let mut command = Command::new("sh");
    clean(&mut command);
    command
        .current_dir(folder)
        .arg("-c")
        .arg(format!("{shell}; exec \"$0\" \"$@\""));
    command
        .arg(env!("CARGO_BIN_EXE_lakeseed"))
        .args(args.split_whitespace());
    Ran::of(&command.output().unwrap())
}

fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let upper = name.to_string_lossy().to_ascii_uppercase();
        if upper.starts_with("LAKESEED_") || upper.starts_with("AWS_") || upper.ends_with("_PROXY")
        {
            command.env_remove(name);
        }
    }
    // Whoever has no keys must not ask the network for some.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
}

/// The binary, in `folder`, with what the environment says of a server. A home without files of the
/// aws tool.
pub(crate) fn on(server: &Server, folder: &Path, args: &str) -> Command {
    let mut command = binary(folder);
    command
        .env("HOME", folder)
        .envs(server.environment())
        .args(args.split_whitespace());
    command
}

/// Runs a command to its end.
pub(crate) fn ran(command: &mut Command) -> Ran {
    Ran::of(&command.output().unwrap())
}

/// Starts a command, with its output kept for [`ended`].
pub(crate) fn start(command: &mut Command) -> Child {
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.spawn().unwrap()
}

/// Waits for a child.
pub(crate) fn ended(child: Child) -> Ran {
    Ran::of(&child.wait_with_output().unwrap())
}

/// Sends a signal by its name, as `INT`.
#[cfg(unix)]
pub(crate) fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{signal}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "{signal} was not sent");
}

/// Waits until something is so, while a child is at work.
pub(crate) fn until(child: &mut Child, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "ended too early: {ended:?}");
        let waited = started.elapsed();
        assert!(waited < Duration::from_mins(1), "waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs with these arguments, cut at spaces.
pub(crate) fn run(folder: &Path, args: &str) -> Ran {
    Ran::of(
        &binary(folder)
            .args(args.split_whitespace())
            .output()
            .unwrap(),
    )
}

/// The same, where nothing but success will do; its stdout.
pub(crate) fn succeed(folder: &Path, args: &str) -> String {
    let ran = run(folder, args);
    assert_eq!(ran.code, Some(0), "{args}: {}", ran.err);
    ran.out
}

/// The same, as JSON.
pub(crate) fn json(folder: &Path, args: &str) -> Value {
    serde_json::from_str(&succeed(folder, &format!("{args} --json"))).unwrap()
}

/// Checks that a command line is refused with exactly that line, and touches nothing.
pub(crate) fn refused(args: &str, code: i32, line: &str) {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), args);
    assert_eq!(ran.err, format!("error: {line}\n"), "{args}");
    assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{args}");
    assert!(
        files(folder.path()).is_empty(),
        "{args} left {:?}",
        files(folder.path()).keys()
    );
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Every file below a folder, by its path from there, with its bytes. Reports are left out: they
/// tell of clock and machine.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if !name.contains("_lakeseed/report-") {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
}

/// All that a finished output says of itself and its rows: data files, marks, manifest, plans.
/// Whoever takes two for equal knows that they were made by the same plan.
pub(crate) fn output(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let of_a_run = ["lock-", "status-", "journal-", "claim-", "shard-"];
    let says = |name: &str| !of_a_run.iter().any(|start| name.contains(start));
    let all = files(folder).into_iter();
    all.filter(|(name, _)| says(name)).collect()
}

/// The manifest of a finished output.
pub(crate) fn manifest(folder: &Path) -> Value {
    let all = files(&folder.join("_lakeseed"));
    let (_, bytes) = all
        .iter()
        .rfind(|(name, _)| name.starts_with("manifest-"))
        .unwrap();
    serde_json::from_slice(bytes).unwrap()
}

/// The finished data files below a folder, in order of their names.
pub(crate) fn parts(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let is_part = |name: &str| {
        name.rsplit('/')
            .next()
            .is_some_and(|name| name.starts_with("part-"))
    };
    files(folder)
        .into_iter()
        .filter(|(name, _)| is_part(name))
        .collect()
}

/// Of the run that is under way: two a finished file.
pub(crate) fn lines_of_the_journal(out: &Path) -> usize {
    let Ok(entries) = fs::read_dir(out.join("_lakeseed")) else {
        return 0;
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_journal = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("journal-")
    };
    let journal = paths.into_iter().find(is_journal);
    let text = journal.and_then(|path| fs::read_to_string(path).ok());
    text.map_or(0, |text| text.lines().count())
}

/// Files that are written under names which no reader takes for finished.
pub(crate) fn hidden(folder: &Path) -> Vec<String> {
    let names = files(folder).into_keys();
    names.filter(|name| name.ends_with(".inprogress")).collect()
}

/// Checks that `out` is what a run leaves that nobody disturbed.
#[track_caller]
pub(crate) fn is_like_an_unbroken_one(folder: &Path, work: &str) {
    let unbroken = tempfile::tempdir().unwrap();
    succeed(unbroken.path(), work);
    let (expected, came) = (
        output(&unbroken.path().join("out")),
        output(&folder.join("out")),
    );
    assert_eq!(
        expected.keys().collect::<Vec<_>>(),
        came.keys().collect::<Vec<_>>()
    );
    assert!(expected == came);
    assert!(hidden(folder).is_empty(), "{:?}", hidden(folder));
}

/// Runs a shell script as the root of a mount namespace of its own: what it mounts is seen by
/// nobody else, and goes with it. `$0` is the binary. `None`, with a line, where that is not
/// allowed.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
#[cfg(target_os = "linux")]
pub(crate) fn with_mounts(folder: &Path, script: &str) -> Option<Ran> {
    let allowed = Command::new("unshare").args(["-rm", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("LEFT OUT: this user may not mount; see folders::a_disk_that_fills_up");
        return None;
    }
    let clean = binary(folder);
    let mut command = Command::new("unshare");
    for (name, value) in clean.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .current_dir(folder)
        .args(["-rm", "sh", "-c", script])
        .arg(clean.get_program());
    Some(ran(&mut command))
}
