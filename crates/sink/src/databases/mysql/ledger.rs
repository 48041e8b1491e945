//! The ledger's tables: their statements, and their rows as what they mean.
//!
//! Statements that make and drop tables end the transaction here. So a run is written down before its
//! tables are made, with the stage that it is in: whoever finds it in one goes on from there.

use mysql_async::Row;

use super::session::{Session, cell};
use crate::databases::failure::Failure;
use crate::databases::ledger::{self, Line, RunRecord};
use crate::databases::plan::{LoadPlan, TableToLoad};
use crate::error::Trouble;

const RUNS: &str = "CREATE TABLE lakeseed_runs (
    run_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    tables LONGTEXT NOT NULL COMMENT 'a list in JSON: those that hold rows of the run',
    stage VARCHAR(16) NOT NULL COMMENT 'replacing, making or loading',
    is_complete BOOLEAN NOT NULL DEFAULT FALSE,
    plan LONGTEXT NOT NULL,
    begun_at DATETIME(6) NOT NULL,
    completed_at DATETIME(6)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
COMMENT='What lakeseed has loaded: a line a run'";
const LEDGER: &str = "CREATE TABLE lakeseed_ledger (
    run_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    table_name VARCHAR(64) NOT NULL,
    part BIGINT NOT NULL,
    first_row BIGINT,
    row_count BIGINT NOT NULL,
    row_hash VARCHAR(64) NOT NULL,
    loaded_at DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, table_name, part),
    FOREIGN KEY (run_id) REFERENCES lakeseed_runs (run_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
COMMENT='Parts of tables that lakeseed has loaded, each by its own transaction'";

/// How far a run has come with its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Tables of its names are to be dropped, and all to be made.
    Replacing,
    /// Tables are to be made.
    Making,
    /// All tables stand.
    Loading,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Replacing => "replacing",
            Self::Making => "making",
            Self::Loading => "loading",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let all = [Self::Replacing, Self::Making, Self::Loading];
        all.into_iter().find(|stage| stage.name() == name)
    }
}

/// Whether the ledger's tables are there; makes them where they are not and `makes` says so.
pub(super) fn ensure(session: &mut Session<'_>, makes: bool) -> Result<bool, Failure> {
    let ask = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
               AND TABLE_NAME IN ('lakeseed_runs', 'lakeseed_ledger')";
    let rows = session.ask(ask, ())?;
    let names: Result<Vec<String>, Failure> = rows.iter().map(|row| cell(row, 0)).collect();
    let names = names?;
    let (has_runs, has_ledger) = (
        names.iter().any(|name| name == "lakeseed_runs"),
        names.iter().any(|name| name == "lakeseed_ledger"),
    );
    if has_runs && has_ledger {
        return Ok(true);
    }
    // Without a run no line can be missing: somebody was stopped between the two.
    let has_lost = has_runs
        && !session
            .ask("SELECT 1 FROM lakeseed_runs LIMIT 1", ())?
            .is_empty();
    if has_ledger || has_lost {
        let text = "one of the tables lakeseed_runs and lakeseed_ledger is missing";
        return Err(Failure::Final(Trouble::Missing, text.to_owned()));
    }
    if !makes {
        return Ok(false);
    }
    if !has_runs {
        session.run(RUNS)?;
    }
    session.run(LEDGER)?;
    Ok(true)
}

const ASK_RUNS: &str = "SELECT r.run_id, r.tables, r.is_complete, r.plan, \
    (SELECT COUNT(*) FROM lakeseed_ledger l WHERE l.run_id = r.run_id), r.stage \
    FROM lakeseed_runs r";

/// A run, and how far it has come with its tables.
pub(super) type Known = (RunRecord, Stage);

/// All runs, in the order of their begin.
pub(super) fn runs(session: &mut Session<'_>) -> Result<Vec<Known>, Failure> {
    if !ensure(session, false)? {
        return Ok(Vec::new());
    }
    let rows = session.ask(
        format!("{ASK_RUNS} ORDER BY r.begun_at, r.run_id").as_str(),
        (),
    )?;
    rows.iter().map(of_row).collect()
}

/// One run.
pub(super) fn run(session: &mut Session<'_>, run_id: &str) -> Result<Option<RunRecord>, Failure> {
    let rows = session.ask(format!("{ASK_RUNS} WHERE r.run_id = ?").as_str(), (run_id,))?;
    let run = rows.first().map(of_row).transpose()?;
    Ok(run.map(|(run, _)| run))
}

fn of_row(row: &Row) -> Result<Known, Failure> {
    let (is_complete, plan, parts): (bool, String, i64) =
        (cell(row, 2)?, cell(row, 3)?, cell(row, 4)?);
    let stage: String = cell(row, 5)?;
    let stage = Stage::of(&stage).ok_or_else(|| ledger::unknown(format!("stage `{stage}`")))?;
    let names = names_of(&cell::<String>(row, 1)?)?;
    let run = RunRecord::of(cell(row, 0)?, &names, is_complete, &plan, parts as u64)?;
    Ok((run, stage))
}

fn names_of(text: &str) -> Result<Vec<String>, Failure> {
    serde_json::from_str(text).map_err(ledger::unknown)
}

/// Names as they are kept.
fn list_of(names: &[&str]) -> String {
    serde_json::json!(names).to_string()
}

/// Writes a new run down, and takes the tables that it makes away from others, all in one transaction.
pub(super) fn begin(
    session: &mut Session<'_>,
    plan: &LoadPlan<'_>,
    is_made: &[bool],
    stage: Stage,
) -> Result<(), Failure> {
    let kept = ledger::kept_of(plan, is_made)?;
    let names: Vec<&str> = plan.tables().iter().map(TableToLoad::name).collect();
    session.run("START TRANSACTION")?;
    if stage == Stage::Replacing {
        forget(session, &names)?;
    }
    session.execute(
        "INSERT INTO lakeseed_runs (run_id, tables, stage, plan, begun_at) \
         VALUES (?, ?, ?, ?, NOW(6))",
        (plan.id(), list_of(&names), stage.name(), kept),
    )?;
    session.run("COMMIT")
}

/// Takes tables out of the ledger, and runs that have none left.
fn forget(session: &mut Session<'_>, names: &[&str]) -> Result<(), Failure> {
    // Waits for parts that are about to be committed, and keeps others from it.
    let rows = session.ask("SELECT run_id, tables FROM lakeseed_runs FOR UPDATE", ())?;
    for row in &rows {
        let (run_id, tables): (String, String) = (cell(row, 0)?, cell(row, 1)?);
        let tables = names_of(&tables)?;
        let (gone, left): (Vec<&str>, Vec<&str>) = tables
            .iter()
            .map(String::as_str)
            .partition(|name| names.contains(name));
        if left.is_empty() {
            // Its lines go with it.
            session.execute("DELETE FROM lakeseed_runs WHERE run_id = ?", (&run_id,))?;
        } else if !gone.is_empty() {
            for name in gone {
                session.execute(
                    "DELETE FROM lakeseed_ledger WHERE run_id = ? AND table_name = ?",
                    (&run_id, name),
                )?;
            }
            session.execute(
                "UPDATE lakeseed_runs SET tables = ? WHERE run_id = ?",
                (list_of(&left), &run_id),
            )?;
        }
    }
    Ok(())
}

/// Takes a run out that has not come to its first row.
pub(super) fn undo(session: &mut Session<'_>, run_id: &str) -> Result<(), Failure> {
    session.execute(
        "DELETE FROM lakeseed_runs WHERE run_id = ? AND stage <> 'loading'",
        (run_id,),
    )?;
    Ok(())
}

/// Writes down that a run has come to its next stage.
pub(super) fn come_to(
    session: &mut Session<'_>,
    run_id: &str,
    stage: Stage,
) -> Result<(), Failure> {
    let changed = session.execute(
        "UPDATE lakeseed_runs SET stage = ? WHERE run_id = ?",
        (stage.name(), run_id),
    )?;
    if changed == 1 {
        return Ok(());
    }
    Err(ledger::was_forgotten())
}

const ASK_LINES: &str =
    "SELECT table_name, part, row_count, row_hash FROM lakeseed_ledger WHERE run_id = ?";

/// Parts of a run that stand.
pub(super) fn lines(session: &mut Session<'_>, run_id: &str) -> Result<Vec<Line>, Failure> {
    let rows = session.ask(ASK_LINES, (run_id,))?;
    rows.iter().map(line_of).collect()
}

/// One part of a run, if it stands.
pub(super) fn line(
    session: &mut Session<'_>,
    run_id: &str,
    table: &str,
    part: u64,
) -> Result<Option<Line>, Failure> {
    let ask = format!("{ASK_LINES} AND table_name = ? AND part = ?");
    let rows = session.ask(ask.as_str(), (run_id, table, part))?;
    rows.first().map(line_of).transpose()
}

fn line_of(row: &Row) -> Result<Line, Failure> {
    let (part, rows): (i64, i64) = (cell(row, 1)?, cell(row, 2)?);
    Ok(Line {
        table: cell(row, 0)?,
        part: part as u64,
        rows: rows as u64,
        row_hash: cell(row, 3)?,
    })
}

/// Writes a part down, in the transaction that has loaded it: as long as the table is the run's. Who
/// takes it out of the run ([`forget`]) waits for this transaction, or this one sees that it is out.
///
/// # Errors
/// A table that somebody has replaced meanwhile: the transaction must not be committed.
pub(super) fn record(
    session: &mut Session<'_>,
    run_id: &str,
    first_row: Option<u64>,
    line: &Line,
) -> Result<(), Failure> {
    let ask = "SELECT tables, stage FROM lakeseed_runs WHERE run_id = ? LOCK IN SHARE MODE";
    let rows = session.ask(ask, (run_id,))?;
    let Some(row) = rows.first() else {
        return Err(ledger::was_replaced(&line.table));
    };
    let names = names_of(&cell::<String>(row, 0)?)?;
    let stage: String = cell(row, 1)?;
    if !names.contains(&line.table) || stage != Stage::Loading.name() {
        return Err(ledger::was_replaced(&line.table));
    }
    session.execute(
        "INSERT INTO lakeseed_ledger (run_id, table_name, part, first_row, row_count, row_hash, \
         loaded_at) VALUES (?, ?, ?, ?, ?, ?, NOW(6))",
        (
            run_id,
            &line.table,
            line.part,
            first_row,
            line.rows,
            &line.row_hash,
        ),
    )?;
    Ok(())
}

/// Writes down that a run is complete.
pub(super) fn complete(session: &mut Session<'_>, run_id: &str) -> Result<(), Failure> {
    let changed = session.execute(
        "UPDATE lakeseed_runs SET is_complete = TRUE, completed_at = NOW(6) WHERE run_id = ?",
        (run_id,),
    )?;
    if changed == 1 {
        return Ok(());
    }
    Err(ledger::was_forgotten())
}
