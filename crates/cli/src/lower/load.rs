//! Rows into a database: which tables, which database, with what means.

use anyhow::Result;
use lakeseed_gen_core::{Dataset, Table};
use lakeseed_sink::databases::ddl::Dialect;
use lakeseed_sink::databases::mysql::{Mysql, MysqlOptions};
use lakeseed_sink::databases::postgres::{Postgres, PostgresOptions};
use lakeseed_sink::databases::{self, Database, LoadPlan, RunRecord, TableToLoad};

use super::memory::Memory;
use super::recipe::Recipe;
use super::selection::select;
use super::tables;
use crate::args::{IfExists, Load};
use crate::error::Failure;

/// Everything that a load is made of.
pub(crate) struct LoadJob {
    pub(crate) plan: LoadPlan<'static>,
    pub(crate) to: Box<dyn Database>,
    pub(crate) if_exists: databases::IfExists,
    pub(crate) threads: usize,
    pub(crate) memory: Memory,
}

/// Fixes what the arguments ask for; nothing is made yet, and nobody is asked.
pub(crate) fn job(args: &Load) -> Result<LoadJob> {
    let to = database(&args.to)?;
    let source = args.choice.of(args.target.clone());
    let selection = select(&source)?;
    let tables = &selection.tables;
    let plan = plan(&selection.dataset, source.scale, tables, to.dialect())?;
    Ok(LoadJob {
        plan,
        to,
        if_exists: match args.if_exists {
            IfExists::Fail => databases::IfExists::Fail,
            IfExists::Append => databases::IfExists::Append,
            IfExists::Replace => databases::IfExists::Replace,
        },
        threads: super::threads(args.means.threads),
        memory: Memory::of(args.means.memory),
    })
}

/// The database of an address, by its scheme.
pub(crate) fn database(address: &str) -> Result<Box<dyn Database>> {
    match address.split_once("://") {
        Some(("mysql" | "mariadb", _)) => {
            Ok(Box::new(Mysql::new(address, &MysqlOptions::default())?))
        }
        Some(("postgres" | "postgresql", _)) => Ok(Box::new(Postgres::new(
            address,
            &PostgresOptions::default(),
        )?)),
        other => {
            let expected = "postgres://USER@HOST:PORT/DATABASE or mysql://USER@HOST:PORT/DATABASE";
            // What stands behind may hold a password.
            let got = match other {
                Some((scheme, _)) => format!("an address of scheme '{scheme}'"),
                None => "an address without a scheme".to_owned(),
            };
            Err(Failure::usage(expected, got, "check --to").into())
        }
    }
}

fn plan(
    dataset: &Dataset,
    scale: Option<f64>,
    tables: &[Table],
    dialect: Dialect,
) -> Result<LoadPlan<'static>> {
    let recipe = Recipe::of(dataset, scale);
    let mut plan = LoadPlan::builder()
        .dialect(dialect)
        .data_id(dataset.id())
        .data(serde_json::to_value(recipe)?);
    for table in tables {
        let rows = tables::source(table);
        let to_load = TableToLoad::new(table.name(), rows, table.row_range());
        plan = plan.table(to_load.about(table.about()));
    }
    Ok(plan.build()?)
}

/// The plan of a run that a ledger knows, for the system where it stands.
///
/// # Errors
/// Rows that cannot be had again, or not as they were.
pub(crate) fn again(run: &RunRecord, dialect: Dialect) -> Result<LoadPlan<'static>> {
    let recipe: Recipe = serde_json::from_value(run.data.clone()).map_err(|_| {
        let expected = "a ledger that says what its rows are made from";
        let got = "one that lakeseed load has not written";
        Failure::refused(expected, got, "verify with the lakeseed that loaded")
    })?;
    let scale = recipe.scale;
    let dataset = Recipe::dataset(&[recipe])?;
    let names = run.tables.iter().map(|table| table.name.as_str());
    let tables: Result<Vec<Table>, _> = names.map(|name| dataset.table(name).cloned()).collect();
    let plan = plan(&dataset, scale, &tables?, dialect)?;
    if plan.id() != run.run_id {
        let expected = format!("the rows of plan {}", run.run_id);
        let got = format!("those of plan {}: lakeseed has changed", plan.id());
        let advice = "verify with the lakeseed that loaded";
        return Err(Failure::refused(expected, got, advice).into());
    }
    Ok(plan)
}
