//! What a model says of keys, kept while the rows are made: unknown members, foreign keys, rows that
//! share what should tell them apart.

mod members;
mod proof;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow_schema::{Schema, SchemaRef};
use datafusion::arrow::compute::{CastOptions, cast_with_options};

pub(crate) use self::members::Members;
pub(crate) use self::proof::holds;
pub(crate) use self::watch::{Seen, Watch};
use crate::{Duplicates, Error, Missing, Model, Result, TableSpec};

/// What is to be kept for one table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// The member that rows without one point to.
    pub(crate) unknown: Option<RecordBatch>,
    /// The grain, where the statement does not keep it by itself.
    pub(crate) unique: Option<(Vec<usize>, Duplicates)>,
    pub(crate) keys: Vec<KeyRule>,
    /// The grain of a table that others point to, where it is to be known.
    pub(crate) members: Option<Vec<usize>>,
}

/// A foreign key that is looked up.
#[derive(Debug, Clone)]
pub(crate) struct KeyRule {
    pub(crate) columns: Vec<usize>,
    pub(crate) names: Vec<String>,
    /// The table that it points to.
    pub(crate) parent: String,
    pub(crate) missing: Missing,
}

impl Rules {
    /// The rules of each table of a model, whose schemas are changed where a member with nulls is added.
    /// `proven` tells of a table and one of its keys whether the statements keep it by themselves, and
    /// of a table whether they keep its grain.
    pub(crate) fn of_model(
        model: &Model,
        schemas: &mut HashMap<String, SchemaRef>,
        is_unique: impl Fn(&TableSpec) -> bool,
        is_proven: impl Fn(&TableSpec, usize) -> bool,
    ) -> Result<HashMap<String, Self>> {
        let mut all: HashMap<String, Self> = HashMap::new();
        for table in &model.tables {
            let Some(schema) = schemas.get(&table.name).cloned() else {
                continue;
            };
            let mut rules = Self::default();
            if !table.unknown.is_empty() {
                let row = unknown(table, &schema)?;
                schemas.insert(table.name.clone(), row.schema());
                rules.unknown = Some(row);
            }
            if !is_unique(table) {
                rules.unique = Some((positions(table, &schema, &table.grain)?, table.duplicates));
            }
            all.insert(table.name.clone(), rules);
        }
        for table in &model.tables {
            for (number, key) in table.foreign_keys.iter().enumerate() {
                let parents = model.table(&key.table).zip(schemas.get(&key.table));
                let (Some((parent, parent_schema)), Some(schema)) =
                    (parents, schemas.get(&table.name))
                else {
                    continue;
                };
                let columns = positions(table, schema, &key.columns)?;
                let grain = positions(parent, parent_schema, &parent.grain)?;
                fits(table, (schema, &columns), parent, (parent_schema, &grain))?;
                if is_proven(table, number) {
                    continue;
                }
                let rule = KeyRule {
                    columns,
                    names: key.columns.clone(),
                    parent: key.table.clone(),
                    missing: key.missing,
                };
                all.entry(table.name.clone()).or_default().keys.push(rule);
                all.entry(key.table.clone()).or_default().members = Some(grain);
            }
        }
        Ok(all)
    }
}

/// Where columns are in a table.
fn positions(table: &TableSpec, schema: &Schema, names: &[String]) -> Result<Vec<usize>> {
    let at = |name: &String| {
        schema.index_of(name).map_err(|_| {
            let fields = schema.fields().iter().map(|field| field.name().as_str());
            Error::Model {
                place: table.place.clone(),
                expected: format!("a column {name}, as {} says", crate::MODEL_FILE),
                found: fields.collect::<Vec<_>>().join(", "),
            }
        })
    };
    names.iter().map(at).collect()
}

/// A foreign key and the grain that it points to can be compared.
fn fits(
    table: &TableSpec,
    (schema, columns): (&Schema, &[usize]),
    parent: &TableSpec,
    (parent_schema, grain): (&Schema, &[usize]),
) -> Result<()> {
    for (&column, &key) in columns.iter().zip(grain) {
        let (column, key) = (schema.field(column), parent_schema.field(key));
        let (from, to) = (column.data_type(), key.data_type());
        if from != to && from.is_integer() != to.is_integer() {
            return Err(Error::Model {
                place: table.place.clone(),
                expected: format!(
                    "{} as {}.{} is, {to}",
                    column.name(),
                    parent.name,
                    key.name()
                ),
                found: from.to_string(),
            });
        }
    }
    Ok(())
}

/// The row of the unknown member.
fn unknown(table: &TableSpec, schema: &SchemaRef) -> Result<RecordBatch> {
    let names: Vec<String> = table.unknown.keys().cloned().collect();
    positions(table, schema, &names)?;
    let mut columns: Vec<ArrayRef> = Vec::new();
    let mut fields = Vec::new();
    for field in schema.fields() {
        let Some(text) = table.unknown.get(field.name()) else {
            columns.push(new_null_array(field.data_type(), 1));
            fields.push(field.as_ref().clone().with_nullable(true));
            continue;
        };
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let value = StringArray::from(vec![text.as_str()]);
        let value = cast_with_options(&value, field.data_type(), &options);
        let value = value.ok().filter(|value| value.null_count() == 0);
        columns.push(value.ok_or_else(|| Error::Model {
            place: table.place.clone(),
            expected: format!(
                "a value of {} for {} of the unknown member",
                field.data_type(),
                field.name()
            ),
            found: format!("{text:?}"),
        })?);
        fields.push(field.as_ref().clone());
    }
    let row = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    row.map_err(|cause| Error::Engine {
        table: table.name.clone(),
        cause: cause.into(),
    })
}
