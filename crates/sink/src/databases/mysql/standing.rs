//! What stands in the database before a run, and what becomes of it: decided under a lock, before the
//! first row.
//!
//! A statement that makes or drops a table cannot be taken back, and ends the transaction. So what is
//! about to be done is written down first, and who is stopped within it goes on from there:
//!
//! ```text
//! replacing: tables of our names are dropped -> making: all are made -> loading: rows are sent
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::ledger::{self, Known, Stage};
use super::session::{Session, cell};
use super::views;
use super::{Mysql, ledger::runs};
use crate::databases::ddl::{self, Dialect};
use crate::databases::failure::Failure;
use crate::databases::load::IfExists;
use crate::databases::plan::{LoadPlan, TableToLoad};
use crate::databases::standing::{Begun, Course, Standing, WrongColumn, in_use, wrong_columns};
use crate::databases::types::MyType;
use crate::databases::views::dropped;
use crate::error::{Error, Trouble};
use crate::fail;

/// How long a process of the same plan that was killed a moment ago is waited for, and how often.
const LOCK_TRIES: u32 = 50;
const LOCK_EVERY: Duration = Duration::from_millis(200);

/// A column's type as the database has it.
pub(super) struct FoundType {
    /// In the words of `COLUMN_TYPE`.
    name: String,
    /// Of a text.
    charset: Option<String>,
}

impl fmt::Display for FoundType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.charset.as_deref() {
            None | Some("utf8mb4") => Ok(()),
            Some(other) => write!(f, " of {other}"),
        }
    }
}

/// A column as the database has it.
pub(super) type Found = (String, FoundType);

/// Makes sure that nobody else is at this plan, looks at what stands, and makes the tables.
pub(super) fn begin(
    session: &mut Session<'_>,
    plan: &LoadPlan<'_>,
    if_exists: IfExists,
) -> Result<Begun, Failure> {
    lock_plan(session, plan.id())?;
    let deciding = lock_name(session.of(), "that decides");
    let patience = session.of().patience.as_secs().max(1);
    let is_ours = session.ask_one("SELECT GET_LOCK(?, ?)", (&deciding, patience))?;
    if is_ours != Some(1) {
        let text = "another load has been deciding about its tables for too long";
        return Err(Failure::Final(Trouble::Unavailable, text.to_owned()));
    }
    let mut begun = decided(session, plan, if_exists)?;
    session.ask("SELECT RELEASE_LOCK(?)", (&deciding,))?;
    if !begun.is_complete {
        begun.warnings.extend(super::work::choose_form(session)?);
    }
    Ok(begun)
}

fn decided(
    session: &mut Session<'_>,
    plan: &LoadPlan<'_>,
    if_exists: IfExists,
) -> Result<Begun, Failure> {
    ledger::ensure(session, true)?;
    let all = runs(session)?;
    let stage = all
        .iter()
        .find(|(run, _)| run.run_id == plan.id())
        .map(|it| it.1);
    let standing = Standing {
        address: session.of().address(),
        plan,
        found: found(session, plan)?,
        sharing: sharing(&all, plan),
        known: all
            .into_iter()
            .map(|it| it.0)
            .find(|run| run.run_id == plan.id()),
    };
    let course = standing.course(if_exists)?;
    let views = views::standing(session, plan)?;
    views.check(&standing, if_exists)?;
    let stage = match course {
        Course::GoOn => stage.unwrap_or(Stage::Loading),
        Course::Start => {
            let is_made = standing.to_make();
            look(session, &standing, &is_made)?;
            ledger::begin(session, plan, &is_made, Stage::Making)?;
            return made_or_undone(session, &standing, is_made, Stage::Making);
        }
        Course::Replace => {
            may_be_replaced(session, &standing)?;
            let gone = views.to_drop(&standing);
            views::drop_all(session, &gone)?;
            let is_made = vec![true; plan.tables().len()];
            ledger::begin(session, plan, &is_made, Stage::Replacing)?;
            let mut begun = made_or_undone(session, &standing, is_made, Stage::Replacing)?;
            begun.warnings.extend(dropped(&standing, &gone));
            return Ok(begun);
        }
    };
    if stage == Stage::Loading {
        let is_made = standing.made_before()?;
        look(session, &standing, &vec![false; is_made.len()])?;
        return begun(session, &standing, is_made, true);
    }
    // Somebody was stopped while the tables were made: no row was sent.
    let is_made = standing.kept_before()?;
    if stage == Stage::Replacing
        && let Some(name) = standing.found.keys().next()
    {
        // Whoever asked for it may have thought better of it: nobody asks for it now.
        let expected = format!("table `{name}` dropped by a replace, which was stopped before");
        return Err(standing.other(expected, "it still there"));
    }
    look(session, &standing, &is_made)?;
    make(session, &standing, &is_made, stage, &mut Vec::new())?;
    begun(session, &standing, is_made, true)
}

fn begun(
    session: &mut Session<'_>,
    standing: &Standing<'_>,
    is_made: Vec<bool>,
    is_continued: bool,
) -> Result<Begun, Failure> {
    let known = standing.known.as_ref().filter(|_| is_continued);
    Ok(Begun {
        is_made,
        lines: ledger::lines(session, standing.plan.id())?,
        is_continued,
        is_complete: known.is_some_and(|known| known.is_complete),
        warnings: Vec::new(),
    })
}

/// Makes the tables of a run that was written down just now; what keeps it from that leaves nothing of
/// it behind, as far as the server can still be asked.
fn made_or_undone(
    session: &mut Session<'_>,
    standing: &Standing<'_>,
    is_made: Vec<bool>,
    stage: Stage,
) -> Result<Begun, Failure> {
    let mut made = Vec::new();
    match make(session, standing, &is_made, stage, &mut made) {
        Ok(()) => begun(session, standing, is_made, false),
        Err(failure @ (Failure::Final(..) | Failure::Double(_))) => {
            for table in made.into_iter().rev() {
                drop_empty(session, table)?;
            }
            ledger::undo(session, standing.plan.id())?;
            Err(failure)
        }
        Err(failure) => Err(failure),
    }
}

/// Drops and makes what the stage asks for, and writes down that all tables stand. `made` are those that
/// this call has made.
fn make<'d>(
    session: &mut Session<'_>,
    standing: &Standing<'d>,
    is_made: &[bool],
    stage: Stage,
    made: &mut Vec<&'d str>,
) -> Result<(), Failure> {
    let plan: &'d LoadPlan<'d> = standing.plan;
    if stage == Stage::Replacing {
        // Children before parents.
        for table in plan.tables().iter().rev() {
            let name = Dialect::Mysql.quote(table.name());
            session.run(&format!("DROP TABLE IF EXISTS {name}"))?;
            fail::point("load.table.dropped");
        }
        ledger::come_to(session, plan.id(), Stage::Making)?;
    }
    let to_make = plan.tables().iter().zip(is_made);
    for (table, _) in to_make.filter(|(_, is_made)| **is_made) {
        if stage == Stage::Making && standing.found.contains_key(table.name()) {
            // Made by the one that was stopped: it has our columns, and must be as it was left.
            let name = Dialect::Mysql.quote(table.name());
            let some = session.ask(format!("SELECT 1 FROM {name} LIMIT 1").as_str(), ())?;
            if !some.is_empty() {
                let expected = format!("table `{}` empty, as it was made", table.name());
                return Err(standing.other(expected, "rows in it"));
            }
            continue;
        }
        let keys: Vec<String> = ddl::primary_key(&table.ddl(), Dialect::Mysql)
            .into_iter()
            .collect();
        let create = ddl::create(&table.ddl(), &keys, Dialect::Mysql);
        session.run(&create.map_err(Failure::Whole)?)?;
        made.push(table.name());
        fail::point("load.table.made");
    }
    fail::point("load.tables.made");
    ledger::come_to(session, plan.id(), Stage::Loading)?;
    fail::point("load.begun");
    Ok(())
}

/// Drops a table that this run has made a moment ago, unless somebody has put rows into it.
fn drop_empty(session: &mut Session<'_>, table: &str) -> Result<(), Failure> {
    let name = Dialect::Mysql.quote(table);
    let is_there = !columns(session, table)?.is_empty();
    let ask = format!("SELECT 1 FROM {name} LIMIT 1");
    if is_there && session.ask(ask.as_str(), ())?.is_empty() {
        session.run(&format!("DROP TABLE {name}"))?;
    }
    Ok(())
}

/// Refuses tables that are there and that rows of ours cannot go into; those that are about to be made
/// need not be there.
fn look(
    session: &mut Session<'_>,
    standing: &Standing<'_>,
    is_made: &[bool],
) -> Result<(), Failure> {
    for (table, is_made) in standing.plan.tables().iter().zip(is_made) {
        let name = table.name();
        if *is_made && !standing.found.contains_key(name) {
            continue;
        }
        let wrong = check_columns(table, &columns(session, name)?);
        standing.check(name, &wrong)?;
        let engine = "SELECT COUNT(*) FROM information_schema.TABLES t \
                      JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
                      WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = ? \
                      AND e.TRANSACTIONS = 'YES'";
        if session.ask_one(engine, (name,))? == Some(0) {
            let expected = format!("table `{name}` of an engine with transactions, as InnoDB");
            return Err(standing.other(expected, "another one"));
        }
    }
    Ok(())
}

/// Refuses what dropping would not be taken back from: tables that others point to, and others' work.
fn may_be_replaced(session: &mut Session<'_>, standing: &Standing<'_>) -> Result<(), Failure> {
    for (run_id, _) in &standing.sharing {
        if run_id == standing.plan.id() {
            continue;
        }
        // Somebody who is at work on them would go on into the new ones.
        let key = lock_name(session.of(), run_id);
        if session.ask_one("SELECT GET_LOCK(?, 0)", (&key,))? != Some(1) {
            return Err(in_use(standing.address, run_id));
        }
        // Who comes now waits for the lock of those who decide.
        session.ask("SELECT RELEASE_LOCK(?)", (&key,))?;
    }
    let ask = "SELECT TABLE_SCHEMA = DATABASE(), TABLE_NAME, REFERENCED_TABLE_NAME \
               FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = DATABASE()";
    for row in session.ask(ask, ())? {
        let (is_here, child, parent): (bool, String, String) =
            (cell(&row, 0)?, cell(&row, 1)?, cell(&row, 2)?);
        let is_ours = |name: &str| standing.found.contains_key(name);
        if is_ours(&parent) && !(is_here && is_ours(&child)) {
            let expected = format!("no foreign keys to table `{parent}` that are not ours");
            return Err(standing.other(expected, format!("one of table `{child}`")));
        }
    }
    Ok(())
}

/// Takes the lock of the plan, which lives as long as the connection. A process that was killed leaves
/// it for as long as its server needs to see that.
fn lock_plan(session: &mut Session<'_>, plan_id: &str) -> Result<(), Failure> {
    session.may_rest()?;
    let key = lock_name(session.of(), plan_id);
    for attempt in 0..LOCK_TRIES {
        if session.ask_one("SELECT GET_LOCK(?, 0)", (&key,))? == Some(1) {
            return Ok(());
        }
        if session.is_over() {
            return Err(Failure::Whole(Error::Stopped));
        }
        if attempt + 1 < LOCK_TRIES {
            std::thread::sleep(LOCK_EVERY);
        }
    }
    Err(in_use(session.of().address(), plan_id))
}

/// Locks are the server's, whatever the database.
fn lock_name(of: &Mysql, what: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in ["lakeseed load lock", &of.database, what] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let digest = hasher.finalize().to_hex();
    // At most 64 characters.
    format!("lakeseed {}", &digest[..32])
}

/// What of the plan's names is there, and whether it is a table.
fn found(
    session: &mut Session<'_>,
    plan: &LoadPlan<'_>,
) -> Result<BTreeMap<String, bool>, Failure> {
    let names: Vec<&str> = plan.tables().iter().map(TableToLoad::name).collect();
    let types = found_under(session, &names)?.into_iter();
    Ok(types
        .map(|(name, found)| (name, found == "BASE TABLE"))
        .collect())
}

/// What stands under these names, in the catalogue's words: `BASE TABLE`, `VIEW`, and more.
pub(super) fn found_under(
    session: &mut Session<'_>,
    names: &[&str],
) -> Result<BTreeMap<String, String>, Failure> {
    let ask = "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?";
    // The catalogue of such a server has small letters for capital ones.
    let folds = session.ask_one("SELECT @@lower_case_table_names", ())? != Some(0);
    let mut found = BTreeMap::new();
    for wanted in names {
        for row in session.ask(ask, (wanted,))? {
            let (name, what): (String, String) = (cell(&row, 0)?, cell(&row, 1)?);
            let is_it = name == *wanted;
            if is_it || (folds && name.to_lowercase() == wanted.to_lowercase()) {
                found.insert((*wanted).to_owned(), what);
            }
        }
    }
    Ok(found)
}

/// Runs that have loaded into tables of the plan, and whether they are complete.
fn sharing(all: &[Known], plan: &LoadPlan<'_>) -> Vec<(String, bool)> {
    let shares = |(run, _): &&Known| {
        let mut kept = run.tables.iter().filter(|table| table.is_kept);
        kept.any(|kept| plan.tables().iter().any(|table| table.name() == kept.name))
    };
    let told = |(run, _): &Known| (run.run_id.clone(), run.is_complete);
    all.iter().filter(shares).map(told).collect()
}

/// The columns of a table, in its order; none where there is no such table.
pub(super) fn columns(session: &mut Session<'_>, table: &str) -> Result<Vec<Found>, Failure> {
    let rows = session.ask(
        "SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
        (table,),
    )?;
    let read = |row: &mysql_async::Row| {
        let found = FoundType {
            name: cell(row, 1)?,
            charset: cell(row, 2)?,
        };
        Ok((cell(row, 0)?, found))
    };
    rows.iter().map(read).collect()
}

/// What of a table's columns is not as it must be.
pub(super) fn check_columns(table: &TableToLoad<'_>, found: &[Found]) -> Vec<WrongColumn> {
    wrong_columns(
        table,
        found,
        |ours| MyType::of(ours).map(|wanted| wanted.to_string()),
        |ours, theirs| {
            let fits = |wanted: MyType| wanted.fits_into(&theirs.name, theirs.charset.as_deref());
            MyType::of(ours).is_some_and(fits)
        },
    )
}
