//! A statement's text as a plan of the engine, over sources and over other tables of the same star.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, TableReference};
use datafusion::datasource::ViewTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement as Parsed};

use crate::engine::stream::{Leaf, block_on};
use crate::{Error, Result, Statement, session};

/// Plans statements. A table of the star that a statement names stands for its own statement: it is
/// made again, as a view would be.
pub(crate) struct Planner<'a> {
    state: SessionState,
    sources: &'a HashMap<String, SchemaRef>,
    statements: &'a [Statement],
}

impl<'a> Planner<'a> {
    pub(crate) fn new(
        sources: &'a HashMap<String, SchemaRef>,
        statements: &'a [Statement],
    ) -> Self {
        Self {
            state: session::planner(),
            sources,
            statements,
        }
    }

    pub(crate) fn state(&self) -> &SessionState {
        &self.state
    }

    /// The plan of a statement, its types checked.
    pub(crate) fn plan(&self, statement: &Statement) -> Result<LogicalPlan> {
        self.plan_below(statement, &mut Vec::new())
    }

    /// The tables that a statement names, known or not, in the order of their names.
    pub(crate) fn names(&self, statement: &Statement) -> Result<Vec<String>> {
        let text = Text::of(statement);
        text.is_one(&statement.sql)?;
        let mut names = named(text, &statement.sql, &self.state)?.1;
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// `above` are the tables that wait for this one.
    fn plan_below(&self, statement: &Statement, above: &mut Vec<String>) -> Result<LogicalPlan> {
        let text = Text::of(statement);
        text.is_one(&statement.sql)?;
        // A catalog of its own: clones of a session share theirs.
        let context = SessionContext::new_with_state(session::planner());
        let register = |name: &str, table: Arc<dyn TableProvider>| {
            let registered = context.register_table(TableReference::bare(name), table);
            registered.map_err(|cause| text.engine(cause))
        };
        for (name, schema) in self.sources {
            register(name, Leaf::new(name, Arc::clone(schema)))?;
        }
        let (parsed, names) = named(text, &statement.sql, &context.state())?;
        above.push(statement.table.clone());
        for name in &names {
            let mut statements = self.statements.iter();
            let other = statements.find(|other| other.table == *name);
            let Some(other) = other.filter(|_| !self.sources.contains_key(name)) else {
                continue;
            };
            if above.iter().any(|waits| waits == name) {
                let round = format!("{} needs {name}", above.join(" needs "));
                return Err(text.refuse("tables that do not need themselves", &round));
            }
            let plan = self.plan_below(other, above)?;
            register(name, Arc::new(ViewTable::new(plan, None)))?;
        }
        above.pop();
        let state = context.state();
        let plan = block_on(state.statement_to_plan(parsed))
            .map_err(|cause| text.refuse("a SELECT over the sources", &first_line(&cause)))?;
        state
            .analyzer()
            .execute_and_check(plan, state.config_options(), |_, _| {})
            .map_err(|cause| text.refuse("a SELECT with types that fit", &first_line(&cause)))
    }
}

/// A statement's text, parsed, and the tables that it names.
fn named(text: Text<'_>, sql: &str, state: &SessionState) -> Result<(Parsed, Vec<String>)> {
    let dialect = state.config_options().sql_parser.dialect;
    let parsed = state
        .sql_to_statement(sql, &dialect)
        .map_err(|cause| text.refuse("a SELECT statement", &first_line(&cause)))?;
    let tables = state
        .resolve_table_references(&parsed)
        .map_err(|cause| text.engine(cause))?;
    let names = tables.iter().map(|table| table.table().to_owned());
    Ok((parsed, names.collect()))
}

/// The place of a statement, for errors.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    table: &'a str,
    place: &'a str,
}

impl<'a> Text<'a> {
    pub(crate) fn of(statement: &'a Statement) -> Self {
        Self {
            table: &statement.table,
            place: &statement.place,
        }
    }

    fn is_one(self, sql: &str) -> Result<()> {
        let statements = DFParser::parse_sql(sql)
            .map_err(|cause| self.refuse("a SELECT statement", &first_line(&cause)))?;
        match statements.len() {
            1 => Ok(()),
            other => Err(self.refuse("one SELECT", &format!("{other} statements"))),
        }
    }

    pub(crate) fn refuse(self, expected: &str, found: &str) -> Error {
        Error::Model {
            place: self.place.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }

    pub(crate) fn engine(self, cause: DataFusionError) -> Error {
        Error::Engine {
            table: self.table.to_owned(),
            cause,
        }
    }
}

fn first_line(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    text.lines().next().unwrap_or_default().to_owned()
}

/// A schema without the metadata of the engine.
pub(crate) fn plain(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields = fields
        .map(|field| Field::new(field.name(), field.data_type().clone(), field.is_nullable()));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// What SQL calls a node that does not fit.
pub(crate) fn name_of(plan: &LogicalPlan) -> &'static str {
    match plan {
        LogicalPlan::Sort(_) => "ORDER BY",
        LogicalPlan::Limit(_) => "LIMIT",
        LogicalPlan::Join(_) => "a join",
        LogicalPlan::Distinct(_) => "DISTINCT",
        LogicalPlan::Union(_) => "UNION",
        LogicalPlan::Window(_) => "a window function",
        LogicalPlan::Aggregate(_) => "a second GROUP BY",
        LogicalPlan::Unnest(_) => "UNNEST",
        LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => "no source",
        _ => "another statement",
    }
}
