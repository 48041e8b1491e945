//! The memory that this process may use: the smallest of its cgroups' limits and the host's memory.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cgroup::{self, Group, Version};
use crate::{Bytes, KIB};

/// A cgroup v1 without a limit holds the largest number of pages; nothing near it is a limit.
const ABSURD: u64 = 1 << 60;

/// How much memory the process may use, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The limit.
    pub bytes: Bytes,
    /// Where it stands.
    pub source: LimitSource,
}

/// Where a [`Limit`] comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitSource {
    /// A file of a cgroup, of either version.
    Cgroup(PathBuf),
    /// All memory of the host.
    Host,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            LimitSource::Cgroup(file) => write!(f, "{} by {}", self.bytes, file.display()),
            LimitSource::Host => write!(f, "{} of this host", self.bytes),
        }
    }
}

/// The memory that this process may use; `None` where the system does not say (other than Linux).
///
/// The smallest of: the host's `MemTotal`; `memory.max` and `memory.high` of the process's cgroup
/// and all its ancestors (version 2); `memory.limit_in_bytes` likewise (version 1). `memory.high`
/// counts because the kernel slows down a process above it until it hardly moves.
///
/// Read anew on each call: a scheduler may change it.
///
/// ```
/// if let Some(limit) = lakeseed_budget::limit() {
///     println!("{limit}"); // 512 MiB by /sys/fs/cgroup/memory.max
///     assert!(limit.bytes.get() > 0);
/// }
/// ```
pub fn limit() -> Option<Limit> {
    limit_under(Path::new("/"))
}

/// As [`limit()`], with `/proc` and `/sys` under another root, for tests and for looking at the
/// host from inside a container that has them mounted elsewhere.
pub fn limit_under(root: &Path) -> Option<Limit> {
    let cgroups = cgroup::groups(root)
        .into_iter()
        .flat_map(limit_files)
        .filter_map(|file| {
            Some(Limit {
                bytes: read_limit(&file)?,
                source: LimitSource::Cgroup(file),
            })
        });
    cgroups.chain(host(root)).min_by_key(|limit| limit.bytes)
}

fn host(root: &Path) -> Option<Limit> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let bytes = kilobytes_after(&meminfo, "MemTotal:")?;
    Some(Limit {
        bytes,
        source: LimitSource::Host,
    })
}

fn limit_files(group: Group) -> impl Iterator<Item = PathBuf> {
    let names: &[&str] = match group.version {
        Version::Two => &["memory.max", "memory.high"],
        Version::One => &["memory.limit_in_bytes"],
    };
    names.iter().map(move |name| group.folder.join(name))
}

/// `None` for `max`, for the absurd numbers that mean the same, and for files that are not there.
fn read_limit(file: &Path) -> Option<Bytes> {
    let bytes: u64 = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    (bytes < ABSURD).then_some(Bytes::new(bytes))
}

/// The number after a name such as `MemTotal:`, which the kernel gives in units of 1,024 bytes.
pub(crate) fn kilobytes_after(text: &str, name: &str) -> Option<Bytes> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(number * KIB)
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
