//! Rows of files that stand already: Parquet and JSON lines, found in a store, read in pieces.
//!
//! ```text
//! store -> files of one format -> pieces (row groups)      -> batches
//!                             -> pieces (ranges of lines) -> rows as texts
//! ```
//! Columns that stand in the names of folders come back among the others.
//! Files are not trusted: sizes are bounded before room is made for them.

mod find;
mod folders;
mod footer;
mod lines;
mod parquet;
mod ranged;
mod thrift;

pub use self::find::{FileRows, find_files, open_files};
pub use self::folders::{FolderColumn, FolderPieces};
pub(crate) use self::footer::{footer, rows_of_groups};
pub(crate) use self::ranged::RangedFile;
