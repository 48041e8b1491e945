//! Parts whose rows nobody counts in advance.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, RecordBatchIterator,
    StringArray,
};
use arrow_schema::ArrowError;
use lakeseed_sink::{
    BoxedReader, Csv, Error, FileFormat, FindingKind, FormatKind, Layout, LocalStore, MemoryStore,
    Parquet, Report, Result, Store, UnitPlan, UnitRun, UnitTable, UnitWriter, Verify, inspect,
    open_finished,
};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::trees::{folder, tree};

/// Rows of each unit: nobody but the caller knows.
const ROWS: [usize; 5] = [700, 0, 60_000, 1, 4_096];

fn batch(unit: usize) -> RecordBatch {
    let ids =
        Int64Array::from_iter_values((0..ROWS[unit]).map(|row| (unit * 100_000 + row) as i64));
    let name = |id: &i64| (id % 7 != 0).then(|| format!("pet {id}"));
    let names: StringArray = ids.values().iter().map(name).collect();
    // Truth values go through another encoder than numbers and texts.
    let tame: BooleanArray = ids.values().iter().map(|id| Some(id % 3 > 0)).collect();
    let price = |id: &i64| Some(i128::from(id * 7_919));
    let price: Decimal128Array = ids.values().iter().map(price).collect();
    let price = price.with_precision_and_scale(30, 2).unwrap();
    let columns: [(&str, ArrayRef, bool); 4] = [
        ("id", Arc::new(ids), false),
        ("name", Arc::new(names), true),
        ("tame", Arc::new(tame), false),
        ("price", Arc::new(price), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// The rows of a unit in batches of so many.
fn rows(unit: usize, batch_rows: usize) -> BoxedReader {
    let all = batch(unit);
    let starts = (0..all.num_rows()).step_by(batch_rows);
    let batches: Vec<_> = starts
        .map(|at| Ok(all.slice(at, batch_rows.min(all.num_rows() - at))))
        .collect();
    Box::new(RecordBatchIterator::new(batches, all.schema()))
}

fn plan(format: impl Into<FileFormat>) -> UnitPlan {
    let pets = UnitTable {
        name: "pets".to_owned(),
        schema: batch(0).schema(),
        units: ROWS.len(),
    };
    let layout = Layout {
        row_group_rows: 25_000,
        ..Layout::default()
    };
    let builder = UnitPlan::builder(format).data_id("pets v1").layout(layout);
    builder.table(pets).build().unwrap()
}

/// Writes what is missing, in this order.
fn write(writer: &UnitWriter<'_>, order: &[usize], batch_rows: usize) -> Result<()> {
    for unit in order {
        if !writer.is_done(0, *unit) {
            writer.write(0, *unit, rows(*unit, batch_rows).as_mut())?;
        }
    }
    Ok(())
}

fn whole(format: FileFormat) -> (BTreeMap<String, Vec<u8>>, Report) {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    let report = UnitRun::new(&plan(format), &store)
        .run(|writer| write(writer, &[0, 1, 2, 3, 4], 1_000))
        .unwrap();
    (tree(&root), report)
}

#[test]
fn order_threads_and_batches_change_no_byte() {
    for format in FormatKind::ALL.map(FileFormat::from) {
        let (expected, report) = whole(format);
        assert_eq!((report.rows(), report.files()), (64_797, 5));
        assert_eq!(report.made_rows(), 64_797);
        assert!(report.written && report.parts_found == 0);
        let (_parent, root) = folder();
        let store = LocalStore::new(&root);
        let run = UnitRun::new(&plan(format), &store).run(|writer| {
            thread::scope(|scope| {
                // Arrow's file holds batches as they came.
                let cut = |batch_rows| match format.kind() {
                    FormatKind::Arrow | FormatKind::ArrowStream => 1_000,
                    _ => batch_rows,
                };
                let other = scope.spawn(move || write(writer, &[4, 1], cut(333)));
                write(writer, &[2, 0, 3], cut(8_192))?;
                other.join().unwrap()
            })
        });
        assert_eq!(run.unwrap().rows(), 64_797);
        assert!(tree(&root) == expected, "{format}");
    }
}

#[test]
fn the_manifest_counts_the_rows_and_verifies() {
    let store = Arc::new(MemoryStore::new());
    let plan = plan(Parquet::zstd(1));
    let run = UnitRun::new(&plan, store.as_ref());
    run.run(|writer| write(writer, &[3, 2, 1, 0, 4], 512))
        .unwrap();
    let manifest = open_finished(store.as_ref()).unwrap();
    let table = &manifest.tables[0];
    let firsts: Vec<_> = table
        .parts
        .iter()
        .map(|part| (part.first_row, part.rows))
        .collect();
    // A part without rows stands before the one that begins at the same row.
    assert_eq!(
        firsts,
        [
            (0, 700),
            (700, 0),
            (700, 60_000),
            (60_700, 1),
            (60_701, 4_096)
        ]
    );
    assert_eq!(table.rows, 64_797);
    assert!(table.totals.is_some());
    let found = Verify::new(store.clone()).run().unwrap();
    assert!(found.is_clean(), "{found:#?}");
    assert_eq!(found.rows_read, 64_797);
    // 60,000 rows at 25,000 a group, cut at multiples of 1,024.
    let files = store.files();
    let file = bytes::Bytes::from(files[&table.parts[2].path].clone());
    let groups = SerializedFileReader::new(file).unwrap();
    let groups = groups
        .metadata()
        .row_groups()
        .iter()
        .map(RowGroupMetaData::num_rows);
    assert_eq!(groups.collect::<Vec<_>>(), [24_576, 24_576, 10_848]);
}

#[test]
fn an_interrupted_run_goes_on_and_gives_the_same_bytes() {
    let (expected, _) = whole(Csv::plain());
    for kept in 1..ROWS.len() {
        let (_parent, root) = folder();
        let store = LocalStore::new(&root);
        let plan = plan(Csv::plain());
        let error = UnitRun::new(&plan, &store)
            .stopped_by(&|| "SIGTERM".to_owned())
            .run(|writer| {
                write(writer, &[0, 1, 2, 3, 4][..kept], 1_000)?;
                let broken = ArrowError::ComputeError("the query failed".to_owned());
                let mut rows = RecordBatchIterator::new([Err(broken)], batch(0).schema());
                writer.write(0, kept, &mut rows).map(drop)
            })
            .unwrap_err();
        let Error::Incomplete {
            proven,
            pending,
            source,
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!((*proven, pending.len()), (kept, ROWS.len() - kept));
        assert!(matches!(&**source, Error::Source { table, .. } if table == "pets"));
        assert!(matches!(
            open_finished(&store),
            Err(Error::Unfinished { .. })
        ));

        let report = UnitRun::new(&plan, &store)
            .run(|writer| {
                assert_eq!(writer.found(), kept);
                assert!(writer.last_run().is_some());
                for unit in 0..ROWS.len() {
                    assert_eq!(writer.is_done(0, unit), unit < kept);
                }
                write(writer, &[4, 3, 2, 1, 0], 77)
            })
            .unwrap();
        assert_eq!(report.parts_found, kept);
        assert_eq!(
            report.made_rows(),
            ROWS[kept..].iter().sum::<usize>() as u64
        );
        assert!(tree(&root) == expected);
    }
}

#[test]
fn a_finished_run_again_calls_nobody_and_another_one_is_refused() {
    let store = MemoryStore::new();
    let first = plan(Csv::plain());
    UnitRun::new(&first, &store)
        .run(|writer| write(writer, &[0, 1, 2, 3, 4], 1_000))
        .unwrap();
    let again = UnitRun::new(&first, &store).run(|_| panic!("there is nothing to do"));
    let again = again.unwrap();
    assert!(!again.written && again.rows() == 64_797);
    let other = plan(Csv::gzip(1));
    assert_ne!(first.id(), other.id());
    let refused = UnitRun::new(&other, &store).run(|_| panic!("it is refused"));
    assert!(
        matches!(refused, Err(Error::OtherPlan { .. })),
        "{refused:?}"
    );
    let replaced = UnitRun::new(&other, &store)
        .overwrite(true)
        .run(|writer| write(writer, &[0, 1, 2, 3, 4], 1_000));
    assert!(replaced.unwrap().written);
    assert_eq!(open_finished(&store).unwrap().number, 2);
}

/// What the caller keeps beside is no stranger's, whatever is done there; a file of it goes with the
/// output that named it.
#[test]
fn files_beside_are_the_callers() {
    let with = |format: FileFormat, beside: &[&str]| {
        let pets = plan(format).tables().next().unwrap().clone();
        let builder = UnitPlan::builder(format).data_id("pets v1").table(pets);
        let named = beside
            .iter()
            .fold(builder, |builder, name| builder.beside(*name));
        named.build()
    };
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let run = |plan: &UnitPlan| {
        UnitRun::new(plan, store.as_ref()).run(|writer| write(writer, &[0, 1, 2, 3, 4], 1_000))
    };
    let first = with(Csv::plain(), &["page.html", "old.csv", "more/"]).unwrap();
    run(&first).unwrap();
    for name in [
        "page.html",
        "old.csv",
        "more/_lakeseed/plan-1.json",
        "more/a.csv",
    ] {
        store.replace(name, b"mine").unwrap();
    }
    let findings = Verify::new(Arc::clone(&store)).run().unwrap();
    assert!(
        findings
            .findings
            .iter()
            .all(|finding| finding.what != FindingKind::Stranger),
        "{:?}",
        findings.findings
    );
    assert!(!run(&first).unwrap().written);
    assert_eq!(inspect(store.as_ref()).unwrap().foreign, None);
    // A name that begins alike is another one.
    store.replace("page.html.old", b"whose").unwrap();
    let foreign = inspect(store.as_ref()).unwrap().foreign;
    assert_eq!(foreign.as_deref(), Some("`page.html.old`"));
    store.remove("page.html.old").unwrap();

    let second = with(Csv::gzip(1), &["page.html", "more/"]).unwrap();
    let replaced = UnitRun::new(&second, store.as_ref())
        .overwrite(true)
        .run(|writer| write(writer, &[0, 1, 2, 3, 4], 1_000));
    assert!(replaced.unwrap().written);
    let stays = |name: &str| store.get(name).unwrap().is_some();
    assert!(stays("page.html") && stays("more/a.csv"));
    assert!(!stays("old.csv"));

    for wrong in ["../page.html", "_lakeseed/", "a/b", "", "/", "Pets/"] {
        let refused = with(Csv::plain(), &[wrong]);
        assert!(
            matches!(refused, Err(Error::Name { .. } | Error::Invalid { .. })),
            "{wrong}: {refused:?}"
        );
    }
}

#[test]
fn a_unit_that_is_left_out_keeps_the_manifest_away() {
    let store = MemoryStore::new();
    let plan = plan(Csv::plain());
    let error = UnitRun::new(&plan, &store)
        .run(|writer| write(writer, &[0, 2, 3, 4], 1_000))
        .unwrap_err();
    let Error::Incomplete {
        pending, source, ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(pending, [format!("pets/part-00001-{}.csv", plan.id())]);
    assert!(matches!(*source, Error::Promise { .. }));
    assert!(store.manifest().is_none());
}

#[test]
fn other_columns_and_other_units_are_refused() {
    let store = MemoryStore::new();
    let plan = plan(Csv::plain());
    let error = UnitRun::new(&plan, &store)
        .run(|writer| {
            let strange = batch(0).project(&[0]).unwrap();
            let mut rows = RecordBatchIterator::new([Ok(strange.clone())], strange.schema());
            let error = writer.write(0, 0, &mut rows).unwrap_err();
            assert!(matches!(error, Error::Promise { .. }), "{error}");
            let error = writer.write(0, 5, rows_of_none().as_mut()).unwrap_err();
            assert!(error.to_string().ends_with("found unit 5"), "{error}");
            writer.write(1, 0, rows_of_none().as_mut()).map(drop)
        })
        .unwrap_err();
    assert!(matches!(error, Error::Promise { .. }), "{error}");
    // Nothing was finished, so nothing stays.
    assert!(store.files().is_empty(), "{:?}", store.files().keys());
}

fn rows_of_none() -> BoxedReader {
    rows(1, 1)
}
