//! Parts whose rows come from elsewhere, and are counted when they are made: results of queries.
//!
//! ```text
//! UnitPlan -> UnitRun::run(|writer| ...) -> writer.write(table, unit, rows), side by side -> manifest
//! ```
//! The commit is the one of every output: a unit that is finished is recorded, the manifest comes last,
//! and the same run again makes only the units that are missing.

mod plan;
mod run;

pub use self::plan::{UnitPlan, UnitPlanBuilder, UnitTable};
pub use self::run::{UnitRun, UnitWriter};
