//! Arrow schemas as JSON, with the hints that the writers get.

use std::collections::BTreeMap;

use arrow_schema::Field;
use lakeseed_gen_core::Table;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct TableSchema {
    table: String,
    fields: Vec<FieldSchema>,
}

#[derive(Debug, Serialize)]
struct FieldSchema {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
    nullable: bool,
    metadata: BTreeMap<String, String>,
}

pub(super) fn schemas(tables: &[Table]) -> Vec<TableSchema> {
    let of_table = |table: &Table| TableSchema {
        table: table.name().to_owned(),
        fields: table
            .schema()
            .fields()
            .iter()
            .map(|field| of_field(field))
            .collect(),
    };
    tables.iter().map(of_table).collect()
}

fn of_field(field: &Field) -> FieldSchema {
    // Sorted: the same text every time.
    let metadata = field
        .metadata()
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()));
    FieldSchema {
        name: field.name().clone(),
        data_type: field.data_type().to_string(),
        nullable: field.is_nullable(),
        metadata: metadata.collect(),
    }
}
