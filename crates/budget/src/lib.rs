//! The memory of one process: what it may use, what it uses now, and leases in bytes.
//!
//! A program that has to stay inside 512 MiB cannot ask the allocator for that. It has to know its
//! limit, count what its workers are going to hold *before* they start, and look at what the
//! process really holds while they run. This crate does those three things:
//!
//! ```
//! use lakeseed_budget::{Budget, MIB, Need};
//!
//! # fn main() -> lakeseed_budget::Result<()> {
//! let budget = Budget::new(512 * MIB); // or Budget::of_this_process()
//! let need = Need::new("batch", 8 * MIB).and("chunk", 96 * MIB).and("codec", 16 * MIB);
//!
//! // As many workers as were asked for, as there is work for, and as the budget carries.
//! let workers = budget.workers(8, 1_000, &need)?;
//! assert_eq!(workers, 4);
//!
//! // Each takes its whole lease before it starts; dropping the lease gives the bytes back.
//! let lease = budget.lease("part 0 of invoices", need.total())?;
//! assert_eq!(budget.free(), 392 * MIB);
//! drop(lease);
//! assert_eq!(budget.free(), 512 * MIB);
//!
//! // What can never fit is refused at once, with the sum.
//! let error = Budget::new(64 * MIB).workers(8, 1_000, &need).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "one worker needs 120 MiB (batch 8 MiB + chunk 96 MiB + codec 16 MiB), \
//!      and 64 MiB of the 64 MiB budget is free",
//! );
//! # Ok(())
//! # }
//! ```
//!
//! # Contents
//! - [`Bytes`]: a size that reads `512MB`, `512MiB`, `1_000_000`.
//! - [`limit()`]: the smallest of the cgroup limits and the host's memory, and where it came from.
//! - [`oom_kills`]: how often the kernel has killed for memory in this cgroup.
//! - [`resident_anonymous`], [`peak_resident`]: what the process holds, as the kernel counts it;
//!   [`Peak`] keeps the largest that was seen.
//! - [`Budget`] and [`Lease`]: a semaphore in bytes; [`Need`] and [`Budget::workers`] in front.
//!
//! # What it does not do
//! It starts no threads, depends on nothing, and enforces nothing: a lease is a promise that its
//! holder keeps. It never looks at a cgroup's *current* usage, which counts the page cache of every
//! file just written and so says nothing about how close the process is to being killed.

mod budget;
mod bytes;
mod cgroup;
mod error;
mod kills;
mod limit;
mod need;
#[cfg(test)]
mod test_root;
mod usage;

pub use budget::{Budget, Lease};
pub use bytes::{Bytes, GIB, KIB, MIB};
pub use error::{Error, Holder, Result};
pub use kills::{oom_kills, oom_kills_under};
pub use limit::{Limit, LimitSource, limit, limit_under};
pub use need::Need;
pub use usage::{Peak, peak_resident, resident_anonymous, usage_in};
