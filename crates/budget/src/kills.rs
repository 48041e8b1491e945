//! How often the kernel has killed for memory where this process lives.

use std::fs;
use std::path::Path;

use crate::cgroup::{self, Version};

/// How many processes the kernel's out-of-memory killer has ended in this process's cgroup, as the
/// cgroup's own counter says; `None` where no counter can be read (other than on Linux, or with a
/// version 1 older than Linux 4.13).
///
/// The counter never falls for as long as the cgroup lives. So a program notes it at its start, and
/// one that finds an unfinished run compares: if it has grown since, that run was most likely
/// killed for memory. A container that is made anew starts at zero again.
///
/// Version 2 counts in `memory.events`, with all groups below. Version 1 counts in
/// `memory.oom_control`, the group alone. Where the group's folder cannot be seen, as in most
/// containers, the nearest ancestor that can be seen is taken: there it is the mount, which shows
/// the container's group. Where both versions count, as beside systemd, the larger is taken.
///
/// ```
/// if let Some(before) = lakeseed_budget::oom_kills() {
///     // ... later, perhaps in another process of the same cgroup:
///     let since = lakeseed_budget::oom_kills().map(|now| now - before);
///     assert!(since.is_some());
/// }
/// ```
pub fn oom_kills() -> Option<u64> {
    oom_kills_under(Path::new("/"))
}

/// As [`oom_kills`], with `/proc` and `/sys` under another root.
pub fn oom_kills_under(root: &Path) -> Option<u64> {
    let groups = cgroup::groups(root);
    // The own group comes before its ancestors, whose counters tell of strangers too.
    let nearest = |version| {
        let mut of_version = groups.iter().filter(|group| group.version == version);
        of_version.find_map(|group| {
            let file = match version {
                Version::Two => "memory.events",
                Version::One => "memory.oom_control",
            };
            count_in(&fs::read_to_string(group.folder.join(file)).ok()?)
        })
    };
    nearest(Version::Two).max(nearest(Version::One))
}

/// The number behind `oom_kill`, which stands on a line of its own in the files of both versions.
fn count_in(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_root::Root;

    const V2: &str = "low 0\nhigh 9\nmax 8\noom 7\noom_kill 3\noom_group_kill 1\n";
    const V1: &str = "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n";

    fn check(cgroup: &str, files: &[(&str, &str)], expected: Option<u64>) {
        let root = Root::new(cgroup, files);
        assert_eq!(oom_kills_under(root.path()), expected);
    }

    #[test]
    fn v2_reads_its_own_group_and_no_ancestor() {
        let files = [
            ("sys/fs/cgroup/a/b/memory.events", V2),
            ("sys/fs/cgroup/a/memory.events", "oom_kill 99\n"),
        ];
        check("0::/a/b\n", &files, Some(3));
    }

    #[test]
    fn v1_reads_its_own_group_and_no_ancestor() {
        let files = [
            ("sys/fs/cgroup/memory/a/b/memory.oom_control", V1),
            ("sys/fs/cgroup/memory/a/memory.oom_control", "oom_kill 99\n"),
        ];
        check("4:hugetlb,memory:/a/b\n", &files, Some(5));
    }

    #[test]
    fn in_a_container_the_mount_is_the_group() {
        let files = [("sys/fs/cgroup/memory/memory.oom_control", V1)];
        check("4:memory:/docker/not-visible-in-here\n", &files, Some(5));
        let files = [("sys/fs/cgroup/memory.events", V2)];
        check("0::/../../elsewhere\n", &files, Some(3));
    }

    #[test]
    fn beside_one_another_the_version_that_counts_is_taken() {
        let files = [
            ("sys/fs/cgroup/unified/b/memory.events", "oom_kill 0\n"),
            ("sys/fs/cgroup/memory/a/memory.oom_control", V1),
        ];
        check("4:memory:/a\n0::/b\n", &files, Some(5));
    }

    #[test]
    fn none_where_nothing_counts() {
        check("0::/job\n", &[], None);
        // Version 1 before Linux 4.13.
        let old = ("sys/fs/cgroup/memory/memory.oom_control", "under_oom 0\n");
        check("4:memory:/\n", &[old], None);
        let garbage = ("sys/fs/cgroup/memory.events", "oom_kill many\n");
        check("0::/\n", &[garbage], None);
        assert_eq!(oom_kills_under(Path::new("/nowhere-at-all")), None);
    }
}
