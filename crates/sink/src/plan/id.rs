//! The digest that names a plan.

use std::collections::BTreeMap;

use arrow_schema::Schema;

use super::draft::Draft;
use super::layout::Layout;
use crate::format::FileFormat;
use crate::units::UnitTable;

/// Hexadecimal digits of a plan's id: 64 bits.
const DIGITS: usize = 16;

/// Digest of all that decides names and bytes of the files: nothing about threads, memory, place.
pub(super) fn plan_id(data_id: &str, format: FileFormat, tables: &[Draft<'_>]) -> String {
    let mut digest = Digest::of(data_id, format);
    digest.number(tables.len() as u64);
    for table in tables {
        digest.text(&table.spec.name);
        digest.number(table.batch_rows as u64);
        digest.columns(&table.schema);
        digest.number(table.spec.partition_columns.len() as u64);
        for column in &table.spec.partition_columns {
            digest.text(column);
        }
        digest.number(table.files.len() as u64);
        for file in &table.files {
            if let Some(at) = file.partition {
                for value in &table.spec.partitions[at].values {
                    digest.number(u64::from(value.is_some()));
                    digest.text(value.as_deref().unwrap_or_default());
                }
            }
            digest.number(file.rows.start);
            digest.number(file.rows.end);
            digest.number(file.chunk_rows);
        }
    }
    digest.finish()
}

/// Digest of all that decides names and bytes of the files of units. Where they extend an output, `onto`
/// is the name of its state and what stays of each table.
pub(crate) fn unit_plan_id(
    data_id: &str,
    format: FileFormat,
    layout: &Layout,
    tables: &[UnitTable],
    onto: Option<(&str, &BTreeMap<String, Vec<String>>)>,
) -> String {
    let mut digest = Digest::of(data_id, format);
    digest.text("units");
    digest.number(layout.row_group_rows);
    digest.number(layout.row_group_bytes);
    digest.number(layout.text_chunk_bytes);
    digest.number(tables.len() as u64);
    for table in tables {
        digest.text(&table.name);
        digest.columns(&table.schema);
        digest.number(table.units as u64);
    }
    if let Some((state, kept)) = onto {
        digest.text("onto");
        digest.text(state);
        for (table, paths) in kept {
            digest.text(table);
            digest.number(paths.len() as u64);
            for path in paths {
                digest.text(path);
            }
        }
    }
    digest.finish()
}

/// The id of several plans that make one output.
pub(crate) fn joined(plan_ids: &[String]) -> String {
    let mut digest = Digest(blake3::Hasher::new());
    for id in plan_ids {
        digest.text(id);
    }
    digest.finish()
}

/// Texts go in with their length, so that no two lists of texts look alike.
pub(crate) struct Digest(blake3::Hasher);

impl Digest {
    /// Of what every plan has: our version, the data, the format.
    fn of(data_id: &str, format: FileFormat) -> Self {
        let mut digest = Self(blake3::Hasher::new());
        digest.text(concat!("lakeseed ", env!("CARGO_PKG_VERSION")));
        // The libraries that decide bytes and tell their versions.
        digest.text(parquet::file::properties::DEFAULT_CREATED_BY);
        digest.number(u64::from(zstd::zstd_safe::version_number()));
        digest.text(data_id);
        digest.text(format.kind().name());
        digest.text(&format.compression().to_string());
        digest
    }

    /// Of what every plan of messages has: our version, the data.
    pub(crate) fn of_messages(data_id: &str) -> Self {
        let mut digest = Self(blake3::Hasher::new());
        digest.text(concat!("lakeseed ", env!("CARGO_PKG_VERSION"), " messages"));
        digest.text(data_id);
        digest
    }

    /// Of what every plan of a load has: the data. Not our version: who continues with a newer
    /// lakeseed adds the same rows, since values belong to the data's own version.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn of_load(data_id: &str) -> Self {
        let mut digest = Self(blake3::Hasher::new());
        digest.text("lakeseed load 1");
        digest.text(data_id);
        digest
    }

    pub(crate) fn columns(&mut self, schema: &Schema) {
        self.number(schema.fields().len() as u64);
        for field in schema.fields() {
            self.text(field.name());
            self.text(&field.data_type().to_string());
            self.number(u64::from(field.is_nullable()));
            let mut metadata: Vec<_> = field.metadata().iter().collect();
            metadata.sort_unstable();
            self.number(metadata.len() as u64);
            for (key, value) in metadata {
                self.text(key);
                self.text(value);
            }
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    pub(crate) fn finish(self) -> String {
        let mut hex = self.0.finalize().to_hex().to_string();
        hex.truncate(DIGITS);
        hex
    }
}
