//! Where the memory controller keeps the files of this process's cgroups, of either version.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Which of the two interfaces a group has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// A folder that may hold files of the memory controller. It need not exist: in a container the
/// path that the kernel tells is often the host's, and only the mount itself is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) version: Version,
    pub(crate) folder: PathBuf,
}

/// The process's groups and all their ancestors up to the mounts; of each line of
/// `/proc/self/cgroup` the process's own group comes first.
pub(crate) fn groups(root: &Path) -> Vec<Group> {
    let memberships = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    memberships
        .lines()
        .filter_map(Membership::parse)
        .flat_map(|membership| membership.groups(root))
        .collect()
}

/// One line of `/proc/self/cgroup` that has to do with memory.
struct Membership<'a> {
    version: Version,
    mounts: &'static [&'static str],
    group: &'a str,
}

impl<'a> Membership<'a> {
    /// `0::/path` for version 2, `4:memory:/path` for version 1; other controllers are of no use.
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(3, ':');
        let (id, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
        if id == "0" && controllers.is_empty() {
            Some(Self {
                version: Version::Two,
                // `unified` is where systemd mounts version 2 beside version 1.
                mounts: &["sys/fs/cgroup", "sys/fs/cgroup/unified"],
                group,
            })
        } else if controllers.split(',').any(|name| name == "memory") {
            Some(Self {
                version: Version::One,
                mounts: &["sys/fs/cgroup/memory"],
                group,
            })
        } else {
            None
        }
    }

    fn groups(self, root: &Path) -> Vec<Group> {
        // A group outside the namespace begins with `..`, and is not to be reached from here.
        let names: PathBuf = Path::new(self.group)
            .components()
            .filter(|component| matches!(component, Component::Normal(_)))
            .collect();
        let mut groups = Vec::new();
        for mount in self.mounts {
            for name in names.ancestors() {
                groups.push(Group {
                    version: self.version,
                    folder: root.join(mount).join(name),
                });
            }
        }
        groups
    }
}
