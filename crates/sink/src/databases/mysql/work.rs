//! A session at work for a load and its verification: parts by `LOAD DATA LOCAL`, or by `INSERT` where
//! the server forbids it; tables back by the binary protocol; foreign keys at the end.

use std::sync::atomic::Ordering;

use arrow_schema::SchemaRef;

use super::cells::Form;
use super::encode::Encoder;
use super::sending::Sent;
use super::session::{Session, cell};
use super::{decode, ledger, standing, views};
use crate::databases::columns::ReadRows;
use crate::databases::database::{self, Encode, Take};
use crate::databases::ddl::{self, Dialect, Reference};
use crate::databases::failure::Failure;
use crate::databases::ledger::{Line, RunRecord, is_complete};
use crate::databases::load::{CHUNK_BYTES, IfExists};
use crate::databases::plan::{LoadPlan, TableToLoad, plain};
use crate::databases::standing::{Begun, WrongColumn};
use crate::databases::types::MyType;
use crate::databases::whole::schema_of;
use crate::error::Trouble;
use crate::fail;

/// What a statement's own words take, at most about.
const STATEMENT_BYTES: usize = 64 << 10;

/// Finds out how rows are sent. A line for what that means.
pub(super) fn choose_form(session: &mut Session<'_>) -> Result<Option<String>, Failure> {
    let mut why_not = None;
    let galera = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
                  ('wsrep_on', 'wsrep_load_data_splitting') AND Value = 'ON'";
    if session.ask(galera, ())?.len() == 2 {
        // Rows would be committed on their way, 10,000 at a time.
        why_not = Some("cuts LOAD DATA into transactions of its own (wsrep_load_data_splitting)");
    } else {
        let columns = ["run_id", "table_name", "part"].map(str::to_owned);
        let load = load_statement("lakeseed_ledger", &columns);
        if !session.takes_lines(&load)? {
            why_not = Some("forbids LOAD DATA LOCAL (local_infile)");
        }
    }
    session
        .of()
        .by_values
        .store(why_not.is_some(), Ordering::Relaxed);
    let told = |why| format!("the server {why}: rows are sent by INSERT, which is slower");
    Ok(why_not.map(told))
}

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
        self.never_rests()?;
        self.run("START TRANSACTION")?;
        let (name, schema, sent) = (
            table.name(),
            &table.schema,
            Sent::new(table.name(), first_row),
        );
        let columns: Vec<String> = names(table);
        if !self.of().by_values.load(Ordering::Relaxed) {
            self.begin_lines(sent, load_statement(name, &columns))?;
            let encoder = Encoder::new(name, schema, first_row, Form::Line, CHUNK_BYTES);
            return Ok(Box::new(encoder));
        }
        let most = self
            .ask_one("SELECT @@max_allowed_packet", ())?
            .unwrap_or(0);
        let most = usize::try_from(most)
            .unwrap_or(0)
            .saturating_sub(STATEMENT_BYTES)
            / 2;
        let (columns, quoted) = (listed(&columns), Dialect::Mysql.quote(name));
        self.begin_values(sent, format!("INSERT INTO {quoted} ({columns}) VALUES "));
        let encoder = Encoder::new(name, schema, first_row, Form::Literal, most);
        Ok(Box::new(encoder))
    }

    fn send(&mut self, chunk: Vec<u8>) -> Result<(), Failure> {
        self.feed(chunk)
    }

    fn end_rows(&mut self) -> Result<u64, Failure> {
        self.end()
    }

    fn record(&mut self, run_id: &str, first_row: Option<u64>, line: &Line) -> Result<(), Failure> {
        ledger::record(self, run_id, first_row, line)
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.run("COMMIT")
    }

    /// A statement a table, each of which stands when it is done: who comes again adds those that are
    /// missing.
    fn complete(&mut self, plan: &LoadPlan<'_>, is_made: &[bool]) -> Result<(), Failure> {
        let known = ledger::run(self, plan.id())?;
        if is_complete(known.as_ref(), plan)? {
            // A connection broke when the answer was on its way.
            return Ok(());
        }
        let tables = plan.tables().iter().zip(is_made);
        let made = tables.filter_map(|(table, is_made)| is_made.then_some(table));
        // Keys point to tables of this run: what another one's has, nobody knows.
        let all: Vec<_> = made.map(|table| table.ddl()).collect();
        for table in &all {
            let at = |failure: Failure| failure.at(&format!("table `{}`", table.name));
            let wanted = ddl::references(table, &all);
            self.add_references(table.name, &wanted).map_err(at)?;
            for reference in &wanted {
                self.check_reference(table.name, reference).map_err(at)?;
            }
            // So that the first query is planned as well as the second.
            let name = Dialect::Mysql.quote(table.name);
            self.run_long(&format!("ANALYZE TABLE {name}"))?;
        }
        fail::point("load.keys.made");
        ledger::complete(self, plan.id())?;
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
        let read = columns.iter().map(|(name, found)| {
            (
                name.as_str(),
                found.to_string(),
                MyType::read_as(&found.to_string()),
            )
        });
        let schema = schema_of(table, read)?;
        Ok((!columns.is_empty()).then_some(schema))
    }

    fn read(&mut self, table: &TableToLoad<'_>, take: &mut Take<'_>) -> Result<u64, Failure> {
        let rows = ReadRows::try_new(table.name(), plain(&table.schema), "MySQL");
        let mut rows = rows.map_err(Failure::Whole)?;
        let (columns, name) = (listed(&names(table)), Dialect::Mysql.quote(table.name()));
        let mut bytes = 0;
        Session::read(self, &format!("SELECT {columns} FROM {name}"), &mut |row| {
            bytes += decode::bytes_of(&row);
            decode::add_row(&mut rows, row, take)
        })?;
        rows.finish(take).map_err(Failure::Whole)?;
        Ok(bytes)
    }
}

impl Session<'_> {
    /// Adds the foreign keys that a table has not yet, in one statement with their indexes. With its
    /// checks the server would build the table anew, row by row, which takes several times as long:
    /// [`Self::check_reference`] looks instead, when no other row can come.
    fn add_references(&mut self, table: &str, wanted: &[Reference<'_>]) -> Result<(), Failure> {
        let ask = "SELECT COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME \
                   FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() \
                   AND TABLE_NAME = ? AND REFERENCED_TABLE_SCHEMA = DATABASE()";
        let mut standing: Vec<[String; 3]> = Vec::new();
        for row in self.ask(ask, (table,))? {
            standing.push([cell(&row, 0)?, cell(&row, 1)?, cell(&row, 2)?]);
        }
        let stands = |it: &&Reference<'_>| {
            let is_it = |[column, parent, key]: &[String; 3]| {
                // The catalogue may have small letters for capital ones.
                column == it.column
                    && parent.eq_ignore_ascii_case(it.parent)
                    && key == it.parent_column
            };
            !standing.iter().any(is_it)
        };
        let missing = wanted.iter().filter(stands);
        let missing: Vec<String> = missing
            .map(|it| format!("ADD {}", it.constraint(Dialect::Mysql)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let name = Dialect::Mysql.quote(table);
        self.run("SET SESSION foreign_key_checks = 0")?;
        self.run_long(&format!(
            "ALTER TABLE {name} {}, ALGORITHM=INPLACE",
            missing.join(", ")
        ))?;
        self.run("SET SESSION foreign_key_checks = 1")
    }

    /// Looks for a row without its parent.
    fn check_reference(&mut self, table: &str, reference: &Reference<'_>) -> Result<(), Failure> {
        let quote = |name: &str| Dialect::Mysql.quote(name);
        let (column, key) = (quote(reference.column), quote(reference.parent_column));
        let ask = format!(
            "SELECT CAST(child.{column} AS CHAR) FROM {} AS child LEFT JOIN {} AS parent \
             ON parent.{key} = child.{column} \
             WHERE child.{column} IS NOT NULL AND parent.{key} IS NULL LIMIT 1",
            quote(table),
            quote(reference.parent),
        );
        let orphans = self.ask_long(&ask)?;
        let Some(row) = orphans.first() else {
            return Ok(());
        };
        let value: String = cell(row, 0)?;
        let text = format!(
            "column `{}` holds {value}, which table `{}` has not",
            reference.column, reference.parent
        );
        Err(Failure::Final(Trouble::Other, text))
    }
}

fn names(table: &TableToLoad<'_>) -> Vec<String> {
    let fields = table.schema.fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

/// Columns as statements have them.
fn listed(columns: &[String]) -> String {
    let quoted = columns.iter().map(|name| Dialect::Mysql.quote(name));
    quoted.collect::<Vec<_>>().join(", ")
}

/// Rows as lines, bytes as they are: a charset would have to understand those of binary columns too.
fn load_statement(table: &str, columns: &[String]) -> String {
    let (columns, name) = (listed(columns), Dialect::Mysql.quote(table));
    format!(
        "LOAD DATA LOCAL INFILE 'lakeseed' INTO TABLE {name} CHARACTER SET binary \
         FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' \
         LINES TERMINATED BY '\\n' STARTING BY '' ({columns})"
    )
}
