//! Which files of a store make a table.

use std::sync::Arc;

use super::lines::JsonLines;
use super::parquet::ParquetPieces;
use crate::error::{Error, Result};
use crate::messages::{Pieces, TextPieces};
use crate::store::Store;

/// The most files of a table.
const MOST_FILES: usize = 1_000_000;

/// A file that is going to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputFile {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// What tells its content from another one of the same size, as the store has it.
    pub(super) tag: String,
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
    JsonLines,
}

/// The ends of names of JSON lines.
const JSON_LINES: [&str; 3] = [".json", ".jsonl", ".ndjson"];

/// Rows of files.
#[derive(Clone)]
pub enum FileRows {
    /// As batches of Arrow.
    Batches(Arc<dyn Pieces>),
    /// As texts, each a JSON object.
    Texts(Arc<dyn TextPieces>),
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if name.ends_with(".parquet") {
            return Some(Self::Parquet);
        }
        let is_lines = JSON_LINES.iter().any(|end| name.ends_with(end));
        is_lines.then_some(Self::JsonLines)
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
/// group a piece, or JSON lines, about 16 MiB a piece.
///
/// # Errors
/// [`Error::Input`] for a file that cannot be read, or whose columns are not those of the others;
/// [`Error::Invalid`] for no files and for files of another format; what the store fails with.
pub fn open_files(store: Arc<dyn Store>, names: &[String]) -> Result<FileRows> {
    let mut files = Vec::with_capacity(names.len());
    let mut kind = None;
    for name in names {
        let own = Kind::of(name);
        if own.is_none() || kind.is_some_and(|kind| own != Some(kind)) {
            return Err(Error::Invalid {
                what: "files",
                expected: "Parquet files, or files of JSON lines".to_owned(),
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
            tag: look.tag.unwrap_or_default(),
        });
    }
    match kind {
        Some(Kind::Parquet) => {
            let pieces = ParquetPieces::open(store, files)?;
            Ok(FileRows::Batches(Arc::new(pieces)))
        }
        Some(Kind::JsonLines) => Ok(FileRows::Texts(Arc::new(JsonLines::open(store, files)?))),
        None => Err(Error::Invalid {
            what: "files",
            expected: "at least one file to read".to_owned(),
            found: "none".to_owned(),
        }),
    }
}
