//! Plans: what they promise before a byte is written, and what they refuse.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};
use lakeseed_sink::{
    BatchSource, BoxedReader, Budget, Bytes, Compression, Csv, Error, FileFormat, FormatKind, Json,
    Layout, MemoryStore, Parquet, Partition, Plan, Run, Source, TableSpec,
};

use crate::support::{flat_batch, nested_batch, numbers, with_hints};

fn table(rows: u64) -> TableSpec<'static> {
    TableSpec::new("pets", BatchSource::new(numbers(rows)), 0..rows)
}

#[test]
fn the_id_names_everything_that_decides_the_files() {
    let base = || {
        Plan::builder(Parquet::zstd(1))
            .data_id("pets v1")
            .table(table(5_000))
    };
    let id = |plan: Plan<'_>| plan.id().to_owned();
    let first = id(base().build().unwrap());
    assert_eq!(first, id(base().build().unwrap()));
    assert_eq!(first.len(), 16);
    let others = [
        id(base().data_id("pets v2").build().unwrap()),
        id(Plan::builder(Parquet::zstd(2))
            .data_id("pets v1")
            .table(table(5_000))
            .build()
            .unwrap()),
        id(Plan::builder(Csv::plain())
            .data_id("pets v1")
            .table(table(5_000))
            .build()
            .unwrap()),
        id(Plan::builder(Parquet::zstd(1))
            .data_id("pets v1")
            .table(table(4_999))
            .build()
            .unwrap()),
        id(base()
            .layout(Layout {
                files: Some(2),
                ..Layout::default()
            })
            .build()
            .unwrap()),
        id(base()
            .layout(Layout {
                row_group_rows: 999,
                ..Layout::default()
            })
            .build()
            .unwrap()),
        id(base()
            .table(TableSpec::new("owners", BatchSource::new(numbers(1)), 0..1))
            .build()
            .unwrap()),
    ];
    for (at, other) in others.iter().enumerate() {
        assert_ne!(&first, other, "{at}");
        assert!(!others[..at].contains(other), "{at}");
    }
}

#[test]
fn partitions_become_folders_and_leave_the_files() {
    let batch = numbers(100);
    let partition = |month: i32, rows| Partition {
        values: vec![Some("2023".to_owned()), Some(month.to_string())],
        rows,
    };
    let year = Arc::new(Int64Array::from(vec![2023; 100]));
    let schema = arrow_schema::Schema::new(vec![
        batch.schema().field(0).clone(),
        arrow_schema::Field::new("year", arrow_schema::DataType::Int64, false),
        arrow_schema::Field::new("month", arrow_schema::DataType::Int64, false),
    ]);
    let batch = RecordBatch::try_new(
        Arc::new(schema),
        vec![batch.column(0).clone(), year.clone(), year],
    )
    .unwrap();
    let spec = TableSpec::new("pets", BatchSource::new(batch), 0..100).partitioned_by(
        ["year", "month"],
        vec![
            partition(1, 0..40),
            partition(2, 40..40),
            partition(3, 40..100),
        ],
    );
    let plan = Plan::builder(Csv::plain()).table(spec).build().unwrap();
    let store = MemoryStore::new();
    Run::new(&plan, &store).threads(2).commit().unwrap();
    let paths: Vec<String> = store.files().into_keys().collect();
    let id = plan.id();
    assert_eq!(
        paths,
        [
            format!("pets/year=2023/month=1/part-00000-{id}.csv"),
            format!("pets/year=2023/month=3/part-00000-{id}.csv"),
        ]
    );
    let text = String::from_utf8(store.files()[&paths[0]].clone()).unwrap();
    assert!(text.starts_with("id\n0\n1\n"));
    assert_eq!(text.lines().count(), 41);
    assert_eq!(
        store.manifest().unwrap().tables[0].partition_columns,
        ["year", "month"]
    );
}

#[test]
fn partitions_that_do_not_fit_are_refused() {
    let part = |rows| Partition {
        values: vec![Some("1".to_owned())],
        rows,
    };
    for partitions in [
        vec![],
        vec![part(0..10)],
        vec![part(0..10), part(11..20)],
        vec![part(0..21)],
        // The same folder twice.
        vec![part(0..10), part(10..20)],
        vec![Partition {
            values: vec![],
            rows: 0..20,
        }],
    ] {
        let spec = table(20).partitioned_by(["id"], partitions);
        let error = Plan::builder(Csv::plain()).table(spec).build().unwrap_err();
        assert!(
            matches!(
                error,
                Error::Invalid {
                    what: "partitions",
                    ..
                }
            ),
            "{error}"
        );
    }
    let spec = table(20).partitioned_by(["idd"], vec![part(0..20)]);
    let error = Plan::builder(Csv::plain()).table(spec).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid column: expected one of table `pets`: id, half, found `idd`"
    );
}

#[test]
fn estimates_are_near_the_truth() {
    let batch = flat_batch(3, 100_000, 5);
    for format in [Parquet::zstd(1), Csv::plain(), Json::gzip(1)] {
        let spec = TableSpec::new("pets", BatchSource::new(batch.clone()), 0..100_000);
        let plan = Plan::builder(format).table(spec).build().unwrap();
        let report = Run::new(&plan, &MemoryStore::new()).commit().unwrap();
        let ratio = plan.estimated_bytes() as f64 / report.bytes() as f64;
        assert!((0.9..1.1).contains(&ratio), "{format}: {ratio}");
        assert_eq!((plan.rows(), plan.files()), (report.rows(), report.files()));
    }
}

#[test]
fn memory_bounds_the_workers_or_refuses_with_the_sum() {
    let layout = Layout {
        files: Some(20),
        ..Layout::default()
    };
    let plan = Plan::builder(Csv::plain())
        .layout(layout)
        .table(table(50_000))
        .build()
        .unwrap();
    let need = plan.need_per_worker();
    let store = MemoryStore::new();
    let run = Run::new(&plan, &store).threads(8);
    assert_eq!(run.workers().unwrap(), 8);
    let three = Budget::new(Bytes::new(need * 3 + 1));
    assert_eq!(run.budget(&three).workers().unwrap(), 3);
    let taken = three.lease("somebody", Bytes::new(need)).unwrap();
    assert_eq!(run.budget(&three).workers().unwrap(), 2);
    drop(taken);
    let small = Budget::new(Bytes::new(need - 1));
    let error = run.budget(&small).commit().unwrap_err();
    assert!(
        matches!(error, Error::Memory { needed, granted } if needed == need && granted == need - 1)
    );
    assert!(store.files().is_empty() && error.is_refused());
    let small = Plan::builder(Csv::plain())
        .table(table(10))
        .build()
        .unwrap();
    assert_eq!(Run::new(&small, &store).threads(8).workers().unwrap(), 1);
}

/// Rows that note how much of a budget is free when a worker opens them, and how many are open.
struct Noting<'b> {
    rows: BatchSource,
    budget: &'b Budget,
    least_free: AtomicU64,
    opened: AtomicU64,
}

impl Source for Noting<'_> {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn open(&self, rows: Range<u64>, batch_rows: usize) -> Result<BoxedReader, ArrowError> {
        self.least_free
            .fetch_min(self.budget.free().get(), Ordering::SeqCst);
        self.opened.fetch_add(1, Ordering::SeqCst);
        self.rows.open(rows, batch_rows)
    }
}

#[test]
fn runs_that_share_a_budget_stay_inside_it_and_give_it_back() {
    let layout = Layout {
        files: Some(20),
        ..Layout::default()
    };
    let probe = Plan::builder(Csv::plain())
        .layout(layout)
        .table(table(50_000))
        .build()
        .unwrap();
    let need = probe.need_per_worker();
    // Room for one worker and a half: the second run has to wait for the first.
    let budget = Budget::new(Bytes::new(need + need / 2));
    let source = Arc::new(Noting {
        rows: BatchSource::new(numbers(50_000)),
        budget: &budget,
        least_free: AtomicU64::new(u64::MAX),
        opened: AtomicU64::new(0),
    });
    let spec = TableSpec::new("pets", source.clone(), 0..50_000);
    let plan = Plan::builder(Csv::plain())
        .layout(layout)
        .table(spec)
        .build()
        .unwrap();
    assert_eq!(plan.need_per_worker(), need);
    source.least_free.store(u64::MAX, Ordering::SeqCst);
    source.opened.store(0, Ordering::SeqCst);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let store = MemoryStore::new();
                let run = Run::new(&plan, &store).threads(2).budget(&budget);
                assert_eq!(run.commit().unwrap().rows(), 50_000);
            });
        }
    });
    assert_eq!(source.opened.load(Ordering::SeqCst), 3 * 20);
    // Whoever makes rows holds a lease, and no two ever do: the rest is always the same.
    assert_eq!(source.least_free.load(Ordering::SeqCst), need / 2);
    assert_eq!(budget.free(), budget.total());
}

#[test]
fn columns_that_a_format_cannot_hold_are_named() {
    let spec = TableSpec::new("pets", BatchSource::new(nested_batch(1, 10, 0)), 0..10);
    let error = Plan::builder(Csv::plain()).table(spec).build().unwrap_err();
    assert!(matches!(&error, Error::Unsupported { format: "csv", column, .. } if column == "pair"));
    assert!(
        error
            .to_string()
            .starts_with("csv cannot hold column `pair` of type Struct")
    );
}

#[test]
fn hints_outside_the_vocabulary_are_refused() {
    for (key, value) in [
        ("encoding", "zip"),
        ("compress", "yes"),
        ("sorted", "desc"),
        ("encoding", "delta_length"),
    ] {
        let batch = with_hints(&numbers(10), &[("id", key, value)]);
        let spec = TableSpec::new("pets", BatchSource::new(batch), 0..10);
        let error = Plan::builder(Parquet::plain())
            .table(spec)
            .build()
            .unwrap_err();
        assert!(
            matches!(error, Error::Invalid { what: "hint", .. }),
            "{error}"
        );
    }
}

#[test]
fn sizes_of_zero_are_refused() {
    let zeros = [
        Layout {
            file_bytes: 0,
            ..Layout::default()
        },
        Layout {
            files: Some(0),
            ..Layout::default()
        },
        Layout {
            row_group_rows: 0,
            ..Layout::default()
        },
        Layout {
            row_group_bytes: 0,
            ..Layout::default()
        },
        Layout {
            text_chunk_bytes: 0,
            ..Layout::default()
        },
    ];
    for layout in zeros {
        assert!(
            Plan::builder(Csv::plain())
                .layout(layout)
                .table(table(9))
                .build()
                .is_err()
        );
    }
}

#[test]
fn names_of_formats_and_codecs() {
    for (kind, codec, extension) in [
        ("parquet", "zstd", "parquet"),
        ("csv", "none", "csv"),
        ("CSV", "gzip:9", "csv.gz"),
        ("json", "zstd:19", "json.zst"),
        ("arrow", "none", "arrow"),
    ] {
        let format = FileFormat::new(kind.parse().unwrap(), codec.parse().unwrap()).unwrap();
        assert_eq!(format.extension(), extension);
    }
    for text in [
        "", "zip", "zstd:0", "zstd:20", "zstd:x", "none:1", "snappy:1", "gzip:10", "zstd:",
    ] {
        assert!(text.parse::<Compression>().is_err(), "{text}");
    }
    for codec in ["none", "snappy", "zstd:7", "gzip:2"] {
        assert_eq!(codec.parse::<Compression>().unwrap().to_string(), codec);
    }
    for kind in FormatKind::ALL {
        assert_eq!(kind.name().parse::<FormatKind>().unwrap(), kind);
    }
    assert!("parket".parse::<FormatKind>().is_err());
    assert!(FileFormat::new(FormatKind::Csv, Compression::Snappy).is_err());
    assert!(FileFormat::new(FormatKind::Arrow, Compression::Zstd(1)).is_err());
}

/// A plan of one Parquet file of so many row groups of ten rows.
fn row_groups(count: u64) -> Result<Plan<'static>, Error> {
    let layout = Layout {
        files: Some(1),
        row_group_rows: 10,
        ..Layout::default()
    };
    let plan = Plan::builder(Parquet::zstd(1)).layout(layout);
    plan.table(table(count * 10)).build()
}

#[test]
fn more_row_groups_than_a_file_can_number_are_refused_before_the_first_is_made() {
    assert!(row_groups(32_767).is_ok());
    let error = row_groups(32_768).unwrap_err();
    assert!(error.is_refused());
    let told = error.to_string();
    assert!(
        told.contains("at most 32767 row groups in a file of table `pets`"),
        "{told}"
    );
    assert!(told.contains("32768"), "{told}");
}

/// A footer tells of every row group: until it is written, an open file keeps what it will tell.
#[test]
fn what_an_open_file_keeps_is_part_of_the_need() {
    let need = |count| row_groups(count).unwrap().need_per_worker();
    let each = (need(20_000) - need(10_000)) / 10_000;
    assert!((500..5_000).contains(&each), "{each}");
    // Beside files that are not one long one.
    let many = Layout {
        files: Some(100),
        row_group_rows: 10,
        ..Layout::default()
    };
    let many = Plan::builder(Parquet::zstd(1)).layout(many);
    let many = many.table(table(200_000)).build().unwrap();
    assert!(many.need_per_worker() < need(1_000));
}
