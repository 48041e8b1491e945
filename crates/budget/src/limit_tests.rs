use super::*;
use crate::test_root::Root;
use crate::{GIB, MIB};

/// The limit, with the path of its file relative to the root, or `host`.
fn found(root: &Root) -> (Bytes, String) {
    let limit = limit_under(root.path()).unwrap();
    let source = match limit.source {
        LimitSource::Cgroup(file) => {
            let file = file.strip_prefix(root.path()).unwrap();
            file.display().to_string()
        }
        LimitSource::Host => "host".to_owned(),
    };
    (limit.bytes, source)
}

fn check(cgroup: &str, files: &[(&str, &str)], bytes: Bytes, source: &str) {
    let root = Root::new(cgroup, files);
    assert_eq!(found(&root), (bytes, source.to_owned()));
}

#[test]
fn v2_takes_the_group_itself() {
    check(
        "0::/user/job\n",
        &[("sys/fs/cgroup/user/job/memory.max", "536870912\n")],
        512 * MIB,
        "sys/fs/cgroup/user/job/memory.max",
    );
}

#[test]
fn v2_walks_up_to_a_tighter_ancestor() {
    check(
        "0::/a/b/c\n",
        &[
            ("sys/fs/cgroup/a/b/c/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/a/memory.max", "268435456\n"),
        ],
        256 * MIB,
        "sys/fs/cgroup/a/memory.max",
    );
}

#[test]
fn v2_in_a_namespace_reads_the_mount() {
    check(
        "0::/\n",
        &[("sys/fs/cgroup/memory.max", "134217728\n")],
        128 * MIB,
        "sys/fs/cgroup/memory.max",
    );
}

#[test]
fn v2_counts_the_throttling_limit_too() {
    check(
        "0::/job\n",
        &[
            ("sys/fs/cgroup/job/memory.max", "2147483648\n"),
            ("sys/fs/cgroup/job/memory.high", "1073741824\n"),
        ],
        GIB,
        "sys/fs/cgroup/job/memory.high",
    );
}

#[test]
fn v2_max_leaves_the_host() {
    check(
        "0::/job\n",
        &[("sys/fs/cgroup/job/memory.max", "max\n")],
        8 * GIB,
        "host",
    );
}

#[test]
fn a_limit_above_the_host_leaves_the_host() {
    check(
        "0::/job\n",
        &[("sys/fs/cgroup/job/memory.max", "99999999999\n")],
        8 * GIB,
        "host",
    );
}

#[test]
fn v1_finds_memory_among_the_controllers() {
    check(
        "9:name=systemd:/x\n5:cpu,cpuacct:/other\n4:hugetlb,memory:/docker/abc\n0::/\n",
        &[
            (
                "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes",
                "536870912\n",
            ),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ],
        512 * MIB,
        "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes",
    );
}

#[test]
fn v1_in_a_container_falls_back_to_the_mount() {
    check(
        "4:memory:/docker/not-visible-in-here\n",
        &[("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n")],
        256 * MIB,
        "sys/fs/cgroup/memory/memory.limit_in_bytes",
    );
}

#[test]
fn v1_absurd_means_none() {
    check(
        "4:memory:/\n",
        &[(
            "sys/fs/cgroup/memory/memory.limit_in_bytes",
            "9223372036854771712\n",
        )],
        8 * GIB,
        "host",
    );
}

#[test]
fn both_versions_side_by_side() {
    check(
        "4:memory:/a\n0::/b\n",
        &[
            (
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "1073741824\n",
            ),
            ("sys/fs/cgroup/unified/b/memory.max", "536870912\n"),
        ],
        512 * MIB,
        "sys/fs/cgroup/unified/b/memory.max",
    );
}

#[test]
fn colons_and_dots_in_a_path_do_no_harm() {
    check(
        "0::/a:b\n",
        &[("sys/fs/cgroup/a:b/memory.max", "1048576\n")],
        MIB,
        "sys/fs/cgroup/a:b/memory.max",
    );
    // A group outside of the namespace must not lead out of the mount.
    check(
        "0::/../../secret\n",
        &[("sys/secret/memory.max", "1\n")],
        8 * GIB,
        "host",
    );
}

#[test]
fn garbage_is_no_limit() {
    check(
        "nonsense\n0:\n0::/job\n",
        &[
            ("sys/fs/cgroup/job/memory.max", "many\n"),
            ("sys/fs/cgroup/memory.max", ""),
        ],
        8 * GIB,
        "host",
    );
}

#[test]
fn an_absurd_limit_is_none_even_alone() {
    let absurd = (
        "sys/fs/cgroup/memory/memory.limit_in_bytes",
        "9223372036854771712\n",
    );
    let root = Root::new("4:memory:/\n", &[absurd]);
    root.write("proc/meminfo", "");
    assert_eq!(limit_under(root.path()), None);
}

#[test]
fn nothing_to_read_is_none() {
    assert_eq!(limit_under(Path::new("/nowhere-at-all")), None);
}

#[test]
fn shows_its_source() {
    let limit = Limit {
        bytes: GIB,
        source: LimitSource::Cgroup("/sys/fs/cgroup/memory.max".into()),
    };
    assert_eq!(limit.to_string(), "1 GiB by /sys/fs/cgroup/memory.max");
    let host = Limit {
        bytes: GIB,
        source: LimitSource::Host,
    };
    assert_eq!(host.to_string(), "1 GiB of this host");
}
