//! From a request to fixed ranges.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

use super::layout::{self, FileRange, Layout};
use super::sample::{self, Sample};
use super::spec::check_partitions;
use super::{Part, TablePlan, TableSpec};
use crate::error::{Error, Result};
use crate::format::{FileFormat, Format};
use crate::path::{PartPath, check_name};
use crate::totals::Tally;

/// A table whose ranges are fixed, and whose paths wait for the plan's id.
pub(super) struct Draft<'a> {
    pub(super) spec: TableSpec<'a>,
    pub(super) projection: Vec<usize>,
    pub(super) schema: SchemaRef,
    counted: Vec<usize>,
    counted_schema: Option<SchemaRef>,
    pub(super) format: Arc<dyn Format>,
    pub(super) batch_rows: usize,
    pub(super) sample: Sample,
    pub(super) files: Vec<FileRange>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        spec: TableSpec<'a>,
        file_format: FileFormat,
        layout: &Layout,
    ) -> Result<Self> {
        check_name("table", &spec.name)?;
        check_partitions(&spec)?;
        let all = spec.source.schema();
        let projection = projection(&spec, &all)?;
        let counted = kept(&all, &spec.leave_out.iter().collect::<Vec<_>>());
        let counted_schema = all.project(&counted).ok().map(Arc::new);
        // Of types that have no totals, the manifest has none.
        let counted_schema = counted_schema.filter(|schema| Tally::try_new(schema).is_ok());
        let schema: SchemaRef = if projection.len() == all.fields().len() {
            all
        } else {
            Arc::new(all.project(&projection).map_err(|source| Error::Source {
                table: spec.name.clone(),
                source,
            })?)
        };
        let format = file_format.bind(&schema)?;
        let batch_rows = layout::batch_rows(&schema);
        let kind = file_format.kind();
        let sample = sample::take(
            &spec,
            &projection,
            &schema,
            format.as_ref(),
            batch_rows,
            kind,
        )?;
        let chunk_rows = layout.chunk_rows(kind, &sample);
        let mut files = Vec::new();
        if spec.partition_columns.is_empty() {
            files.extend(layout.files(None, &spec.rows, chunk_rows, &sample)?);
        } else {
            for (at, partition) in spec.partitions.iter().enumerate() {
                if !partition.rows.is_empty() {
                    files.extend(layout.files(Some(at), &partition.rows, chunk_rows, &sample)?);
                    layout::check_files(files.len() as u64)?;
                }
            }
        }
        check_chunks(&spec.name, &files, format.as_ref())?;
        Ok(Self {
            spec,
            projection,
            schema,
            counted,
            counted_schema,
            format,
            batch_rows,
            sample,
            files,
        })
    }

    pub(super) fn finish(self, plan_id: &str, file_format: FileFormat) -> Result<TablePlan<'a>> {
        let spec = self.spec;
        let mut parts = Vec::with_capacity(self.files.len());
        let mut paths = BTreeSet::new();
        for file in self.files {
            let partition: Vec<(String, Option<String>)> = match file.partition {
                Some(at) => {
                    let values = spec.partitions[at].values.iter().cloned();
                    spec.partition_columns.iter().cloned().zip(values).collect()
                }
                None => Vec::new(),
            };
            let path = PartPath::try_new(
                &spec.name,
                &partition,
                file.number,
                plan_id,
                file_format.extension(),
            )?;
            if !paths.insert(path.clone()) {
                return Err(Error::Invalid {
                    what: "partitions",
                    expected: "different values for each".to_owned(),
                    found: format!("`{path}` twice"),
                });
            }
            parts.push(Part {
                path,
                rows: file.rows,
                chunk_rows: file.chunk_rows,
            });
        }
        Ok(TablePlan {
            rows: parts
                .iter()
                .map(|part| part.rows.end - part.rows.start)
                .sum(),
            name: spec.name,
            source: spec.source,
            projection: self.projection,
            schema: self.schema,
            counted: self.counted,
            counted_schema: self.counted_schema,
            format: self.format,
            batch_rows: self.batch_rows,
            partition_columns: spec.partition_columns,
            parts,
            sample: self.sample,
        })
    }
}

/// Refuses files of more chunks than the format can number, before the first is made.
fn check_chunks(table: &str, files: &[FileRange], format: &dyn Format) -> Result<()> {
    let Some(most) = format.most_chunks() else {
        return Ok(());
    };
    let chunks = files.iter().map(FileRange::chunks).max().unwrap_or(0);
    if chunks <= most {
        return Ok(());
    }
    Err(Error::Invalid {
        what: "row group size",
        expected: format!("at most {most} row groups in a file of table `{table}`"),
        found: format!("{chunks}"),
    })
}

fn projection(spec: &TableSpec<'_>, schema: &Schema) -> Result<Vec<usize>> {
    let out: Vec<&String> = spec
        .partition_columns
        .iter()
        .chain(&spec.leave_out)
        .collect();
    for name in &out {
        if schema.index_of(name).is_err() {
            let names: Vec<&str> = schema
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            return Err(Error::Invalid {
                what: "column",
                expected: format!("one of table `{}`: {}", spec.name, names.join(", ")),
                found: format!("`{name}`"),
            });
        }
    }
    let kept = kept(schema, &out);
    if kept.is_empty() {
        return Err(Error::Invalid {
            what: "columns",
            expected: format!("at least one in the files of table `{}`", spec.name),
            found: "none".to_owned(),
        });
    }
    Ok(kept)
}

/// The positions of the columns that are not left out.
fn kept(schema: &Schema, out: &[&String]) -> Vec<usize> {
    let fields = schema.fields().iter().enumerate();
    fields
        .filter(|(_, field)| !out.contains(&field.name()))
        .map(|(at, _)| at)
        .collect()
}
