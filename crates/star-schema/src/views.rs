//! SQL that opens a finished star in DuckDB.

use std::fmt::Write as _;

use crate::model::{Kind, Model, TableSpec};

/// Writes `views.sql`: a view a table over its Parquet files, and a wide one a fact or aggregate, with
/// the columns of its dimensions beside its own.
///
/// `path_of` gives a table's files as a pattern relative to the folder in which DuckDB is started
/// (`fact_sales/*.parquet`); `columns_of` the names of a table's columns, which the wide views need:
/// a dimension's column comes as `DIMENSION_COLUMN` where the fact has one of that name or another
/// dimension came before with it. Every name is quoted.
///
/// ```
/// use lakeseed_star_schema::{Model, views};
///
/// let model = Model::builtin("assessments")?;
/// let sql = views(&model, |table| format!("{table}/*.parquet"), |_| Vec::new());
/// assert!(sql.contains(
///     "CREATE OR REPLACE VIEW \"dim_escola\" AS\nFROM read_parquet('dim_escola/*.parquet');"
/// ));
/// # Ok::<(), lakeseed_star_schema::Error>(())
/// ```
pub fn views(
    model: &Model,
    path_of: impl Fn(&str) -> String,
    columns_of: impl Fn(&str) -> Vec<String>,
) -> String {
    let mut sql = format!(
        "-- The star {}. For DuckDB, in the star's own folder.\n",
        model.name.replace(['\n', '\r'], " ")
    );
    for table in &model.tables {
        // Writing to a string does not fail.
        let _ = write!(
            sql,
            "\nCREATE OR REPLACE VIEW {} AS\nFROM read_parquet({});\n",
            name(&table.name),
            text(&path_of(&table.name))
        );
    }
    let facts = model
        .tables
        .iter()
        .filter(|table| table.kind != Kind::Dimension);
    for fact in facts.filter(|table| !table.foreign_keys.is_empty()) {
        wide(&mut sql, model, fact, &columns_of);
    }
    sql
}

/// A fact with its dimensions' columns. Left joins: a row that points to nothing stays.
fn wide(
    sql: &mut String,
    model: &Model,
    fact: &TableSpec,
    columns_of: impl Fn(&str) -> Vec<String>,
) {
    let mut taken = columns_of(&fact.name);
    let mut columns = vec![format!("{}.*", name(&fact.name))];
    let mut joins = String::new();
    for (number, key) in fact.foreign_keys.iter().enumerate() {
        let Some(dimension) = model.table(&key.table) else {
            continue;
        };
        // A dimension may be pointed to twice.
        let alias = name(&format!("{} {}", key.table, number + 1));
        let pairs = key.columns.iter().zip(&dimension.grain);
        let on = pairs.map(|(column, grain)| {
            format!(
                "{}.{} = {alias}.{}",
                name(&fact.name),
                name(column),
                name(grain)
            )
        });
        let _ = write!(
            joins,
            "\nLEFT JOIN {} AS {alias} ON {}",
            name(&key.table),
            on.collect::<Vec<_>>().join(" AND ")
        );
        let added = columns_of(&key.table);
        for column in added
            .iter()
            .filter(|column| !dimension.grain.contains(column))
        {
            let mut shown = column.clone();
            if is_taken(&taken, &shown) {
                shown = format!("{}_{column}", key.table);
            }
            if is_taken(&taken, &shown) {
                shown = format!("{}_{}_{column}", key.table, key.columns.join("_"));
            }
            if is_taken(&taken, &shown) {
                continue;
            }
            columns.push(format!("{alias}.{} AS {}", name(column), name(&shown)));
            taken.push(shown);
        }
    }
    let _ = write!(
        sql,
        "\nCREATE OR REPLACE VIEW {} AS\nSELECT {}\nFROM {}{joins};\n",
        name(&format!("{}_wide", fact.name)),
        columns.join(", "),
        name(&fact.name)
    );
}

/// DuckDB's names are alike whatever their case is.
fn is_taken(taken: &[String], name: &str) -> bool {
    taken
        .iter()
        .any(|other| other.to_lowercase() == name.to_lowercase())
}

/// A name as SQL has it: in quotes, inner ones doubled.
fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
