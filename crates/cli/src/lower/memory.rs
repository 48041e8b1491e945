//! The memory of the process, and what of it the workers get.

use lakeseed_budget::{Budget, Bytes, Limit, LimitSource, MIB, limit, resident_anonymous};

/// What the program holds beside its tables and workers: the plan and its samples, the allocator, and
/// pages of the program itself, which are 16 MiB with all features. The kernel can take these back, but
/// a limit that counts them is kept too.
const OWN: Bytes = Bytes::new(28 << 20);
/// Without `--memory`, others on the machine keep a fifth of it.
const DEFAULT_SHARE: (u64, u64) = (4, 5);

/// The limit of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All that the process may hold; `None` where no limit is known.
    pub(crate) total: Option<Bytes>,
    /// Who says so, for people.
    pub(crate) by: String,
    /// What the program holds before the first worker starts.
    pub(crate) program: Bytes,
    /// A warning, where `--memory` is more than the system gives.
    pub(crate) beyond: Option<String>,
}

impl Memory {
    /// The limit that was given, or else that of the system. Looks at what is held right now.
    pub(crate) fn of(given: Option<Bytes>) -> Self {
        let found = limit();
        let beyond = given.zip(found.as_ref()).and_then(beyond);
        let (total, by) = match (given, found) {
            (Some(given), _) => (Some(given), format!("--memory {given}")),
            (None, Some(found)) => {
                let (share, whole) = DEFAULT_SHARE;
                let total = Bytes::new(found.bytes.get() / whole * share);
                (Some(total), describe(&found))
            }
            (None, None) => (None, "no known limit".to_owned()),
        };
        let held = resident_anonymous().unwrap_or(16 * MIB);
        Self {
            total,
            by,
            program: held + OWN,
            beyond,
        }
    }

    /// What is left for all workers together.
    pub(crate) fn for_workers(&self) -> Option<Bytes> {
        self.total.map(|total| total - self.program)
    }

    /// What all workers take their leases from.
    pub(crate) fn budget(&self) -> Option<Budget> {
        self.for_workers().map(Budget::new)
    }
}

fn describe(limit: &Limit) -> String {
    format!("four fifths of {}", of_whom(limit))
}

/// What is given counts all the same: it may be that most of the kernel's count can be taken back.
fn beyond((given, limit): (Bytes, &Limit)) -> Option<String> {
    let line = || {
        let limit = of_whom(limit);
        format!("--memory {given} is more than {limit}: the kernel kills a run that takes so much")
    };
    (given > limit.bytes).then(line)
}

fn of_whom(limit: &Limit) -> String {
    match limit.source {
        LimitSource::Host => format!("the host's {}", limit.bytes),
        _ => format!("the cgroup's {}", limit.bytes),
    }
}
