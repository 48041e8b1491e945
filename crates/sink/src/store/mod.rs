//! Where files are kept: a folder, a bucket, memory. A store has no idea what the bytes are.
//!
//! A store is a tree of named files below one root. It offers few calls, each of which either
//! happened or did not; what they are put together to (plan, journal, manifest last) is the
//! commit's business and the same for every store. Calls block; a store that speaks to a network
//! runs its transfers on threads of its own.

mod local;
mod memory;
#[cfg(feature = "s3")]
pub mod s3;

use std::fmt::Debug;
use std::io::Read;
use std::ops::Range;

pub use self::local::LocalStore;
pub(crate) use self::local::is_unfinished;
pub use self::memory::MemoryStore;
use crate::error::Result;
use crate::path::PartPath;

/// A tree of files below one root.
///
/// Names are relative, with forward slashes: `_lakeseed/manifest-000001.json`, `invoices/part-00000-….csv`.
pub trait Store: Debug + Send + Sync {
    /// The root for people and logs, without credentials: `./retail`, `s3://lake/demo`.
    fn address(&self) -> String;

    /// The most memory that one open part of about `expected_bytes` holds, in bytes: buffers that wait
    /// to be sent.
    fn part_bytes(&self, expected_bytes: u64) -> u64 {
        let _ = expected_bytes;
        0
    }

    /// Proves, before any work, that everything a run will do here is allowed and works.
    ///
    /// # Errors
    /// What is not allowed or does not work, by name.
    fn check(&self) -> Result<()>;

    /// Starts a part of about `expected_bytes`. No reader sees it under its name before it was
    /// finished, and where the store can hide it, not before it was published.
    ///
    /// # Errors
    /// When the part cannot be started.
    fn create(&self, path: &PartPath, expected_bytes: u64) -> Result<Box<dyn PartWriter>>;

    /// Gives a finished part its final name, where finishing did not do so already. Doing it again
    /// is fine. Durable after the next [`Self::settle`].
    ///
    /// # Errors
    /// When the part is neither finished nor published.
    fn publish(&self, path: &PartPath) -> Result<()>;

    /// Makes all names that were given or taken since the last call durable.
    ///
    /// # Errors
    /// When a folder cannot be synced.
    fn settle(&self) -> Result<()>;

    /// The size of each part that is finished, published or not. Others of the list are missing.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn finished(&self, parts: &[PartPath]) -> Result<Vec<Option<u64>>>;

    /// Removes what interrupted writers of these parts left: files under unfinished names, uploads
    /// that were never completed. What stands under a final name stays.
    ///
    /// # Errors
    /// When a leftover cannot be removed.
    fn discard(&self, parts: &[PartPath]) -> Result<()>;

    /// A small file, whole; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// What a file is now; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be looked at.
    fn look(&self, name: &str) -> Result<Option<Look>>;

    /// A file to be read from its start; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>>;

    /// Bytes of a file, fewer where it ends before the range does; `None` where there is no file.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>>;

    /// Writes a small file durably under a name that must be free. Of several writers at once,
    /// exactly one is told [`PutNew::Written`]. Writing the same bytes again after an answer that
    /// was lost counts as written.
    ///
    /// # Errors
    /// When it cannot be written, or it cannot be known whether it was.
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<PutNew>;

    /// Writes a small file, whole, in place of whatever has that name.
    ///
    /// # Errors
    /// When it cannot be written.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Adds a line to a log, durably. `key` is unique within the log, and a name of a file.
    ///
    /// # Errors
    /// When it cannot be written.
    fn log(&self, log: &str, key: &str, line: &[u8]) -> Result<()>;

    /// The lines of a log, in no order; one that a dying process left half written is left out.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn logged(&self, log: &str) -> Result<Vec<Vec<u8>>>;

    /// Removes a log with all its lines. One that is not there is fine.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove_log(&self, log: &str) -> Result<()>;

    /// Removes a file. One that is not there is fine.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self, name: &str) -> Result<()>;

    /// Removes files and lines of logs, by the names under which [`Self::list`] gave them. Those that
    /// are not there are fine.
    ///
    /// # Errors
    /// When one cannot be removed; others of them may be gone then.
    fn remove_all(&self, names: &[String]) -> Result<()>;

    /// Takes a lock that ends with this process, however it ends.
    ///
    /// # Errors
    /// When the lock's file cannot be opened.
    fn lock(&self, name: &str) -> Result<Lock>;

    /// All files whose name starts with `prefix`, in the order of their names: those under
    /// unfinished names too, and what logs consist of, under names that start with the log's.
    /// `most` bounds how many are given.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn list(&self, prefix: &str, most: usize) -> Result<Vec<Found>>;
}

/// A part on its way. Dropped before [`Self::finish`], it leaves nothing that a reader would take.
pub trait PartWriter: Send {
    /// Appends bytes; blocks while buffers are full. After an error the part is lost.
    ///
    /// # Errors
    /// When the bytes cannot be written.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Makes the part durable. Returns its size in bytes.
    ///
    /// # Errors
    /// When the part cannot be made durable.
    fn finish(self: Box<Self>) -> Result<u64>;
}

/// How writing under a name that must be free ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutNew {
    /// This call wrote the file, or an earlier one wrote the very same bytes.
    Written,
    /// Something else has that name.
    Taken,
}

/// Whether a lock was taken.
pub enum Lock {
    /// By this call; given back when the guard is dropped.
    Held(Box<dyn Send + Sync>),
    /// By another process, which is alive.
    Taken,
    /// The store has no locks that end with a process.
    Unsupported,
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Its size.
    pub bytes: u64,
    /// Another text for another content: an entity tag, a time of change. `None` where the store has
    /// nothing of the kind.
    pub tag: Option<String>,
}

/// A file that stands in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name below the root.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}
