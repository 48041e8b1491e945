//! Rows that somebody judges by their keys: every row is given once, findings have their usual form.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::ArrowError;
use lakeseed_sink::{
    Compression, Csv, Differs, FileFormat, FindingKind, Findings, FormatKind, Grade, Judge,
    Parquet, Store, Stray, Verify,
};

use crate::support::{Output, kinds, pets};

/// Finds fault with ids from a number on, and with nothing else.
#[derive(Default)]
struct Strict {
    first_fault: i64,
    rows: AtomicU64,
    strays: Mutex<Vec<Stray>>,
    is_blind: bool,
}

impl Judge for Strict {
    fn judge(&self, rows: &RecordBatch, differs: &mut Differs<'_>) -> Result<(), ArrowError> {
        if self.is_blind {
            return Err(ArrowError::ExternalError("too dark".into()));
        }
        self.rows
            .fetch_add(rows.num_rows() as u64, Ordering::Relaxed);
        let ids = rows.column_by_name("id").unwrap();
        for (row, id) in ids.as_primitive::<Int64Type>().values().iter().enumerate() {
            if *id >= self.first_fault {
                differs(row, Some("id"), &|| ("less".to_owned(), id.to_string()));
            }
        }
        Ok(())
    }

    fn end(&self) -> Result<Vec<Stray>, ArrowError> {
        Ok(self.strays.lock().unwrap().clone())
    }
}

fn judged(output: &Output, judge: &Arc<Strict>) -> Findings {
    let judges = |table: &str| -> Option<Arc<dyn Judge>> {
        (table == "pets").then(|| Arc::clone(judge) as Arc<dyn Judge>)
    };
    let verify = Verify::new(Arc::new(output.store.clone()))
        .judges(&judges)
        .threads(2);
    verify.run().unwrap()
}

fn output(format: FileFormat) -> Output {
    Output::new(format, &pets(900), 3)
}

fn strict(first_fault: i64) -> Arc<Strict> {
    Arc::new(Strict {
        first_fault,
        ..Strict::default()
    })
}

#[test]
fn every_row_is_given_once_and_faults_are_told_by_row() {
    let arrow = FileFormat::new(FormatKind::Arrow, Compression::None).unwrap();
    for format in [Parquet::zstd(1), arrow] {
        let output = output(format);
        let judge = strict(900);
        let findings = judged(&output, &judge);
        assert!(findings.findings.is_empty(), "{findings:#?}");
        assert_eq!(findings.rows_compared, 900);
        assert_eq!(judge.rows.load(Ordering::Relaxed), 900);
        // Faults are capped as those of other rows: five, and how many in all.
        let findings = judged(&output, &strict(890));
        let expected = [vec![FindingKind::Value; 5], vec![FindingKind::Values]].concat();
        assert_eq!(kinds(&findings), expected);
        let first = &findings.findings[0];
        assert_eq!(
            (first.row, first.column.as_deref()),
            (Some(890), Some("id"))
        );
        assert_eq!(
            (first.expected.as_str(), first.found.as_str()),
            ("less", "890")
        );
    }
}

#[test]
fn what_is_wrong_with_all_rows_comes_once_and_only_of_whole_tables() {
    let output = output(Parquet::zstd(1));
    let judge = strict(900);
    *judge.strays.lock().unwrap() = vec![
        Stray::Missing("id 7".to_owned()),
        Stray::Surplus("id 8".to_owned()),
        Stray::Count {
            expected: "900 rows".to_owned(),
            found: "901 rows".to_owned(),
        },
    ];
    let findings = judged(&output, &judge);
    let expected = [
        FindingKind::MissingRows,
        FindingKind::SurplusRows,
        FindingKind::Rows,
    ];
    assert_eq!(kinds(&findings), expected);
    assert!(
        findings
            .errors()
            .all(|finding| finding.table == "pets" && finding.part.is_none())
    );
    assert_eq!(findings.findings[0].expected, "id 7");
    // Of a table that was not read to its end nobody can tell.
    let lost = output.manifest().tables[0].parts[1].path.clone();
    output.store.remove(&lost).unwrap();
    assert_eq!(kinds(&judged(&output, &judge)), [FindingKind::Missing]);
}

#[test]
fn who_cannot_judge_says_so_and_text_has_no_judge() {
    let blind = Arc::new(Strict {
        is_blind: true,
        ..Strict::default()
    });
    let findings = judged(&output(Parquet::zstd(1)), &blind);
    assert_eq!(kinds(&findings), [FindingKind::NotMade; 3]);
    assert!(
        findings.findings[0].found.contains("too dark"),
        "{findings:#?}"
    );
    let findings = judged(&output(Csv::plain()), &strict(0));
    assert_eq!(kinds(&findings), [FindingKind::NoSource]);
}

#[test]
fn one_note_says_why_no_rows_are_made_again() {
    let output = output(Parquet::zstd(1));
    let verify = || Verify::new(Arc::new(output.store.clone())).unmade("nobody remembers");
    let findings = verify().run().unwrap();
    assert_eq!(kinds(&findings), [FindingKind::NoSource]);
    let note = &findings.findings[0];
    assert_eq!(
        (note.grade, note.found.as_str()),
        (Grade::Note, "nobody remembers")
    );
    assert_eq!(findings.rows_compared, 0);
    assert!(verify().quick(true).run().unwrap().findings.is_empty());
}
