//! The seam behind which a system stands: what a load and its verification ask of a database.
//!
//! ```text
//! open -> begin, once -> begin_part -> send, send ... -> end_rows -> record -> commit
//!      |              \-> complete, when all parts stand -> make_views
//!      \-> find_run, lines, line: what the ledger says      read: a table back
//! ```
//! Calls block; waits end when `is_over` says so, or with the system's patience. After a failure a
//! session is dropped, and with it what was not committed.

use std::fmt;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::ddl::Dialect;
use super::failure::Failure;
use super::ledger::{Line, RunRecord};
use super::load::IfExists;
use super::plan::{LoadPlan, TableToLoad};
use super::standing::{Begun, WrongColumn};
use crate::error::Result;

/// A database of some system, which a [`Load`](super::Load) fills and a
/// [`VerifyLoad`](super::VerifyLoad) reads. The systems are those of this crate.
pub trait Database: System {
    /// Where it is, without credentials.
    fn address(&self) -> &str;

    /// The words of its statements, which a plan is made for.
    fn dialect(&self) -> Dialect;

    /// What was loaded there, or is about to be, in the order of its begin.
    ///
    /// # Errors
    /// [`Error::Remote`](crate::Error::Remote) when the server cannot be asked.
    fn runs(&self) -> Result<Vec<RunRecord>>;
}

/// Whether somebody wants the work to end.
pub(super) type IsOver<'o> = dyn Fn() -> bool + Sync + 'o;

/// What of a database only this crate asks.
pub trait System: fmt::Debug + Send + Sync {
    /// How long a server that has gone is waited for.
    fn patience(&self) -> Duration;

    /// Connects, once.
    fn open<'s>(&'s self, is_over: &'s IsOver<'s>) -> Result<Box<dyn Session + 's>, Failure>;
}

/// Takes chunks as they are filled.
pub(super) type Give<'g> = dyn FnMut(Vec<u8>) -> Result<()> + 'g;

/// Takes batches as they are read.
pub(super) type Take<'t> = dyn FnMut(&RecordBatch) -> Result<()> + 't;

/// Encodes the rows of one part. Holds one chunk, and what dictionaries of the last batch are as bytes.
pub trait Encode {
    /// Encodes the rows of a batch; chunks that are full are given away.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) for a value that the database cannot hold, and what `give`
    /// fails with.
    fn add(&mut self, batch: &RecordBatch, give: &mut Give<'_>) -> Result<()>;

    /// Gives the last chunk away.
    ///
    /// # Errors
    /// What `give` fails with.
    fn finish(self: Box<Self>, give: &mut Give<'_>) -> Result<()>;
}

/// A connection.
pub trait Session {
    /// Makes sure that nobody else is at this plan, as long as the session lives; looks at what stands,
    /// and makes the tables. When it fails, the ledger and the tables are as they were.
    fn begin(&mut self, plan: &LoadPlan<'_>, if_exists: IfExists) -> Result<Begun, Failure>;

    /// One run of the ledger.
    fn find_run(&mut self, run_id: &str) -> Result<Option<RunRecord>, Failure>;

    /// Parts of a run that stand.
    fn lines(&mut self, run_id: &str) -> Result<Vec<Line>, Failure>;

    /// One part of a run, if it stands.
    fn line(&mut self, run_id: &str, table: &str, part: u64) -> Result<Option<Line>, Failure>;

    /// Begins the transaction of a part, and to send its rows; the first one has this number in errors.
    fn begin_part<'t>(
        &mut self,
        table: &'t TableToLoad<'_>,
        first_row: u64,
    ) -> Result<Box<dyn Encode + 't>, Failure>;

    /// Sends a chunk; waits while as many bytes are on their way as the line takes.
    fn send(&mut self, chunk: Vec<u8>) -> Result<(), Failure>;

    /// Ends the rows of a part. How many the database has taken.
    fn end_rows(&mut self) -> Result<u64, Failure>;

    /// Writes a part down, in the transaction that has loaded it: as long as the table is the run's. Who
    /// takes it out of the run waits for this transaction, or this one sees that it is out.
    ///
    /// # Errors
    /// A table that somebody has replaced meanwhile: the transaction must not be committed.
    fn record(&mut self, run_id: &str, first_row: Option<u64>, line: &Line) -> Result<(), Failure>;

    /// Commits a part.
    fn commit(&mut self) -> Result<(), Failure>;

    /// Makes the keys and comments that are left of tables that the run has made, and writes down that it
    /// is complete. May be called again, whatever became of an earlier call.
    fn complete(&mut self, plan: &LoadPlan<'_>, is_made: &[bool]) -> Result<(), Failure>;

    /// Makes those of the plan's views that are not there, when all tables stand. How many it has made.
    /// May be called again, whatever became of an earlier call.
    fn make_views(&mut self, plan: &LoadPlan<'_>) -> Result<u64, Failure>;

    /// What of a table's columns is not as it must be; nothing where there is no such table.
    fn wrong_columns(
        &mut self,
        table: &TableToLoad<'_>,
    ) -> Result<Option<Vec<WrongColumn>>, Failure>;

    /// The columns of a table or a view of anybody's, as they can be read; nothing where there is none of
    /// that name.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) for a column of a type that is not read.
    fn schema_of(&mut self, table: &str) -> Result<Option<SchemaRef>, Failure>;

    /// Reads a table back, in any order: batches of its plain schema. How many
    /// bytes came.
    ///
    /// # Errors
    /// A value that the column's type in Arrow cannot be, as
    /// [`Error::Value`](crate::Error::Value).
    fn read(&mut self, table: &TableToLoad<'_>, take: &mut Take<'_>) -> Result<u64, Failure>;
}
