//! Parquet files: a piece is a row group.

use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use ::parquet::basic::{Encoding, PageType};
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use arrow_array::{RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::bounds::{Bounds, of_groups};
use super::files::{Opened, Pinned, agree, unreadable, wrong};
use super::sorted::sorted_by;
use super::windows::{Windows, window_bytes};
use super::{BatchReader, Piece, codes};
use crate::Result;

/// A page as writers make them.
const PAGE_BYTES: u64 = 1024 * 1024;
/// A footer as most files have one.
const FOOTER_BYTES: u64 = 64 * 1024;
/// A text column is read as dictionaries where this part of its rows is stored so: the reader makes
/// dictionaries of the others, slowly.
const DICTIONARY_SHARE: f64 = 0.9;

/// The Parquet files of a table.
pub(super) struct ParquetFiles {
    files: Vec<ParquetFile>,
    /// The file and the row group of each piece.
    places: Vec<(usize, usize)>,
}

struct ParquetFile {
    pinned: Pinned,
    /// The footer, with the types that are asked for.
    metadata: ArrowReaderMetadata,
}

impl ParquetFiles {
    /// Reads the footers. Gives the table's columns beside the files.
    pub(super) fn open(pinned: Vec<Pinned>) -> Result<(SchemaRef, Self)> {
        let mut footers: Vec<(Pinned, ArrowReaderMetadata)> = Vec::with_capacity(pinned.len());
        let mut schema: Option<Schema> = None;
        for file in pinned {
            let footer = read_footer(&file)?;
            schema = Some(match (&schema, footers.first()) {
                (Some(table), Some((first, _))) => {
                    agree(first.path(), table, file.path(), footer.schema())?
                }
                _ => plain(footer.schema()),
            });
            footers.push((file, footer));
        }
        let schema = schema.unwrap_or_else(Schema::empty);
        let is_dictionary = dictionary_columns(&schema, &footers);
        let files = footers
            .into_iter()
            .map(|(pinned, footer)| with_dictionaries(pinned, &footer, &is_dictionary))
            .collect::<Result<Vec<_>>>()?;
        let groups = |file: &ParquetFile| 0..file.metadata.metadata().num_row_groups();
        let places = files.iter().enumerate();
        let places = places.flat_map(|(at, file)| groups(file).map(move |group| (at, group)));
        let places = places.collect();
        let fields = schema.fields().iter().zip(&is_dictionary);
        let fields = fields.map(|(field, is_dictionary)| asked_for(field, *is_dictionary));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        Ok((Arc::new(schema), Self { files, places }))
    }
}

impl Opened for ParquetFiles {
    fn pieces(&self) -> Vec<Vec<Piece>> {
        let piece = |group: &RowGroupMetaData| Piece {
            rows: group.num_rows().max(0) as u64,
            exact: true,
            bytes: group.columns().iter().map(stored_bytes).sum(),
        };
        let footers = self.files.iter().map(|file| file.metadata.metadata());
        footers
            .map(|footer| footer.row_groups().iter().map(piece).collect())
            .collect()
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        let files = self.files.iter();
        let bounds = files.map(|file| {
            let footer = file.metadata.metadata();
            of_groups(footer, file.metadata.schema(), column)
        });
        Bounds::joined(&bounds.collect::<Option<Vec<_>>>()?)
    }

    fn sorted_by(&self) -> Vec<String> {
        let footers = self.files.iter().map(|file| file.metadata.metadata());
        let groups = footers.flat_map(|footer| footer.row_groups());
        sorted_by(&groups.collect::<Vec<_>>())
    }

    fn held_bytes(&self, piece: usize, columns: &[usize]) -> u64 {
        let Some((file, group)) = self.places.get(piece) else {
            return 0;
        };
        let ParquetFile { pinned, metadata } = &self.files[*file];
        let chunks = || chunks_of(metadata.metadata(), *group, columns);
        let lengths: Vec<u64> = chunks().map(stored_bytes).collect();
        let window = window_bytes(pinned.file.read_ahead(), &lengths);
        let held = chunks().map(|chunk| {
            let unpacked = chunk.uncompressed_size().max(0) as u64;
            // A page as it is stored and unpacked, and a dictionary.
            stored_bytes(chunk).min(window + PAGE_BYTES) + unpacked.min(2 * PAGE_BYTES)
        });
        held.sum()
    }

    fn read(
        &self,
        piece: usize,
        columns: &[usize],
        schema: SchemaRef,
        batch_rows: usize,
    ) -> Result<BatchReader> {
        let (file, group) = self.places[piece];
        let ParquetFile { pinned, metadata } = &self.files[file];
        pinned.check()?;
        let footer = metadata.metadata();
        let chunks = chunks_of(footer, group, columns).map(ColumnChunkMetaData::byte_range);
        let chunks = chunks.map(|(start, length)| (start, start + length));
        let windows = Windows::new(
            Arc::clone(&pinned.file),
            pinned.stamp.bytes,
            chunks.collect(),
        );
        let place = format!("{}, row group {}", pinned.path(), group + 1);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.iter().copied());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(windows, metadata.clone())
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()
            .map_err(|cause| unreadable(&place, "cannot be read", cause))?;
        Ok(Box::new(InOrder {
            reader,
            order: order_in_projection(columns),
            schema,
            place,
        }))
    }
}

/// Batches of the parquet crate, whose columns are in the file's order, with columns as asked for.
struct InOrder {
    reader: ParquetRecordBatchReader,
    order: Vec<usize>,
    schema: SchemaRef,
    place: String,
}

impl Iterator for InOrder {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.reader.next()? {
            Ok(batch) => batch,
            Err(cause) => {
                let error = unreadable(&self.place, "cannot be read", cause);
                return Some(Err(ArrowError::ExternalError(Box::new(error))));
            }
        };
        let columns = self.order.iter().map(|at| Arc::clone(batch.column(*at)));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Some(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns.collect(),
            &options,
        ))
    }
}

impl RecordBatchReader for InOrder {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Where each asked column stands among the projected ones.
fn order_in_projection(columns: &[usize]) -> Vec<usize> {
    let mut in_file = columns.to_vec();
    in_file.sort_unstable();
    in_file.dedup();
    let place_of = |column: &usize| in_file.partition_point(|other| other < column);
    columns.iter().map(place_of).collect()
}

/// The footer with Parquet's own types: what Arrow types the writer had (views, large offsets, other
/// keys) is its own business.
fn read_footer(pinned: &Pinned) -> Result<ArrowReaderMetadata> {
    // The footer's length and the footer, in one read where it is of the usual size.
    let size = pinned.stamp.bytes;
    let end = (size.saturating_sub(FOOTER_BYTES), size);
    let windows = Windows::new(Arc::clone(&pinned.file), size, vec![end]);
    let options = ArrowReaderOptions::new()
        .with_skip_arrow_metadata(true)
        .with_encoding_stats_as_mask(false);
    let footer = ArrowReaderMetadata::load(&windows, options)
        .map_err(|cause| unreadable(pinned.path(), "is not a whole Parquet file", cause))?;
    for (at, group) in footer.metadata().row_groups().iter().enumerate() {
        for chunk in group.columns() {
            let start = chunk
                .dictionary_page_offset()
                .unwrap_or(chunk.data_page_offset());
            let until = u64::try_from(start)
                .ok()
                .zip(u64::try_from(chunk.compressed_size()).ok())
                .and_then(|(start, length)| start.checked_add(length));
            if until.is_none_or(|until| until > pinned.stamp.bytes) {
                let problem = format!(
                    "row group {}, column {} lies outside of the file's {} bytes",
                    at + 1,
                    chunk.column_path(),
                    pinned.stamp.bytes
                );
                return Err(wrong(pinned.path(), problem));
            }
        }
    }
    Ok(footer)
}

/// Columns without a writer's notes.
fn plain(schema: &Schema) -> Schema {
    let fields = schema.fields().iter();
    let fields = fields
        .map(|field| Field::new(field.name(), field.data_type().clone(), field.is_nullable()));
    Schema::new(fields.collect::<Vec<_>>())
}

fn asked_for(field: &Field, is_dictionary: bool) -> Field {
    if !is_dictionary {
        return field.clone();
    }
    field.clone().with_data_type(codes())
}

fn with_dictionaries(
    pinned: Pinned,
    footer: &ArrowReaderMetadata,
    is_dictionary: &[bool],
) -> Result<ParquetFile> {
    let fields = footer.schema().fields().iter().zip(is_dictionary);
    let fields = fields.map(|(field, is_dictionary)| asked_for(field, *is_dictionary));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(footer.metadata()), options)
        .map_err(|cause| unreadable(pinned.path(), "has columns of unknown kinds", cause))?;
    Ok(ParquetFile { pinned, metadata })
}

/// Which columns are text that most row groups store as dictionaries of few values.
fn dictionary_columns(schema: &Schema, footers: &[(Pinned, ArrowReaderMetadata)]) -> Vec<bool> {
    let is_dictionary = |column: usize, field: &Field| {
        if field.data_type() != &DataType::Utf8 {
            return false;
        }
        let (mut rows, mut in_dictionaries) = (0_u64, 0_u64);
        for (_, footer) in footers {
            for (at, group) in footer.metadata().row_groups().iter().enumerate() {
                rows += group.num_rows().max(0) as u64;
                let column = [column];
                let mut chunks = chunks_of(footer.metadata(), at, &column);
                if chunks.all(has_few_values) {
                    in_dictionaries += group.num_rows().max(0) as u64;
                }
            }
        }
        rows > 0 && in_dictionaries as f64 >= rows as f64 * DICTIONARY_SHARE
    };
    let fields = schema.fields().iter().enumerate();
    fields
        .map(|(column, field)| is_dictionary(column, field))
        .collect()
}

/// Whether all data pages of a chunk are dictionary-encoded, and the dictionary is small beside the
/// values: a stored byte a value is room for about one distinct text in five to ten.
fn has_few_values(chunk: &ColumnChunkMetaData) -> bool {
    let Some(dictionary) = chunk.dictionary_page_offset() else {
        return false;
    };
    let is_code = |encoding| {
        matches!(
            encoding,
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY
        )
    };
    let is_data = |kind| matches!(kind, PageType::DATA_PAGE | PageType::DATA_PAGE_V2);
    let all_codes = match chunk.page_encoding_stats() {
        Some(pages) => pages
            .iter()
            .filter(|pages| is_data(pages.page_type))
            .all(|pages| is_code(pages.encoding)),
        // Writers that count no pages by encoding: a fall-back is then seen only where it is not
        // PLAIN, which the dictionary itself may be. The small dictionary has to do.
        None => chunk.encodings().any(is_code),
    };
    all_codes && chunk.data_page_offset().saturating_sub(dictionary) <= chunk.num_values()
}

/// The leaf chunks of these columns in a row group; a nested column has several.
fn chunks_of<'f>(
    footer: &'f ParquetMetaData,
    group: usize,
    columns: &'f [usize],
) -> impl Iterator<Item = &'f ColumnChunkMetaData> {
    let descriptor = footer.file_metadata().schema_descr();
    let chunks = footer.row_group(group).columns().iter().enumerate();
    chunks
        .filter(move |(leaf, _)| columns.contains(&descriptor.get_column_root_idx(*leaf)))
        .map(|(_, chunk)| chunk)
}

fn stored_bytes(chunk: &ColumnChunkMetaData) -> u64 {
    chunk.compressed_size().max(0) as u64
}
