//! Where files go. A place has no idea what the bytes are.
//!
//! A part is written under a name that no reader takes for finished, and gets its final name only
//! when the whole output is committed. The next place is an object store: `create` starts a
//! multipart upload, `publish` completes it.

mod folder;
mod local;
mod path;
mod stream;

pub use self::folder::{FolderState, inspect, remove_finished};
pub use self::local::LocalPlace;
pub use self::path::PartPath;
pub(crate) use self::path::check_name;
pub use self::stream::StreamPlace;
use crate::error::Result;
use crate::manifest::Manifest;
pub use crate::store::PartWriter;

/// Where the files of one output go.
pub trait Place: Send + Sync {
    /// Makes the place ready for the parts of a plan, and records which they will be, so that a
    /// killed run can be told from foreign files.
    ///
    /// # Errors
    /// When the place cannot be written, or holds something else.
    fn begin(&self, plan_id: &str, parts: &[PartPath]) -> Result<()>;

    /// Starts a part. It has no final name before [`Self::publish`].
    ///
    /// # Errors
    /// When the part cannot be started.
    fn create(&self, path: &PartPath) -> Result<Box<dyn PartWriter>>;

    /// Gives all finished parts their final names, marks each table, and writes the manifest last.
    /// Without an error everything is durable; after one, nothing counts as published and
    /// [`Self::abandon`] clears up.
    ///
    /// # Errors
    /// When a name cannot be given or the manifest cannot be written.
    fn publish(&self, manifest: &Manifest) -> Result<()>;

    /// Removes all that was not published. Never fails: what cannot be removed stays under a name
    /// that no reader takes for finished.
    fn abandon(&self);
}
