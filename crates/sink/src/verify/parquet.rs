//! The rows of a Parquet file, through the parquet crate's own reader.

use std::sync::Arc;

use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::Fail;
use super::compare::{self, Rows};
use super::part::{Context, Report, Table};
use crate::format::FormatKind;
use crate::sources::{RangedFile, footer, rows_of_groups};

/// Rows of a batch where nobody knows how wide they are.
const BATCH_ROWS: usize = 4096;
const LEAST_WINDOW_BYTES: u64 = 64 << 10;
const MOST_WINDOW_BYTES: u64 = 1 << 20;

/// Reads all rows and compares them.
pub(super) fn rows(
    size: u64,
    table: &Table<'_>,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<(), Fail> {
    let file = open(size, report, context);
    let done = compare_rows(&file, table, report, context);
    context.read_bytes(file.take_read_bytes());
    told(&file, done)
}

/// The reader's own error, or that the store could not be asked.
fn told(file: &RangedFile, done: Result<(), Fail>) -> Result<(), Fail> {
    match file.take_lost() {
        Some(error) if done.is_err() => Err(Fail::Lost(error)),
        _ => done,
    }
}

/// A window for each column, out of what a worker may hold.
fn open(size: u64, report: &Report<'_>, context: &Context<'_>) -> RangedFile {
    let columns = report.table.columns.len().max(1) + 1;
    let window = context.buffer_bytes / columns as u64;
    RangedFile::new(
        context.store.clone(),
        &report.part.path,
        size,
        window.clamp(LEAST_WINDOW_BYTES, MOST_WINDOW_BYTES),
        columns,
    )
}

fn compare_rows(
    file: &RangedFile,
    table: &Table<'_>,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<(), Fail> {
    let metadata = metadata(file, report)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata);
    let anew = table.anew.as_ref();
    let pairs = compare::columns(
        builder.schema(),
        table.manifest,
        anew,
        FormatKind::Parquet,
        report,
    );
    let made = anew.map(|anew| anew.open(report.part)).transpose()?;
    let batch_rows = anew.map_or(BATCH_ROWS, |anew| anew.batch_rows);
    let reader = builder.with_batch_size(batch_rows).build();
    let mut rows = Rows::new(pairs, made, table);
    for batch in reader.map_err(Fail::unreadable)? {
        if context.is_over() {
            break;
        }
        rows.take(&batch.map_err(Fail::unreadable)?, report)?;
        context.read_bytes(file.take_read_bytes());
    }
    Ok(())
}

/// Looks at both ends of a file, and at the numbers in its footer.
pub(super) fn check_ends(
    size: u64,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<(), Fail> {
    let file = open(size, report, context);
    let checked = metadata(&file, report).map(|_| ());
    context.read_bytes(file.take_read_bytes());
    told(&file, checked)
}

/// The footer, checked against the file's size and the part's rows.
fn metadata(file: &RangedFile, report: &mut Report<'_>) -> Result<ArrowReaderMetadata, Fail> {
    let (footer, _) = footer(file).map_err(Fail::Unreadable)?;
    let rows = rows_of_groups(&footer);
    let in_footer = u64::try_from(footer.file_metadata().num_rows()).unwrap_or(u64::MAX);
    if in_footer != rows || rows != report.part.rows {
        let finding = report.finding(
            super::FindingKind::Rows,
            format!("{} rows", report.part.rows),
            format!("{in_footer} rows in the footer, {rows} in its row groups"),
        );
        report.push(finding);
    }
    // Without the page index, which is not read here, pages come one after the other, and each
    // header is looked at first.
    ArrowReaderMetadata::try_new(Arc::new(footer), ArrowReaderOptions::new())
        .map_err(Fail::unreadable)
}
