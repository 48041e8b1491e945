//! Rows into databases, at the speed of their bulk loaders.
//!
//! ```text
//! LoadPlan: tables, parents first; parts, as row ranges     ddl: CREATE TABLE, keys, comments
//!     |
//!   Load -- workers: rows -> chunks -> one transaction a part, with its line in the ledger
//!     |                         |                              |
//!     |                     Database, Session: a system      VerifyLoad: read back and compared
//!   keys and comments, when all parts stand
//! ```
//! - [`ddl`]: statements that make the tables, in the words of each system.
//! - `LoadPlan`: which rows go into which tables, fixed before the first one (feature
//!   `postgres`).
//! - `Load`: a plan on its way; again after an interruption, it adds what is missing (feature
//!   `postgres`).
//! - `VerifyLoad`: what a run has loaded, read back and compared with rows made again (feature
//!   `postgres`).
//! - `Database`: the seam behind which the systems stand (feature `postgres`).
//! - `postgres`: a system, by its own protocol (feature `postgres`).

#[cfg(feature = "postgres")]
mod cells;
#[cfg(feature = "postgres")]
mod columns;
#[cfg(feature = "postgres")]
mod database;
pub mod ddl;
#[cfg(feature = "postgres")]
mod failure;
#[cfg(feature = "postgres")]
mod ledger;
#[cfg(feature = "postgres")]
mod load;
#[cfg(feature = "postgres")]
mod plan;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "postgres")]
mod report;
#[cfg(feature = "postgres")]
mod standing;
mod types;
#[cfg(feature = "postgres")]
mod url;
#[cfg(feature = "postgres")]
mod verify;
#[cfg(feature = "postgres")]
mod wait;
#[cfg(feature = "postgres")]
mod workers;

#[cfg(feature = "postgres")]
pub use self::database::Database;
#[cfg(feature = "postgres")]
pub use self::ledger::{RunRecord, RunTable};
#[cfg(feature = "postgres")]
pub use self::load::{IfExists, Load};
#[cfg(feature = "postgres")]
pub use self::plan::{LoadPlan, LoadPlanBuilder, PART_ROWS, TableToLoad};
#[cfg(feature = "postgres")]
pub use self::report::{Loaded, LoadedTable};
#[cfg(feature = "postgres")]
pub use self::verify::VerifyLoad;
