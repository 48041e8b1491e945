//! Parquet files: a piece is a row group, its rows are numbered by the footers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::PageType;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::find::InputFile;
use super::footer::footer;
use super::ranged::RangedFile;
use crate::error::{Error, Result};
use crate::messages::{Piece, Pieces};
use crate::source::BoxedReader;
use crate::store::Store;

/// What all windows of an open row group hold together, where files are at hand and where each read
/// is a request.
const NEAR_BYTES: u64 = 4 << 20;
const FAR_BYTES: u64 = 32 << 20;
const LEAST_WINDOW_BYTES: u64 = 64 << 10;
const MOST_WINDOW_BYTES: u64 = 4 << 20;
/// A page as writers make them, where the footer does not tell how many there are.
const PAGE_BYTES: u64 = 2 << 20;
/// The values of a dictionary: behind so many, writers stop to use it.
const DICTIONARY_BYTES: u64 = 1 << 20;

/// The Parquet files of a table.
pub(super) struct ParquetPieces {
    store: Arc<dyn Store>,
    files: Vec<ParquetFile>,
    schema: SchemaRef,
    pieces: Vec<Piece>,
    /// The file and the row group of each piece.
    places: Vec<(usize, usize)>,
    window_bytes: u64,
    open_bytes: u64,
}

struct ParquetFile {
    file: InputFile,
    metadata: ArrowReaderMetadata,
}

impl ParquetPieces {
    /// Reads the footers of all files.
    pub(super) fn open(store: Arc<dyn Store>, files: Vec<InputFile>) -> Result<Self> {
        let mut opened = Vec::with_capacity(files.len());
        let mut schema: Option<SchemaRef> = None;
        let (mut pieces, mut places) = (Vec::new(), Vec::new());
        let mut first_row: u64 = 0;
        for file in files {
            let ranged = RangedFile::new(
                Arc::clone(&store),
                &file.name,
                file.bytes,
                LEAST_WINDOW_BYTES,
                2,
            );
            let unreadable = |reason: String| file.unreadable(store.as_ref(), reason);
            let (footer, bytes) = guarded(|| footer(&ranged)).map_err(unreadable)?;
            // The footer tells sizes, offsets, counts and bounds; values of the same size only the tag.
            let digest = blake3::hash(&bytes).to_hex();
            let InputFile { name, bytes, tag } = &file;
            let footer = Arc::new(footer);
            let metadata = guarded(|| {
                ArrowReaderMetadata::try_new(footer, ArrowReaderOptions::new())
                    .map_err(|error| error.to_string())
            });
            let metadata = metadata.map_err(unreadable)?;
            schema = Some(match schema {
                None => metadata.schema().clone(),
                Some(table) => agree(&table, metadata.schema())
                    .map_err(|reason| file.unreadable(store.as_ref(), reason))?,
            });
            for (group, found) in metadata.metadata().row_groups().iter().enumerate() {
                let rows = u64::try_from(found.num_rows()).ok();
                let end = rows.and_then(|rows| first_row.checked_add(rows));
                let (Some(rows), Some(end)) = (rows, end) else {
                    return Err(unreadable(
                        "row groups of impossible numbers of rows".to_owned(),
                    ));
                };
                pieces.push(Piece {
                    name: format!("{}, row group {group}", file.name),
                    identity: format!("{name} {bytes} {tag} {digest} {group}"),
                    first_row: Some(first_row),
                    rows: Some(rows),
                });
                places.push((opened.len(), group));
                first_row = end;
            }
            opened.push(ParquetFile { file, metadata });
        }
        let schema = schema.unwrap_or_else(|| Arc::new(Schema::empty()));
        let total = if store.part_bytes(0) > 0 {
            FAR_BYTES
        } else {
            NEAR_BYTES
        };
        let columns = schema.fields().len().max(1) as u64;
        let window_bytes = (total / columns).clamp(LEAST_WINDOW_BYTES, MOST_WINDOW_BYTES);
        let groups = opened
            .iter()
            .flat_map(|file| file.metadata.metadata().row_groups());
        let held = groups.map(|group| held_bytes(group, window_bytes)).max();
        Ok(Self {
            open_bytes: held.unwrap_or(0),
            store,
            files: opened,
            schema: plain(&schema),
            pieces,
            places,
            window_bytes,
        })
    }
}

/// What reading a row group holds: of each column a page and what is read ahead, and the stored form of
/// the page that is just unpacked.
fn held_bytes(group: &RowGroupMetaData, window_bytes: u64) -> u64 {
    let mut held = 0;
    let mut largest = 0;
    for column in group.columns() {
        let stored = u64::try_from(column.compressed_size()).unwrap_or(0);
        let page = page_bytes(column);
        // A page that is larger than a window is read by itself.
        let ahead = if page > window_bytes { 0 } else { window_bytes };
        let dictionary = match column.dictionary_page_offset() {
            Some(_) => page.min(DICTIONARY_BYTES),
            None => 0,
        };
        held += page + dictionary + stored.min(ahead);
        largest = largest.max(page.min(stored));
    }
    held + largest
}

/// What a page of a column becomes: by their number, where the footer tells it. Writers begin a new
/// page at the same size each time, so all but the last are alike.
fn page_bytes(column: &ColumnChunkMetaData) -> u64 {
    let unpacked = u64::try_from(column.uncompressed_size()).unwrap_or(0);
    let is_data = |kind| matches!(kind, PageType::DATA_PAGE | PageType::DATA_PAGE_V2);
    let counts = column.page_encoding_stats().map(|stats| {
        let counts = stats.iter().filter(|stats| is_data(stats.page_type));
        counts
            .map(|stats| u64::try_from(stats.count).unwrap_or(0))
            .sum()
    });
    match counts {
        None | Some(0) => unpacked.min(PAGE_BYTES),
        Some(1) => unpacked,
        Some(pages) => unpacked.div_ceil(pages - 1),
    }
}

/// Without what writers keep beside the columns.
fn plain(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter();
    let plain = |field: &Arc<Field>| {
        Field::new(field.name(), field.data_type().clone(), field.is_nullable())
    };
    Arc::new(Schema::new(fields.map(plain).collect::<Vec<_>>()))
}

/// The columns of two files as one table's; in words, why they are not.
pub(super) fn agree(table: &Schema, file: &Schema) -> Result<SchemaRef, String> {
    let (ours, theirs) = (table.fields(), file.fields());
    if ours.len() != theirs.len() {
        return Err(format!(
            "{} columns, where the files before it have {}",
            theirs.len(),
            ours.len()
        ));
    }
    let mut fields = Vec::with_capacity(ours.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        if ours.name() != theirs.name() || ours.data_type() != theirs.data_type() {
            return Err(format!(
                "column `{}` of type {}, where the files before it have `{}` of type {}",
                theirs.name(),
                theirs.data_type(),
                ours.name(),
                ours.data_type()
            ));
        }
        let is_nullable = ours.is_nullable() || theirs.is_nullable();
        fields.push(ours.as_ref().clone().with_nullable(is_nullable));
    }
    Ok(Arc::new(Schema::new(fields)))
}

impl Pieces for ParquetPieces {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn open(&self, piece: usize, batch_rows: usize) -> Result<BoxedReader> {
        let (file, group) = self.places[piece];
        let ParquetFile { file, metadata } = &self.files[file];
        let ranged = RangedFile::new(
            Arc::clone(&self.store),
            &file.name,
            file.bytes,
            self.window_bytes,
            self.schema.fields().len() + 1,
        );
        let path = format!("{}/{}", self.store.address(), self.pieces[piece].name);
        let build = || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(ranged, metadata.clone())
                .with_row_groups(vec![group])
                .with_batch_size(batch_rows)
                .build()
                .map_err(|error| error.to_string())
        };
        match guarded(build) {
            Ok(reader) => Ok(Box::new(GuardedReader {
                schema: reader.schema(),
                reader: Some(reader),
                path,
            })),
            Err(reason) => Err(Error::Input { path, reason }),
        }
    }

    fn open_bytes(&self) -> u64 {
        self.open_bytes
    }
}

/// Decoders of files from elsewhere are trusted with nothing: one that panics has found damage.
fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err("damage that the decoder cannot name".to_owned()))
}

/// Reads a row group. A panic is [`Error::Input`], as Arrow's error has it; behind it comes nothing.
struct GuardedReader {
    schema: SchemaRef,
    /// `None` behind a panic: what a decoder has left behind is not looked at again.
    reader: Option<ParquetRecordBatchReader>,
    /// The file and the row group.
    path: String,
}

impl Iterator for GuardedReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        guarded(|| Ok(reader.next())).unwrap_or_else(|reason| {
            self.reader = None;
            let path = self.path.clone();
            let error = Error::Input { path, reason };
            Some(Err(ArrowError::ExternalError(Box::new(error))))
        })
    }
}

impl RecordBatchReader for GuardedReader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
