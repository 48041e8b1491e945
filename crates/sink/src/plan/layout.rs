//! Sizes: rows of a chunk, rows of a file.

use std::ops::Range;

use arrow_schema::{DataType, Schema};

use super::sample::Sample;
use crate::error::{Error, Result};
use crate::format::FormatKind;

/// About how large a file is where nothing else is asked for.
pub const DEFAULT_FILE_BYTES: u64 = 128 << 20;
/// The most rows of a Parquet row group.
pub const DEFAULT_ROW_GROUP_ROWS: u64 = 1 << 20;
/// The most encoded bytes of a Parquet row group: what tables reach at small scales already, so that
/// workers hold no more at large ones.
pub const DEFAULT_ROW_GROUP_BYTES: u64 = 8 << 20;
/// About how much text is encoded, and squeezed, at a time.
pub const DEFAULT_TEXT_CHUNK_BYTES: u64 = 2 << 20;

/// The most files of a table: a plan holds them all, and so does a folder.
pub const MAX_FILES: u64 = 1_000_000;

/// Rows are cut at multiples of this where that many are at hand.
const ROW_STEP: u64 = 1024;
/// About how large a batch is: it should stay in a core's own cache.
const BATCH_BYTES: usize = 512 * 1024;
const MIN_BATCH_ROWS: usize = 1024;
const MAX_BATCH_ROWS: usize = 8192;

/// Sizes of files and chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// About how large a file is, in bytes.
    pub file_bytes: u64,
    /// Exactly how many files a table gets, or each partition of it; overrides `file_bytes`.
    pub files: Option<u64>,
    /// The most rows of a Parquet row group.
    pub row_group_rows: u64,
    /// The most encoded bytes of a Parquet row group, as far as the sample tells.
    pub row_group_bytes: u64,
    /// About how many bytes of text make a chunk of CSV or JSON.
    pub text_chunk_bytes: u64,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            file_bytes: DEFAULT_FILE_BYTES,
            files: None,
            row_group_rows: DEFAULT_ROW_GROUP_ROWS,
            row_group_bytes: DEFAULT_ROW_GROUP_BYTES,
            text_chunk_bytes: DEFAULT_TEXT_CHUNK_BYTES,
        }
    }
}

/// The rows of one file.
#[derive(Debug)]
pub(super) struct FileRange {
    /// The partition, by its position.
    pub(super) partition: Option<usize>,
    /// The file's number within its folder.
    pub(super) number: usize,
    pub(super) rows: Range<u64>,
    pub(super) chunk_rows: u64,
}

impl FileRange {
    pub(super) fn chunks(&self) -> u64 {
        (self.rows.end - self.rows.start).div_ceil(self.chunk_rows)
    }
}

impl Layout {
    pub(crate) fn check(&self) -> Result<()> {
        let sizes = [
            ("file size", self.file_bytes),
            ("number of files", self.files.unwrap_or(1)),
            ("row group rows", self.row_group_rows),
            ("row group bytes", self.row_group_bytes),
            ("text chunk bytes", self.text_chunk_bytes),
        ];
        match sizes.into_iter().find(|(_, size)| *size == 0) {
            Some((what, _)) => Err(Error::Invalid {
                what,
                expected: "at least 1".to_owned(),
                found: "0".to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The most rows of a chunk.
    pub(super) fn chunk_rows(&self, kind: FormatKind, sample: &Sample) -> u64 {
        let rows = match kind {
            FormatKind::Parquet => {
                let by_bytes = self.row_group_bytes as f64 / sample.in_file.max(0.01);
                self.row_group_rows.min(by_bytes as u64)
            }
            _ => (self.text_chunk_bytes as f64 / sample.plain.max(0.01)) as u64,
        };
        let rows = rows.max(1);
        if rows > ROW_STEP {
            rows - rows % ROW_STEP
        } else {
            rows
        }
    }

    /// Cuts rows into files of even size, and each file into chunks of even size.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than [`MAX_FILES`].
    pub(super) fn files(
        &self,
        partition: Option<usize>,
        rows: &Range<u64>,
        max_chunk_rows: u64,
        sample: &Sample,
    ) -> Result<Vec<FileRange>> {
        let count = rows.end - rows.start;
        let bytes = count as f64 * sample.in_file;
        let by_bytes = (bytes / self.file_bytes as f64).round() as u64;
        let files = self.files.unwrap_or(by_bytes).clamp(1, count.max(1));
        check_files(files)?;
        let cut =
            |at: u64| rows.start + (u128::from(count) * u128::from(at) / u128::from(files)) as u64;
        Ok((0..files)
            .map(|number| {
                let rows = cut(number)..cut(number + 1);
                let count = rows.end - rows.start;
                let chunks = count.div_ceil(max_chunk_rows).max(1);
                let even = count.div_ceil(chunks).max(1);
                let chunk_rows = even
                    .next_multiple_of(ROW_STEP)
                    .min(max_chunk_rows)
                    .max(even);
                FileRange {
                    partition,
                    number: number as usize,
                    rows,
                    chunk_rows,
                }
            })
            .collect())
    }
}

/// Refuses a plan that would hold more files than anybody wants.
pub(super) fn check_files(files: u64) -> Result<()> {
    if files <= MAX_FILES {
        return Ok(());
    }
    Err(Error::Invalid {
        what: "number of files",
        expected: format!("at most {MAX_FILES}"),
        found: files.to_string(),
    })
}

/// Rows of a batch, from the width of the columns.
pub(crate) fn batch_rows(schema: &Schema) -> usize {
    let rows = BATCH_BYTES / row_bytes(schema).max(1);
    (rows - rows % MIN_BATCH_ROWS).clamp(MIN_BATCH_ROWS, MAX_BATCH_ROWS)
}

/// About how many bytes a row takes, from the types of the columns alone.
pub(crate) fn row_bytes(schema: &Schema) -> usize {
    let fields = schema.fields().iter();
    fields.map(|field| width(field.data_type())).sum()
}

fn width(data_type: &DataType) -> usize {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => 32,
        DataType::Dictionary(..) => 4,
        DataType::Struct(fields) => fields.iter().map(|field| width(field.data_type())).sum(),
        DataType::List(field) | DataType::LargeList(field) => 4 * width(field.data_type()),
        other => other.primitive_width().unwrap_or(8),
    }
}
