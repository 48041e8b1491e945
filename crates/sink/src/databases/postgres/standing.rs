//! What stands in the database before a run, and what becomes of it: decided and done in one
//! transaction, before the first row.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::ledger::{self, Line, RunRecord};
use super::session::{Session, first};
use super::{Postgres, ledger::run};
use crate::databases::ddl::{self, Dialect};
use crate::databases::load::IfExists;
use crate::databases::plan::{LoadPlan, TableToLoad};
use crate::databases::types::PgType;
use crate::error::{Error, Trouble};
use crate::fail;

/// Held while tables are made or taken away, so that two runs do not decide at once.
const DECIDING: i64 = 0x6C61_6B65_7365_6564;
/// How long a process of the same plan that was killed a moment ago is waited for, and how often.
const LOCK_TRIES: u32 = 50;
const LOCK_EVERY_MS: u64 = 200;

/// A run that may send rows.
#[derive(Debug)]
pub(in crate::databases) struct Begun {
    /// By table: whether this run, or the one that it continues, has made it.
    pub(in crate::databases) is_made: Vec<bool>,
    /// Parts that stand.
    pub(in crate::databases) lines: Vec<Line>,
    /// Whether an earlier run has begun it.
    pub(in crate::databases) is_continued: bool,
    /// Whether nothing is left to do.
    pub(in crate::databases) is_complete: bool,
}

/// A column as the database has it: its name, and its type in the words of `format_type`.
pub(in crate::databases) type Found = (String, String);

/// Makes sure that nobody else is at this plan, looks at what stands, and makes the tables.
pub(in crate::databases) fn begin(
    session: &Session<'_>,
    of: &Postgres,
    plan: &LoadPlan<'_>,
    if_exists: IfExists,
) -> Result<Begun, Failure> {
    lock_plan(session, of, plan.id())?;
    session.run("BEGIN")?;
    session.ask("SELECT pg_advisory_xact_lock($1)", &[&DECIDING])?;
    ledger::ensure(session, true)?;
    let mut decision = Decision {
        session,
        of,
        plan,
        known: run(session, plan.id())?,
        found: kinds(session, plan)?,
    };
    let begun = match if_exists {
        IfExists::Replace => {
            decision.take_away()?;
            decision.start()?
        }
        _ if decision.known.is_some() => decision.go_on()?,
        IfExists::Fail => {
            decision.refuse_unfinished()?;
            if let Some(name) = decision.found.keys().next() {
                return Err(decision.other("no table of a name of ours", format!("table `{name}`")));
            }
            decision.start()?
        }
        IfExists::Append => {
            decision.refuse_unfinished()?;
            decision.start()?
        }
    };
    fail::point("load.tables.made");
    session.run("COMMIT")?;
    fail::point("load.begun");
    Ok(begun)
}

/// Takes the lock of the plan, which lives as long as the connection. A process that was killed leaves
/// it for as long as its server needs to see that.
fn lock_plan(session: &Session<'_>, of: &Postgres, plan_id: &str) -> Result<(), Failure> {
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
    Err(in_use(of, plan_id))
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

fn in_use(of: &Postgres, plan_id: &str) -> Failure {
    Failure::Whole(Error::InUse {
        address: of.address().to_owned(),
        by: format!("another process, which loads plan {plan_id}"),
    })
}

/// What of the plan's names is there: what each of them is.
fn kinds(session: &Session<'_>, plan: &LoadPlan<'_>) -> Result<BTreeMap<String, String>, Failure> {
    let names: Vec<&str> = plan.tables().iter().map(TableToLoad::name).collect();
    let rows = session.ask(
        "SELECT c.relname::text, c.relkind::text FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname::text = $1 AND c.relname::text = ANY($2)",
        &[&session.schema(), &names],
    )?;
    let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    let found: Result<_, tokio_postgres::Error> = rows.iter().map(read).collect();
    found.map_err(|error| Failure::Final(Trouble::Other, error.to_string()))
}

/// The columns of a table, in its order; none where there is no such table.
pub(in crate::databases) fn columns(
    session: &Session<'_>,
    table: &str,
) -> Result<Vec<Found>, Failure> {
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

/// What of a table's columns is not as it must be, a text each: the column's name first.
pub(in crate::databases) fn check_columns(
    table: &TableToLoad<'_>,
    found: &[Found],
) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for field in table.schema.fields() {
        let name = field.name();
        let wanted = PgType::of(field.data_type());
        match found.iter().find(|(found, _)| found == name) {
            None => wrong.push((name.clone(), "no such column".to_owned())),
            Some((_, theirs)) if !wanted.is_some_and(|wanted| wanted.fits_into(theirs)) => {
                wrong.push((name.clone(), theirs.clone()));
            }
            Some(_) => {}
        }
    }
    for (name, theirs) in found {
        if table.schema.field_with_name(name).is_err() {
            wrong.push((name.clone(), format!("a column more, {theirs}")));
        }
    }
    wrong
}

struct Decision<'d> {
    session: &'d Session<'d>,
    of: &'d Postgres,
    plan: &'d LoadPlan<'d>,
    known: Option<RunRecord>,
    /// What stands under names of the plan, and what it is.
    found: BTreeMap<String, String>,
}

impl Decision<'_> {
    fn other(&self, expected: impl Into<String>, found: impl Into<String>) -> Failure {
        Failure::Whole(Error::OtherPlan {
            address: self.of.address().to_owned(),
            expected: expected.into(),
            found: found.into(),
        })
    }

    /// A plain or a partitioned table is what rows go into.
    fn is_table(&self, name: &str) -> bool {
        let kind = self.found.get(name).map(String::as_str);
        matches!(kind, Some("r" | "p"))
    }

    /// Goes on with a run that the ledger knows.
    fn go_on(&self) -> Result<Begun, Failure> {
        let Some(known) = &self.known else {
            return Err(self.other("a known run", "none"));
        };
        let mut is_made = Vec::new();
        for table in self.plan.tables() {
            let name = table.name();
            let mut kept = known.tables.iter().filter(|known| known.is_kept);
            let line = kept.find(|known| known.name == name);
            let (Some(line), true) = (line, self.is_table(name)) else {
                let expected = format!("table `{name}` as plan {} has left it", self.plan.id());
                return Err(self.other(expected, "it dropped or replaced"));
            };
            is_made.push(line.is_made);
            self.check(table)?;
        }
        Ok(Begun {
            is_made,
            lines: ledger::lines(self.session, self.plan.id())?,
            is_continued: true,
            is_complete: known.is_complete,
        })
    }

    /// Refuses to mix rows with those of a run that has not come to its end.
    fn refuse_unfinished(&self) -> Result<(), Failure> {
        match self
            .sharing()?
            .into_iter()
            .find(|(_, is_complete)| !is_complete)
        {
            Some((run_id, _)) => {
                let found = format!("the unfinished plan {run_id} with tables of ours");
                Err(self.other("no unfinished load", found))
            }
            None => Ok(()),
        }
    }

    /// Runs that have loaded into tables of the plan, and whether they are complete.
    fn sharing(&self) -> Result<Vec<(String, bool)>, Failure> {
        let names: Vec<&str> = self.plan.tables().iter().map(TableToLoad::name).collect();
        let rows = self.session.ask(
            "SELECT run_id, is_complete FROM lakeseed_runs WHERE tables && $1 ORDER BY begun_at",
            &[&names],
        )?;
        let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
        let found: Result<_, tokio_postgres::Error> = rows.iter().map(read).collect();
        found.map_err(|error| Failure::Final(Trouble::Other, error.to_string()))
    }

    /// Makes the tables that are missing, looks at the others, and writes the run down.
    fn start(&self) -> Result<Begun, Failure> {
        let mut is_made = Vec::new();
        for table in self.plan.tables() {
            let is_there = self.found.contains_key(table.name());
            is_made.push(!is_there);
            if is_there {
                self.check(table)?;
            } else {
                let create = ddl::create(&table.ddl(), &[], Dialect::Postgres);
                self.session.run(&create.map_err(Failure::Whole)?)?;
            }
        }
        ledger::begin(self.session, self.plan, &is_made)?;
        Ok(Begun {
            is_made,
            lines: Vec::new(),
            is_continued: false,
            is_complete: false,
        })
    }

    /// Refuses a table with other columns.
    fn check(&self, table: &TableToLoad<'_>) -> Result<(), Failure> {
        let name = table.name();
        if !self.is_table(name) {
            return Err(self.other("a table", format!("`{name}`, which is something else")));
        }
        let wrong = check_columns(table, &columns(self.session, name)?);
        let Some((column, found)) = wrong.first() else {
            return Ok(());
        };
        let field = table.schema.field_with_name(column).ok();
        let wanted = field.and_then(|field| PgType::of(field.data_type()));
        let wanted = wanted.map_or_else(|| "nothing".to_owned(), |wanted| wanted.to_string());
        let more = match wrong.len() {
            1 => String::new(),
            more => format!(" (and {} more)", more - 1),
        };
        let expected = format!("table `{name}` with our columns, `{column}` as {wanted}");
        Err(self.other(expected, format!("{found}{more}")))
    }

    /// Drops the plan's tables, and takes them out of the ledger.
    fn take_away(&mut self) -> Result<(), Failure> {
        for (run_id, _) in self.sharing()? {
            if run_id == self.plan.id() {
                continue;
            }
            // Somebody who is at work on them would go on into the new ones.
            let key = lock_key(self.session.schema(), &run_id);
            let rows = self
                .session
                .ask("SELECT pg_try_advisory_xact_lock($1)", &[&key])?;
            if !first::<bool>(&rows)? {
                return Err(in_use(self.of, &run_id));
            }
        }
        let mut names = Vec::new();
        for name in self.found.keys() {
            if !self.is_table(name) {
                return Err(self.other("tables", format!("`{name}`, which is something else")));
            }
            names.push(Dialect::Postgres.quote(name));
        }
        if !names.is_empty() {
            // All at once: keys among them are no obstacle. Whatever else depends on one is.
            self.session
                .run(&format!("DROP TABLE {}", names.join(", ")))?;
        }
        let names: Vec<&str> = self.plan.tables().iter().map(TableToLoad::name).collect();
        ledger::forget(self.session, &names)?;
        self.found.clear();
        Ok(())
    }
}
