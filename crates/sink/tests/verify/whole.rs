//! The manifest's own sums, and files that it does not name.

use lakeseed_sink::{Csv, FindingKind, Grade, Store};

use crate::support::{Output, kinds, of_kind, pets};

#[test]
fn sums_gaps_and_overlaps() {
    let output = Output::new(Csv::plain(), &pets(900), 3);
    let right = output.manifest();

    let mut manifest = right.clone();
    manifest.tables[0].rows += 1;
    manifest.tables[0].bytes -= 1;
    output.set_manifest(&manifest);
    let findings = output.verify();
    assert_eq!(kinds(&findings), [FindingKind::Sums; 2], "{findings:#?}");

    // A part left out of the manifest: its rows are missing, its file is nobody's.
    let mut manifest = right.clone();
    let part = manifest.tables[0].parts.remove(1);
    manifest.tables[0].rows -= part.rows;
    manifest.tables[0].bytes -= part.bytes;
    output.set_manifest(&manifest);
    let findings = output.verify();
    assert_eq!(
        kinds(&findings),
        [FindingKind::Gap, FindingKind::Stranger],
        "{findings:#?}"
    );
    assert_eq!(findings.findings[0].row, Some(part.first_row + part.rows));

    // Rows that were appended by another plan may leave a gap.
    let mut appended = manifest.clone();
    let last = appended.tables[0].parts.last_mut().unwrap();
    let bytes = output.store.get(&last.path).unwrap().unwrap();
    last.path = "pets/part-00000-0123456789abcdef.csv".to_owned();
    output.store.replace(&last.path, &bytes).unwrap();
    output.set_manifest(&appended);
    assert_eq!(of_kind(&output.verify(), FindingKind::Gap).len(), 0);

    // The same part twice.
    let mut manifest = right.clone();
    let part = manifest.tables[0].parts[0].clone();
    manifest.tables[0].rows += part.rows;
    manifest.tables[0].bytes += part.bytes;
    manifest.tables[0].parts.insert(1, part);
    output.set_manifest(&manifest);
    let findings = output.verify();
    let what: Vec<_> = findings.errors().map(|finding| finding.what).collect();
    assert_eq!(
        what,
        [FindingKind::Path, FindingKind::Overlap],
        "{findings:#?}"
    );
}

#[test]
fn rows_beside_the_manifest_are_counted() {
    let output = Output::new(Csv::plain(), &pets(900), 3);
    let mut manifest = output.manifest();
    let parts = &mut manifest.tables[0].parts;
    parts[0].rows -= 1;
    parts[1].first_row -= 1;
    parts[1].rows += 1;
    output.set_manifest(&manifest);
    let findings = output.verify();
    assert_eq!(
        of_kind(&findings, FindingKind::SurplusRows).len(),
        1,
        "{findings:#?}"
    );
    assert_eq!(
        of_kind(&findings, FindingKind::MissingRows).len(),
        1,
        "{findings:#?}"
    );
}

#[test]
fn strangers_leftovers_and_marks_are_notes() {
    let output = Output::new(Csv::plain(), &pets(900), 2);
    for (name, what, table) in [
        ("notes.txt", FindingKind::Stranger, ""),
        ("pets/part-00009-x.csv", FindingKind::Stranger, "pets"),
        (
            "pets/.part-00000-x.csv.inprogress",
            FindingKind::Leftover,
            "pets",
        ),
        ("_lakeseed/manifest-000000.json", FindingKind::Leftover, ""),
        ("cats/_SUCCESS", FindingKind::Leftover, ""),
    ] {
        output.store.replace(name, b"?").unwrap();
        for findings in [output.verify(), output.quick()] {
            assert_eq!(kinds(&findings), [what], "{name} {findings:#?}");
            let finding = &findings.findings[0];
            assert_eq!(finding.grade, Grade::Note);
            assert_eq!(finding.part.as_deref(), Some(name));
            assert_eq!(finding.table, table);
            assert!(findings.is_clean());
        }
        output.store.remove(name).unwrap();
    }
    output.store.remove("pets/_SUCCESS").unwrap();
    assert_eq!(kinds(&output.verify()), [FindingKind::NoMark]);
    for number in 0..150 {
        output.store.replace(&format!("x{number}"), b"").unwrap();
    }
    let findings = output.verify();
    assert_eq!(of_kind(&findings, FindingKind::Stranger).len(), 101);
    assert_eq!(findings.findings.last().unwrap().found, "50 more files");
}
