//! What stands in the database before a run, and what becomes of it: decided and done in one
//! transaction, before the first row.

use std::collections::BTreeMap;

use super::ledger;
use super::session::{Session, first};
use super::views;
use crate::databases::ddl::{self, Dialect};
use crate::databases::failure::Failure;
use crate::databases::load::IfExists;
use crate::databases::plan::{LoadPlan, TableToLoad};
use crate::databases::standing::{Begun, Course, Standing, WrongColumn, in_use, wrong_columns};
use crate::databases::types::PgType;
use crate::databases::views::dropped;
use crate::error::{Error, Trouble};
use crate::fail;

/// Held while tables are made or taken away, so that two runs do not decide at once.
pub(super) const DECIDING: i64 = 0x6C61_6B65_7365_6564;
/// How long a process of the same plan that was killed a moment ago is waited for, and how often.
const LOCK_TRIES: u32 = 50;
const LOCK_EVERY_MS: u64 = 200;

/// Makes sure that nobody else is at this plan, looks at what stands, and makes the tables.
pub(super) fn begin(
    session: &Session<'_>,
    plan: &LoadPlan<'_>,
    if_exists: IfExists,
) -> Result<Begun, Failure> {
    lock_plan(session, plan.id())?;
    session.run("BEGIN")?;
    session.ask("SELECT pg_advisory_xact_lock($1)", &[&DECIDING])?;
    ledger::ensure(session, true)?;
    let standing = Standing {
        address: session.address(),
        plan,
        known: ledger::run(session, plan.id())?,
        found: found(session, plan)?,
        sharing: sharing(session, plan)?,
    };
    let course = standing.course(if_exists)?;
    let views = views::standing(session, plan)?;
    views.check(&standing, if_exists)?;
    let begun = match course {
        Course::GoOn => go_on(session, &standing)?,
        Course::Start => start(session, &standing, standing.to_make())?,
        Course::Replace => {
            let gone = views.to_drop(&standing);
            views::drop_all(session, &gone)?;
            take_away(session, &standing)?;
            let mut begun = start(session, &standing, vec![true; plan.tables().len()])?;
            begun.warnings.extend(dropped(&standing, &gone));
            begun
        }
    };
    fail::point("load.tables.made");
    session.run("COMMIT")?;
    fail::point("load.begun");
    Ok(begun)
}

/// Takes the lock of the plan, which lives as long as the connection. A process that was killed leaves
/// it for as long as its server needs to see that.
fn lock_plan(session: &Session<'_>, plan_id: &str) -> Result<(), Failure> {
    let key = lock_key(session.schema(), plan_id);
    for attempt in 0..LOCK_TRIES {
        let rows = session.ask("SELECT pg_try_advisory_lock($1)", &[&key])?;
        if first(&rows)? {
            return Ok(());
        }
        if session.is_over() {
            return Err(Failure::Whole(Error::Stopped));
        }
        if attempt + 1 < LOCK_TRIES {
            std::thread::sleep(std::time::Duration::from_millis(LOCK_EVERY_MS));
        }
    }
    Err(in_use(session.address(), plan_id))
}

fn lock_key(schema: &str, plan_id: &str) -> i64 {
    let mut hasher = blake3::Hasher::new();
    for text in ["lakeseed load lock", schema, plan_id] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let digest = hasher.finalize();
    let mut key = [0; 8];
    key.copy_from_slice(&digest.as_bytes()[..8]);
    i64::from_le_bytes(key)
}

/// What of the plan's names is there, and whether it is what rows go into: a plain or a partitioned
/// table.
fn found(session: &Session<'_>, plan: &LoadPlan<'_>) -> Result<BTreeMap<String, bool>, Failure> {
    let names: Vec<&str> = plan.tables().iter().map(TableToLoad::name).collect();
    let rows = session.ask(
        "SELECT c.relname::text, c.relkind::text IN ('r', 'p') FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname::text = $1 AND c.relname::text = ANY($2)",
        &[&session.schema(), &names],
    )?;
    let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    let found: Result<_, tokio_postgres::Error> = rows.iter().map(read).collect();
    found.map_err(|error| Failure::Final(Trouble::Other, error.to_string()))
}

/// Runs that have loaded into tables of the plan, and whether they are complete.
fn sharing(session: &Session<'_>, plan: &LoadPlan<'_>) -> Result<Vec<(String, bool)>, Failure> {
    let names: Vec<&str> = plan.tables().iter().map(TableToLoad::name).collect();
    let rows = session.ask(
        "SELECT run_id, is_complete FROM lakeseed_runs WHERE tables && $1 ORDER BY begun_at",
        &[&names],
    )?;
    let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    let found: Result<_, tokio_postgres::Error> = rows.iter().map(read).collect();
    found.map_err(|error| Failure::Final(Trouble::Other, error.to_string()))
}

/// A column as the database has it: its name, and its type in the words of `format_type`.
pub(super) type Found = (String, String);

/// The columns of a table, in its order; none where there is no such table.
pub(super) fn columns(session: &Session<'_>, table: &str) -> Result<Vec<Found>, Failure> {
    let rows = session.ask(
        "SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod) \
         FROM pg_catalog.pg_attribute a \
         JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname::text = $1 AND c.relname::text = $2 \
         AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        &[&session.schema(), &table],
    )?;
    let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    let found: Result<_, tokio_postgres::Error> = rows.iter().map(read).collect();
    found.map_err(|error| Failure::Final(Trouble::Other, error.to_string()))
}

/// What of a table's columns is not as it must be.
pub(super) fn check_columns(table: &TableToLoad<'_>, found: &[Found]) -> Vec<WrongColumn> {
    wrong_columns(
        table,
        found,
        |ours| PgType::of(ours).map(|wanted| wanted.to_string()),
        |ours, theirs| PgType::of(ours).is_some_and(|wanted| wanted.fits_into(theirs)),
    )
}

/// Refuses a table with other columns.
fn check(
    session: &Session<'_>,
    standing: &Standing<'_>,
    table: &TableToLoad<'_>,
) -> Result<(), Failure> {
    let wrong = check_columns(table, &columns(session, table.name())?);
    standing.check(table.name(), &wrong)
}

/// Goes on with a run that the ledger knows.
fn go_on(session: &Session<'_>, standing: &Standing<'_>) -> Result<Begun, Failure> {
    let is_made = standing.made_before()?;
    for table in standing.plan.tables() {
        check(session, standing, table)?;
    }
    let known = standing.known.as_ref();
    Ok(Begun {
        is_made,
        lines: ledger::lines(session, standing.plan.id())?,
        is_continued: true,
        is_complete: known.is_some_and(|known| known.is_complete),
        warnings: Vec::new(),
    })
}

/// Makes the tables that are missing, looks at the others, and writes the run down.
fn start(
    session: &Session<'_>,
    standing: &Standing<'_>,
    is_made: Vec<bool>,
) -> Result<Begun, Failure> {
    for (table, is_made) in standing.plan.tables().iter().zip(&is_made) {
        if *is_made {
            let create = ddl::create(&table.ddl(), &[], Dialect::Postgres);
            session.run(&create.map_err(Failure::Whole)?)?;
        } else {
            check(session, standing, table)?;
        }
    }
    ledger::begin(session, standing.plan, &is_made)?;
    Ok(Begun {
        is_made,
        lines: Vec::new(),
        is_continued: false,
        is_complete: false,
        warnings: Vec::new(),
    })
}

/// Drops the plan's tables, and takes them out of the ledger.
fn take_away(session: &Session<'_>, standing: &Standing<'_>) -> Result<(), Failure> {
    for (run_id, _) in &standing.sharing {
        if run_id == standing.plan.id() {
            continue;
        }
        // Somebody who is at work on them would go on into the new ones.
        let key = lock_key(session.schema(), run_id);
        let rows = session.ask("SELECT pg_try_advisory_xact_lock($1)", &[&key])?;
        if !first::<bool>(&rows)? {
            return Err(in_use(session.address(), run_id));
        }
    }
    let names: Vec<String> = standing
        .found
        .keys()
        .map(|name| Dialect::Postgres.quote(name))
        .collect();
    if !names.is_empty() {
        // All at once: keys among them are no obstacle. Whatever else depends on one is.
        session.run(&format!("DROP TABLE {}", names.join(", ")))?;
    }
    let plan = standing.plan;
    let names: Vec<&str> = plan.tables().iter().map(TableToLoad::name).collect();
    ledger::forget(session, &names)
}
