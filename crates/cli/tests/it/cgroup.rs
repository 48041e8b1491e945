//! Control groups of the tests' own: what is put into one is bounded by the kernel.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A group below the one that this process is in, so that nothing escapes a bound that is there
/// already. Its processes have to be gone when it is dropped, and it goes too.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folder: PathBuf,
    files: &'static Files,
}

/// How the memory controller's files are named in one version.
#[derive(Debug)]
struct Files {
    limit: &'static str,
    /// What keeps memory from going to a swap device in place of the limit, and its value.
    no_swap: (&'static str, Option<&'static str>),
    kills: &'static str,
}

const ONE: Files = Files {
    limit: "memory.limit_in_bytes",
    no_swap: ("memory.memsw.limit_in_bytes", None),
    kills: "memory.oom_control",
};
const TWO: Files = Files {
    limit: "memory.max",
    no_swap: ("memory.swap.max", Some("0")),
    kills: "memory.events",
};

impl Cgroup {
    /// Makes a group with a limit on its memory. An error where this user, this container or this
    /// kernel does not allow it.
    pub(crate) fn try_new(limit_bytes: u64) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lakeseed-test-{}-{number}", std::process::id());
        let (own, files) = own()?;
        let folder = own.join(name);
        fs::create_dir(&folder)?;
        // Dropped, and removed, on every error from here on.
        let group = Self { folder, files };
        if !group.folder.join(files.limit).exists() {
            // Version 2 hands the controller down only where it is told to.
            fs::write(own.join("cgroup.subtree_control"), "+memory")?;
        }
        let bytes = limit_bytes.to_string();
        fs::write(group.folder.join(files.limit), &bytes)?;
        let (no_swap, value) = files.no_swap;
        if group.folder.join(no_swap).exists() {
            fs::write(group.folder.join(no_swap), value.unwrap_or(&bytes))?;
        }
        Ok(group)
    }

    /// The same, or nothing and a line past the capture of the tests' output.
    pub(crate) fn or_left_out(limit_bytes: u64, test: &str) -> Option<Self> {
        Self::try_new(limit_bytes)
            .inspect_err(|error| left_out(test, &format!("no cgroup can be made: {error}")))
            .ok()
    }

    /// The shell's line that puts the shell, and what it becomes, into the group.
    pub(crate) fn enter(&self) -> String {
        format!(
            "echo $$ > '{}/cgroup.procs' || exit 99",
            self.folder.display()
        )
    }

    /// How many processes the kernel has ended in it for want of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let text = fs::read_to_string(self.folder.join(self.files.kills)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.unwrap().trim().parse().unwrap()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // One that still has processes stays, and so does its test's failure.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Says that a test shows less here than elsewhere.
pub(crate) fn left_out(test: &str, why: &str) {
    use std::io::Write as _;
    // Not `eprintln!`, which the test harness swallows. Nobody reads a closed stream.
    let _ = writeln!(io::stderr(), "\nLEFT OUT: a part of {test}: {why}");
}

/// The group of this process that the memory controller bounds.
fn own() -> io::Result<(PathBuf, &'static Files)> {
    let memberships = fs::read_to_string("/proc/self/cgroup")?;
    let lines = || {
        memberships
            .lines()
            .map(|line| line.splitn(3, ':').collect())
    };
    let below = |mount: &str, group: &str| Path::new(mount).join(group.trim_start_matches('/'));
    for fields in lines() {
        let fields: Vec<&str> = fields;
        if let [_, controllers, group] = fields[..]
            && controllers.split(',').any(|name| name == "memory")
        {
            return Ok((below("/sys/fs/cgroup/memory", group), &ONE));
        }
    }
    for fields in lines() {
        if let ["0", "", group] = fields[..] {
            return Ok((below("/sys/fs/cgroup", group), &TWO));
        }
    }
    Err(io::Error::other("no memory controller"))
}
