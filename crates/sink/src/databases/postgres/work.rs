//! A session at work for a load and its verification: parts by `COPY … FROM STDIN`, tables back by
//! `COPY … TO STDOUT`, keys and comments at the end.

use arrow_schema::SchemaRef;

use super::decode::Decoder;
use super::encode::Encoder;
use super::ledger;
use super::session::Session;
use super::{standing, views};
use crate::databases::database::{self, Encode, Take};
use crate::databases::ddl::{self, Dialect};
use crate::databases::failure::Failure;
use crate::databases::ledger::{Line, RunRecord, is_complete};
use crate::databases::load::IfExists;
use crate::databases::plan::{LoadPlan, TableToLoad, plain};
use crate::databases::standing::{Begun, WrongColumn};
use crate::databases::types::PgType;
use crate::databases::whole::schema_of;
use crate::error::Trouble;
use crate::fail;

impl database::Session for Session<'_> {
    fn begin(&mut self, plan: &LoadPlan<'_>, if_exists: IfExists) -> Result<Begun, Failure> {
        standing::begin(self, plan, if_exists)
    }

    fn find_run(&mut self, run_id: &str) -> Result<Option<RunRecord>, Failure> {
        ledger::run(self, run_id)
    }

    fn lines(&mut self, run_id: &str) -> Result<Vec<Line>, Failure> {
        ledger::lines(self, run_id)
    }

    fn line(&mut self, run_id: &str, table: &str, part: u64) -> Result<Option<Line>, Failure> {
        ledger::line(self, run_id, table, part)
    }

    fn begin_part<'t>(
        &mut self,
        table: &'t TableToLoad<'_>,
        first_row: u64,
    ) -> Result<Box<dyn Encode + 't>, Failure> {
        let (columns, name) = columns_and_name(table);
        let copy = format!("COPY {name} ({columns}) FROM STDIN (FORMAT binary)");
        self.copy = Some(self.begin_copy(&copy)?);
        Ok(Box::new(Encoder::new(
            table.name(),
            &table.schema,
            first_row,
        )))
    }

    fn send(&mut self, chunk: Vec<u8>) -> Result<(), Failure> {
        let mut copy = self.copy.take().ok_or_else(no_part)?;
        self.feed(&mut copy, chunk)?;
        self.copy = Some(copy);
        Ok(())
    }

    fn end_rows(&mut self) -> Result<u64, Failure> {
        let copy = self.copy.take().ok_or_else(no_part)?;
        self.finish(copy)
    }

    fn record(&mut self, run_id: &str, first_row: Option<u64>, line: &Line) -> Result<(), Failure> {
        ledger::record(self, run_id, first_row, line)
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.run("COMMIT")
    }

    /// All in one transaction.
    fn complete(&mut self, plan: &LoadPlan<'_>, is_made: &[bool]) -> Result<(), Failure> {
        let session: &Session<'_> = self;
        let known = ledger::run(session, plan.id())?;
        if is_complete(known.as_ref(), plan)? {
            // A connection broke when the answer was on its way.
            return Ok(());
        }
        let tables = plan.tables().iter().zip(is_made);
        let made = tables.filter_map(|(table, is_made)| is_made.then_some(table));
        // Keys point to tables of this run: what another one's has, nobody knows.
        let all: Vec<_> = made.map(|table| table.ddl()).collect();
        // Parts may have been committed to memory alone: the end takes them to the disk with it.
        session.run(
            "BEGIN; SELECT set_config('synchronous_commit', 'on', true) \
             WHERE current_setting('synchronous_commit') = 'off'",
        )?;
        for table in &all {
            let name = Dialect::Postgres.quote(table.name);
            for constraint in ddl::constraints(table, &all, Dialect::Postgres) {
                let add = format!("ALTER TABLE {name} ADD {constraint}");
                let at = |failure: Failure| failure.at(&format!("table `{}`", table.name));
                session.run_long(&add).map_err(at)?;
            }
        }
        for table in &all {
            for comment in ddl::comments(table, Dialect::Postgres) {
                session.run(&comment)?;
            }
            // So that the first query is planned as well as the second.
            let name = Dialect::Postgres.quote(table.name);
            session.run_long(&format!("ANALYZE {name}"))?;
        }
        ledger::complete(session, plan.id())?;
        fail::point("load.keys.made");
        session.run_long("COMMIT")?;
        fail::point("load.complete");
        Ok(())
    }

    fn make_views(&mut self, plan: &LoadPlan<'_>) -> Result<u64, Failure> {
        views::make(self, plan)
    }

    fn wrong_columns(
        &mut self,
        table: &TableToLoad<'_>,
    ) -> Result<Option<Vec<WrongColumn>>, Failure> {
        let columns = standing::columns(self, table.name())?;
        let wrong = || standing::check_columns(table, &columns);
        Ok((!columns.is_empty()).then(wrong))
    }

    fn schema_of(&mut self, table: &str) -> Result<Option<SchemaRef>, Failure> {
        let columns = standing::columns(self, table)?;
        let read = columns
            .iter()
            .map(|(name, found)| (name.as_str(), found.clone(), PgType::read_as(found)));
        let schema = schema_of(table, read)?;
        Ok((!columns.is_empty()).then_some(schema))
    }

    fn read(&mut self, table: &TableToLoad<'_>, take: &mut Take<'_>) -> Result<u64, Failure> {
        let decoder = Decoder::try_new(table.name(), plain(&table.schema));
        let mut decoder = decoder.map_err(Failure::Whole)?;
        let (columns, name) = columns_and_name(table);
        let copy = format!("COPY (SELECT {columns} FROM {name}) TO STDOUT (FORMAT binary)");
        let mut bytes = 0;
        self.copy_out(&copy, &mut |message| {
            bytes += message.len() as u64;
            decoder.add(message, take)
        })?;
        decoder.finish(take).map_err(Failure::Whole)?;
        Ok(bytes)
    }
}

/// The columns of a table, apart by commas, and its name, as statements have them.
fn columns_and_name(table: &TableToLoad<'_>) -> (String, String) {
    let quote = |name: &str| Dialect::Postgres.quote(name);
    let fields = table.schema.fields().iter();
    let columns: Vec<String> = fields.map(|field| quote(field.name())).collect();
    (columns.join(", "), quote(table.name()))
}

/// A chunk without a part.
fn no_part() -> Failure {
    let text = "rows were sent before their part was begun";
    Failure::Final(Trouble::Other, text.to_owned())
}
