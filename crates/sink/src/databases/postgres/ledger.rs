//! The ledger's tables: their statements, and their rows as what they mean.

use tokio_postgres::Row;

use super::session::Session;
use crate::databases::failure::Failure;
use crate::databases::ledger::{self, Line, RunRecord};
use crate::databases::plan::{LoadPlan, TableToLoad};
use crate::error::Trouble;

const RUNS: &str = "CREATE TABLE lakeseed_runs (
    run_id TEXT NOT NULL PRIMARY KEY,
    tables TEXT[] NOT NULL,
    is_complete BOOLEAN NOT NULL DEFAULT false,
    plan JSONB NOT NULL,
    begun_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    completed_at TIMESTAMP WITH TIME ZONE
)";
const LEDGER: &str = "CREATE TABLE lakeseed_ledger (
    run_id TEXT NOT NULL REFERENCES lakeseed_runs ON DELETE CASCADE,
    table_name TEXT NOT NULL,
    part BIGINT NOT NULL,
    first_row BIGINT,
    row_count BIGINT NOT NULL,
    row_hash TEXT NOT NULL,
    loaded_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, table_name, part)
)";
const ABOUT: &str = "COMMENT ON TABLE lakeseed_runs IS 'What lakeseed has loaded: a line a run';
COMMENT ON TABLE lakeseed_ledger IS 'Parts of tables that lakeseed has loaded, each by its own transaction'";

/// Whether the ledger's tables are there; makes them where they are not and `makes` says so.
pub(super) fn ensure(session: &Session<'_>, makes: bool) -> Result<bool, Failure> {
    let rows = session.ask(
        "SELECT count(*) FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname::text = $1 AND c.relname IN ('lakeseed_runs', 'lakeseed_ledger')",
        &[&session.schema()],
    )?;
    let count: i64 = super::session::first(&rows)?;
    if count == 2 {
        return Ok(true);
    }
    if makes && count == 0 {
        session.run(&format!("{RUNS};\n{LEDGER};\n{ABOUT}"))?;
        return Ok(true);
    }
    if count == 1 {
        let text = "one of the tables lakeseed_runs and lakeseed_ledger is missing";
        return Err(Failure::Final(Trouble::Missing, text.to_owned()));
    }
    Ok(false)
}

const ASK_RUNS: &str = "SELECT r.run_id, r.tables, r.is_complete, r.plan::text, \
    (SELECT count(*) FROM lakeseed_ledger l WHERE l.run_id = r.run_id) FROM lakeseed_runs r";

/// All runs, in the order of their begin.
pub(super) fn runs(session: &Session<'_>) -> Result<Vec<RunRecord>, Failure> {
    if !ensure(session, false)? {
        return Ok(Vec::new());
    }
    let rows = session.ask(&format!("{ASK_RUNS} ORDER BY r.begun_at, r.run_id"), &[])?;
    rows.iter().map(of_row).collect()
}

/// One run.
pub(super) fn run(session: &Session<'_>, run_id: &str) -> Result<Option<RunRecord>, Failure> {
    let rows = session.ask(&format!("{ASK_RUNS} WHERE r.run_id = $1"), &[&run_id])?;
    rows.first().map(of_row).transpose()
}

fn of_row(row: &Row) -> Result<RunRecord, Failure> {
    let read = || -> Result<_, tokio_postgres::Error> {
        let (run_id, tables): (String, Vec<String>) = (row.try_get(0)?, row.try_get(1)?);
        let (is_complete, plan): (bool, String) = (row.try_get(2)?, row.try_get(3)?);
        let parts: i64 = row.try_get(4)?;
        Ok((run_id, tables, is_complete, plan, parts as u64))
    };
    let (run_id, names, is_complete, plan, parts) = read().map_err(ledger::unknown)?;
    RunRecord::of(run_id, &names, is_complete, &plan, parts)
}

/// Writes a new run down. `is_made` says of each table whether the run makes it.
pub(super) fn begin(
    session: &Session<'_>,
    plan: &LoadPlan<'_>,
    is_made: &[bool],
) -> Result<(), Failure> {
    let text = ledger::kept_of(plan, is_made)?;
    let names: Vec<&str> = plan.tables().iter().map(TableToLoad::name).collect();
    session.execute(
        "INSERT INTO lakeseed_runs (run_id, tables, plan) VALUES ($1, $2, $3::text::jsonb)",
        &[&plan.id(), &names, &text],
    )?;
    Ok(())
}

/// Takes tables out of the ledger, and runs that have none left.
pub(super) fn forget(session: &Session<'_>, tables: &[&str]) -> Result<(), Failure> {
    session.execute(
        "DELETE FROM lakeseed_ledger WHERE table_name = ANY($1)",
        &[&tables],
    )?;
    session.execute(
        "UPDATE lakeseed_runs SET tables = \
         ARRAY(SELECT name FROM unnest(tables) AS name WHERE name <> ALL($1)) WHERE tables && $1",
        &[&tables],
    )?;
    session.execute(
        "DELETE FROM lakeseed_runs WHERE cardinality(tables) = 0",
        &[],
    )?;
    Ok(())
}

/// Parts of a run that stand; of one table, or of all.
pub(super) fn lines(session: &Session<'_>, run_id: &str) -> Result<Vec<Line>, Failure> {
    let rows = session.ask(
        "SELECT table_name, part, row_count, row_hash FROM lakeseed_ledger WHERE run_id = $1",
        &[&run_id],
    )?;
    rows.iter().map(line_of).collect()
}

/// One part of a run, if it stands.
pub(super) fn line(
    session: &Session<'_>,
    run_id: &str,
    table: &str,
    part: u64,
) -> Result<Option<Line>, Failure> {
    let rows = session.ask(
        "SELECT table_name, part, row_count, row_hash FROM lakeseed_ledger \
         WHERE run_id = $1 AND table_name = $2 AND part = $3",
        &[&run_id, &table, &(part as i64)],
    )?;
    rows.first().map(line_of).transpose()
}

fn line_of(row: &Row) -> Result<Line, Failure> {
    let read = || -> Result<_, tokio_postgres::Error> {
        let (part, rows): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        Ok(Line {
            table: row.try_get(0)?,
            part: part as u64,
            rows: rows as u64,
            row_hash: row.try_get(3)?,
        })
    };
    read().map_err(|error| Failure::Final(Trouble::Other, format!("lakeseed_ledger: {error}")))
}

/// Writes a part down, in the transaction that has loaded it: as long as the table is the run's. Who takes
/// it out of the run ([`forget`]) waits for this transaction, or this one sees that it is out.
///
/// # Errors
/// A table that somebody has replaced meanwhile: the transaction must not be committed.
pub(super) fn record(
    session: &mut Session<'_>,
    run_id: &str,
    first_row: Option<u64>,
    line: &Line,
) -> Result<(), Failure> {
    let written = session.execute_again(
        "INSERT INTO lakeseed_ledger (run_id, table_name, part, first_row, row_count, row_hash) \
         SELECT run_id, $2, $3, $4, $5, $6 FROM lakeseed_runs \
         WHERE run_id = $1 AND $2 = ANY(tables) FOR SHARE",
        &[
            &run_id,
            &line.table,
            &(line.part as i64),
            &first_row.map(|row| row as i64),
            &(line.rows as i64),
            &line.row_hash,
        ],
    )?;
    if written == 1 {
        return Ok(());
    }
    Err(ledger::was_replaced(&line.table))
}

/// Writes down that a run is complete, in the transaction that has made its keys.
pub(super) fn complete(session: &Session<'_>, run_id: &str) -> Result<(), Failure> {
    let changed = session.execute(
        "UPDATE lakeseed_runs SET is_complete = true, completed_at = now() WHERE run_id = $1",
        &[&run_id],
    )?;
    if changed == 1 {
        return Ok(());
    }
    Err(ledger::was_forgotten())
}
