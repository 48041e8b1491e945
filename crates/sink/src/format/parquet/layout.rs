//! What is fixed for all files of a table: the Parquet schema, and how each column is written.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use parquet::arrow::{ArrowSchemaConverter, encode_arrow_schema};
use parquet::basic::{Compression as Codec, Encoding as ParquetEncoding, GzipLevel, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor};

use super::NAME;
use super::pages::{PAGE_ROWS, TEXT_PAGE_ROWS};
use crate::error::{Error, Result};
use crate::format::Compression;
use crate::hints::{self, Encoding, Hints};

/// Who made the file, as its footer says.
pub(super) const CREATED_BY: &str = concat!("lakeseed ", env!("CARGO_PKG_VERSION"));
/// Bytes of a page of the parquet crate's writer, before compression.
const PAGE_BYTES: usize = 1024 * 1024;

/// The key under which Arrow readers look for the Arrow schema.
const ARROW_SCHEMA_KEY: &str = "ARROW:schema";

/// How files of one table are laid out.
#[derive(Debug)]
pub(super) struct FileLayout {
    /// The codec of all columns that are not stored as they are.
    pub(super) codec: Codec,
    pub(super) parquet_schema: SchemaDescPtr,
    pub(super) key_values: Vec<KeyValue>,
    pub(super) sorting: Option<Vec<SortingColumn>>,
    pub(super) columns: Vec<ColumnLayout>,
}

/// How one top-level field is written.
#[derive(Debug)]
pub(super) struct ColumnLayout {
    /// The field as arrays have it, hints included.
    pub(super) field: FieldRef,
    /// The position of the field's first leaf among all.
    pub(super) leaf: usize,
    pub(super) encoding: Encoding,
    pub(super) codec: Codec,
}

impl FileLayout {
    pub(super) fn try_new(schema: &SchemaRef, compression: Compression) -> Result<Self> {
        let table_codec = codec(compression)?;
        let plain = hints::strip(schema);
        let parquet_schema = ArrowSchemaConverter::new()
            .convert(&plain)
            .map_err(|source| unsupported(&plain).unwrap_or_else(|| Error::encode(NAME)(source)))?;
        let mut columns = Vec::with_capacity(schema.fields().len());
        let mut sorting = Vec::new();
        for (at, field) in schema.fields().iter().enumerate() {
            let hints = Hints::of(field)?;
            let leaf = first_leaf(&parquet_schema, at);
            if hints.sorted && !field.data_type().is_nested() {
                sorting.push(SortingColumn {
                    column_idx: leaf as i32,
                    descending: false,
                    nulls_first: false,
                });
            }
            columns.push(ColumnLayout {
                field: field.clone(),
                leaf,
                encoding: encoding(field, hints)?,
                codec: if hints.uncompressed {
                    Codec::UNCOMPRESSED
                } else {
                    table_codec
                },
            });
        }
        let key_values = vec![KeyValue {
            key: ARROW_SCHEMA_KEY.to_owned(),
            value: Some(encode_arrow_schema(&readable(&plain))),
        }];
        Ok(Self {
            codec: table_codec,
            parquet_schema: Arc::new(parquet_schema),
            key_values,
            sorting: (!sorting.is_empty()).then_some(sorting),
            columns,
        })
    }
}

impl FileLayout {
    /// How many leaves a column has: more than one where it is nested.
    pub(super) fn leaves(&self, column: &ColumnLayout) -> u64 {
        let leaves = 0..self.parquet_schema.num_columns();
        let root = |leaf: &usize| self.parquet_schema.get_column_root_idx(*leaf);
        let of = self.parquet_schema.get_column_root_idx(column.leaf);
        leaves.filter(|leaf| root(leaf) == of).count() as u64
    }
}

impl ColumnLayout {
    /// The most rows of a page.
    pub(super) fn page_rows(&self) -> usize {
        match self.field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
                if self.encoding != Encoding::Dictionary =>
            {
                TEXT_PAGE_ROWS
            }
            _ => PAGE_ROWS,
        }
    }

    /// What the values of the page under construction take. What they become is shared by all
    /// columns.
    pub(super) fn page_bytes(&self) -> u64 {
        (self.page_rows() * width(self.field.data_type())) as u64
    }

    /// The settings by which the parquet crate writes this column.
    pub(super) fn properties(&self) -> WriterProperties {
        let encoding = match self.encoding {
            Encoding::Plain | Encoding::Dictionary => ParquetEncoding::PLAIN,
            Encoding::Delta => ParquetEncoding::DELTA_BINARY_PACKED,
            Encoding::DeltaLength => ParquetEncoding::DELTA_LENGTH_BYTE_ARRAY,
            Encoding::ByteStreamSplit => ParquetEncoding::BYTE_STREAM_SPLIT,
        };
        WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(self.codec)
            .set_encoding(encoding)
            .set_dictionary_enabled(self.encoding == Encoding::Dictionary)
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_max_row_group_row_count(None)
            .set_data_page_row_count_limit(self.page_rows())
            .set_data_page_size_limit(PAGE_BYTES)
            .build()
    }
}

fn codec(compression: Compression) -> Result<Codec> {
    Ok(match compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Zstd(level) => {
            Codec::ZSTD(ZstdLevel::try_new(i32::from(level)).map_err(Error::encode(NAME))?)
        }
        Compression::Gzip(level) => {
            Codec::GZIP(GzipLevel::try_new(u32::from(level)).map_err(Error::encode(NAME))?)
        }
    })
}

/// The encoding of a column: what its hint says where the type allows it.
fn encoding(field: &Field, hints: Hints) -> Result<Encoding> {
    let data_type = field.data_type();
    let Some(asked) = hints.encoding else {
        let is_dictionary = matches!(data_type, DataType::Dictionary(..));
        return Ok(if is_dictionary {
            Encoding::Dictionary
        } else {
            Encoding::Plain
        });
    };
    let fits = match asked {
        Encoding::Plain | Encoding::Dictionary => true,
        Encoding::Delta => is_integer(data_type),
        Encoding::DeltaLength => {
            matches!(
                data_type,
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
            )
        }
        Encoding::ByteStreamSplit => {
            is_integer(data_type) || matches!(data_type, DataType::Float32 | DataType::Float64)
        }
    };
    if fits {
        return Ok(asked);
    }
    Err(Error::Invalid {
        what: "hint",
        expected: format!(
            "an encoding for column `{}` of type {data_type}",
            field.name()
        ),
        found: format!("{asked:?}"),
    })
}

/// Whether Parquet stores the type as a 32-bit or 64-bit integer.
pub(super) fn is_integer(data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal128(precision, _) => *precision <= 18,
        DataType::Date32 | DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_) => {
            true
        }
        other => other.is_integer(),
    }
}

/// The first of all leaves that belongs to the field at position `field`.
fn first_leaf(schema: &SchemaDescriptor, field: usize) -> usize {
    (0..schema.num_columns())
        .take_while(|leaf| schema.get_column_root_idx(*leaf) < field)
        .count()
}

/// The Arrow schema that readers get: an Arrow dictionary is a detail of the way here, so they
/// see text.
fn readable(schema: &Schema) -> Schema {
    let fields: Vec<FieldRef> = schema
        .fields()
        .iter()
        .map(|field| {
            let data_type = readable_type(field.data_type()).clone();
            Arc::new(field.as_ref().clone().with_data_type(data_type))
        })
        .collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

/// The type that readers get for a column.
pub(crate) fn readable_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

/// Names the first column that the schema converter refuses.
fn unsupported(schema: &Schema) -> Option<Error> {
    let refused = schema.fields().iter().find(|field| {
        let alone = Schema::new(vec![field.as_ref().clone()]);
        ArrowSchemaConverter::new().convert(&alone).is_err()
    })?;
    Some(Error::Unsupported {
        format: NAME,
        column: refused.name().clone(),
        found: Box::new(refused.data_type().clone()),
    })
}

/// Bytes of a value, as far as the type tells.
fn width(data_type: &DataType) -> usize {
    const TEXT_BYTES: usize = 32;
    match data_type {
        DataType::Dictionary(..) => 4,
        // Decimals of up to 18 digits become integers of 64 bits.
        DataType::Decimal128(..) => 8,
        other => other.primitive_width().unwrap_or(TEXT_BYTES),
    }
}
