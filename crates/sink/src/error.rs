//! The crate's one error, cut by what a caller can do about it.

use std::io;
use std::path::{Path, PathBuf};

use arrow_schema::{ArrowError, DataType};

/// What a fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong between a batch and a committed file.
///
/// The message says what was expected and what came; the chain of causes is in `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder holds something that this output would mix with or hide.
    #[error("{}: expected an empty or a new folder, found {found}", path.display())]
    Exists {
        /// The folder that was asked for.
        path: PathBuf,
        /// What stands there.
        found: String,
    },
    /// Something else of ours is finished or under way there.
    #[error("{address} holds {found}: expected {expected}")]
    OtherPlan {
        /// Where, without credentials.
        address: String,
        /// What would have been taken.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// Another process, alive, is at the same work.
    #[error("{address} is being written by {by}")]
    InUse {
        /// Where, without credentials.
        address: String,
        /// Who, as far as it is known.
        by: String,
    },
    /// An output was begun and has no manifest: readers have to wait.
    #[error("{address} is unfinished: it has no manifest")]
    Unfinished {
        /// Where, without credentials.
        address: String,
    },
    /// There is no output of ours.
    #[error("{address} holds no output of lakeseed")]
    NoOutput {
        /// Where, without credentials.
        address: String,
    },
    /// Shards of a plan have not come to their end.
    #[error("{address} lacks {} of {of} shards", missing.len())]
    ShardsMissing {
        /// Where, without credentials.
        address: String,
        /// The shards, counted from 1.
        missing: Vec<u32>,
        /// How many there are in all.
        of: u32,
    },
    /// The run ended early. What is finished is recorded: the same run again goes on from there.
    #[error("{} of {} parts are pending", pending.len(), pending.len() + proven)]
    Incomplete {
        /// How many parts are finished, durable and recorded.
        proven: usize,
        /// The paths of the others.
        pending: Vec<String>,
        /// Why it ended.
        source: Box<Error>,
    },
    /// A format cannot hold a column.
    #[error("{format} cannot hold column `{column}` of type {found}")]
    Unsupported {
        /// The format's name.
        format: &'static str,
        /// The column, by its path from the root of the schema.
        column: String,
        /// The column's type.
        found: Box<DataType>,
    },
    /// A setting is outside what the crate understands.
    #[error("invalid {what}: expected {expected}, found {found}")]
    Invalid {
        /// The setting, by name.
        what: &'static str,
        /// What would be taken.
        expected: String,
        /// What came.
        found: String,
    },
    /// A name cannot become a part of a path that every reader takes.
    #[error("invalid {what} name {name:?}: {reason}")]
    Name {
        /// What bears the name: a table, a column.
        what: &'static str,
        /// The name.
        name: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// The memory that was granted carries not even one worker.
    #[error("one worker needs {needed} bytes of memory, found {granted}")]
    Memory {
        /// The most that one worker holds.
        needed: u64,
        /// What was granted.
        granted: u64,
    },
    /// The operating system refused to read or write.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: "create", "write", "sync" ...
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's own error.
        source: io::Error,
    },
    /// An object store, a queue or a database refused, or could not be reached.
    #[error("cannot {action} {address}: {trouble}")]
    Remote {
        /// What was tried: "read", "write", "complete" ...
        action: &'static str,
        /// Where, without credentials.
        address: String,
        /// What a caller can do about it.
        trouble: Trouble,
        /// The client's own error, without credentials.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The source of a table's rows failed.
    #[error("cannot make the rows of table `{table}`")]
    Source {
        /// The table.
        table: String,
        /// The source's own error.
        source: ArrowError,
    },
    /// A file that rows are to be read from cannot be read.
    #[error("cannot read the rows of {path}: {reason}")]
    Input {
        /// Where, without credentials.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The source of a table's rows broke its promise.
    #[error("table `{table}` gave other rows than promised: expected {expected}, found {found}")]
    Promise {
        /// The table.
        table: String,
        /// What the plan holds.
        expected: String,
        /// What the source gave.
        found: String,
    },
    /// Rows that belong together take more than a message may.
    #[error(
        "{what} of table `{table}` ({part}) takes {bytes} bytes in a message of its own: expected at most {most}"
    )]
    MessageTooLarge {
        /// The table, or the file.
        table: String,
        /// The part, by name.
        part: String,
        /// The row, counted from the table's first where the part knows its first row's number, else
        /// from the part's first; or the group.
        what: String,
        /// Bytes of the smallest message with it.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// A value that the place where it goes cannot hold.
    #[error("row {row} of table `{table}`, column `{column}`: expected {expected}, found {found}")]
    Value {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The row, counted from the table's first.
        row: u64,
        /// What would be taken.
        expected: String,
        /// What came.
        found: String,
    },
    /// A library that encodes failed.
    #[error("cannot encode {format}")]
    Encode {
        /// The format's name.
        format: &'static str,
        /// The library's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The stop flag was raised. There is no manifest of this run; finished parts stay recorded.
    #[error("stopped before the end")]
    Stopped,
}

/// Why an object store, a queue or a database did not do what it was asked, by what a caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// The credentials are missing, wrong, or not allowed to do this.
    Denied,
    /// The credentials were good and have expired.
    Expired,
    /// The clocks of client and server are too far apart.
    ClockSkew,
    /// There is no such bucket or file.
    Missing,
    /// The server cannot be reached, or does not answer in time, again and again.
    Unreachable,
    /// Nobody who is trusted vouches for the server's certificate.
    Untrusted,
    /// This process, or this machine, has no handle left for another connection.
    OutOfHandles,
    /// The server fails, or asks for patience, again and again.
    Unavailable,
    /// The request went out, and no answer tells whether it took effect.
    Unknown,
    /// There is no room for more, until somebody takes something away.
    Full,
    /// The server does not do what the commit needs, such as writing only under a free name.
    Unsupported,
    /// Anything else.
    Other,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Denied => "access denied",
            Self::Expired => "the credentials have expired",
            Self::ClockSkew => "the clocks of client and server are too far apart",
            Self::Missing => "not found",
            Self::Unreachable => "the server cannot be reached",
            Self::Untrusted => "the server's certificate is not trusted",
            Self::OutOfHandles => "too many open files for another connection",
            Self::Unavailable => "the server is not available",
            Self::Unknown => "no answer tells whether it was done",
            Self::Full => "it is full",
            Self::Unsupported => "the server does not support it",
            Self::Other => "the request failed",
        })
    }
}

impl Error {
    /// Whether the disk, or a quota on it, is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(
            self.io_kind(),
            Some(
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge
            )
        )
    }

    /// Whether the reader at the other end of a pipe has gone: for a filter, a quiet end.
    pub fn is_broken_pipe(&self) -> bool {
        self.io_kind() == Some(io::ErrorKind::BrokenPipe)
    }

    /// Whether the stop flag ended the work.
    pub fn is_stopped(&self) -> bool {
        matches!(self.cause(), Self::Stopped)
    }

    /// What ended a run early, or the error itself.
    pub fn cause(&self) -> &Self {
        match self {
            Self::Incomplete { source, .. } => source.cause(),
            other => other,
        }
    }

    /// Whether the request was refused before any work: another one is needed, not another try.
    pub fn is_refused(&self) -> bool {
        matches!(
            self,
            Self::Exists { .. }
                | Self::OtherPlan { .. }
                | Self::InUse { .. }
                | Self::Unsupported { .. }
                | Self::Invalid { .. }
                | Self::Name { .. }
                | Self::Memory { .. }
        )
    }

    /// The same once more, where a store could not be asked and so nothing is known of what it holds:
    /// for whoever stands behind a library that keeps no more than an error's text.
    pub(crate) fn lost(&self) -> Option<Self> {
        use Trouble as T;
        match self {
            Self::Remote {
                action,
                address,
                trouble:
                    trouble @ (T::Denied
                    | T::Expired
                    | T::ClockSkew
                    | T::Unreachable
                    | T::Untrusted
                    | T::OutOfHandles
                    | T::Unavailable),
                source,
            } => Some(Self::Remote {
                action,
                address: address.clone(),
                trouble: *trouble,
                source: source.to_string().into(),
            }),
            _ => None,
        }
    }

    /// [`Self::lost`] of the error that a store's reader has put into one of the standard library's.
    pub(crate) fn lost_in(error: &io::Error) -> Option<Self> {
        let own = error.get_ref()?.downcast_ref::<Self>()?;
        own.lost()
    }

    fn io_kind(&self) -> Option<io::ErrorKind> {
        match self.cause() {
            Self::Io { source, .. } => Some(source.kind()),
            _ => None,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn encode<E>(format: &'static str) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Self::Encode {
            format,
            source: Box::new(source),
        }
    }
}

/// An error and its causes on one line, without repeating a cause that the error quotes itself.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
