//! What is loaded, in the database itself: a line a run, and a line a part that its own transaction
//! writes.
//!
//! The line of a part points to that of its run: once a run has been taken out of the ledger, nothing
//! that is still on its way can be committed. And its key is the part: of two who load the same part,
//! whatever either knows of the other, one is refused.

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::failure::Failure;
use super::session::Session;
use crate::databases::plan::{LoadPlan, TableToLoad};
use crate::error::{Error, Trouble};
use crate::totals::Totals;

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

/// A run that the ledger knows.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// Its name: the plan's id.
    pub run_id: String,
    /// Whether all parts, keys and comments stand.
    pub is_complete: bool,
    /// Parts that stand.
    pub parts: u64,
    /// The data id, as the plan has it.
    pub data_id: String,
    /// What the rows can be made from again, as the plan has it.
    pub data: serde_json::Value,
    /// Its tables, parents first.
    pub tables: Vec<RunTable>,
}

/// A table of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTable {
    /// Its name.
    pub name: String,
    /// Its first row, by the source's count; none of files.
    pub first_row: Option<u64>,
    /// How many rows are loaded, where somebody had counted them before.
    pub rows: Option<u64>,
    /// Whether the run has made the table, so that nobody else's rows were there before.
    pub is_made: bool,
    /// Whether it still holds the run's rows; if not, it was replaced.
    #[serde(skip)]
    pub is_kept: bool,
}

/// What is kept of a plan.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    lakeseed: String,
    data_id: String,
    data: serde_json::Value,
    tables: Vec<RunTable>,
}

/// A part that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::databases) struct Line {
    pub(in crate::databases) table: String,
    pub(in crate::databases) part: u64,
    pub(in crate::databases) rows: u64,
    pub(in crate::databases) row_hash: String,
}

impl Line {
    /// Of a part whose rows were counted.
    pub(in crate::databases) fn of(table: &str, part: u64, totals: &Totals) -> Self {
        Self {
            table: table.to_owned(),
            part,
            rows: totals.rows,
            row_hash: format!("{:032x}", totals.row_hash),
        }
    }
}

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
pub(in crate::databases) fn run(
    session: &Session<'_>,
    run_id: &str,
) -> Result<Option<RunRecord>, Failure> {
    let rows = session.ask(&format!("{ASK_RUNS} WHERE r.run_id = $1"), &[&run_id])?;
    rows.first().map(of_row).transpose()
}

fn of_row(row: &Row) -> Result<RunRecord, Failure> {
    let wrong = |text: String| {
        let text = format!("lakeseed_runs holds what this lakeseed does not know: {text}");
        Failure::Final(Trouble::Other, text)
    };
    let read = || -> Result<_, tokio_postgres::Error> {
        let (run_id, tables): (String, Vec<String>) = (row.try_get(0)?, row.try_get(1)?);
        let (is_complete, plan): (bool, String) = (row.try_get(2)?, row.try_get(3)?);
        let parts: i64 = row.try_get(4)?;
        Ok((run_id, tables, is_complete, plan, parts as u64))
    };
    let (run_id, names, is_complete, plan, parts) = read().map_err(|e| wrong(e.to_string()))?;
    let kept: Kept = serde_json::from_str(&plan).map_err(|e| wrong(e.to_string()))?;
    let mut tables = kept.tables;
    for table in &mut tables {
        table.is_kept = names.contains(&table.name);
    }
    Ok(RunRecord {
        run_id,
        is_complete,
        parts,
        data_id: kept.data_id,
        data: kept.data,
        tables,
    })
}

/// Writes a new run down. `is_made` says of each table whether the run makes it.
pub(super) fn begin(
    session: &Session<'_>,
    plan: &LoadPlan<'_>,
    is_made: &[bool],
) -> Result<(), Failure> {
    let tables = plan.tables().iter().zip(is_made);
    let kept = Kept {
        lakeseed: env!("CARGO_PKG_VERSION").to_owned(),
        data_id: plan.data_id().to_owned(),
        data: plan.data().clone(),
        tables: tables
            .map(|(table, is_made)| RunTable {
                name: table.name.clone(),
                first_row: table.rows.first(),
                rows: table.row_count(),
                is_made: *is_made,
                is_kept: true,
            })
            .collect(),
    };
    let text = serde_json::to_string(&kept);
    let text = text.map_err(|error| Failure::Whole(Error::encode("JSON")(error)))?;
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
pub(in crate::databases) fn lines(
    session: &Session<'_>,
    run_id: &str,
) -> Result<Vec<Line>, Failure> {
    let rows = session.ask(
        "SELECT table_name, part, row_count, row_hash FROM lakeseed_ledger WHERE run_id = $1",
        &[&run_id],
    )?;
    rows.iter().map(line_of).collect()
}

/// One part of a run, if it stands.
pub(in crate::databases) fn line(
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
pub(in crate::databases) fn record(
    session: &Session<'_>,
    run_id: &str,
    first_row: Option<u64>,
    line: &Line,
) -> Result<(), Failure> {
    let written = session.execute(
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
    let text = format!(
        "table `{}` was replaced by another load meanwhile",
        line.table
    );
    Err(Failure::Final(Trouble::Missing, text))
}

/// Writes down that a run is complete, in the transaction that has made its keys.
pub(in crate::databases) fn complete(session: &Session<'_>, run_id: &str) -> Result<(), Failure> {
    let changed = session.execute(
        "UPDATE lakeseed_runs SET is_complete = true, completed_at = now() WHERE run_id = $1",
        &[&run_id],
    )?;
    if changed == 1 {
        return Ok(());
    }
    let text = "the run was taken out of lakeseed_runs meanwhile";
    Err(Failure::Final(Trouble::Missing, text.to_owned()))
}
