//! Places, sources and readers that fail: a typed error each time, and nothing left.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::ArrowError;
use lakeseed_sink::{
    BatchSource, BoxedReader, Csv, Error, FileFormat, FnSource, FormatKind, Json, Layout,
    LocalPlace, Manifest, ManifestPart, MemoryPlace, Observer, Parquet, PartPath, PartWriter,
    Place, Plan, Run, StreamPlace, TableSpec,
};

use crate::commit::files;
use crate::support::{numbers, small_chunks};

/// A local place whose call number `at` fails as a full disk does.
struct Failing {
    place: LocalPlace,
    fault: Arc<Fault>,
}

struct Fault {
    calls: AtomicUsize,
    at: usize,
    kind: io::ErrorKind,
}

impl Fault {
    fn check(&self, action: &'static str) -> Result<(), Error> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == self.at {
            let source = io::Error::from(self.kind);
            return Err(Error::Io {
                action,
                path: "planted".into(),
                source,
            });
        }
        Ok(())
    }
}

impl Place for Failing {
    fn begin(&self, plan_id: &str, parts: &[PartPath]) -> Result<(), Error> {
        self.fault.check("begin")?;
        self.place.begin(plan_id, parts)
    }

    fn create(&self, path: &PartPath) -> Result<Box<dyn PartWriter>, Error> {
        self.fault.check("create")?;
        Ok(Box::new(FailingPart {
            part: self.place.create(path)?,
            fault: self.fault.clone(),
        }))
    }

    fn publish(&self, manifest: &Manifest) -> Result<(), Error> {
        self.fault.check("publish")?;
        self.place.publish(manifest)
    }

    fn abandon(&self) {
        self.place.abandon();
    }
}

struct FailingPart {
    part: Box<dyn PartWriter>,
    fault: Arc<Fault>,
}

impl PartWriter for FailingPart {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.fault.check("write")?;
        self.part.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<u64, Error> {
        self.fault.check("finish")?;
        self.part.finish()
    }
}

fn plan(format: FileFormat) -> Plan<'static> {
    Plan::builder(format)
        .layout(Layout {
            files: Some(2),
            ..small_chunks()
        })
        .table(TableSpec::new(
            "pets",
            BatchSource::new(numbers(1_300)),
            0..1_300,
        ))
        .table(TableSpec::new(
            "owners",
            BatchSource::new(numbers(10)),
            0..10,
        ))
        .build()
        .unwrap()
}

#[test]
fn a_failure_of_any_call_is_typed_and_leaves_nothing() {
    let formats = [
        Parquet::zstd(1),
        Csv::plain(),
        Json::gzip(1),
        FormatKind::Arrow.into(),
    ];
    for (format, threads) in formats
        .into_iter()
        .flat_map(|format| [(format, 1), (format, 3)])
    {
        let plan = plan(format);
        let mut finished = false;
        for at in 0..1_000 {
            let parent = tempfile::tempdir().unwrap();
            let root = parent.path().join("out");
            let fault = Arc::new(Fault {
                calls: AtomicUsize::new(0),
                at,
                kind: io::ErrorKind::StorageFull,
            });
            let place = Failing {
                place: LocalPlace::create(&root).unwrap(),
                fault: fault.clone(),
            };
            match Run::new(&plan, &place).threads(threads).commit() {
                // The fault lies behind the last call: the control that a run does end.
                Ok(_) => {
                    assert!(fault.calls.load(Ordering::SeqCst) <= at);
                    finished = true;
                    break;
                }
                Err(error) => {
                    assert!(error.is_disk_full(), "{format} {at}: {error:?}");
                    assert_eq!(files(&root), Vec::<String>::new(), "{format} {at}");
                    assert!(!root.exists());
                }
            }
        }
        assert!(finished);
    }
}

/// A pipe whose reader goes after some bytes.
struct Pipe {
    left: usize,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.left);
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_goes_is_told_apart() {
    for kind in FormatKind::ALL {
        let plan = Plan::builder(kind)
            .layout(small_chunks())
            .table(TableSpec::new(
                "pets",
                BatchSource::new(numbers(5_000)),
                0..5_000,
            ))
            .build()
            .unwrap();
        for left in [0, 1, 3_000] {
            let place = StreamPlace::new("pipe", Pipe { left });
            let error = Run::new(&plan, &place).threads(2).commit().unwrap_err();
            assert!(error.is_broken_pipe(), "{kind} {left}: {error:?}");
            assert!(!error.is_disk_full());
        }
        let place = StreamPlace::new("pipe", Pipe { left: usize::MAX });
        assert_eq!(Run::new(&plan, &place).commit().unwrap().rows(), 5_000);
    }
}

#[test]
fn several_files_do_not_go_into_one_stream() {
    let place = StreamPlace::new("pipe", Vec::new());
    let error = Run::new(&plan(Csv::plain()), &place).commit().unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid output: expected one file of one table for a stream, found 4 files"
    );
}

/// Raises the flag after some rows.
struct StopAfter<'a> {
    flag: &'a AtomicBool,
    parts: usize,
    seen: AtomicUsize,
}

impl Observer for StopAfter<'_> {
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

#[test]
fn the_stop_flag_ends_a_run_without_a_trace() {
    for (parts, threads) in [(0, 1), (0, 4), (1, 1), (1, 4), (2, 3)] {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("out");
        let place = LocalPlace::create(&root).unwrap();
        let flag = AtomicBool::new(false);
        let observer = StopAfter {
            flag: &flag,
            parts,
            seen: AtomicUsize::new(0),
        };
        let plan = Plan::builder(Csv::plain())
            .layout(Layout {
                files: Some(9),
                text_chunk_bytes: 5_000,
                ..Layout::default()
            })
            .table(TableSpec::new(
                "pets",
                BatchSource::new(numbers(60_000)),
                0..60_000,
            ))
            .build()
            .unwrap();
        let run = Run::new(&plan, &place)
            .threads(threads)
            .observer(&observer)
            .stop(&flag);
        let error = run.commit().unwrap_err();
        assert!(error.is_stopped(), "{error:?}");
        assert!(!root.exists());
    }
}

/// A source whose readers fail, or break a promise, from some row on.
fn broken(batch: &RecordBatch, at: u64, fault: &'static str) -> TableSpec<'static> {
    let rows = batch.num_rows() as u64;
    let batch = batch.clone();
    let source = FnSource::new(batch.schema(), move |range: Range<u64>, _| {
        let whole = batch.slice(range.start as usize, (range.end - range.start) as usize);
        let schema = batch.schema();
        if !range.contains(&at) {
            return Ok(Box::new(RecordBatchIterator::new([Ok(whole)], schema)) as BoxedReader);
        }
        let error = || ArrowError::ComputeError("no such rows".to_owned());
        let batches = match fault {
            "open" => return Err(error()),
            "late" => vec![Ok(whole), Err(error())],
            "short" => vec![Ok(whole.slice(0, whole.num_rows() - 1))],
            "long" => vec![Ok(whole.clone()), Ok(whole.slice(0, 1))],
            "columns" => vec![whole.project(&[0])],
            "panic" => panic!("planted"),
            _ => unreachable!(),
        };
        Ok(Box::new(RecordBatchIterator::new(batches, schema)) as BoxedReader)
    });
    TableSpec::new("pets", source, 0..rows)
}

#[test]
fn sources_that_fail_are_named() {
    let batch = numbers(80_000);
    for (fault, expected) in [
        ("open", "cannot make the rows of table `pets`"),
        ("late", "cannot make the rows of table `pets`"),
        (
            "short",
            "table `pets` gave other rows than promised: expected ",
        ),
        (
            "long",
            "table `pets` gave other rows than promised: expected ",
        ),
        (
            "columns",
            "table `pets` gave other rows than promised: expected ",
        ),
    ] {
        for format in [Parquet::zstd(1), Csv::plain(), FormatKind::Arrow.into()] {
            // Row 79,000 lies outside the sample: the plan is made, the run fails.
            let layout = Layout {
                files: Some(1),
                ..small_chunks()
            };
            let plan = Plan::builder(format)
                .layout(layout)
                .table(broken(&batch, 79_000, fault))
                .build()
                .unwrap();
            for threads in [1, 4] {
                let place = MemoryPlace::new();
                let error = Run::new(&plan, &place)
                    .threads(threads)
                    .commit()
                    .unwrap_err();
                assert!(error.to_string().starts_with(expected), "{fault}: {error}");
                assert!(place.files().is_empty() && place.pending() == 0);
            }
            // Row 40,000 lies within: there is no plan.
            let planned = Plan::builder(format)
                .table(broken(&batch, 40_000, fault))
                .build();
            assert!(planned.unwrap_err().to_string().starts_with(expected));
        }
    }
}

#[test]
fn a_panic_of_a_source_ends_the_run_instead_of_hanging() {
    for threads in [1, 2, 6] {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("out");
        let plan = Plan::builder(Csv::plain())
            .layout(small_chunks())
            .table(broken(&numbers(80_000), 500, "panic"))
            .build()
            .unwrap();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let place = LocalPlace::create(&root).unwrap();
            Run::new(&plan, &place).threads(threads).commit().map(drop)
        }));
        assert!(outcome.is_err());
        assert!(!root.exists());
    }
}

#[test]
fn errors_carry_their_causes() {
    let plan = Plan::builder(Csv::plain())
        .layout(small_chunks())
        .table(broken(&numbers(80_000), 500, "open"))
        .build()
        .unwrap();
    let error = Run::new(&plan, &MemoryPlace::new()).commit().unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("no such rows"), "{cause}");
    assert!(!error.to_string().contains("no such rows"));
}
