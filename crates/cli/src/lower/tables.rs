//! Generated tables as sources of the sink, with projection and partitions.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use lakeseed_gen_core::Table;
use lakeseed_sink::{BoxedReader, Partition, Source, TableSpec};

use super::selection::Selection;
use crate::error::{self, Failure};

/// The chosen tables as the sink takes them.
pub(super) fn specs(
    selection: &Selection,
    columns: &[String],
    partition_by: &[String],
) -> Result<Vec<TableSpec<'static>>> {
    for (flag, names) in [("--columns", columns), ("--partition-by", partition_by)] {
        let is_repeated = |(at, name): &(usize, &String)| names[..*at].contains(name);
        if let Some((_, twice)) = names.iter().enumerate().find(is_repeated) {
            let expected = format!("each column once for {flag}");
            let got = format!("'{twice}' twice");
            return Err(Failure::usage(expected, got, "leave one out").into());
        }
    }
    if !columns.is_empty() && selection.tables.len() != 1 {
        let names: Vec<&str> = selection.tables.iter().map(Table::name).collect();
        let got = format!("{} with {} tables", selection.target, names.len());
        let advice = format!("choose {}", error::list(&names));
        return Err(Failure::usage("one table for --columns", got, &advice).into());
    }
    let mut partitioned = 0;
    let mut specs = Vec::with_capacity(selection.tables.len());
    for table in &selection.tables {
        let has_all = partition_by
            .iter()
            .all(|name| table.column_index(name).is_ok());
        let applies = !partition_by.is_empty() && has_all;
        partitioned += usize::from(applies);
        let by = if applies { partition_by } else { &[] };
        specs.push(spec(table, columns, by)?);
    }
    if !partition_by.is_empty() && partitioned == 0 {
        return Err(no_such_columns(selection, partition_by).into());
    }
    Ok(specs)
}

/// All columns of some rows of a table.
pub(super) fn unpartitioned(table: &Table, rows: Range<u64>) -> TableSpec<'static> {
    TableSpec::new(table.name(), all_columns(table), rows)
}

/// A table as a source, with all its columns.
pub(crate) fn source(table: &Table) -> Arc<dyn Source> {
    Arc::new(all_columns(table))
}

fn all_columns(table: &Table) -> Rows {
    Rows {
        table: table.clone(),
        schema: table.schema().clone(),
        columns: None,
    }
}

fn spec(table: &Table, columns: &[String], by: &[String]) -> Result<TableSpec<'static>> {
    if columns.is_empty() && by.is_empty() {
        return Ok(unpartitioned(table, table.row_range()));
    }
    let mut names = columns.to_vec();
    if !columns.is_empty() {
        // The sink takes the partition columns from the source, and leaves them out of the files.
        names.extend(by.iter().filter(|name| !columns.contains(name)).cloned());
    }
    let source = Rows::new(table, &names)?;
    let spec = TableSpec::new(table.name(), source, table.row_range());
    if by.is_empty() {
        return Ok(spec);
    }
    let by: Vec<&str> = by.iter().map(String::as_str).collect();
    let partitions = table
        .partitions(&by)?
        .into_iter()
        .map(|partition| Partition {
            values: partition
                .values
                .iter()
                .map(|(_, value)| Some(value.to_string()))
                .collect(),
            rows: partition.rows,
        });
    Ok(spec.partitioned_by(by, partitions.collect()))
}

fn no_such_columns(selection: &Selection, partition_by: &[String]) -> Failure {
    let mut known: Vec<&str> = Vec::new();
    for table in &selection.tables {
        for field in table.schema().fields() {
            if !known.contains(&field.name().as_str()) {
                known.push(field.name());
            }
        }
    }
    let wrong = partition_by
        .iter()
        .find(|name| !known.contains(&name.as_str()));
    let expected = format!("columns of {} for --partition-by", selection.target);
    if let Some(wrong) = wrong {
        let advice = error::advice(wrong, known.iter().copied());
        return Failure::usage(expected, format!("'{wrong}'"), &advice);
    }
    let got = format!("'{}', which no table has together", partition_by.join(","));
    Failure::usage(expected, got, "choose year, month or day of an event table")
}

/// Rows of a generated table, all columns or some.
struct Rows {
    table: Table,
    schema: SchemaRef,
    columns: Option<Vec<String>>,
}

impl Rows {
    fn new(table: &Table, names: &[String]) -> Result<Self> {
        let mut positions = Vec::with_capacity(names.len());
        for name in names {
            positions.push(table.column_index(name)?);
        }
        let (schema, columns) = if names.is_empty() {
            (table.schema().clone(), None)
        } else {
            let schema: Schema = table.schema().project(&positions)?;
            (Arc::new(schema), Some(names.to_vec()))
        };
        Ok(Self {
            table: table.clone(),
            schema,
            columns,
        })
    }
}

impl Source for Rows {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, rows: Range<u64>, batch_rows: usize) -> Result<BoxedReader, ArrowError> {
        let refused = |error| ArrowError::ExternalError(Box::new(error));
        let mut scan = self.table.rows(rows).batch_rows(batch_rows);
        if let Some(columns) = &self.columns {
            scan = scan
                .columns(columns.iter().map(String::as_str))
                .map_err(refused)?;
        }
        Ok(Box::new(scan.reader().map_err(refused)?))
    }
}
