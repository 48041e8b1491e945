//! Rows of files that stand already: Parquet and JSON lines, found in a store, read in pieces.
//!
//! ```text
//! store -> files of one format -> pieces (row groups)      -> batches
//!                             -> pieces (ranges of lines) -> rows as texts
//! ```
//! Files are not trusted: sizes are bounded before room is made for them.

mod find;
mod footer;
mod lines;
mod parquet;
mod ranged;
mod thrift;

pub use self::find::{FileRows, find_files, open_files};
pub(crate) use self::footer::{footer, rows_of_groups};
pub(crate) use self::ranged::RangedFile;
