//! Rows of files that stand already.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use lakeseed_sink::messages::{MessagePlan, MessageSettings, Publish, VerifyMessages};
use lakeseed_sink::{
    BatchSource, Error, Layout, LocalStore, Parquet, Plan, Result, Run, Store, TableSpec,
    find_files, open_files, open_finished,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::{Seen, all_of};
use crate::readback::read_json;
use crate::support::{flat_batch, nested_batch, numbers, without_dictionaries};
use crate::trees::{put, quick};

/// A file of another crate's writer, with row groups of so many rows.
fn strange_file(path: &Path, batch: &RecordBatch, group_rows: usize) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows));
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn plan_at(store: &Arc<dyn Store>, max_rows: u64) -> Result<MessagePlan<'static>> {
    let names = find_files(store.as_ref())?;
    let settings = MessageSettings {
        max_rows,
        ..MessageSettings::default()
    };
    let plan = MessagePlan::builder("pets").settings(settings);
    plan.pieces(open_files(store.clone(), &names)?).build()
}

fn rows_of(messages: &[Seen]) -> Vec<String> {
    messages.iter().flat_map(Seen::rows).collect()
}

fn store(folder: &Path) -> Arc<dyn Store> {
    Arc::new(LocalStore::new(folder))
}

#[test]
fn files_of_strangers_become_messages() {
    for batch in [flat_batch(1, 1_000, 10), nested_batch(2, 1_000, 10)] {
        let folder = quick();
        // Two files, in the order of their names.
        strange_file(&folder.path().join("a.parquet"), &batch.slice(0, 700), 250);
        fs::create_dir(folder.path().join("b")).unwrap();
        strange_file(
            &folder.path().join("b/c.parquet"),
            &batch.slice(700, 300),
            1_000,
        );
        put(folder.path().join("notes.txt"), "none of it");
        put(folder.path().join("_hidden/d.parquet"), "none of it");
        let plan = plan_at(&store(folder.path()), 10).unwrap();
        assert_eq!(plan.rows(), Some(1_000));
        let names: Vec<&str> = plan.parts().iter().map(|part| part.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "a.parquet, row group 0",
                "a.parquet, row group 1",
                "a.parquet, row group 2",
                "b/c.parquet, row group 0"
            ]
        );
        let messages = all_of(&plan).unwrap();
        let plain = without_dictionaries(&batch);
        let rows = rows_of(&messages).join("\n");
        assert_eq!(&read_json(rows.as_bytes(), &plain), &plain);
        // No message crosses a row group: 250, 250, 200 and 300 rows in tens.
        assert_eq!(messages.len(), 25 + 25 + 20 + 30);
    }
}

#[test]
fn our_own_files_become_messages_that_verify() {
    let batch = numbers(20_000);
    let folder = quick();
    let out = LocalStore::new(folder.path().join("out"));
    let layout = Layout {
        files: Some(3),
        row_group_rows: 3_000,
        ..Layout::default()
    };
    let plan = Plan::builder(Parquet::zstd(1))
        .layout(layout)
        .table(TableSpec::new("pets", BatchSource::new(batch), 0..20_000))
        .build()
        .unwrap();
    Run::new(&plan, &out).commit().unwrap();

    let files = store(&folder.path().join("out"));
    let plan = plan_at(&files, 7).unwrap();
    let there = LocalStore::new(folder.path().join("messages"));
    let done = Publish::to_files(&plan, &there).threads(2).run().unwrap();
    assert_eq!(done.rows, 20_000);
    let found = VerifyMessages::new(&there, &plan).threads(2).run().unwrap();
    assert!(found.findings.findings.is_empty(), "{:?}", found.findings);
    assert_eq!(found.findings.rows_compared, 20_000);
    assert_eq!(open_finished(&there).unwrap().rows(), 20_000);
}

#[test]
fn other_contents_make_another_plan() {
    let folder = quick();
    let path = folder.path().join("a.parquet");
    let files = store(folder.path());
    let mut ids = Vec::new();
    for rows in [100, 101, 100] {
        strange_file(&path, &numbers(rows), 50);
        ids.push(plan_at(&files, 10).unwrap().id().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0], ids[2]);
}

#[test]
fn files_that_are_no_table_are_refused() {
    let folder = quick();
    let files = store(folder.path());
    assert!(matches!(plan_at(&files, 10), Err(Error::Invalid { .. })));

    strange_file(&folder.path().join("a.parquet"), &numbers(100), 50);
    strange_file(&folder.path().join("b.parquet"), &flat_batch(1, 10, 0), 50);
    let refused = plan_at(&files, 10).unwrap_err().to_string();
    assert!(
        refused.contains("b.parquet") && refused.contains("columns"),
        "{refused}"
    );

    let whole = fs::read(folder.path().join("a.parquet")).unwrap();
    for damaged in [
        &whole[..whole.len() - 1],
        &whole[..7],
        &whole[1..],
        b"".as_slice(),
    ] {
        fs::write(folder.path().join("b.parquet"), damaged).unwrap();
        let refused = plan_at(&files, 10);
        assert!(matches!(refused, Err(Error::Input { .. })), "{refused:?}");
    }
}

#[test]
fn a_damaged_row_group_ends_the_part_alone() {
    let folder = quick();
    let path = folder.path().join("a.parquet");
    strange_file(&path, &numbers(1_000), 500);
    let plan = plan_at(&store(folder.path()), 10).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // The pages of the first row group, behind the magic.
    bytes[4..200].fill(0xee);
    fs::write(&path, bytes).unwrap();
    assert!(plan.messages(0, &mut |_| Ok(())).is_err());
    assert!(plan.messages(1, &mut |_| Ok(())).is_ok());
}
