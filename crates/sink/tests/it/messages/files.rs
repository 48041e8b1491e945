//! Rows of files that stand already.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow_array::{
    Array, ArrayRef, ListArray, RecordBatch, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::Field;
use lakeseed_sink::messages::{MessagePlan, MessageSettings, Publish, VerifyMessages};
use lakeseed_sink::{
    BatchSource, Error, Layout, LocalStore, Parquet, Plan, Result, Run, Store, TableSpec,
    find_files, open_files, open_finished,
};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter};
use parquet::file::properties::WriterProperties;

use super::{Seen, all_of};
use crate::readback::read_json;
use crate::support::{flat_batch, nested_batch, numbers, without_dictionaries};
use crate::trees::{put, quick};

/// Files that are damaged one after the other.
const DAMAGED: usize = 3_000;

/// A file of another crate's writer, with row groups of so many rows.
fn strange_file(path: &Path, batch: &RecordBatch, group_rows: usize) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows));
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn plan_at(store: &Arc<dyn Store>, max_rows: u64) -> Result<MessagePlan<'static>> {
    let names = find_files(store.as_ref(), &[])?;
    let settings = MessageSettings {
        max_rows,
        ..MessageSettings::default()
    };
    let plan = MessagePlan::builder("pets").settings(settings);
    plan.files(open_files(store.clone(), &names)?).build()
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
        put(folder.path().join("_hidden/d.txt"), "none of it");
        for hidden in ["_SUCCESS", ".a.parquet.crc", "b_$folder$"] {
            put(folder.path().join(hidden), "none of it");
        }
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
        let expected = without_dictionaries(&batch);
        let rows = rows_of(&messages).join("\n");
        assert_eq!(&read_json(rows.as_bytes(), &expected), &expected);
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
fn times_of_strangers_are_read_back() {
    // As Spark and pandas write them: zones by name, nanoseconds, within lists too.
    let ticks = [0, -1, 1_675_159_872_123_456_789];
    let nanos = TimestampNanosecondArray::from(ticks.to_vec());
    let micros =
        || TimestampMicrosecondArray::from(ticks.map(|tick: i64| tick.div_euclid(1_000)).to_vec());
    let field = Field::new(
        "item",
        micros().with_timezone("UTC").data_type().clone(),
        true,
    );
    let offsets = OffsetBuffer::from_lengths([2, 0, 1]);
    let list = ListArray::new(
        Arc::new(field),
        offsets,
        Arc::new(micros().with_timezone("UTC")),
        None,
    );
    let columns: [(&str, ArrayRef); 5] = [
        ("utc", Arc::new(micros().with_timezone("UTC"))),
        (
            "paulista",
            Arc::new(micros().with_timezone("America/Sao_Paulo")),
        ),
        ("nanos", Arc::new(nanos.clone())),
        ("zoned", Arc::new(nanos.with_timezone("Etc/GMT+3"))),
        ("list", Arc::new(list)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let folder = quick();
    let rows = folder.path().join("rows");
    fs::create_dir(&rows).unwrap();
    strange_file(&rows.join("a.parquet"), &batch, 1_000);
    let plan = plan_at(&store(&rows), 10).unwrap();
    let body = String::from_utf8(all_of(&plan).unwrap()[0].body.clone()).unwrap();
    for expected in [
        r#""utc":"1969-12-31 23:59:59.999999Z""#,
        r#""paulista":"2023-01-31 10:11:12.123456Z""#,
        r#""nanos":"1969-12-31 23:59:59.999999999""#,
        r#""zoned":"2023-01-31 10:11:12.123456789Z""#,
        r#""list":["1970-01-01 00:00:00.000000Z","1969-12-31 23:59:59.999999Z"]"#,
    ] {
        assert!(body.contains(expected), "{body}");
    }
    let there = LocalStore::new(folder.path().join("messages"));
    Publish::to_files(&plan, &there).run().unwrap();
    let found = VerifyMessages::new(&there, &plan).run().unwrap();
    assert!(found.findings.findings.is_empty(), "{:?}", found.findings);
    assert_eq!(found.findings.rows_compared, 3);
}

#[test]
fn other_contents_make_another_plan() {
    let folder = quick();
    let path = folder.path().join("a.parquet");
    let files = store(folder.path());
    let changed = |seconds: u64| {
        let file = File::options().write(true).open(&path).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    };
    let id = || plan_at(&files, 10).unwrap().id().to_owned();
    let mut ids = Vec::new();
    for rows in [100, 101, 100] {
        strange_file(&path, &numbers(rows), 50);
        changed(7);
        ids.push(id());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0], ids[2]);
    // Values of the same size below the same footer: what the store tells is all there is.
    let mut bytes = fs::read(&path).unwrap();
    bytes[50] ^= 1;
    fs::write(&path, bytes).unwrap();
    changed(8);
    assert_ne!(id(), ids[0]);
    // A file that was touched is another one.
    strange_file(&path, &numbers(100), 50);
    changed(9);
    assert_ne!(id(), ids[0]);
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
fn what_would_not_be_read_is_refused() {
    for (name, named, words) in [
        ("b.jsonl.gz", "b.jsonl.gz", "unpack it"),
        ("b.csv", "b.csv", "(.parquet, .json, .jsonl, .ndjson)"),
        ("deep/notes", "deep/notes", "move it away"),
        ("deep/day=7/b.jsonl", "deep/day=7", "holds a column"),
        ("_day=7/b.jsonl", "_day=7", "holds a column"),
    ] {
        let folder = quick();
        put(folder.path().join("a.jsonl"), "{}\n");
        put(folder.path().join(name), "{}\n");
        match find_files(store(folder.path()).as_ref(), &[]) {
            Err(Error::Input { path, reason }) => {
                assert!(path.ends_with(&format!("/{named}")), "{path}");
                assert!(reason.contains(words), "{reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
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

#[test]
fn damage_is_an_error_whatever_the_decoder_does() {
    let folder = quick();
    let path = folder.path().join("a.parquet");
    let files = store(folder.path());
    strange_file(&path, &nested_batch(2, 400, 10), 200);
    let whole = fs::read(&path).unwrap();
    let random = &mut crate::support::Random(5);
    let mut caught = 0;
    for _ in 0..DAMAGED {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.below(256) as u8;
        }
        fs::write(&path, bytes).unwrap();
        let Err(error) = plan_at(&files, 10).and_then(|plan| all_of(&plan)) else {
            continue;
        };
        if let Error::Input { path, reason } = error
            && reason.contains("the decoder cannot name")
        {
            assert!(path.contains("a.parquet"), "{path}");
            caught += 1;
        }
    }
    assert!(caught > 0, "no decoder has panicked");
}

/// Makes the footer of a file tell other numbers of rows.
fn lie(path: &Path, rows: &[i64]) {
    let bytes = fs::read(path).unwrap();
    let length = u32::from_le_bytes(*bytes[..bytes.len() - 4].last_chunk().unwrap());
    let (pages, footer) = bytes[..bytes.len() - 8].split_at(bytes.len() - 8 - length as usize);
    let metadata = ParquetMetaDataReader::decode_metadata(footer).unwrap();
    let mut builder = metadata.into_builder();
    for (group, rows) in builder.take_row_groups().into_iter().zip(rows) {
        let group = group.into_builder().set_num_rows(*rows).build().unwrap();
        builder = builder.add_row_group(group);
    }
    let mut lying = pages.to_vec();
    ParquetMetaDataWriter::new(&mut lying, &builder.build())
        .finish()
        .unwrap();
    fs::write(path, lying).unwrap();
}

#[test]
fn row_groups_of_impossible_numbers_of_rows_are_refused() {
    let folder = quick();
    let files = store(folder.path());
    let refused = || match plan_at(&files, 10) {
        Err(Error::Input { path, reason }) => {
            assert!(reason.contains("impossible"), "{reason}");
            path
        }
        other => panic!("{other:?}"),
    };
    let path = folder.path().join("a.parquet");
    strange_file(&path, &numbers(15), 5);
    lie(&path, &[5, -1, 5]);
    assert!(refused().ends_with("a.parquet"));
    // More rows together than a number can count.
    for name in ["a.parquet", "b.parquet", "c.parquet"] {
        let path = folder.path().join(name);
        strange_file(&path, &numbers(5), 5);
        lie(&path, &[i64::MAX]);
    }
    assert!(refused().ends_with("c.parquet"));
}

/// Lines as a stranger writes them: spaces, blank lines, other line ends, values of every kind.
fn lines(rows: usize, width: usize) -> (String, Vec<String>) {
    let random = &mut crate::support::Random(9);
    let mut text = String::new();
    let mut expected = Vec::new();
    for row in 0..rows {
        let filler = "x".repeat(random.below(width as u64 + 1) as usize);
        let said = serde_json::to_string(&random.text()).unwrap();
        let object = match row % 3 {
            0 => format!("{{\"id\": {row}, \"price\": 12.50, \"large\": 18446744073709551615123}}"),
            1 => format!(
                "{{\"id\":{row},\"text\":{said},\"more\":[1, {{\"a\":null}}],\"f\":\"{filler}\"}}"
            ),
            _ => format!("{{ \"id\" : {row}, \"f\" : \"{filler}\", \"e\" : 1e400 }}"),
        };
        let ends = ["\n", "\r\n", " \n\n", "\n  \n"];
        text.push_str(&object);
        text.push_str(ends[random.below(4) as usize]);
        expected.push(object);
    }
    (text, expected)
}

#[test]
fn json_lines_become_messages_as_they_stand() {
    let folder = quick();
    let (text, mut expected) = lines(2_000, 300);
    fs::write(folder.path().join("a.jsonl"), &text).unwrap();
    // The last line without its end.
    let (text, more) = lines(7, 10);
    fs::write(folder.path().join("b.ndjson"), text.trim_end()).unwrap();
    expected.extend(more);
    fs::write(folder.path().join("c.json"), "").unwrap();
    let files = store(folder.path());
    let plan = plan_at(&files, 10).unwrap();
    let messages = all_of(&plan).unwrap();
    assert_eq!(rows_of(&messages), expected);
    assert_eq!(messages.len(), 200 + 1);
    assert_eq!(plan.rows(), None);

    let there = LocalStore::new(folder.path().join("messages"));
    Publish::to_files(&plan, &there).threads(2).run().unwrap();
    let found = VerifyMessages::new(&there, &plan).run().unwrap();
    assert!(found.findings.findings.is_empty(), "{:?}", found.findings);
    assert_eq!(found.findings.rows_compared, 2_007);
}

#[test]
fn a_long_file_of_lines_is_read_in_pieces() {
    let folder = quick();
    let (text, expected) = lines(12_000, 9_000);
    assert!(text.len() > 32 << 20);
    fs::write(folder.path().join("a.json"), &text).unwrap();
    let plan = plan_at(&store(folder.path()), 10).unwrap();
    assert!(plan.parts().len() >= 2, "{:?}", plan.parts());
    assert_eq!(rows_of(&all_of(&plan).unwrap()), expected);
}

#[test]
fn lines_that_are_no_objects_are_named() {
    let folder = quick();
    let path = folder.path().join("a.json");
    let files = store(folder.path());
    for bad in [
        "[1]",
        "{\"a\":1",
        "{\"a\":1} {\"a\":2}",
        "7",
        "\u{feff}{\"a\":1}",
        "{\"a\":\u{1}}",
    ] {
        fs::write(&path, format!("{{\"a\":0}}\n\n{bad}\n{{\"a\":2}}\n")).unwrap();
        match all_of(&plan_at(&files, 10).unwrap()) {
            Err(Error::Input { path, reason }) => {
                assert!(path.contains("a.json, bytes 0.."), "{path}");
                assert!(reason.starts_with("row 1: "), "{reason}");
            }
            other => panic!("{bad}: {other:?}"),
        }
    }
    fs::write(&path, [b"{\"a\":\"".as_slice(), b"\xff\"}\n"].concat()).unwrap();
    assert!(matches!(
        all_of(&plan_at(&files, 10).unwrap()),
        Err(Error::Input { .. })
    ));
}

#[test]
fn what_texts_cannot_be_is_refused() {
    let folder = quick();
    put(folder.path().join("a.json"), "{\"a\":null}\n");
    let files = store(folder.path());
    let names = find_files(files.as_ref(), &[]).unwrap();
    let build = |settings: MessageSettings| {
        let plan = MessagePlan::builder("pets").settings(settings);
        plan.files(open_files(files.clone(), &names).unwrap())
            .build()
    };
    let kept = MessageSettings::default();
    assert!(build(kept).is_ok());
    let others = [
        MessageSettings {
            nulls: lakeseed_sink::messages::Nulls::Omit,
            ..kept
        },
        MessageSettings {
            grouping: lakeseed_sink::messages::Grouping::Modulo,
            ..kept
        },
    ];
    for settings in others {
        assert!(matches!(build(settings), Err(Error::Invalid { .. })));
    }
    // Two formats are no table.
    strange_file(&folder.path().join("b.parquet"), &numbers(10), 10);
    let names = find_files(files.as_ref(), &[]).unwrap();
    assert!(matches!(
        open_files(files.clone(), &names),
        Err(Error::Invalid { .. })
    ));
}

#[test]
fn a_changed_line_is_found() {
    let folder = quick();
    let (text, _) = lines(300, 50);
    put(folder.path().join("in/a.json"), &text);
    let plan = plan_at(&store(&folder.path().join("in")), 10).unwrap();
    let root = folder.path().join("out");
    let there = LocalStore::new(&root);
    Publish::to_files(&plan, &there).run().unwrap();
    let names = crate::trees::files(&root).into_iter();
    let name = names
        .into_iter()
        .find(|name| name.ends_with(".messages.jsonl"))
        .unwrap();
    let text = fs::read_to_string(root.join(&name)).unwrap();
    fs::write(root.join(&name), text.replacen("12.50", "12.5", 3)).unwrap();
    let found = VerifyMessages::new(&there, &plan).run().unwrap();
    assert_eq!(
        (found.counts.altered_rows, found.counts.missing_rows),
        (3, 0)
    );
}
