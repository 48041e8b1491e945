//! `CREATE TABLE` statements: types, keys and comments in the words of each system.

use std::fmt::Write;

use anyhow::Result;
use arrow_schema::{DataType, Field};
use lakeseed_gen_core::Table;

use super::{doc, is_key, parent, type_name};
use crate::args::Dialect;
use crate::error::Failure;

/// Statements in an order in which a system takes them: parents first.
pub(super) fn statements(tables: &[Table], dialect: Dialect) -> Result<String> {
    let mut out = String::new();
    for table in tables {
        create(&mut out, table, tables, dialect)?;
        out.push('\n');
    }
    Ok(out)
}

fn create(out: &mut String, table: &Table, all: &[Table], dialect: Dialect) -> Result<()> {
    let name = dialect.quote(table.name());
    let mut lines = Vec::new();
    for field in table.schema().fields() {
        lines.push(column(table, field, dialect)?);
    }
    let constraints = constraints(table, all, dialect);
    if dialect.has_constraints() {
        lines.extend(constraints.iter().cloned());
    }
    let body: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    let _ = write!(out, "CREATE TABLE {name} (\n{}\n)", body.join(",\n"));
    if dialect.comments_inline() && !table.about().is_empty() {
        let equals = if dialect == Dialect::Mysql { "=" } else { " " };
        let _ = write!(out, " COMMENT{equals}{}", dialect.text(table.about()));
    }
    out.push_str(";\n");
    if !dialect.has_constraints() {
        for constraint in constraints {
            let _ = writeln!(out, "-- {constraint}");
        }
    }
    if !dialect.comments_inline() {
        comments(out, table, dialect);
    }
    Ok(())
}

fn column(table: &Table, field: &Field, dialect: Dialect) -> Result<String> {
    let sql_type = dialect.sql_type(field.data_type()).ok_or_else(|| {
        let what = type_name(field.data_type());
        let got = format!("{what} in {}.{}", table.name(), field.name());
        Failure::usage(
            "types that this dialect has",
            got,
            "choose another --dialect",
        )
    })?;
    let mut line = format!("{} {sql_type}", dialect.quote(field.name()));
    if !field.is_nullable() {
        line.push_str(" NOT NULL");
    }
    if dialect.comments_inline() && !doc(field).is_empty() {
        let _ = write!(line, " COMMENT {}", dialect.text(doc(field)));
    }
    Ok(line)
}

fn constraints(table: &Table, all: &[Table], dialect: Dialect) -> Vec<String> {
    let fields = table.schema().fields();
    let keys: Vec<String> = fields
        .iter()
        .filter(|field| is_key(field))
        .map(|field| dialect.quote(field.name()))
        .collect();
    let mut lines = Vec::new();
    if !keys.is_empty() {
        lines.push(format!("PRIMARY KEY ({})", keys.join(", ")));
    }
    for field in fields {
        let Some((parent, column)) = parent(field) else {
            continue;
        };
        // A reference needs its table, which is absent when one table alone was asked for.
        if all.iter().any(|table| table.name() == parent) {
            lines.push(format!(
                "FOREIGN KEY ({}) REFERENCES {} ({})",
                dialect.quote(field.name()),
                dialect.quote(parent),
                dialect.quote(column),
            ));
        }
    }
    lines
}

fn comments(out: &mut String, table: &Table, dialect: Dialect) {
    let name = dialect.quote(table.name());
    if !table.about().is_empty() {
        let _ = writeln!(
            out,
            "COMMENT ON TABLE {name} IS {};",
            dialect.text(table.about())
        );
    }
    for field in table.schema().fields() {
        if !doc(field).is_empty() {
            let column = dialect.quote(field.name());
            let text = dialect.text(doc(field));
            let _ = writeln!(out, "COMMENT ON COLUMN {name}.{column} IS {text};");
        }
    }
}

impl Dialect {
    fn quote(self, name: &str) -> String {
        match self {
            Self::Postgres | Self::Duckdb => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::Mysql | Self::Spark => format!("`{}`", name.replace('`', "``")),
        }
    }

    fn text(self, text: &str) -> String {
        match self {
            Self::Postgres | Self::Duckdb => format!("'{}'", text.replace('\'', "''")),
            Self::Mysql => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
            Self::Spark => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        }
    }

    fn comments_inline(self) -> bool {
        matches!(self, Self::Mysql | Self::Spark)
    }

    /// Spark enforces no keys, and most of its catalogs refuse to hear of them.
    fn has_constraints(self) -> bool {
        self != Self::Spark
    }

    fn sql_type(self, data_type: &DataType) -> Option<String> {
        use Dialect::{Duckdb, Mysql, Postgres, Spark};
        let name = match (data_type, self) {
            (DataType::Int32, Mysql | Spark) => "INT",
            (DataType::Int32, Postgres | Duckdb) => "INTEGER",
            (DataType::Int64, _) => "BIGINT",
            (DataType::Float64, Postgres) => "DOUBLE PRECISION",
            (DataType::Float64, Mysql | Duckdb | Spark) => "DOUBLE",
            (DataType::Boolean, _) => "BOOLEAN",
            (DataType::Date32, _) => "DATE",
            (DataType::Timestamp(_, None), Postgres | Duckdb) => "TIMESTAMP",
            (DataType::Timestamp(_, None), Mysql) => "DATETIME(6)",
            (DataType::Timestamp(_, None), Spark) => "TIMESTAMP_NTZ",
            (DataType::Utf8, Postgres) => "TEXT",
            // A key or an index of MySQL needs a length.
            (DataType::Utf8, Mysql) => "VARCHAR(255)",
            (DataType::Utf8, Duckdb) => "VARCHAR",
            (DataType::Utf8, Spark) => "STRING",
            (DataType::Decimal128(precision, scale), Postgres) => {
                return Some(format!("NUMERIC({precision},{scale})"));
            }
            (DataType::Decimal128(precision, scale), Mysql | Duckdb | Spark) => {
                return Some(format!("DECIMAL({precision},{scale})"));
            }
            (DataType::Dictionary(_, values), _) => return self.sql_type(values),
            _ => return None,
        };
        Some(name.to_owned())
    }
}
