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

/// What stands behind the name of a folder in a bucket, where Hadoop has made it.
const FOLDER_MARK: &str = "_$folder$";

/// The names of all files of a store as a table: not those that begin with a dot or an underscore, nor
/// those in such folders, nor marks of folders. Nothing else is left out: what would not be read is
/// refused. `others` are ends of names, in small letters, of files that the caller reads by itself:
/// `.csv`.
///
/// # Errors
/// [`Error::Input`] for a file of another format, and for a folder of the form `key=value`, whose
/// column would be lost; [`Error::Invalid`] for more than a million files; when the store cannot be
/// listed.
pub fn find_files(store: &dyn Store, others: &[&str]) -> Result<Vec<String>> {
    find_at_most(store, others, MOST_FILES)
}

fn find_at_most(store: &dyn Store, others: &[&str], most: usize) -> Result<Vec<String>> {
    let found = store.list("", most + 1)?;
    if found.len() > most {
        return Err(Error::Invalid {
            what: "number of files to read",
            expected: format!("at most {most} at {}", store.address()),
            found: "more".to_owned(),
        });
    }
    let mut names = Vec::with_capacity(found.len());
    for found in found {
        if is_of_table(store, others, &found.name)? {
            names.push(found.name);
        }
    }
    Ok(names)
}

/// Whether a file is one of the table's. One that is neither hidden nor readable is an error.
fn is_of_table(store: &dyn Store, others: &[&str], name: &str) -> Result<bool> {
    let refused = |name: &str, reason: &str| Error::Input {
        path: format!("{}/{name}", store.address()),
        reason: reason.to_owned(),
    };
    let (folders, file) = name.rsplit_once('/').unwrap_or(("", name));
    let mut end = 0;
    for folder in folders.split('/') {
        end += folder.len();
        // A column may begin with an underscore.
        if !folder.starts_with('.') && folder.find('=').is_some_and(|at| at > 0) {
            let reason = "a folder that holds a column in its name, which would be lost; name the \
                          folder itself to leave the column out, or write the files without";
            return Err(refused(&name[..end], reason));
        }
        if folder.starts_with(['.', '_']) {
            return Ok(false);
        }
        end += 1;
    }
    let is_mark = file.is_empty() || file.ends_with(FOLDER_MARK);
    if is_mark || file.starts_with(['.', '_']) {
        return Ok(false);
    }
    let small = file.to_ascii_lowercase();
    if Kind::of(file).is_none() && !others.iter().any(|end| small.ends_with(end)) {
        let known = [&[".parquet"][..], &JSON_LINES, others].concat().join(", ");
        let reason =
            format!("no file that is read ({known}); unpack it, move it away, or name one file");
        return Err(refused(name, &reason));
    }
    Ok(true)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn more_files_than_a_table_may_have_are_refused() {
        let store = MemoryStore::new();
        for name in ["a.json", "b.json", "c.json"] {
            store.put_new(name, b"{}").unwrap();
        }
        assert_eq!(find_at_most(&store, &[], 3).unwrap().len(), 3);
        let refused = find_at_most(&store, &[], 2).unwrap_err().to_string();
        assert!(refused.contains("at most 2"), "{refused}");
    }
}
