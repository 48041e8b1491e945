//! Which files of a store make a table.

use std::sync::Arc;

use super::parquet::ParquetPieces;
use crate::error::{Error, Result};
use crate::messages::Pieces;
use crate::store::Store;

/// The most files of a table.
const MOST_FILES: usize = 1_000_000;

/// A file that is going to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputFile {
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl InputFile {
    pub(super) fn unreadable(&self, store: &dyn Store, reason: String) -> Error {
        Error::Input {
            path: format!("{}/{}", store.address(), self.name),
            reason,
        }
    }
}

/// The formats that are read, by the ends of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Parquet,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        name.ends_with(".parquet").then_some(Self::Parquet)
    }
}

/// The names of all files of a store that can be read as a table: not those that begin with a dot or
/// an underscore, nor those in such folders.
///
/// # Errors
/// When the store cannot be listed.
pub fn find_files(store: &dyn Store) -> Result<Vec<String>> {
    let is_hidden = |name: &str| name.split('/').any(|part| part.starts_with(['.', '_']));
    let found = store.list("", MOST_FILES)?.into_iter();
    let names = found.map(|found| found.name);
    Ok(names
        .filter(|name| !is_hidden(name) && Kind::of(name).is_some())
        .collect())
}

/// The rows of some files of a store as one table, in the order of the names given: Parquet, a row
/// group a piece.
///
/// # Errors
/// [`Error::Input`] for a file that cannot be read, or whose columns are not those of the others;
/// [`Error::Invalid`] for no files and for files of another format; what the store fails with.
pub fn open_files(store: Arc<dyn Store>, names: &[String]) -> Result<Arc<dyn Pieces>> {
    let mut files = Vec::with_capacity(names.len());
    let mut kind = None;
    for name in names {
        let own = Kind::of(name);
        if own.is_none() || kind.is_some_and(|kind| own != Some(kind)) {
            return Err(Error::Invalid {
                what: "files",
                expected: "Parquet files".to_owned(),
                found: format!("`{name}`"),
            });
        }
        kind = own;
        let look = store.look(name)?;
        let Some(look) = look else {
            return Err(Error::Input {
                path: format!("{}/{name}", store.address()),
                reason: "there is no such file".to_owned(),
            });
        };
        files.push(InputFile {
            name: name.clone(),
            bytes: look.bytes,
        });
    }
    match kind {
        Some(Kind::Parquet) => Ok(Arc::new(ParquetPieces::open(store, files)?)),
        None => Err(Error::Invalid {
            what: "files",
            expected: "at least one file to read".to_owned(),
            found: "none".to_owned(),
        }),
    }
}
