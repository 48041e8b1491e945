//! Views over the tables: what stands, what is dropped with the tables, and what is made.

use std::collections::BTreeMap;

use super::session::{Session, first};
use super::standing::DECIDING;
use crate::databases::ddl::{self, Dialect};
use crate::databases::failure::Failure;
use crate::databases::plan::LoadPlan;
use crate::databases::views::{MadeView, StandingViews, ViewToMake};
use crate::error::Trouble;
use crate::fail;

const VIEWS: &str = "CREATE TABLE lakeseed_views (
    view_name TEXT NOT NULL PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES lakeseed_runs ON DELETE CASCADE,
    statement_hash TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
);
COMMENT ON TABLE lakeseed_views IS 'Views that lakeseed has made, which go with the tables of their run'";

/// What stands under names of views of ours and of the plan's.
pub(super) fn standing(
    session: &Session<'_>,
    plan: &LoadPlan<'_>,
) -> Result<StandingViews, Failure> {
    let mut standing = StandingViews::default();
    if has_table(session)? {
        let ask = "SELECT view_name, run_id, statement_hash FROM lakeseed_views ORDER BY view_name";
        for row in session.ask(ask, &[])? {
            let read = || -> Result<_, tokio_postgres::Error> {
                Ok(MadeView {
                    name: row.try_get(0)?,
                    run_id: row.try_get(1)?,
                    hash: row.try_get(2)?,
                })
            };
            standing.made.push(read().map_err(|error| unread(&error))?);
        }
    }
    let made = standing.made.iter().map(|made| made.name.as_str());
    let names: Vec<&str> = made
        .chain(plan.views().iter().map(ViewToMake::name))
        .collect();
    standing.found = found(session, &names)?;
    Ok(standing)
}

/// What is there under these names, and whether it is a view.
fn found(session: &Session<'_>, names: &[&str]) -> Result<BTreeMap<String, bool>, Failure> {
    let rows = session.ask(
        "SELECT c.relname::text, c.relkind::text = 'v' FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname::text = $1 AND c.relname::text = ANY($2)",
        &[&session.schema(), &names],
    )?;
    let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    let found: Result<_, tokio_postgres::Error> = rows.iter().map(read).collect();
    found.map_err(|error| unread(&error))
}

fn has_table(session: &Session<'_>) -> Result<bool, Failure> {
    let rows = session.ask(
        "SELECT count(*) > 0 FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname::text = $1 AND c.relname = 'lakeseed_views'",
        &[&session.schema()],
    )?;
    first(&rows)
}

/// Drops views of ours, in the transaction that drops their tables.
pub(super) fn drop_all(session: &Session<'_>, names: &[&str]) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    let quoted: Vec<String> = names
        .iter()
        .map(|name| Dialect::Postgres.quote(name))
        .collect();
    // All at once: that some ask others is no obstacle. A view of somebody else's over one is.
    session.run(&format!("DROP VIEW {}", quoted.join(", ")))?;
    session.execute(
        "DELETE FROM lakeseed_views WHERE view_name = ANY($1)",
        &[&names],
    )?;
    Ok(())
}

/// Makes those of the plan's views that are not there, all in one transaction. How many.
pub(super) fn make(session: &Session<'_>, plan: &LoadPlan<'_>) -> Result<u64, Failure> {
    session.run("BEGIN")?;
    session.ask("SELECT pg_advisory_xact_lock($1)", &[&DECIDING])?;
    if !has_table(session)? {
        session.run(VIEWS)?;
    }
    let standing = standing(session, plan)?;
    let mut made = 0;
    for view in plan.views().iter().filter(|view| !standing.stands(view)) {
        let at = |failure: Failure| failure.at(&format!("view `{}`", view.name()));
        let ddl = view.ddl();
        session
            .run(&ddl::create_view(&ddl, Dialect::Postgres))
            .map_err(at)?;
        if let Some(comment) = ddl::view_comment(&ddl, Dialect::Postgres) {
            session.run(&comment)?;
        }
        session.execute(
            "INSERT INTO lakeseed_views (view_name, run_id, statement_hash) VALUES ($1, $2, $3) \
             ON CONFLICT (view_name) DO UPDATE \
             SET run_id = excluded.run_id, statement_hash = excluded.statement_hash, made_at = now()",
            &[&view.name(), &plan.id(), &view.hash()],
        )?;
        made += 1;
        fail::point("load.view.made");
    }
    session.run("COMMIT")?;
    fail::point("load.views.made");
    Ok(made)
}

fn unread(error: &tokio_postgres::Error) -> Failure {
    Failure::Final(Trouble::Other, format!("lakeseed_views: {error}"))
}
