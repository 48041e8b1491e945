//! Tables for people, in plain text and in Markdown.

use std::fmt::Write;

use arrow_schema::Field;
use lakeseed_gen_core::Table;

use super::{doc, is_key, parent, type_name};
use crate::report::{Align, Grid};

pub(super) fn plain(dataset: &str, tables: &[Table]) -> String {
    let mut out = String::new();
    for table in tables {
        let _ = writeln!(out, "{dataset}.{}: {}", table.name(), table.about());
        out.push_str(&grid(table).text("  "));
        out.push('\n');
    }
    out
}

pub(super) fn markdown(dataset: &str, tables: &[Table]) -> String {
    let mut out = format!("# {dataset}\n");
    for table in tables {
        let _ = writeln!(out, "\n## {}\n\n{}\n", table.name(), table.about());
        out.push_str(&grid(table).markdown());
    }
    out
}

fn grid(table: &Table) -> Grid {
    let mut grid = Grid::new([
        ("column", Align::Left),
        ("type", Align::Left),
        ("null", Align::Left),
        ("key", Align::Left),
        ("what it is", Align::Left),
    ]);
    for field in table.schema().fields() {
        let null = if field.is_nullable() { "yes" } else { "" };
        grid.row([
            field.name().clone(),
            type_name(field.data_type()),
            null.to_owned(),
            key(field),
            doc(field).to_owned(),
        ]);
    }
    grid
}

fn key(field: &Field) -> String {
    let primary = is_key(field).then(|| "primary".to_owned());
    let foreign = parent(field).map(|(table, column)| format!("-> {table}.{column}"));
    [primary, foreign]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}
