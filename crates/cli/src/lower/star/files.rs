//! Files of a folder or a bucket, as the engine reads them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use lakeseed_sink::Store;
use lakeseed_star_schema::{BytesRead, File, FileFormat, LocalFile, Stamp};

/// The most files of a table.
const MOST_FILES: usize = 1_000_000;

/// Where the files are.
pub(in crate::lower) struct Place<'p> {
    store: &'p Arc<dyn Store>,
    /// The folder, where it is one: its files are read without a detour.
    folder: Option<PathBuf>,
    /// Who counts what is read.
    read: Option<BytesRead>,
}

impl<'p> Place<'p> {
    pub(in crate::lower) fn new(from: &Path, store: &'p Arc<dyn Store>) -> Self {
        let is_bucket = from.to_string_lossy().contains("://");
        Self {
            store,
            folder: (!is_bucket).then(|| from.to_owned()),
            read: None,
        }
    }

    /// The same, what is read of its files counted where somebody wants it.
    pub(in crate::lower) fn counted_by(self, read: Option<&BytesRead>) -> Self {
        Self {
            read: read.cloned(),
            ..self
        }
    }

    /// Files by their names below the place.
    pub(in crate::lower) fn files<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
    ) -> Vec<Arc<dyn File>> {
        let file = |name: &str| match &self.folder {
            Some(folder) => Arc::new(LocalFile::new(folder.join(name))) as Arc<dyn File>,
            None => Arc::new(StoredFile {
                store: Arc::clone(self.store),
                shown: format!("{}/{name}", self.store.address()),
                name: name.to_owned(),
            }),
        };
        let counted = |file| match &self.read {
            Some(read) => read.of(file),
            None => file,
        };
        names.map(|name| counted(file(name))).collect()
    }

    /// The names of a table's files, in order: one of its own name, or those of its folder.
    pub(super) fn of_table(&self, table: &str) -> Result<Vec<String>> {
        let alone = format!("{table}.");
        let below = format!("{table}/");
        let mut names = Vec::new();
        for found in self.store.list(table, MOST_FILES)? {
            let name = found.name;
            let is_hidden = name.split('/').any(|part| part.starts_with(['.', '_']));
            let is_its =
                name.starts_with(&below) || (name.starts_with(&alone) && !name.contains('/'));
            if is_its && !is_hidden && FileFormat::of_path(&name).is_some() {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The names of all tables there: of files, and of folders with files.
    pub(in crate::lower) fn tables(&self) -> Result<Vec<String>> {
        let mut tables = Vec::new();
        for found in self.store.list("", MOST_FILES)? {
            let name = found.name;
            let is_hidden = name.split('/').any(|part| part.starts_with(['.', '_']));
            if is_hidden || FileFormat::of_path(&name).is_none() {
                continue;
            }
            let first = name.split('/').next().unwrap_or(&name);
            let table = first.split('.').next().unwrap_or(first);
            tables.push(table.to_owned());
        }
        tables.sort_unstable();
        tables.dedup();
        Ok(tables)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.store.address())
    }
}

/// What is worth reading ahead in a bucket: a request takes as long as some MiB, and half of what a
/// reader is leased (`Settings::read_bytes`) has to do.
const READ_AHEAD: u64 = 8 * 1024 * 1024;

/// An object of a bucket. Its version is its entity tag.
struct StoredFile {
    store: Arc<dyn Store>,
    name: String,
    shown: String,
}

impl File for StoredFile {
    fn path(&self) -> &str {
        &self.shown
    }

    fn stamp(&self) -> io::Result<Stamp> {
        let found = self.store.look(&self.name).map_err(io::Error::other)?;
        let found = found.ok_or(io::ErrorKind::NotFound)?;
        Ok(Stamp {
            bytes: found.bytes,
            version: found.tag.unwrap_or_else(|| "no version known".to_owned()),
        })
    }

    fn read_range(&self, offset: u64, length: usize) -> io::Result<bytes::Bytes> {
        let range = offset..offset.saturating_add(length as u64);
        let read = self
            .store
            .read_range(&self.name, range)
            .map_err(io::Error::other)?;
        read.map(Into::into)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read_ahead(&self) -> u64 {
        READ_AHEAD
    }
}
