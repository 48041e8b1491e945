//! The rows of a part, made again, and held against the folders that the part lies in.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::Fail;
use super::findings::FindingKind;
use super::folders::{self, Folder};
use super::part::Report;
use crate::hints;
use crate::manifest::{ManifestPart, ManifestTable};
use crate::plan::batch_rows;
use crate::source::{BoxedReader, Source};
use crate::totals::{Tally, Totals};

/// What a source gives for the columns of a table's files.
pub(super) struct Anew {
    source: Arc<dyn Source>,
    projection: Vec<usize>,
    /// The columns that the totals count, partition columns included, and their schema.
    counted: Vec<usize>,
    counted_schema: SchemaRef,
    /// The columns that stand in the path, by position.
    partition_columns: Vec<(usize, String)>,
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
        let mut partition_columns = Vec::new();
        for name in &table.partition_columns {
            let Ok(at) = all.index_of(name) else {
                return Err(Fail::NotMade(format!("no column `{name}`")));
            };
            partition_columns.push((at, name.clone()));
        }
        let schema = all.project(&projection).map_err(Fail::not_made)?;
        let schema = Arc::new(schema);
        let fields = all.fields().iter().enumerate();
        let counted: Vec<usize> = fields
            .filter(|(at, field)| {
                projection.contains(at) || table.partition_columns.contains(field.name())
            })
            .map(|(at, _)| at)
            .collect();
        let counted_schema = all.project(&counted).map_err(Fail::not_made)?;
        Ok(Self {
            source,
            projection,
            counted,
            counted_schema: Arc::new(counted_schema),
            partition_columns,
            plain: hints::strip(&schema),
            batch_rows: batch_rows(&schema),
            schema,
        })
    }

    pub(super) fn open(&self, part: &ManifestPart) -> Result<Made, Fail> {
        let end = part.first_row.checked_add(part.rows);
        let end = end.ok_or_else(|| Fail::NotMade("no such rows".to_owned()))?;
        let reader = self.source.open(part.first_row..end, self.batch_rows);
        let tally = match &part.totals {
            Some(totals) => {
                let tally = Tally::try_new(&self.counted_schema).map_err(Fail::not_made)?;
                Some((self.counted.clone(), tally, totals.clone()))
            }
            None => None,
        };
        Ok(Made {
            tally,
            difference: None,
            reader: reader.map_err(Fail::not_made)?,
            folders: folders::of(&part.path, &self.partition_columns),
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
    /// Columns, what they add up to so far, and what they should.
    tally: Option<(Vec<usize>, Tally, Totals)>,
    /// Which totals differ, once all rows were made.
    difference: Option<Vec<String>>,
    projection: Vec<usize>,
    schema: SchemaRef,
    folders: Vec<Folder>,
    /// Rows that are still to come.
    left: u64,
}

impl Made {
    /// The next rows, at least one; `None` at the end.
    pub(super) fn next(&mut self, report: &mut Report<'_>) -> Result<Option<RecordBatch>, Fail> {
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
            self.count(&batch)?;
            self.tell_totals(report);
            for folder in &mut self.folders {
                folder.check(&batch, report)?;
            }
            let batch = batch.project(&self.projection).map_err(Fail::not_made)?;
            let is_promised =
                |(array, field): (&arrow_array::ArrayRef, &arrow_schema::FieldRef)| {
                    array.data_type() == field.data_type()
                };
            let mut columns = batch.columns().iter().zip(self.schema.fields());
            if !columns.all(is_promised) {
                return Err(Fail::NotMade("rows of other types".to_owned()));
            }
            report.tally.made(&batch);
            return Ok(Some(batch));
        }
    }

    fn count(&mut self, batch: &RecordBatch) -> Result<(), Fail> {
        let Some((columns, tally, expected)) = &mut self.tally else {
            return Ok(());
        };
        let counted = batch.project(columns).map_err(Fail::not_made)?;
        tally.add(&counted).map_err(Fail::not_made)?;
        if self.left == 0 {
            let difference = expected.difference(&tally.take());
            self.difference = Some(difference).filter(|found| !found.is_empty());
        }
        Ok(())
    }

    /// Says once which of the manifest's totals are not those of the rows.
    fn tell_totals(&mut self, report: &mut Report<'_>) {
        if let Some(difference) = self.difference.take() {
            let found = difference.join("; ");
            let finding = report.finding(FindingKind::Totals, "the totals of its rows", found);
            report.push(finding);
        }
    }
}
