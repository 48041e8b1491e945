//! One file by many workers is the file of one worker; many files too.

use std::sync::Mutex;

use lakeseed_sink::{
    BatchSource, Csv, Json, Layout, ManifestPart, MemoryStore, Observer, Parquet, Plan, Run,
    TableSpec,
};

use crate::support::{flat_batch, numbers, small_chunks, write};

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let batch = flat_batch(1, 6_000, 5);
    let layouts = [
        small_chunks(),
        Layout {
            files: Some(7),
            ..small_chunks()
        },
        Layout {
            files: None,
            file_bytes: 100_000,
            ..small_chunks()
        },
    ];
    for format in [Parquet::zstd(1), Csv::plain(), Csv::zstd(1), Json::gzip(1)] {
        for layout in layouts {
            let source = BatchSource::new(batch.clone());
            let alone = write(format, layout, 1, source.clone(), 6_000);
            for threads in [2, 3, 8] {
                assert_eq!(alone, write(format, layout, threads, source.clone(), 6_000));
            }
        }
    }
}

#[test]
fn one_large_file_is_encoded_by_all_workers() {
    let rows = 400_000;
    let source = BatchSource::new(numbers(rows));
    let alone = write(Json::plain(), small_chunks(), 1, source.clone(), rows);
    for _ in 0..5 {
        assert_eq!(
            alone,
            write(Json::plain(), small_chunks(), 6, source.clone(), rows)
        );
    }
}

#[derive(Default)]
struct Counter {
    rows: Mutex<Vec<u64>>,
    bytes: Mutex<Vec<u64>>,
    parts: Mutex<Vec<(usize, String)>>,
}

impl Observer for Counter {
    fn rows(&self, table: usize, rows: u64) {
        self.rows.lock().unwrap()[table] += rows;
    }

    fn bytes(&self, table: usize, bytes: u64) {
        self.bytes.lock().unwrap()[table] += bytes;
    }

    fn part_finished(&self, table: usize, part: &ManifestPart) {
        self.parts.lock().unwrap().push((table, part.path.clone()));
    }
}

#[test]
fn observer_report_and_manifest_agree() {
    let plan = Plan::builder(Csv::plain())
        .layout(Layout {
            files: Some(3),
            ..small_chunks()
        })
        .table(TableSpec::new(
            "pets",
            BatchSource::new(numbers(5_000)),
            0..5_000,
        ))
        .table(TableSpec::new(
            "owners",
            BatchSource::new(numbers(900)),
            100..800,
        ))
        .build()
        .unwrap();
    let store = MemoryStore::new();
    let counter = Counter {
        rows: Mutex::new(vec![0; 2]),
        bytes: Mutex::new(vec![0; 2]),
        parts: Mutex::default(),
    };
    let report = Run::new(&plan, &store)
        .threads(3)
        .observer(&counter)
        .commit()
        .unwrap();
    assert_eq!(*counter.rows.lock().unwrap(), [5_000, 700]);
    assert_eq!(counter.parts.lock().unwrap().len(), 6);
    let header = "id,half\n".len() as u64;
    let observed: u64 = counter.bytes.lock().unwrap().iter().sum();
    assert_eq!(observed + 6 * header, report.bytes());
    let manifest = store.manifest().unwrap();
    assert_eq!(
        (manifest.rows(), manifest.bytes()),
        (report.rows(), report.bytes())
    );
    assert_eq!(manifest.plan_id(), plan.id());
    let stored: u64 = store.files().values().map(|file| file.len() as u64).sum();
    assert_eq!(stored, report.bytes());
    let ends: Vec<u64> = manifest.tables[0]
        .parts
        .iter()
        .map(|part| part.first_row + part.rows)
        .collect();
    assert_eq!(ends.last(), Some(&5_000));
    assert_eq!(
        (report.files(), report.tables[1].rows, report.workers),
        (6, 700, 3)
    );
}
