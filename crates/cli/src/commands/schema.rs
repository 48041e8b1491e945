//! `lakeseed schema`: the columns in the form that is asked for.

mod arrow;
mod ddl;
mod mermaid;
mod text;
mod views;

use anyhow::Result;
use arrow_schema::{DataType, Field, TimeUnit};
use lakeseed_gen_core::hints;

use crate::args::{Dialect, Schema, SchemaForm};
use crate::error::Failure;
use crate::log::Log;
use crate::lower::OwnRows;
use crate::{lower, report};

pub(super) fn run(args: &Schema) -> Result<()> {
    if args.dialect.is_some() && !matches!(args.form, SchemaForm::Ddl | SchemaForm::Views) {
        let expected = "--as ddl or --as views with --dialect";
        return Err(Failure::usage(expected, "another form", "add --as ddl").into());
    }
    let own = OwnRows::read(
        &args.own,
        lower::own::Means {
            remote: &args.remote,
            log: &Log::none(),
            memory: None,
        },
    )?;
    own.refuse_rest(&args.remote)?;
    let selection = lower::columns_only(&args.target, &args.parameters, &own)?;
    let tables = &selection.tables;
    let name = selection.dataset.info().name;
    let shown = match args.form {
        SchemaForm::Text => text::plain(name, tables),
        SchemaForm::Markdown => text::markdown(name, tables),
        SchemaForm::Mermaid => mermaid::diagram(tables),
        SchemaForm::Arrow => return report::json(&arrow::schemas(tables)),
        SchemaForm::Ddl => ddl::statements(tables, args.dialect.unwrap_or(Dialect::Postgres))?,
        SchemaForm::Views => {
            let dialect = args.dialect.unwrap_or(Dialect::Postgres);
            views::statements(&selection, dialect)?
        }
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
