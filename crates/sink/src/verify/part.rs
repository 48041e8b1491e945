//! One part: is it there, are these its bytes, are these its rows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::bytes::Bytes;
use super::findings::{Finding, FindingKind};
use super::judge::Judge;
use super::made::Anew;
use super::tally::Tally;
use super::{Fail, arrow, ends, parquet, text};
use crate::error::{Error, Result, chain};
use crate::format::{FileFormat, FormatKind};
use crate::manifest::{ManifestPart, ManifestTable};
use crate::path::PartPath;
use crate::pump::Observer;
use crate::rows::Watch;
use crate::store::Store;

/// How many differing values of a part are shown.
const SHOWN_VALUES: u64 = 5;

/// What is the same for all parts.
pub(super) struct Context<'v> {
    pub(super) store: Arc<dyn Store>,
    pub(super) format: FileFormat,
    pub(super) watch: Watch<'v>,
    pub(super) observer: Option<&'v dyn Observer>,
    pub(super) is_quick: bool,
    /// What a worker may hold of a file.
    pub(super) buffer_bytes: u64,
    pub(super) bytes: AtomicU64,
}

impl Context<'_> {
    pub(super) fn is_over(&self) -> bool {
        self.watch.is_over()
    }

    pub(super) fn read_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A table with the source of its rows.
pub(super) struct Table<'v> {
    pub(super) position: usize,
    pub(super) manifest: &'v ManifestTable,
    pub(super) anew: Option<Anew>,
    pub(super) judge: Option<Arc<dyn Judge>>,
}

/// What is found out about a part.
pub(super) struct Report<'p> {
    pub(super) table: &'p ManifestTable,
    pub(super) part: &'p ManifestPart,
    pub(super) tally: Tally,
    pub(super) rows_compared: u64,
    findings: Vec<Finding>,
    differing_values: u64,
    differing_rows: u64,
    last_differing: Option<u64>,
    is_whole: bool,
    observer: Option<(&'p dyn Observer, usize)>,
}

/// The outcome of a part.
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    pub(super) rows_compared: u64,
    pub(super) rows_read: u64,
    /// Whether all rows were read, as many as the manifest says.
    pub(super) is_whole: bool,
}

impl Report<'_> {
    pub(super) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn expected_rows(&self) -> u64 {
        self.part.rows
    }

    /// The table's row, of a row of the part.
    pub(super) fn row(&self, row: u64) -> u64 {
        self.part.first_row.saturating_add(row)
    }

    pub(super) fn rows_done(&self, rows: u64) {
        if let Some((observer, table)) = self.observer {
            observer.rows(table, rows);
        }
    }

    /// Notes a value that differs, by its row within the part. Rows come in order. The texts are
    /// what was expected and what was found; they are asked for only where they are shown.
    pub(super) fn differs(
        &mut self,
        row: u64,
        column: Option<&str>,
        texts: impl FnOnce() -> (String, String),
    ) {
        self.differing_values += 1;
        if self.last_differing != Some(row) {
            self.differing_rows += 1;
            self.last_differing = Some(row);
        }
        if self.differing_values > SHOWN_VALUES {
            return;
        }
        let (expected, found) = texts();
        let mut finding = self.finding(FindingKind::Value, expected, found);
        finding.row = Some(self.row(row));
        self.push(match column {
            Some(column) => finding.column(column),
            None => finding,
        });
    }

    /// Counts what was not shown, and compares the numbers of rows.
    fn end_rows(&mut self) {
        if self.differing_values > SHOWN_VALUES {
            let finding = self.finding(
                FindingKind::Values,
                "none that differs",
                format!(
                    "{} values of {} rows differ in all",
                    self.differing_values, self.differing_rows
                ),
            );
            self.push(finding);
        }
        let (expected, found) = (self.part.rows, self.tally.found_rows());
        let (what, first) = if found < expected {
            (FindingKind::MissingRows, found)
        } else {
            (FindingKind::SurplusRows, expected)
        };
        if found != expected {
            let finding = self.finding(what, count(expected), count(found));
            let row = self.row(first);
            self.push(finding.row(row));
        }
    }

    fn into_checked(self) -> Checked {
        Checked {
            findings: self.findings,
            rows_compared: self.rows_compared,
            rows_read: self.tally.found_rows(),
            is_whole: self.is_whole && self.tally.found_rows() == self.part.rows,
        }
    }
}

fn count(rows: u64) -> String {
    format!("{rows} rows")
}

/// Looks at one part. `size` is what the store's listing says of it.
pub(super) fn check(
    table: &Table<'_>,
    part: &ManifestPart,
    size: Option<u64>,
    context: &Context<'_>,
) -> Result<Checked> {
    let mut report = Report {
        table: table.manifest,
        part,
        tally: Tally::default(),
        rows_compared: 0,
        findings: Vec::new(),
        differing_values: 0,
        differing_rows: 0,
        last_differing: None,
        is_whole: false,
        observer: context.observer.map(|observer| (observer, table.position)),
    };
    // A manifest from elsewhere may name anything.
    let is_own = PartPath::parse(&part.path).is_ok_and(|path| path.table() == table.manifest.name);
    if !is_own {
        let finding = report.finding(FindingKind::Path, "a path within the table", &part.path);
        report.push(finding);
        return Ok(report.into_checked());
    }
    let Some(size) = size else {
        let finding = report.finding(
            FindingKind::Missing,
            format!("{} bytes", part.bytes),
            "no file",
        );
        report.push(finding);
        return Ok(report.into_checked());
    };
    if size != part.bytes {
        let finding = report.finding(
            FindingKind::Size,
            format!("{} bytes", part.bytes),
            format!("{size} bytes"),
        );
        report.push(finding);
    }
    // What has no bytes may be no file at all, but a pipe that nobody fills.
    if size == 0 && part.bytes > 0 {
        return Ok(report.into_checked());
    }
    if context.is_quick {
        let checked = guarded(|| ends::check(size, &mut report, context));
        settle(checked, FindingKind::Footer, &mut report, context)?;
    } else {
        read_through(table, size, &mut report, context)?;
    }
    if context.is_over() {
        return Err(Error::Stopped);
    }
    if let Some(observer) = context.observer {
        observer.part_finished(table.position, part);
    }
    Ok(report.into_checked())
}

/// Digest and rows. Where the format allows it, the bytes are read once for both.
fn read_through(
    table: &Table<'_>,
    size: u64,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<()> {
    // Other bytes than the manifest's cannot have its digest.
    let wants_digest = size == report.part.bytes;
    let opened = match context.store.open(&report.part.path) {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            let finding = report.finding(FindingKind::Missing, "a file", "no file");
            report.push(finding);
            return Ok(());
        }
        Err(error) => {
            let failed = Err(Fail::of_store(error));
            return settle(failed, FindingKind::Unreadable, report, context);
        }
    };
    let mut bytes = Bytes::new(opened, size, wants_digest, context);
    let kind = context.format.kind();
    let rows_first = if kind == FormatKind::Parquet {
        None
    } else {
        Some(guarded(|| match kind {
            FormatKind::Csv | FormatKind::Json => {
                text::rows(&mut bytes, size, table, report, context)
            }
            _ => arrow::rows(&mut bytes, size, table, report, context),
        }))
    };
    let digest = bytes.finish();
    if let Some(error) = bytes.take_lost() {
        return settle(
            Err(Fail::Lost(error)),
            FindingKind::Unreadable,
            report,
            context,
        );
    }
    match digest {
        Ok(Some(digest)) if digest != report.part.blake3 => {
            // It comes before what the rows have to say.
            let finding = report.finding(FindingKind::Digest, &report.part.blake3, digest);
            report.findings.insert(0, finding);
        }
        Ok(_) => {}
        Err(error) => {
            let failed = Err(Fail::Unreadable(chain(&error)));
            settle(failed, FindingKind::Unreadable, report, context)?;
        }
    }
    let rows = match rows_first {
        Some(rows) => rows,
        None => guarded(|| parquet::rows(size, table, report, context)),
    };
    let is_whole = rows.is_ok();
    settle(rows, FindingKind::Unreadable, report, context)?;
    if is_whole {
        report.is_whole = true;
        report.end_rows();
    }
    Ok(())
}

/// Decoders of files from elsewhere are trusted with nothing: one that panics has found damage.
fn guarded(read: impl FnOnce() -> Result<(), Fail>) -> Result<(), Fail> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Fail::Unreadable(
            "damage that the decoder cannot name".to_owned(),
        ))
    })
}

/// Turns a failure into a finding, or into the end of the run.
fn settle(
    result: Result<(), Fail>,
    what: FindingKind,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<()> {
    let Err(fail) = result else {
        return Ok(());
    };
    if context.is_over() {
        return Err(Error::Stopped);
    }
    let finding = match fail {
        Fail::Lost(error) => return Err(error),
        Fail::Unreadable(why) => {
            let finding = report.finding(what, "a file that can be read", why);
            let row = report.row(report.tally.found_rows());
            if context.is_quick {
                finding
            } else {
                finding.row(row)
            }
        }
        Fail::NotMade(why) => {
            let row = report.row(report.tally.made_rows());
            let finding = report.finding(FindingKind::NotMade, "the rows of the part", why);
            finding.row(row)
        }
    };
    report.push(finding);
    Ok(())
}
