//! `CREATE TABLE` statements, as a load runs them.

use anyhow::Result;
use lakeseed_gen_core::Table;
use lakeseed_sink::Error;
use lakeseed_sink::databases::ddl::{self, TableDdl};

use super::type_name;
use crate::args::Dialect;
use crate::error::Failure;

/// Statements in an order in which a system takes them: parents first.
pub(super) fn statements(tables: &[Table], dialect: Dialect) -> Result<String> {
    let of_table = |table| TableDdl {
        name: Table::name(table),
        about: table.about(),
        schema: table.schema(),
    };
    let tables: Vec<TableDdl<'_>> = tables.iter().map(of_table).collect();
    ddl::statements(&tables, dialect.of_library()).map_err(|error| match error {
        Error::Unsupported { column, found, .. } => {
            let got = format!("{} in {column}", type_name(&found));
            let expected = "types that this dialect has";
            Failure::usage(expected, got, "choose another --dialect").into()
        }
        other => other.into(),
    })
}

impl Dialect {
    pub(super) fn of_library(self) -> ddl::Dialect {
        match self {
            Self::Postgres => ddl::Dialect::Postgres,
            Self::Mysql => ddl::Dialect::Mysql,
            Self::Duckdb => ddl::Dialect::Duckdb,
            Self::Spark => ddl::Dialect::Spark,
        }
    }
}
