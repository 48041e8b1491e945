//! Files whose rows are published or loaded: which of them, as which table, and what is written down of
//! it.

mod folders;
#[cfg(feature = "star")]
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use lakeseed_sink::messages::Pieces;
use lakeseed_sink::{
    Error, FileRows, Manifest, ManifestPlan, ManifestTable, Store, find_files, open_files,
    open_finished,
};
use serde::{Deserialize, Serialize};

use self::folders::FolderRecord;
use crate::args::Remote;
use crate::error::{self, Failure};
use crate::log::Log;

/// The ends of the names of files in a bucket, where nobody can tell a file from a prefix.
const FILES: [&str; 4] = [".parquet", ".json", ".jsonl", ".ndjson"];
/// Those of CSV, which another crate reads.
const CSV: [&str; 3] = [".csv", ".csv.gz", ".csv.zst"];
/// What else another crate reads, as rows with types: packed JSON lines besides CSV.
pub(super) const TYPED: [&str; 9] = [
    ".csv",
    ".csv.gz",
    ".csv.zst",
    ".json.gz",
    ".json.zst",
    ".jsonl.gz",
    ".jsonl.zst",
    ".ndjson.gz",
    ".ndjson.zst",
];

/// Files that have been found.
pub(super) struct Files {
    pub(super) table: String,
    pub(super) data_id: String,
    pub(super) rows: FileRows,
    pub(super) record: FilesRecord,
}

/// What is written down of files whose rows were taken, so that `verify` finds them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FilesRecord {
    /// The place, as it was given.
    pub(super) from: String,
    /// The files below it.
    pub(super) files: Vec<String>,
    /// Types of columns of CSV, by name, where it was not left to the files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) types: BTreeMap<String, String>,
    /// Columns that stand in the names of folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) folders: Vec<FolderRecord>,
}

/// Files of a table that have been found.
pub(super) struct Found {
    pub(super) table: String,
    pub(super) names: Vec<String>,
    /// The types of the columns in its files, where a manifest tells them.
    pub(super) types: BTreeMap<String, String>,
    /// The columns in the names of its folders, where a manifest tells them.
    pub(super) folders: Vec<FolderRecord>,
    /// What its rows were made from, where a manifest tells that.
    pub(super) made_from: Vec<serde_json::Value>,
}

impl Found {
    /// Files that nobody has described.
    pub(super) fn strange(table: String, names: Vec<String>) -> Self {
        Self {
            table,
            names,
            types: BTreeMap::new(),
            folders: Vec::new(),
            made_from: Vec::new(),
        }
    }

    /// The files of a table of ours, whose columns are known.
    ///
    /// # Errors
    /// Columns in the names of its folders, of a dataset that this lakeseed does not know.
    fn described(table: ManifestTable, names: Vec<String>, plans: &[ManifestPlan]) -> Result<Self> {
        let columns = table.columns.into_iter();
        let mut found = Self {
            table: table.name,
            names,
            types: columns.map(|at| (at.name, at.data_type)).collect(),
            folders: Vec::new(),
            made_from: plans.iter().map(|plan| plan.data.clone()).collect(),
        };
        found.folders = folders::of_table(&found, &table.partition_columns)?;
        Ok(found)
    }
}

/// Opens the files at a place; `types` are those of columns of CSV that the user names.
///
/// # Errors
/// An output of ours that is unfinished or has several tables, no files, files that cannot be read.
pub(super) fn open(
    from: &Path,
    types: &[(String, String)],
    remote: &Remote,
    log: &Log,
) -> Result<Files> {
    let (root, file) = root_and_file(from);
    let store: Arc<dyn Store> = super::store(&root, remote, log)?.into();
    let manifest = match (&file, open_finished(store.as_ref())) {
        (Some(_), _) | (None, Err(Error::NoOutput { .. })) => None,
        (None, found) => Some(found?),
    };
    let mut found = match (file, manifest) {
        (Some(file), _) => Found::strange(stem(&file), vec![file]),
        (None, Some(manifest)) => of_output(from, manifest)?,
        (None, None) => match of_its_output(&root, remote, log)? {
            Some(found) => found,
            None => Found::strange(last_name(from), find_files(store.as_ref(), &CSV)?),
        },
    };
    if found.names.is_empty() {
        let expected = "Parquet, CSV or JSON lines to read";
        let got = format!("none at {}", store.address());
        return Err(Failure::refused(expected, got, "check --from").into());
    }
    let is_csv = found.names.iter().any(|name| is_csv(name));
    if !is_csv {
        // JSON lines become messages as they stand, but for columns that come from folders.
        if found.folders.is_empty() || found.names.iter().any(|name| is_parquet(name)) {
            found.types.clear();
        }
        if let Some((column, _)) = types.first() {
            let expected = format!("CSV with --type {column}=...");
            let got = format!("{}, whose columns have types", from.display());
            return Err(Failure::usage(expected, got, "leave it out").into());
        }
    }
    found.types.extend(types.iter().cloned());
    let record = FilesRecord {
        from: from.display().to_string(),
        files: found.names,
        types: found.types,
        folders: found.folders,
    };
    Ok(Files {
        data_id: data_id(&found.table),
        table: found.table,
        rows: rows(&root, &store, &record)?,
        record,
    })
}

pub(super) fn is_csv(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    CSV.iter().any(|end| name.ends_with(end))
}

fn is_parquet(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".parquet")
}

/// The rows of files that have been found.
fn rows(root: &Path, store: &Arc<dyn Store>, record: &FilesRecord) -> Result<FileRows> {
    if !record.folders.is_empty() {
        return Ok(FileRows::Batches(batches(root, store, record)?));
    }
    let names = &record.files;
    match names.iter().filter(|name| is_csv(name)).count() {
        0 => Ok(open_files(Arc::clone(store), names)?),
        #[cfg(feature = "star")]
        found if found == names.len() => {
            let pieces = text::TypedPieces::open(root, store, names, &record.types)?;
            Ok(FileRows::Batches(Arc::new(pieces)))
        }
        #[cfg(not(feature = "star"))]
        found if found == names.len() => {
            let expected = "a lakeseed that was built with the feature star, for CSV";
            let advice = "build it with that feature, or name Parquet or JSON lines";
            Err(Failure::usage(expected, "one without", advice).into())
        }
        _ => {
            let expected = "files of one format";
            let got = format!("CSV and others at {}", store.address());
            Err(Failure::refused(expected, got, "name a folder or a file of one").into())
        }
    }
}

/// The rows of files that have been found, whatever their format, in columns with types.
pub(super) fn batches(
    root: &Path,
    store: &Arc<dyn Store>,
    record: &FilesRecord,
) -> Result<Arc<dyn Pieces>> {
    if !record.folders.is_empty() {
        return Ok(Arc::new(folders::open(root, store, record)?));
    }
    let names = &record.files;
    if names.iter().any(|name| is_parquet(name))
        && let FileRows::Batches(pieces) = open_files(Arc::clone(store), names)?
    {
        return Ok(pieces);
    }
    #[cfg(feature = "star")]
    return Ok(Arc::new(text::TypedPieces::open(
        root,
        store,
        names,
        &record.types,
    )?));
    #[cfg(not(feature = "star"))]
    {
        let expected = "a lakeseed that was built with the feature star, for CSV and JSON lines";
        let advice = "build it with that feature, or name Parquet";
        Err(Failure::usage(expected, "one without", advice).into())
    }
}

/// The data id of files: what tells them from others is in the identities of their pieces.
pub(super) fn data_id(table: &str) -> String {
    format!("files of {table}")
}

/// Opens files that were published before.
///
/// # Errors
/// As [`open`], and for files that have gone.
pub(super) fn reopen(record: &FilesRecord, remote: &Remote, log: &Log) -> Result<FileRows> {
    let (root, _) = root_and_file(Path::new(&record.from));
    let store: Arc<dyn Store> = super::store(&root, remote, log)?.into();
    rows(&root, &store, record)
}

/// The folder of a file, and the file's name, where a place is one file.
pub(super) fn root_and_file(from: &Path) -> (PathBuf, Option<String>) {
    let text = from.to_string_lossy();
    let is_bucket = text.contains("://");
    let is_file = if is_bucket {
        let text = text.to_ascii_lowercase();
        let packed = text.strip_suffix(".gz").or(text.strip_suffix(".zst"));
        let ends = FILES.iter().chain(&CSV);
        let mut ends = ends.copied();
        ends.any(|end| text.ends_with(end) || packed.is_some_and(|text| text.ends_with(end)))
    } else {
        from.is_file()
    };
    match text.rsplit_once('/') {
        _ if !is_file => (from.to_owned(), None),
        Some(("", name)) => (PathBuf::from("/"), Some(name.to_owned())),
        Some((folder, name)) => (PathBuf::from(folder), Some(name.to_owned())),
        None => (PathBuf::from("."), Some(text.into_owned())),
    }
}

/// The only table of an output of ours.
fn of_output(from: &Path, manifest: Manifest) -> Result<Found> {
    let names: Vec<String> = manifest.tables.iter().map(|at| at.name.clone()).collect();
    let mut tables = manifest.tables.into_iter();
    let (Some(table), None) = (tables.next(), tables.next()) else {
        let names: Vec<String> = names
            .iter()
            .map(|name| format!("{}/{name}", from.display()))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let got = format!("{} with {}", from.display(), names.len());
        let advice = format!("choose {}", error::list(&names));
        return Err(Failure::usage("one table for --from", got, &advice).into());
    };
    of_manifest(table, &manifest.plans)
}

/// The files of a table of an output of ours.
///
/// # Errors
/// Columns in the names of its folders, of a dataset that this lakeseed does not know.
pub(super) fn of_manifest(table: ManifestTable, plans: &[ManifestPlan]) -> Result<Found> {
    let names = parts_of(&table);
    Found::described(table, names, plans)
}

/// The table of an output of ours whose folder a place is, with its parts as its manifest has them:
/// others may lie beside them. `None` where the folder above is no output, or has no such table.
pub(super) fn of_its_output(root: &Path, remote: &Remote, log: &Log) -> Result<Option<Found>> {
    let Some((output, name)) = output_and_table(root) else {
        return Ok(None);
    };
    let store = super::store(&output, remote, log)?;
    let manifest = match open_finished(store.as_ref()) {
        Err(Error::NoOutput { .. }) => return Ok(None),
        found => found?,
    };
    let table = manifest.tables.into_iter().find(|at| at.name == name);
    let Some(table) = table else {
        return Ok(None);
    };
    let parts = parts_of(&table).into_iter();
    let own = format!("{name}/");
    let below = parts.filter_map(|part| part.strip_prefix(&own).map(str::to_owned));
    let below = below.collect();
    Found::described(table, below, &manifest.plans).map(Some)
}

/// The folder or prefix above a place, and the place's own name.
fn output_and_table(root: &Path) -> Option<(PathBuf, String)> {
    let text = root.to_string_lossy();
    if let Some((scheme, path)) = text.split_once("://") {
        let (above, name) = path.trim_end_matches('/').rsplit_once('/')?;
        return Some((
            PathBuf::from(format!("{scheme}://{above}")),
            name.to_owned(),
        ));
    }
    let path = root.canonicalize().ok()?;
    let name = path.file_name()?.to_str()?.to_owned();
    Some((path.parent()?.to_owned(), name))
}

/// The files of a table.
fn parts_of(table: &ManifestTable) -> Vec<String> {
    table.parts.iter().map(|part| part.path.clone()).collect()
}

pub(super) fn stem(file: &str) -> String {
    let stem = file.split('.').next().unwrap_or_default();
    named(stem)
}

pub(super) fn last_name(from: &Path) -> String {
    let text = from.to_string_lossy();
    named(
        text.trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default(),
    )
}

/// A table's name: it becomes a folder's where messages go to files.
pub(super) fn named(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let plain: String = name.chars().filter(|c| is_plain(*c)).take(100).collect();
    let plain = plain.trim_start_matches('_');
    if plain.is_empty() {
        "rows".to_owned()
    } else {
        plain.to_owned()
    }
}
