//! Rows of the user's own from files: anybody's, or those of a table of an output of ours.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow_schema::ArrowError;
use lakeseed_sink::{Error, Manifest, Store, find_files, open_finished};

use super::super::files::{
    FilesRecord, Found, TYPED, batches, last_name, of_its_output, of_manifest, root_and_file, stem,
};
use super::super::from::{is_bucket, remote_of};
use super::{Means, Read, too_many};
use crate::error::{self, Failure};

/// Rows of a batch while they are read.
const BATCH_ROWS: usize = 8_192;

/// All rows at a place.
pub(super) fn read_at(table: &str, place: &Path, most: u64, means: Means<'_>) -> Result<Read> {
    let (root, file) = root_and_file(place);
    let remote = remote_of(means.remote, is_bucket(place));
    let store: Arc<dyn Store> = crate::lower::store(&root, &remote, means.log)?.into();
    let found = match file {
        Some(file) => Found::strange(stem(&file), vec![file]),
        None => match open_finished(store.as_ref()) {
            Ok(manifest) => of_output(&manifest, table, place, manifest.tables.len() == 1)?,
            Err(Error::NoOutput { .. }) => match of_its_output(&root, &remote, means.log)? {
                Some(found) => found,
                None => Found::strange(last_name(place), find_files(store.as_ref(), &TYPED)?),
            },
            Err(error) => return Err(error.into()),
        },
    };
    read(table, found, place, &root, &store, most)
}

/// All rows of a table of an output of ours.
pub(super) fn read_of(
    manifest: &Manifest,
    table: &str,
    place: &Path,
    store: &Arc<dyn Store>,
    most: u64,
) -> Result<Read> {
    let found = of_output(manifest, table, place, false)?;
    read(table, found, place, place, store, most)
}

/// A table of an output: the one of that name, or the only one, whatever its name.
fn of_output(manifest: &Manifest, table: &str, place: &Path, is_it_anyway: bool) -> Result<Found> {
    let is_it = |name: &str| name == table || is_it_anyway;
    if let Some(found) = manifest.tables.iter().find(|at| is_it(&at.name)) {
        return of_manifest(found.clone(), &manifest.plans);
    }
    let names: Vec<&str> = manifest.tables.iter().map(|at| at.name.as_str()).collect();
    let expected = format!("a table {table} at {} for --use {table}", place.display());
    let advice = "name the folder of one of them";
    Err(Failure::refused(expected, error::list(&names), advice).into())
}

fn read(
    table: &str,
    found: Found,
    place: &Path,
    root: &Path,
    store: &Arc<dyn Store>,
    most: u64,
) -> Result<Read> {
    let is_read = |name: &String| {
        let name = name.to_ascii_lowercase();
        let ends = [".parquet", ".json", ".jsonl", ".ndjson"];
        ends.iter().chain(&TYPED).any(|end| name.ends_with(end))
    };
    let strange = found.names.iter().find(|name| !is_read(name));
    if found.names.is_empty() || strange.is_some() {
        let expected = format!("Parquet, CSV or JSON lines for --use {table}");
        let got = match strange {
            Some(name) => name.clone(),
            None => format!("none at {}", store.address()),
        };
        return Err(Failure::refused(expected, got, "check the place").into());
    }
    let is_parquet = |name: &String| name.to_ascii_lowercase().ends_with(".parquet");
    let has_types = found.names.iter().any(is_parquet);
    let record = FilesRecord {
        from: place.display().to_string(),
        files: found.names,
        types: if has_types {
            BTreeMap::new()
        } else {
            found.types
        },
        folders: found.folders,
    };
    let pieces = batches(root, store, &record)?;
    let (mut all, mut held) = (Vec::new(), 0);
    for piece in 0..pieces.pieces().len() {
        for batch in pieces.open(piece, BATCH_ROWS)? {
            let batch = batch.map_err(cause)?;
            held += batch.get_array_memory_size() as u64;
            if held > most {
                return Err(too_many(table, most).into());
            }
            all.push(batch);
        }
    }
    Ok(Read {
        schema: pieces.schema(),
        batches: all,
        place: record.from,
    })
}

/// What a reader of batches failed with.
fn cause(error: ArrowError) -> anyhow::Error {
    match error {
        ArrowError::ExternalError(cause) => match cause.downcast::<Error>() {
            Ok(known) => (*known).into(),
            Err(other) => anyhow::Error::from_boxed(other),
        },
        other => other.into(),
    }
}
