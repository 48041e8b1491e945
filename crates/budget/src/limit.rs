//! The memory that this process may use: the smallest of its cgroups' limits and the host's memory.

use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};

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
    let memberships = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let cgroups = memberships
        .lines()
        .filter_map(Membership::parse)
        .flat_map(|membership| membership.limit_files(root))
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

/// One line of `/proc/self/cgroup` that can limit memory.
struct Membership<'a> {
    mounts: &'static [&'static str],
    files: &'static [&'static str],
    group: &'a str,
}

impl<'a> Membership<'a> {
    /// `0::/path` for version 2, `4:memory:/path` for version 1; other controllers are of no use.
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(3, ':');
        let (id, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
        if id == "0" && controllers.is_empty() {
            // `unified` is where systemd mounts version 2 beside version 1.
            let mounts = &["sys/fs/cgroup", "sys/fs/cgroup/unified"];
            Some(Self {
                mounts,
                files: &["memory.max", "memory.high"],
                group,
            })
        } else if controllers.split(',').any(|name| name == "memory") {
            let mounts = &["sys/fs/cgroup/memory"];
            Some(Self {
                mounts,
                files: &["memory.limit_in_bytes"],
                group,
            })
        } else {
            None
        }
    }

    /// The limit files of the group and of all its ancestors up to the mount. In a container the
    /// path is often the host's, and only the mount itself exists: files that are absent are
    /// skipped by the reader.
    fn limit_files(self, root: &Path) -> impl Iterator<Item = PathBuf> {
        // A group outside the namespace begins with `..`, and is not to be reached from here.
        let names: PathBuf = Path::new(self.group)
            .components()
            .filter(|component| matches!(component, Component::Normal(_)))
            .collect();
        let groups: Vec<PathBuf> = names.ancestors().map(Path::to_path_buf).collect();
        let mounts: Vec<PathBuf> = self.mounts.iter().map(|mount| root.join(mount)).collect();
        let mut files = Vec::new();
        for mount in &mounts {
            for group in &groups {
                files.extend(self.files.iter().map(|file| mount.join(group).join(file)));
            }
        }
        files.into_iter()
    }
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
