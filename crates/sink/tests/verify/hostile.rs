//! Files that are none, and manifests that nobody of ours wrote.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use lakeseed_sink::{
    Csv, Error, FindingKind, FormatKind, Json, LocalStore, Parquet, Store, Verify,
};

use crate::support::{Output, ROWS, kinds, of_kind, pets, some_formats, verify, write};

#[test]
fn a_file_cut_at_any_length() {
    for format in some_formats() {
        let output = Output::new(format, &pets(300), 1);
        let right = output.bytes(0);
        let lengths = (0..right.len()).step_by(right.len() / 60);
        for length in lengths.chain([right.len() - 1]) {
            output.set(0, &right[..length]);
            let findings = output.verify();
            assert_eq!(
                findings.findings[0].what,
                FindingKind::Size,
                "{format} {length}"
            );
            let values = of_kind(&findings, FindingKind::Value).len();
            // Of a text that is not squeezed, the last line may be there in part.
            assert!(values <= 1, "{format} {length} {findings:#?}");
            let quick = output.quick();
            assert_eq!(
                quick.findings[0].what,
                FindingKind::Size,
                "{format} {length}"
            );
        }
    }
}

#[test]
fn a_file_with_a_tail() {
    for format in some_formats() {
        let output = Output::new(format, &pets(300), 1);
        let mut bytes = output.bytes(0);
        bytes.extend_from_slice(b"tail");
        output.set(0, &bytes);
        for findings in [output.verify(), output.quick()] {
            assert!(findings.errors().count() >= 2, "{format} {findings:#?}");
        }
    }
}

#[test]
fn quick_sees_a_damaged_end() {
    for format in some_formats() {
        let output = Output::new(format, &pets(ROWS), 1);
        let mut bytes = output.bytes(0);
        let last = bytes.len() - 1;
        bytes[last] ^= 0x10;
        output.set(0, &bytes);
        let quick = output.quick();
        // The last byte of a zstd frame is data: the frame can no longer be unpacked to a line.
        assert_eq!(kinds(&quick), [FindingKind::Footer], "{format} {quick:#?}");
        assert!(quick.bytes_read < 4 << 20);
    }
}

#[test]
fn files_changed_for_one_another() {
    for format in some_formats() {
        let output = Output::new(format, &pets(ROWS), 3);
        let (first, last) = (output.bytes(0), output.bytes(2));
        output.set(0, &last);
        output.set(2, &first);
        let findings = output.verify();
        let rows: Vec<_> = of_kind(&findings, FindingKind::Value)
            .iter()
            .filter(|value| value.column.as_deref() == Some("id"))
            .filter_map(|value| value.row)
            .collect();
        let starts: Vec<u64> = output
            .manifest()
            .parts()
            .map(|part| part.first_row)
            .collect();
        assert_eq!(rows[0], starts[0], "{format} {findings:#?}");
        assert!(rows.contains(&starts[2]), "{format}");
    }
}

#[test]
fn a_missing_and_an_empty_file() {
    for format in some_formats() {
        let output = Output::new(format, &pets(300), 3);
        output.store.remove(&output.path(1)).unwrap();
        output.set(2, b"");
        for findings in [output.verify(), output.quick()] {
            let what: Vec<_> = findings.errors().map(|finding| finding.what).collect();
            assert_eq!(what, [FindingKind::Missing, FindingKind::Size], "{format}");
        }
    }
}

#[test]
fn files_of_other_formats() {
    for format in some_formats() {
        let output = Output::new(format, &pets(300), 1);
        let junk = [
            vec![0; 5_000],
            b"PAR1".repeat(1_000),
            b"ARROW1\0\0".repeat(700),
            vec![0xff; 4_000],
        ];
        for bytes in junk {
            output.set(0, &bytes);
            assert!(output.verify().errors().count() >= 2, "{format}");
            let _ = output.quick();
        }
        for other in some_formats() {
            if other == format {
                continue;
            }
            output.set(0, &Output::new(other, &pets(300), 1).bytes(0));
            let findings = output.verify();
            let is_same_kind = other.kind() == format.kind();
            assert!(findings.errors().count() >= 1, "{format} {other}");
            // Parquet says itself how it is squeezed.
            let is_read = is_same_kind && format.kind() == FormatKind::Parquet;
            let unread = of_kind(&findings, FindingKind::Value).len()
                + of_kind(&findings, FindingKind::Columns).len()
                + of_kind(&findings, FindingKind::Unreadable).len();
            assert_eq!(unread == 0, is_read, "{format} {other} {findings:#?}");
        }
    }
}

#[test]
fn a_text_that_unpacks_without_end() {
    // Two GiB of one letter, and as many lines, in some kilobytes.
    for (byte, what) in [(b'a', "a line of more"), (b'\n', "without an end")] {
        let block = vec![byte; 1 << 20];
        let mut packed = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        for _ in 0..2_048 {
            packed.write_all(&block).unwrap();
        }
        let packed = packed.finish().unwrap();
        assert!(packed.len() < 1 << 20);
        for format in [Csv::zstd(1), Json::zstd(1)] {
            let output = Output::new(format, &pets(300), 1);
            output.set(0, &packed);
            let started = Instant::now();
            let findings = output.verify();
            let unreadable = of_kind(&findings, FindingKind::Unreadable);
            assert_eq!(unreadable.len(), 1, "{format} {findings:#?}");
            assert!(unreadable[0].found.contains(what), "{format} {findings:#?}");
            println!("{format}: {:?}", started.elapsed());
        }
    }
}

#[test]
fn a_zstd_frame_that_wants_gigabytes_is_refused() {
    let mut packed = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    packed.window_log(27).unwrap();
    packed.write_all(b"{\"id\":0}\n").unwrap();
    let packed = packed.finish().unwrap();
    let output = Output::new(Json::zstd(1), &pets(1), 1);
    output.set(0, &packed);
    assert_eq!(of_kind(&output.verify(), FindingKind::Unreadable).len(), 1);
}

#[test]
fn paths_that_lead_elsewhere_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("part-secret"), b"secret").unwrap();
    let root = folder.path().join("out");
    let store = LocalStore::new(&root);
    write(&store, Json::plain(), &pets(100), 1, false);
    let name = "_lakeseed/manifest-000001.json";
    let right = String::from_utf8(store.get(name).unwrap().unwrap()).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&right).unwrap();
    let path = manifest["tables"][0]["parts"][0]["path"].as_str().unwrap();
    let wrong = [
        "../part-secret",
        "pets/../../part-secret",
        "/etc/passwd",
        "other/part-00000-x.json",
        "pets/.part-0",
        "",
        "pets",
        "pets/part-\\u0000",
        "pets//part-0",
    ];
    for wrong in wrong {
        store
            .replace(name, right.replace(path, wrong).as_bytes())
            .unwrap();
        // No manifest of ours speaks of such a path: nothing of it is believed.
        let error = Verify::new(Arc::new(LocalStore::new(&root))).run();
        let error = error.unwrap_err();
        assert!(
            matches!(&error, Error::Exists { found, .. } if found.contains("cannot be read")),
            "{wrong}: {error}"
        );
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::new(folder.path());
    write(&store, Json::plain(), &pets(100), 1, false);
    let name = store.list("pets/part", 1).unwrap().remove(0).name;
    let path = folder.path().join(name);
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    let found = verify(Arc::new(LocalStore::new(folder.path())), &pets(100));
    assert!(
        found
            .errors()
            .any(|finding| finding.what == FindingKind::Size)
    );
}

#[test]
fn numbers_of_a_manifest_that_make_no_sense() {
    for format in some_formats() {
        let output = Output::new(format, &pets(300), 2);
        let right = output.manifest();
        let huge = [u64::MAX, u64::MAX / 2, 1 << 40];
        for number in huge {
            let mut manifest = right.clone();
            manifest.tables[0].parts[0].rows = number;
            manifest.tables[0].parts[1].first_row = number;
            manifest.tables[0].rows = number;
            manifest.tables[0].bytes = number;
            output.set_manifest(&manifest);
            for findings in [output.verify(), output.quick()] {
                assert!(
                    !of_kind(&findings, FindingKind::Sums).is_empty(),
                    "{format} {number}"
                );
            }
            let mut manifest = right.clone();
            manifest.tables[0].parts[0].bytes = number;
            output.set_manifest(&manifest);
            assert!(!of_kind(&output.verify(), FindingKind::Size).is_empty());
        }
    }
    let output = Output::new(Parquet::plain(), &pets(300), 1);
    let mut manifest = output.manifest();
    manifest.format = "exe".to_owned();
    output.set_manifest(&manifest);
    assert!(Verify::new(Arc::new(output.store.clone())).run().is_err());
}

#[test]
fn values_are_shown_short_and_without_control_characters() {
    let output = Output::new(Json::plain(), &pets(300), 1);
    let mut text = output.bytes(0);
    text[..40].copy_from_slice("\u{1b}[2J".repeat(10).as_bytes());
    let at = text.len() / 2;
    let long = "\u{202e}".repeat(100_000);
    text.splice(at..at, long.bytes());
    output.set(0, &text);
    let findings = output.verify();
    assert!(findings.errors().count() >= 2);
    for finding in &findings.findings {
        for text in [&finding.expected, &finding.found] {
            assert!(text.chars().count() < 2_000, "{text}");
            assert!(
                !text.chars().any(|c| c.is_control() || c == '\u{202e}'),
                "{text}"
            );
        }
    }
}

/// A Parquet file of nothing but a footer, whose schema has groups within groups.
fn deep_schema(depth: usize) -> Vec<u8> {
    // Thrift's compact protocol: version 1, a list of schema elements.
    let mut footer = vec![0x15, 0x02, 0x19, 0xfc];
    let mut count = depth + 1;
    while count >= 0x80 {
        footer.push(count as u8 | 0x80);
        count >>= 7;
    }
    footer.push(count as u8);
    for _ in 0..depth {
        // Required, called `a`, with one child.
        footer.extend_from_slice(&[0x35, 0x00, 0x18, 0x01, b'a', 0x15, 0x02, 0x00]);
    }
    // A column of integers.
    footer.extend_from_slice(&[0x15, 0x02, 0x25, 0x00, 0x18, 0x01, b'a', 0x00]);
    // No rows, no row groups.
    footer.extend_from_slice(&[0x16, 0x00, 0x19, 0x0c, 0x00]);
    let mut file = b"PAR1".to_vec();
    file.extend_from_slice(&footer);
    file.extend_from_slice(&(footer.len() as u32).to_le_bytes());
    file.extend_from_slice(b"PAR1");
    file
}

#[test]
fn a_schema_of_a_million_levels_ends_nobody() {
    let output = Output::new(Parquet::plain(), &pets(300), 1);
    for depth in [2, 500, 5_000, 1_000_000] {
        output.set(0, &deep_schema(depth));
        for findings in [output.verify(), output.quick()] {
            let errors = findings.errors().count();
            assert!(errors >= 2, "{depth} {findings:#?}");
        }
    }
}
