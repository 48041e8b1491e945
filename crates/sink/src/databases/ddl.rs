//! Statements that make tables: types, keys and comments in the words of each system.
//!
//! What a load runs and what is printed for people are put together from the same lines.

use std::fmt::Write;

use arrow_schema::{DataType, Field, Schema};

use super::types::{MyType, PgType};
use crate::error::{Error, Result};
use crate::hints;

/// The words of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// DuckDB.
    Duckdb,
    /// Spark SQL.
    Spark,
}

/// A table as its statements need it.
#[derive(Debug, Clone, Copy)]
pub struct TableDdl<'t> {
    /// Its name.
    pub name: &'t str,
    /// What it holds, for people; may be empty.
    pub about: &'t str,
    /// Its columns: keys, parents and comments by the [hints].
    pub schema: &'t Schema,
}

/// A view as its statements need it.
#[derive(Debug, Clone, Copy)]
pub struct ViewDdl<'v> {
    /// Its name.
    pub name: &'v str,
    /// What it tells, for people; may be empty.
    pub about: &'v str,
    /// A `SELECT`, without its end. Names in it may stand in double quotes.
    pub query: &'v str,
}

/// Statements that make views, in the order in which they are given: a view may ask those before it.
///
/// # Example
/// ```
/// use lakeseed_sink::databases::ddl::{Dialect, ViewDdl, view_statements};
///
/// let names = ViewDdl { name: "names", about: "", query: "SELECT name FROM pets" };
/// let text = view_statements(&[names], Dialect::Postgres);
/// assert_eq!(text, "CREATE VIEW \"names\" AS\nSELECT name FROM pets;\n\n");
/// ```
pub fn view_statements(views: &[ViewDdl<'_>], dialect: Dialect) -> String {
    let mut out = String::new();
    if dialect == Dialect::Mysql {
        let _ = writeln!(out, "{ANSI_QUOTES};\n");
    }
    for view in views {
        let _ = writeln!(out, "{};", create_view(view, dialect));
        if let Some(comment) = view_comment(view, dialect) {
            let _ = writeln!(out, "{comment};");
        }
        out.push('\n');
    }
    out
}

/// Has MySQL take names in double quotes, in statements that follow.
pub(super) const ANSI_QUOTES: &str =
    "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',ANSI_QUOTES')";

/// The statement that makes a view, without its end.
pub(super) fn create_view(view: &ViewDdl<'_>, dialect: Dialect) -> String {
    // Who asks a view of MySQL's must be allowed to ask its tables: otherwise it would be a way around
    // their rights, and would end with the user who has made it.
    let security = match dialect {
        Dialect::Mysql => "SQL SECURITY INVOKER ",
        _ => "",
    };
    let (name, query) = (dialect.quote(view.name), view.query.trim_end());
    format!("CREATE {security}VIEW {name} AS\n{query}")
}

/// The comment on a view as a statement, where there is one and the system has such.
pub(super) fn view_comment(view: &ViewDdl<'_>, dialect: Dialect) -> Option<String> {
    let has_some = !dialect.comments_inline() && !view.about.is_empty();
    let (name, text) = (dialect.quote(view.name), dialect.text(view.about));
    has_some.then(|| format!("COMMENT ON VIEW {name} IS {text}"))
}

/// Statements in an order in which a system takes them, as `tables` are: parents first.
///
/// # Errors
/// [`Error::Unsupported`] for a column of a type that the dialect has not.
///
/// # Example
/// ```
/// use arrow_schema::{DataType, Field, Schema};
/// use lakeseed_sink::databases::ddl::{Dialect, TableDdl, statements};
///
/// let schema = Schema::new(vec![Field::new("id", DataType::Int64, false)]);
/// let pets = TableDdl { name: "pets", about: "", schema: &schema };
/// let text = statements(&[pets], Dialect::Postgres)?;
/// assert_eq!(text, "CREATE TABLE \"pets\" (\n    \"id\" BIGINT NOT NULL\n);\n\n");
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
pub fn statements(tables: &[TableDdl<'_>], dialect: Dialect) -> Result<String> {
    let mut out = String::new();
    for table in tables {
        create_with_keys(&mut out, table, tables, dialect)?;
        out.push('\n');
    }
    Ok(out)
}

fn create_with_keys(
    out: &mut String,
    table: &TableDdl<'_>,
    all: &[TableDdl<'_>],
    dialect: Dialect,
) -> Result<()> {
    let constraints = constraints(table, all, dialect);
    let inline = if dialect.has_constraints() {
        constraints.as_slice()
    } else {
        &[]
    };
    out.push_str(&create(table, inline, dialect)?);
    out.push_str(";\n");
    if !dialect.has_constraints() {
        for constraint in constraints {
            let _ = writeln!(out, "-- {constraint}");
        }
    }
    if !dialect.comments_inline() {
        for comment in comments(table, dialect) {
            let _ = writeln!(out, "{comment};");
        }
    }
    Ok(())
}

/// The statement that makes a table with these constraints, without its end.
pub(super) fn create(
    table: &TableDdl<'_>,
    constraints: &[String],
    dialect: Dialect,
) -> Result<String> {
    let mut lines = Vec::new();
    for field in table.schema.fields() {
        lines.push(column(table, field, dialect)?);
    }
    lines.extend(constraints.iter().cloned());
    let body: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    let name = dialect.quote(table.name);
    let mut out = format!("CREATE TABLE {name} (\n{}\n)", body.join(",\n"));
    if dialect == Dialect::Mysql {
        // With transactions; and texts that are the same only where their bytes are, in keys and
        // answers, as in the other systems.
        out.push_str(" ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin");
    }
    if dialect.comments_inline() && !table.about.is_empty() {
        let equals = if dialect == Dialect::Mysql { "=" } else { " " };
        let _ = write!(out, " COMMENT{equals}{}", dialect.text(table.about));
    }
    Ok(out)
}

fn column(table: &TableDdl<'_>, field: &Field, dialect: Dialect) -> Result<String> {
    let sql_type = dialect.sql_type(field.data_type());
    let sql_type = sql_type.ok_or_else(|| Error::Unsupported {
        format: dialect.name(),
        column: format!("{}.{}", table.name, field.name()),
        found: Box::new(field.data_type().clone()),
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

/// The primary key, then the foreign keys: `PRIMARY KEY ("id")`.
pub(super) fn constraints(
    table: &TableDdl<'_>,
    all: &[TableDdl<'_>],
    dialect: Dialect,
) -> Vec<String> {
    let references = references(table, all).into_iter();
    let references = references.map(|reference| reference.constraint(dialect));
    primary_key(table, dialect)
        .into_iter()
        .chain(references)
        .collect()
}

/// The primary key, where there is one.
pub(super) fn primary_key(table: &TableDdl<'_>, dialect: Dialect) -> Option<String> {
    let fields = table.schema.fields().iter();
    let keys: Vec<String> = fields
        .filter(|field| hint(field, hints::KEY) == Some("primary"))
        .map(|field| dialect.quote(field.name()))
        .collect();
    (!keys.is_empty()).then(|| format!("PRIMARY KEY ({})", keys.join(", ")))
}

/// A foreign key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference<'t> {
    pub(super) column: &'t str,
    pub(super) parent: &'t str,
    pub(super) parent_column: &'t str,
}

impl Reference<'_> {
    /// `FOREIGN KEY ("pet_id") REFERENCES "pets" ("id")`.
    pub(super) fn constraint(self, dialect: Dialect) -> String {
        format!(
            "FOREIGN KEY ({}) REFERENCES {} ({})",
            dialect.quote(self.column),
            dialect.quote(self.parent),
            dialect.quote(self.parent_column),
        )
    }
}

/// The foreign keys of a table.
pub(super) fn references<'t>(table: &TableDdl<'t>, all: &[TableDdl<'_>]) -> Vec<Reference<'t>> {
    let mut found = Vec::new();
    for field in table.schema.fields() {
        let parent = hint(field, hints::PARENT).and_then(|parent| parent.split_once('.'));
        let Some((parent, parent_column)) = parent else {
            continue;
        };
        // A reference needs its table, which is absent when one table alone was asked for, and the key
        // there, which is absent where some columns were left out.
        if all
            .iter()
            .any(|table| table.name == parent && is_key(table.schema, parent_column))
        {
            found.push(Reference {
                column: field.name(),
                parent,
                parent_column,
            });
        }
    }
    found
}

/// Whether a column alone is the primary key.
fn is_key(schema: &Schema, column: &str) -> bool {
    let keys = schema.fields().iter();
    let mut keys = keys.filter(|field| hint(field, hints::KEY) == Some("primary"));
    keys.next().is_some_and(|key| key.name() == column) && keys.next().is_none()
}

/// Comments on a table and its columns as statements, without their ends.
pub(super) fn comments(table: &TableDdl<'_>, dialect: Dialect) -> Vec<String> {
    let name = dialect.quote(table.name);
    let mut lines = Vec::new();
    if !table.about.is_empty() {
        let text = dialect.text(table.about);
        lines.push(format!("COMMENT ON TABLE {name} IS {text}"));
    }
    for field in table.schema.fields() {
        if !doc(field).is_empty() {
            let column = dialect.quote(field.name());
            let text = dialect.text(doc(field));
            lines.push(format!("COMMENT ON COLUMN {name}.{column} IS {text}"));
        }
    }
    lines
}

fn doc(field: &Field) -> &str {
    hint(field, hints::DOC).unwrap_or_default()
}

fn hint<'f>(field: &'f Field, key: &str) -> Option<&'f str> {
    field.metadata().get(key).map(String::as_str)
}

impl Dialect {
    /// The system's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Duckdb => "DuckDB",
            Self::Spark => "Spark",
        }
    }

    /// A name as an identifier, whatever stands in it.
    pub fn quote(self, name: &str) -> String {
        match self {
            Self::Postgres | Self::Duckdb => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::Mysql | Self::Spark => format!("`{}`", name.replace('`', "``")),
        }
    }

    /// Why the system would cut or refuse a name, which is not empty.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(super) fn refuses_name(self, name: &str, is_table: bool) -> Option<&'static str> {
        match self {
            Self::Postgres if name.len() > 63 => {
                Some("it is longer than 63 bytes, which PostgreSQL would cut")
            }
            Self::Postgres if is_table && name.starts_with("pg_") => {
                Some("names that begin with pg_ are PostgreSQL's own")
            }
            Self::Mysql if name.chars().count() > 64 => {
                Some("it is longer than 64 characters, which MySQL refuses")
            }
            Self::Mysql if name.ends_with(' ') => Some("it ends with a blank, which MySQL refuses"),
            Self::Mysql if name.chars().any(|sign| sign > '\u{ffff}') => {
                Some("it holds a sign of four bytes, which MySQL refuses")
            }
            _ => None,
        }
    }

    /// A text as a literal, whatever stands in it.
    pub fn text(self, text: &str) -> String {
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

    /// What the system calls a type; nothing where it has none that holds every value.
    pub fn sql_type(self, data_type: &DataType) -> Option<String> {
        use Dialect::{Duckdb, Mysql, Postgres, Spark};
        let name = match (data_type, self) {
            (_, Postgres) => return PgType::of(data_type).map(|found| found.to_string()),
            (_, Mysql) => return MyType::of(data_type).map(|found| found.to_string()),
            (DataType::Int32, Spark) => "INT",
            (DataType::Int32, Duckdb) => "INTEGER",
            (DataType::Int64, _) => "BIGINT",
            (DataType::Float64, Duckdb | Spark) => "DOUBLE",
            (DataType::Boolean, _) => "BOOLEAN",
            (DataType::Date32, _) => "DATE",
            (DataType::Timestamp(_, None), Duckdb) => "TIMESTAMP",
            (DataType::Timestamp(_, None), Spark) => "TIMESTAMP_NTZ",
            (DataType::Utf8, Duckdb) => "VARCHAR",
            (DataType::Utf8, Spark) => "STRING",
            (DataType::Decimal128(precision, scale), Duckdb | Spark) => {
                return Some(format!("DECIMAL({precision},{scale})"));
            }
            (DataType::Dictionary(_, values), _) => return self.sql_type(values),
            _ => return None,
        };
        Some(name.to_owned())
    }
}
