//! The rows of a part, made again.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::Fail;
use crate::hints;
use crate::manifest::{ManifestPart, ManifestTable};
use crate::plan::batch_rows;
use crate::source::{BoxedReader, Source};

/// What a source gives for the columns of a table's files.
pub(super) struct Anew {
    source: Arc<dyn Source>,
    projection: Vec<usize>,
    /// The schema of the files' columns as the source has it, hints included.
    pub(super) schema: SchemaRef,
    /// The same without hints.
    pub(super) plain: SchemaRef,
    pub(super) batch_rows: usize,
}

impl Anew {
    /// Binds a source to the columns that the manifest names.
    pub(super) fn try_new(source: Arc<dyn Source>, table: &ManifestTable) -> Result<Self, Fail> {
        let all = source.schema();
        let mut projection = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            let Ok(at) = all.index_of(&column.name) else {
                return Err(Fail::NotMade(format!("no column `{}`", column.name)));
            };
            let field = all.field(at);
            if field.data_type().to_string() != column.data_type
                || field.is_nullable() != column.nullable
            {
                return Err(Fail::NotMade(format!(
                    "column `{}` of type {}",
                    column.name,
                    type_name(&field.data_type().to_string(), field.is_nullable()),
                )));
            }
            projection.push(at);
        }
        let schema = all.project(&projection).map_err(Fail::not_made)?;
        let schema = Arc::new(schema);
        Ok(Self {
            source,
            projection,
            plain: hints::strip(&schema),
            batch_rows: batch_rows(&schema),
            schema,
        })
    }

    pub(super) fn open(&self, part: &ManifestPart) -> Result<Made, Fail> {
        let end = part.first_row.checked_add(part.rows);
        let end = end.ok_or_else(|| Fail::NotMade("no such rows".to_owned()))?;
        let reader = self.source.open(part.first_row..end, self.batch_rows);
        Ok(Made {
            reader: reader.map_err(Fail::not_made)?,
            projection: self.projection.clone(),
            schema: self.schema.clone(),
            left: part.rows,
        })
    }
}

/// A type, and whether it takes nulls.
pub(super) fn type_name(data_type: &str, is_nullable: bool) -> String {
    if is_nullable {
        data_type.to_owned()
    } else {
        format!("{data_type} not null")
    }
}

/// Rows on their way from a source: exactly as many as were asked for, or an error.
pub(super) struct Made {
    reader: BoxedReader,
    projection: Vec<usize>,
    schema: SchemaRef,
    /// Rows that are still to come.
    pub(super) left: u64,
}

impl Made {
    /// The next rows, at least one; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, Fail> {
        loop {
            let Some(batch) = self.reader.next() else {
                return match self.left {
                    0 => Ok(None),
                    left => Err(Fail::NotMade(format!("{left} rows too few"))),
                };
            };
            let batch = batch.map_err(Fail::not_made)?;
            let rows = batch.num_rows() as u64;
            if rows == 0 {
                continue;
            }
            let Some(left) = self.left.checked_sub(rows) else {
                return Err(Fail::NotMade("too many rows".to_owned()));
            };
            self.left = left;
            let batch = batch.project(&self.projection).map_err(Fail::not_made)?;
            let is_promised =
                |(array, field): (&arrow_array::ArrayRef, &arrow_schema::FieldRef)| {
                    array.data_type() == field.data_type()
                };
            let mut columns = batch.columns().iter().zip(self.schema.fields());
            if !columns.all(is_promised) {
                return Err(Fail::NotMade("rows of other types".to_owned()));
            }
            return Ok(Some(batch));
        }
    }
}
