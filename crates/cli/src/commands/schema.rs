//! `lakeseed schema`: the columns in the form that is asked for.

mod arrow;
mod ddl;
mod mermaid;
mod text;

use anyhow::Result;
use arrow_schema::{DataType, Field, TimeUnit};
use lakeseed_gen_core::hints;

use crate::args::{Dialect, Schema, SchemaForm};
use crate::error::Failure;
use crate::{lower, report};

pub(super) fn run(args: &Schema) -> Result<()> {
    if args.dialect.is_some() && args.form != SchemaForm::Ddl {
        let failure = Failure::usage("--as ddl with --dialect", "another form", "add --as ddl");
        return Err(failure.into());
    }
    let selection = lower::columns_only(&args.target, &args.parameters)?;
    let tables = &selection.tables;
    let name = selection.dataset.info().name;
    let shown = match args.form {
        SchemaForm::Text => text::plain(name, tables),
        SchemaForm::Markdown => text::markdown(name, tables),
        SchemaForm::Mermaid => mermaid::diagram(tables),
        SchemaForm::Arrow => return report::json(&arrow::schemas(tables)),
        SchemaForm::Ddl => ddl::statements(tables, args.dialect.unwrap_or(Dialect::Postgres))?,
    };
    report::print(&shown)
}

fn is_key(field: &Field) -> bool {
    hints::of(field, hints::KEY) == Some("primary")
}

/// The table and column that a foreign key points to.
fn parent(field: &Field) -> Option<(&str, &str)> {
    hints::of(field, hints::PARENT)?.split_once('.')
}

fn doc(field: &Field) -> &str {
    hints::of(field, hints::DOC).unwrap_or_default()
}

/// The short name of a type: `int64`, `decimal(12,2)`, `dict<utf8>`.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp[us]".to_owned(),
        DataType::Dictionary(_, values) => format!("dict<{}>", type_name(values)),
        other => other.to_string().to_ascii_lowercase(),
    }
}
