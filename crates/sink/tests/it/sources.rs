//! Sources and pipes that fail: a typed error each time, and nothing left.

use std::io::{self, Write};
use std::ops::Range;

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::ArrowError;
use lakeseed_sink::{
    BatchSource, BoxedReader, Csv, Error, FileFormat, FnSource, FormatKind, Layout, LocalStore,
    MemoryStore, Parquet, Plan, Run, Stream, TableSpec, inspect, open_finished,
};

use crate::support::{numbers, small_chunks};
use crate::trees::{files, folder, visible};

fn plan(format: FileFormat) -> Plan<'static> {
    Plan::builder(format)
        .layout(small_chunks())
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
            let pipe = Stream::new("pipe", Pipe { left });
            let error = Run::to_stream(&plan, &pipe)
                .threads(2)
                .commit()
                .unwrap_err();
            assert!(error.is_broken_pipe(), "{kind} {left}: {error:?}");
            assert!(!error.is_disk_full());
        }
        let pipe = Stream::new("pipe", Pipe { left: usize::MAX });
        assert_eq!(Run::to_stream(&plan, &pipe).commit().unwrap().rows(), 5_000);
    }
}

#[test]
fn several_files_do_not_go_into_one_stream() {
    let pipe = Stream::new("pipe", Vec::new());
    let plan = plan(Csv::plain());
    let error = Run::to_stream(&plan, &pipe).commit().unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid output: expected one file of one table for a stream, found 2 files"
    );
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
                let store = MemoryStore::new();
                let error = Run::new(&plan, &store)
                    .threads(threads)
                    .commit()
                    .unwrap_err();
                assert!(error.to_string().starts_with(expected), "{fault}: {error}");
                assert!(inspect(&store).unwrap().is_empty());
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
        let (_parent, root) = folder();
        let store = LocalStore::new(&root);
        let planned = |table| {
            let layout = small_chunks();
            let plan = Plan::builder(Csv::plain()).layout(layout).table(table);
            plan.build().unwrap()
        };
        let plan = planned(broken(&numbers(80_000), 500, "panic"));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Run::new(&plan, &store).threads(threads).commit().map(drop)
        }));
        assert!(outcome.is_err());
        assert!(visible(&root).is_empty());
        assert!(matches!(
            open_finished(&store),
            Err(Error::Unfinished { .. })
        ));
        // Whoever has mended the source goes on.
        let mended = planned(broken(&numbers(80_000), 90_000, "none"));
        assert_eq!(mended.id(), plan.id());
        let report = Run::new(&mended, &store).threads(threads).commit().unwrap();
        assert_eq!(report.rows(), 80_000);
        assert!(!files(&root).iter().any(|file| file.contains("inprogress")));
    }
}

#[test]
fn errors_carry_their_causes() {
    let plan = Plan::builder(Csv::plain())
        .layout(small_chunks())
        .table(broken(&numbers(80_000), 500, "open"))
        .build()
        .unwrap();
    let error = Run::new(&plan, &MemoryStore::new()).commit().unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("no such rows"), "{cause}");
    assert!(!error.to_string().contains("no such rows"));
}
