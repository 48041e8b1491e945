//! Rows into databases, at the speed of their bulk loaders.
//!
//! ```text
//! LoadPlan: tables, parents first; parts, as row ranges     ddl: CREATE TABLE, keys, comments
//!     |
//!   Load -- workers: rows -> chunks -> one transaction a part, with its line in the ledger
//!     |                         |                              |
//!     |                     Database, Session: a system      VerifyLoad: read back and compared
//!   keys and comments, when all parts stand; views over them
//! ```
//! - [`ddl`]: statements that make the tables, in the words of each system.
//! - `LoadPlan`: which rows go into which tables, fixed before the first one.
//! - `Load`: a plan on its way; again after an interruption, it adds what is missing.
//! - `VerifyLoad`: what a run has loaded, read back and compared with rows made again.
//! - `read_table`: a small table of anybody's, in whole.
//! - `Database`: the seam behind which the systems stand.
//! - `postgres`: PostgreSQL, by its own protocol (feature `postgres`).
//! - `mysql`: MySQL and MariaDB, by theirs (feature `mysql`).
//!
//! All but [`ddl`] comes with either feature.

#[cfg(any(feature = "mysql", feature = "postgres"))]
mod cells;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod columns;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod database;
pub mod ddl;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod described;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod failure;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod ledger;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod load;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod part;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod plan;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod report;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod rounds;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod rows;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod standing;
mod types;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod url;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod verify;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod views;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod wait;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod whole;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod workers;

#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use self::database::Database;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use self::ledger::{RunRecord, RunTable};
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use self::load::{IfExists, Load};
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use self::plan::{LoadPlan, LoadPlanBuilder, PART_ROWS, TableToLoad};
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use self::report::{Loaded, LoadedTable};
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use self::rounds::{Growth, Round};
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use self::verify::VerifyLoad;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use self::views::ViewToMake;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use self::whole::read_table;
