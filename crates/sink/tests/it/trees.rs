//! What stands in a folder, and plans that put something there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use lakeseed_sink::{
    BatchSource, Csv, Error, FileFormat, Layout, ManifestPart, Observer, Plan, Report, Run, Store,
    TableSpec,
};

use crate::support::{Random, numbers, small_chunks};

/// All files below a folder, relative, sorted.
pub(crate) fn files(root: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy();
                found.push(name.replace('\\', "/"));
            }
        }
    }
    let mut found = Vec::new();
    if root.exists() {
        walk(root, root, &mut found);
    }
    found.sort();
    found
}

/// All files with their bytes.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| (name.clone(), fs::read(root.join(name)).unwrap());
    files(root).into_iter().map(read).collect()
}

/// The part files that a reader would take.
pub(crate) fn visible(root: &Path) -> Vec<String> {
    let is_hidden = |file: &String| file.split('/').any(|name| name.starts_with(['.', '_']));
    let found = files(root).into_iter();
    found.filter(|file| !is_hidden(file)).collect()
}

/// A folder in memory where the system has one: a test of many processes is to wait for no disk.
pub(crate) fn quick() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = tempfile::tempdir_in(memory);
    made.unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// A folder that does not exist yet, in one that goes with the guard.
pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    let parent = quick();
    let root = parent.path().join("deep/out");
    (parent, root)
}

pub(crate) fn put(path: impl AsRef<Path>, text: &str) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A plan of two tables: `pets` of `rows` rows in `files` files, `owners` of ten rows.
pub(crate) fn two_tables(rows: u64, files: u64) -> Plan<'static> {
    window(Csv::plain(), 0..rows, files)
}

/// Rows of `pets`, and all of `owners`.
pub(crate) fn window(
    format: impl Into<FileFormat>,
    rows: std::ops::Range<u64>,
    files: u64,
) -> Plan<'static> {
    let pets = BatchSource::new(numbers(rows.end));
    let owners = BatchSource::new(numbers(10));
    Plan::builder(format)
        .data_id("pets and owners, seed 42")
        .data(serde_json::json!({"dataset": "pets", "seed": 42}))
        .layout(Layout {
            files: Some(files),
            ..small_chunks()
        })
        .table(TableSpec::new("pets", pets, rows))
        .table(TableSpec::new("owners", owners, 0..10))
        .build()
        .unwrap()
}

/// A file of more than 8 MiB, which a bucket takes in two pieces, and a little one.
pub(crate) fn large() -> Plan<'static> {
    let mut random = Random(7);
    let values = (0..500_000).map(|_| random.next() as i64);
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
    let batch = RecordBatch::try_from_iter([("value", values)]).unwrap();
    let rows = batch.num_rows() as u64;
    Plan::builder(Csv::plain())
        .data_id("large, seed 7")
        .layout(Layout {
            files: Some(1),
            text_chunk_bytes: 2 << 20,
            ..Layout::default()
        })
        .table(TableSpec::new("large", BatchSource::new(batch), 0..rows))
        .table(TableSpec::new(
            "owners",
            BatchSource::new(numbers(10)),
            0..10,
        ))
        .build()
        .unwrap()
}

/// Raises a stop flag after so many parts; with none, at the first rows.
pub(crate) struct StopAfter {
    pub(crate) flag: AtomicBool,
    parts: usize,
    seen: AtomicUsize,
}

impl StopAfter {
    pub(crate) fn parts(parts: usize) -> Self {
        Self {
            flag: AtomicBool::new(false),
            parts,
            seen: AtomicUsize::new(0),
        }
    }
}

impl Observer for StopAfter {
    fn rows(&self, _table: usize, _rows: u64) {
        if self.parts == 0 {
            self.flag.store(true, Ordering::SeqCst);
        }
    }

    fn part_finished(&self, _table: usize, _part: &ManifestPart) {
        if self.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.parts {
            self.flag.store(true, Ordering::SeqCst);
        }
    }
}

/// Runs with one worker until some parts are finished; gives the error.
pub(crate) fn interrupt(plan: &Plan<'_>, store: &dyn Store, parts: usize) -> Error {
    stopped(Run::new(plan, store), parts)
}

/// The same, with settings.
pub(crate) fn stopped(run: Run<'_>, parts: usize) -> Error {
    let stop = StopAfter::parts(parts);
    let by = || "SIGTERM".to_owned();
    halted(run, &stop, &by).unwrap_err()
}

fn halted<'r>(
    run: Run<'r>,
    stop: &'r StopAfter,
    by: &'r (dyn Fn() -> String + Sync),
) -> Result<Report, Error> {
    run.observer(stop).stop(&stop.flag).stopped_by(by).commit()
}
