//! The crate's one error.

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, cut by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model cannot be used as it is: a file, a column, a type, a statement.
    #[error("{place}: expected {expected}, found {found}")]
    Model {
        /// The file, and where in it.
        place: String,
        /// What would do.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A source cannot be read, or holds what it should not.
    #[error("{place}: {problem}")]
    Source {
        /// The file, and the line or row group in it.
        place: String,
        /// What is wrong, and what to do.
        problem: String,
        /// What the reader said.
        #[source]
        cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A source is another one than when the run began.
    #[error("{place} has changed since the run began: it was {before}, it is {after}")]
    SourceChanged {
        /// The file.
        place: String,
        /// What was pinned.
        before: String,
        /// What is there now.
        after: String,
    },
    /// Rows break a key of the model that they are to keep.
    #[error("{table}: {problem}; {advice}")]
    Key {
        /// The table that is made.
        table: String,
        /// What came.
        problem: String,
        /// What to do.
        advice: String,
    },
    /// A table cannot be extended after all: its new files were made, and are not to be used. Name it in
    /// [`Standing::anew`](crate::Standing) and make the star of that.
    #[error("{table} has to be made anew: {why}")]
    Shared {
        /// The table.
        table: String,
        /// What was seen.
        why: String,
    },
    /// The memory does not carry the work.
    #[error(transparent)]
    Memory(#[from] lakeseed_budget::Error),
    /// The temporary folder cannot be used, or is full.
    #[error("temporary folder {folder}: {problem}")]
    Temp {
        /// The folder.
        folder: String,
        /// What is wrong, and what to do.
        problem: String,
        /// What the system said.
        #[source]
        cause: Option<std::io::Error>,
    },
    /// The temporary folder has less room than is going to be needed.
    #[error(
        "temporary folder {folder}: about {needed} are going to be needed, and {free} are free"
    )]
    Room {
        /// The folder.
        folder: String,
        /// What is going to be written there at once, estimated.
        needed: lakeseed_budget::Bytes,
        /// What is free.
        free: lakeseed_budget::Bytes,
    },
    /// The engine failed in a statement of the model.
    #[error("{table}: the engine failed")]
    Engine {
        /// The table of the model.
        table: String,
        /// What it said.
        #[source]
        cause: datafusion::error::DataFusionError,
    },
    /// A query cannot be answered as it is: another statement, a name that is not there, types.
    #[error("the query: expected {expected}, found {found}; {advice}")]
    Query {
        /// What would do.
        expected: String,
        /// What it says.
        found: String,
        /// What to do: the names that are near.
        advice: String,
    },
    /// A query needs more memory than it has.
    #[error(
        "the query needs more than {memory} for its groups, joins or sorted rows{}; give it more memory",
        if *spills { ", or more room for temporary files" } else { "" }
    )]
    Exhausted {
        /// What its operators may take together.
        memory: lakeseed_budget::Bytes,
        /// Whether it may spill.
        spills: bool,
        /// What the engine said.
        #[source]
        cause: datafusion::error::DataFusionError,
    },
    /// Rows cannot be held against the arithmetic of their dataset.
    #[error("{table}: {problem}")]
    Oracle {
        /// The table of the star, or the dataset.
        table: String,
        /// What is wrong.
        problem: String,
    },
    /// The caller's store failed.
    #[error("{unit}: the output cannot be written")]
    Store {
        /// The unit that was being written.
        unit: String,
        /// What the store said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}
