//! Rows into databases, at the speed of their bulk loaders.
//!
//! ```text
//! LoadPlan: tables, parents first; parts, as row ranges     ddl: CREATE TABLE, keys, comments
//!     |
//!   Load -- workers: rows -> COPY BINARY -> one transaction a part, with its line in the ledger
//!     |                                                         |
//!   keys and comments, when all parts stand                   VerifyLoad: read back and compared
//! ```
//! - [`ddl`]: statements that make the tables, in the words of each system.
//! - `LoadPlan`: which rows go into which tables, fixed before the first one (feature
//!   `postgres`).
//! - `Load`: a plan on its way; again after an interruption, it adds what is missing (feature
//!   `postgres`).
//! - `VerifyLoad`: what a run has loaded, read back and compared with rows made again (feature
//!   `postgres`).
//! - `postgres`: the system, by its own protocol (feature `postgres`).

pub mod ddl;
#[cfg(feature = "postgres")]
mod described;
#[cfg(feature = "postgres")]
mod load;
#[cfg(feature = "postgres")]
mod plan;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "postgres")]
mod report;
#[cfg(feature = "postgres")]
mod rounds;
#[cfg(feature = "postgres")]
mod rows;
mod types;
#[cfg(feature = "postgres")]
mod verify;
#[cfg(feature = "postgres")]
mod workers;

#[cfg(feature = "postgres")]
pub use self::load::{IfExists, Load};
#[cfg(feature = "postgres")]
pub use self::plan::{LoadPlan, LoadPlanBuilder, PART_ROWS, TableToLoad};
#[cfg(feature = "postgres")]
pub use self::report::{Loaded, LoadedTable};
#[cfg(feature = "postgres")]
pub use self::rounds::{Growth, Round};
#[cfg(feature = "postgres")]
pub use self::verify::VerifyLoad;
