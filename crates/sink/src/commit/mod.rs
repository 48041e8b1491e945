//! From parts to an output: plan first, a journal on the way, the manifest last.
//!
//! ```text
//! _lakeseed/plan-ID.json               what will be, before the first part
//! _lakeseed/journal-ID-1of1            one line a finished part: path, rows, bytes, digest, totals
//! _lakeseed/status-ID-1of1.json        a sign of life, for people
//! _lakeseed/report-ID-1of1.json        an account of the run, by its caller
//! _lakeseed/shard-ID-3of16.json        what a shard has done, for `combine`
//! TABLE/_SUCCESS                       each table's mark
//! _lakeseed/manifest-000001.json       last, and only under a free name
//! ```
//! The protocol is the same for every [`Store`](crate::Store). A run that was interrupted leaves what it has
//! proven; the same run again makes the rest, and the output is the same to the byte as that of a
//! run that was never stopped, because every part is a pure function of the plan.

mod append;
mod beside;
mod claim;
mod combine;
mod decide;
mod kept;
mod names;
mod parked;
mod records;
mod seal;
mod session;
mod standing;
mod status;

pub(crate) use self::claim::HEARTBEAT;
pub use self::combine::combine;
#[cfg(feature = "s3")]
pub(crate) use self::names::CHECKS;
pub use self::names::Shard;
pub(crate) use self::names::{OWN, SUCCESS, manifest as manifest_name};
pub(crate) use self::parked::{Parked, seal_all};
pub use self::records::{Mode, PartRecord, PlanRecord, PlannedRows, TableRecord};
pub use self::seal::settle;
pub(crate) use self::session::{Begun, Completed, Others, Session};
pub(crate) use self::standing::latest;
pub use self::standing::{Standing, inspect, open_finished};
pub use self::status::{Ending, LastEnd, LastRun, Status, put_report, statuses};
