//! Rows into a database: which tables, which database, with what means.

mod files;

use anyhow::Result;
use lakeseed_gen_core::{Dataset, DatasetInfo, Table};
use lakeseed_sink::databases::ddl::Dialect;
use lakeseed_sink::databases::mysql::{Mysql, MysqlOptions};
use lakeseed_sink::databases::postgres::{Postgres, PostgresOptions};
use lakeseed_sink::databases::{self, Database, LoadPlan, RunRecord, TableToLoad, ViewToMake};
use serde::{Deserialize, Serialize};

use self::files::LoadedFiles;
use super::from::{Given, is_bucket, remote_of};
use super::memory::Memory;
use super::own::{self, Means, OwnRows};
use super::recipe::Recipe;
use super::selection::{Selection, select};
use super::{tables, views};
use crate::args::{IfExists, Load};
use crate::error::Failure;
use crate::log::Log;

/// Everything that a load is made of.
pub(crate) struct LoadJob {
    pub(crate) plan: LoadPlan<'static>,
    pub(crate) to: Box<dyn Database>,
    pub(crate) if_exists: databases::IfExists,
    pub(crate) threads: usize,
    pub(crate) memory: Memory,
}

/// Fixes what the arguments ask for; nothing is made yet, and the database is not asked.
pub(crate) fn job(args: &Load, log: &Log) -> Result<LoadJob> {
    let to = database(&args.to)?;
    let given = Given {
        typed: &args.typed,
        target: args.target.as_ref(),
        from: args.from.as_deref(),
        types: &args.types,
        choice: &args.choice,
    };
    given.check()?;
    let from = given.place();
    let is_remote = from.is_some_and(is_bucket);
    let means = Means {
        remote: &args.remote,
        log,
        memory: args.means.memory,
    };
    if from.is_some() {
        own::refuse(&args.own, "DATASET[.TABLE] with --use")?;
    }
    let own = OwnRows::read(&args.own, means)?;
    if let (Some(flag), false) = (&own.rest_of(&args.remote).given, is_remote) {
        let expected = format!("--from s3://BUCKET/PREFIX with {flag}");
        return Err(Failure::usage(expected, "none", "leave it out").into());
    }
    let plan = if let Some(from) = from {
        if args.typed.has("rounds") {
            let expected = "DATASET[.TABLE] with --rounds";
            return Err(Failure::usage(expected, "--from", "leave one out").into());
        }
        let remote = remote_of(&args.remote, is_remote);
        files::plan(from, args, to.dialect(), &remote, log)?
    } else {
        if args.typed.has("table") {
            let advice = "leave it out, or name DATASET.TABLE";
            let expected = "--from PLACE with --table";
            return Err(Failure::usage(expected, "generated rows", advice).into());
        }
        let source = args.choice.of(given.dataset()?.clone());
        let selection = select(&source, &own)?;
        if let Some(rounds) = args.rounds {
            check_rounds(&selection, rounds)?;
        }
        let recipe = Recipe::of(&selection.dataset, source.scale);
        let made_from = MadeFrom {
            recipe,
            rounds: args.rounds,
        };
        let tables = &selection.tables;
        let views = if args.views {
            let target = selection.target.to_string();
            let schema_of = |name: &str| {
                let table = tables.iter().find(|table| table.name() == name);
                table.map(|table| table.schema().as_ref())
            };
            views_of(selection.dataset.info(), to.dialect(), || {
                views::check_whole(&selection.dataset, &target, "--views", schema_of)
            })?
        } else {
            Vec::new()
        };
        generated(&selection.dataset, &made_from, tables, views, to.dialect())?
    };
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

/// What is written down of generated rows that were loaded, so that `verify` makes them again.
#[derive(Debug, Serialize, Deserialize)]
struct MadeFrom {
    #[serde(flatten)]
    recipe: Recipe,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rounds: Option<u64>,
}

/// Refuses rounds where nothing grows, and more of them than there are rows.
fn check_rounds(selection: &Selection, rounds: u64) -> Result<()> {
    let grows = |table: &&Table| table.rounds(1).is_some();
    let growing = selection.tables.iter().filter(grows);
    let Some(rows) = growing.map(Table::row_count).min() else {
        let expected = "tables that grow with time for --rounds";
        let got = selection.target.to_string();
        return Err(Failure::usage(expected, got, "leave it out").into());
    };
    if rounds > rows {
        let expected = format!("at most {rows} for --rounds, a row each");
        return Err(Failure::usage(expected, rounds, "give fewer").into());
    }
    Ok(())
}

/// The views of a dataset, as a plan has them, once it is seen to be whole.
fn views_of(
    info: &DatasetInfo,
    dialect: Dialect,
    check: impl FnOnce() -> Result<()>,
) -> Result<Vec<ViewToMake>> {
    let views = views::of_dataset(info, dialect, "--views")?;
    check()?;
    let view = |text: views::ViewText| ViewToMake::new(text.name, text.query).about(text.about);
    Ok(views.into_iter().map(view).collect())
}

fn generated(
    dataset: &Dataset,
    made_from: &MadeFrom,
    tables: &[Table],
    views: Vec<ViewToMake>,
    dialect: Dialect,
) -> Result<LoadPlan<'static>> {
    let mut plan = LoadPlan::builder()
        .dialect(dialect)
        .data_id(dataset.id())
        .data(serde_json::to_value(made_from)?);
    for table in tables {
        let rows = tables::source(table);
        let mut to_load = TableToLoad::new(table.name(), rows, table.row_range());
        if let Some(ranges) = made_from.rounds.and_then(|rounds| table.rounds(rounds)) {
            to_load = to_load.in_rounds(ranges);
        }
        plan = plan.table(to_load.about(table.about()));
    }
    for view in views {
        plan = plan.view(view);
    }
    Ok(plan.build()?)
}

/// The tables whose rows were the user's own in a run that a ledger knows.
pub(crate) fn own_tables(run: &RunRecord) -> Vec<String> {
    let made_from: Option<MadeFrom> = serde_json::from_value(run.data.clone()).ok();
    made_from.map_or_else(Vec::new, |made| made.recipe.own.into_keys().collect())
}

/// The plan of a run that a ledger knows, for the system where it stands; rows of the user's own are read
/// back from it where they are not given.
///
/// # Errors
/// Rows that cannot be had again, or not as they were.
pub(crate) fn again(
    run: &RunRecord,
    from: &dyn Database,
    own: &OwnRows,
    means: Means<'_>,
) -> Result<LoadPlan<'static>> {
    let dialect = from.dialect();
    if let Ok(files) = serde_json::from_value::<LoadedFiles>(run.data.clone()) {
        return files::again(run, &files, dialect, means.remote, means.log);
    }
    let made_from: MadeFrom = serde_json::from_value(run.data.clone()).map_err(|_| {
        let expected = "a ledger that says what its rows are made from";
        let got = "one that lakeseed load has not written";
        Failure::refused(expected, got, "verify with the lakeseed that loaded")
    })?;
    let wanted = made_from.recipe.own.keys().map(String::as_str);
    let own = own.clone().with_database(wanted, from, means);
    let dataset = Recipe::dataset(std::slice::from_ref(&made_from.recipe), &own)?;
    let names = run.tables.iter().map(|table| table.name.as_str());
    let tables: Result<Vec<Table>, _> = names.map(|name| dataset.table(name).cloned()).collect();
    let plan = generated(&dataset, &made_from, &tables?, Vec::new(), dialect)?;
    if plan.id() != run.run_id {
        let expected = format!("the rows of plan {}", run.run_id);
        let got = format!("those of plan {}: lakeseed has changed", plan.id());
        let advice = "verify with the lakeseed that loaded";
        return Err(Failure::refused(expected, got, advice).into());
    }
    Ok(plan)
}
