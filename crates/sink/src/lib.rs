//! Arrow batches to Parquet, CSV, JSON and Arrow files, whole or not at all.
//!
//! ```
//! use std::convert::Infallible;
//! use std::sync::Arc;
//! use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchIterator};
//! use lakeseed_sink::{Output, Parquet};
//!
//! let rows = |range: std::ops::Range<u64>| {
//!     let ids = Int64Array::from_iter_values(range.map(|row| row as i64 + 1));
//!     let batch = RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef)]).unwrap();
//!     Ok::<_, Infallible>(RecordBatchIterator::new([Ok(batch.clone())], batch.schema()))
//! };
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("demo");
//! let mut out = Output::create(&path).format(Parquet::zstd(1)).threads(2).open()?;
//! out.write("pets", 1_000, rows)?;
//! let report = out.commit()?;
//! println!("{} rows, {} bytes", report.rows(), report.bytes());
//! # Ok::<(), lakeseed_sink::Error>(())
//! ```
//!
//! - [`Source`]: rows that can be read from any row on, again and again.
//! - [`hints`]: what a generator tells the writers about its columns.
//! - [`Plan`]: files and chunks as row ranges, fixed before the first byte.
//! - [`Run`]: a plan, a store, workers, an observer, a stop flag; again after an interruption, it
//!   makes what is missing.
//! - [`Store`]: a local folder, memory, a bucket; the manifest comes last everywhere.
//! - [`Stream`]: one file to standard output, a socket, a buffer.
//! - [`inspect`], [`open_finished`], [`settle`], [`statuses`], [`combine`]: what stands in a store.
//! - [`Verify`]: a finished output read back, and compared with its rows made again.
//! - [`format`](mod@format): the encoders.
//! - [`databases`]: rows into tables of a database, and their DDL.
//! - [`messages`]: rows as JSON messages of at most K rows and B bytes, on their way to a queue.
//! - [`UnitRun`]: parts whose rows nobody counts in advance, such as results of queries.
//! - [`Output`]: all of it in four calls.
//!
//! The same plan gives the same files, byte for byte, with any number of threads, in one run or in
//! several. What this crate does not do: make rows, print.

mod commit;
pub mod databases;
#[cfg(any(
    feature = "kafka",
    feature = "mysql",
    feature = "nats",
    feature = "postgres",
    feature = "rabbitmq",
    feature = "s3"
))]
mod environment;
mod error;
mod fail;
pub mod format;
pub mod hints;
mod manifest;
pub mod messages;
mod output;
mod path;
mod plan;
mod pump;
mod report;
mod rows;
#[cfg(any(
    feature = "kafka",
    feature = "mysql",
    feature = "nats",
    feature = "postgres",
    feature = "rabbitmq",
    feature = "s3"
))]
mod secret;
mod source;
mod sources;
mod store;
mod stream;
mod sync;
mod totals;
mod units;
mod verify;
mod wide;

pub use self::commit::{
    Ending, LastEnd, LastRun, Mode, PartRecord, PlanRecord, PlannedRows, Shard, Standing, Status,
    TableRecord, combine, inspect, open_finished, put_report, settle, statuses,
};
#[cfg(any(
    feature = "kafka",
    feature = "mysql",
    feature = "nats",
    feature = "postgres",
    feature = "rabbitmq",
    feature = "s3"
))]
pub use self::environment::Environment;
pub use self::error::{Error, Result, Trouble};
pub use self::format::{Compression, Csv, FileFormat, FormatKind, Json, Parquet};
pub use self::manifest::{
    MANIFEST_VERSION, Manifest, ManifestColumn, ManifestPart, ManifestPlan, ManifestTable,
};
pub use self::output::{Output, OutputBuilder};
pub use self::path::PartPath;
pub use self::plan::{
    DEFAULT_FILE_BYTES, DEFAULT_ROW_GROUP_BYTES, DEFAULT_ROW_GROUP_ROWS, DEFAULT_TEXT_CHUNK_BYTES,
    Layout, MAX_FILES, Part, Partition, Plan, PlanBuilder, TablePlan, TableSpec,
};
pub use self::pump::{DEFAULT_THREADS, Observer, Run};
pub use self::report::{Report, TableReport};
#[cfg(any(
    feature = "kafka",
    feature = "mysql",
    feature = "nats",
    feature = "postgres",
    feature = "rabbitmq",
    feature = "s3"
))]
pub use self::secret::Secret;
pub use self::source::{BatchSource, BoxedReader, FnSource, Source};
pub use self::sources::{FileRows, FolderColumn, FolderPieces, find_files, open_files};
#[cfg(feature = "s3")]
pub use self::store::s3;
pub use self::store::{Found, LocalStore, Lock, Look, MemoryStore, PartWriter, PutNew, Store};
pub use self::stream::Stream;
pub use self::totals::{BoundKind, Bounds, Difference, Differing, ExactSum, Tally, Totals};
pub use self::units::{UnitPlan, UnitPlanBuilder, UnitRun, UnitTable, UnitWriter};
pub use self::verify::{Differs, Finding, FindingKind, Findings, Grade, Judge, Stray, Verify};
pub use lakeseed_budget::{Budget, Bytes, MIB};
