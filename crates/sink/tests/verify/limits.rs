//! Memory that does not grow with a file, and an end when somebody says stop.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use lakeseed_sink::{
    BatchSource, Budget, Error, FileFormat, FormatKind, Found, Lock, Look, MIB, ManifestPart,
    MemoryStore, Observer, Parquet, PartPath, PartWriter, PutNew, Result, Source, Store, Verify,
};

use crate::support::{ROWS, formats, pets, write};

/// A store that remembers the largest piece that was asked for at once, and how much in all.
#[derive(Debug, Default)]
struct Watched {
    inner: MemoryStore,
    largest: AtomicUsize,
    ranges: AtomicUsize,
}

struct WatchedRead {
    inner: Box<dyn Read + Send>,
    largest: Arc<Watched>,
}

impl Read for WatchedRead {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.largest
            .largest
            .fetch_max(into.len(), Ordering::Relaxed);
        self.inner.read(into)
    }
}

#[derive(Debug, Clone)]
struct Shared(Arc<Watched>);

impl Store for Shared {
    fn address(&self) -> String {
        self.0.inner.address()
    }
    fn check(&self) -> Result<()> {
        self.0.inner.check()
    }
    fn create(&self, path: &PartPath, bytes: u64) -> Result<Box<dyn PartWriter>> {
        self.0.inner.create(path, bytes)
    }
    fn publish(&self, path: &PartPath) -> Result<()> {
        self.0.inner.publish(path)
    }
    fn settle(&self) -> Result<()> {
        self.0.inner.settle()
    }
    fn finished(&self, parts: &[PartPath]) -> Result<Vec<Option<u64>>> {
        self.0.inner.finished(parts)
    }
    fn discard(&self, parts: &[PartPath]) -> Result<()> {
        self.0.inner.discard(parts)
    }
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        assert!(name.starts_with("_lakeseed/"), "a part is not read whole");
        self.0.inner.get(name)
    }
    fn look(&self, name: &str) -> Result<Option<Look>> {
        self.0.inner.look(name)
    }
    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        let opened = self.0.inner.open(name)?;
        Ok(opened.map(|inner| {
            let largest = self.0.clone();
            Box::new(WatchedRead { inner, largest }) as Box<dyn Read + Send>
        }))
    }
    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>> {
        let length = (range.end - range.start) as usize;
        self.0.largest.fetch_max(length, Ordering::Relaxed);
        self.0.ranges.fetch_add(1, Ordering::Relaxed);
        self.0.inner.read_range(name, range)
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<PutNew> {
        self.0.inner.put_new(name, bytes)
    }
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.0.inner.replace(name, bytes)
    }
    fn log(&self, log: &str, key: &str, line: &[u8]) -> Result<()> {
        self.0.inner.log(log, key, line)
    }
    fn logged(&self, log: &str) -> Result<Vec<Vec<u8>>> {
        self.0.inner.logged(log)
    }
    fn remove_log(&self, log: &str) -> Result<()> {
        self.0.inner.remove_log(log)
    }
    fn remove(&self, name: &str) -> Result<()> {
        self.0.inner.remove(name)
    }
    fn remove_all(&self, names: &[String]) -> Result<()> {
        self.0.inner.remove_all(names)
    }
    fn lock(&self, name: &str) -> Result<Lock> {
        self.0.inner.lock(name)
    }
    fn list(&self, prefix: &str, most: usize) -> Result<Vec<Found>> {
        self.0.inner.list(prefix, most)
    }
}

#[test]
fn no_piece_of_a_large_file_is_large() {
    // Several MiB in one file of many chunks.
    let rows = pets(120_000);
    for kind in FormatKind::ALL {
        let format = FileFormat::from(kind);
        let store = Shared(Arc::default());
        write(&store, format, &rows, 1, false);
        let size = store.0.inner.files().values().map(Vec::len).max().unwrap();
        assert!(size > 1 << 20, "{format} {size}");
        let source: Arc<dyn Source> = Arc::new(BatchSource::new(rows.clone()));
        let sources = |_: &str| Some(source.clone());
        let store_again: Arc<dyn Store> = Arc::new(store.clone());
        let budget = Budget::new(32 * MIB);
        let verify = Verify::new(store_again).sources(&sources).budget(&budget);
        let found = verify.run().unwrap();
        assert!(found.findings.is_empty(), "{format} {found:#?}");
        // A batch of this table is below a MiB.
        let largest = store.0.largest.load(Ordering::Relaxed);
        assert!(
            largest <= 1 << 20 && largest < size,
            "{format}: {largest} of {size}"
        );
        // Each byte is read for the digest, and for Parquet once more in few ranges.
        let most = if kind == FormatKind::Parquet { 4 } else { 1 };
        assert!(
            found.bytes_read <= most * size as u64 + 1024,
            "{format} {found:?}"
        );
        println!("{format}: {size} bytes, largest piece {largest}, {found:?}");
    }
}

#[test]
fn too_little_memory_is_refused() {
    let store = MemoryStore::new();
    write(&store, Parquet::plain(), &pets(10), 1, false);
    let budget = Budget::new(MIB);
    let run = Verify::new(Arc::new(store)).budget(&budget).run();
    assert!(
        matches!(
            run,
            Err(Error::Memory {
                granted: 1_048_576,
                ..
            })
        ),
        "{run:?}"
    );
}

#[derive(Default)]
struct Counts {
    rows: AtomicU64,
    parts: AtomicU64,
    stop_at: Option<u64>,
    flag: AtomicBool,
}

impl Observer for Counts {
    fn rows(&self, table: usize, rows: u64) {
        assert_eq!(table, 0);
        let seen = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        if self.stop_at.is_some_and(|stop_at| seen >= stop_at) {
            self.flag.store(true, Ordering::Relaxed);
        }
    }

    fn part_finished(&self, _table: usize, part: &ManifestPart) {
        assert!(part.path.starts_with("pets/"));
        self.parts.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn an_observer_sees_rows_and_parts_and_a_flag_stops() {
    let rows = pets(ROWS * 10);
    let source: Arc<dyn Source> = Arc::new(BatchSource::new(rows.clone()));
    let sources = |_: &str| Some(source.clone());
    for format in formats() {
        let store = MemoryStore::new();
        write(&store, format, &rows, 2, false);
        let verify = Verify::new(Arc::new(store)).sources(&sources).threads(2);
        let counts = Counts::default();
        verify.clone().observer(&counts).run().unwrap();
        let seen = (counts.rows.into_inner(), counts.parts.into_inner());
        assert_eq!(seen, (rows.num_rows() as u64, 2), "{format}");

        let counts = Counts {
            stop_at: Some(1),
            ..Counts::default()
        };
        let stopped = verify.clone().observer(&counts).stop(&counts.flag).run();
        assert!(matches!(stopped, Err(Error::Stopped)), "{format}");
        assert!(
            counts.rows.into_inner() < rows.num_rows() as u64 / 2,
            "{format}"
        );

        let flag = AtomicBool::new(true);
        let stopped = verify.quick(true).stop(&flag).run();
        assert!(matches!(stopped, Err(Error::Stopped)), "{format}");
    }
}
