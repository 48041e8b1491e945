//! Views over the tables: what stands, what is dropped with the tables, and what is made.
//!
//! A statement that makes a view cannot be taken back. So its line is written before it, and who is
//! stopped between the two makes it when it comes again.

use std::collections::BTreeMap;

use super::session::{Session, cell};
use super::standing::found_under;
use crate::databases::ddl::{self, ANSI_QUOTES, Dialect};
use crate::databases::failure::Failure;
use crate::databases::plan::LoadPlan;
use crate::databases::views::{MadeView, StandingViews, ViewToMake};
use crate::fail;

const VIEWS: &str = "CREATE TABLE IF NOT EXISTS lakeseed_views (
    view_name VARCHAR(64) NOT NULL PRIMARY KEY,
    run_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    statement_hash VARCHAR(64) NOT NULL,
    made_at DATETIME(6) NOT NULL,
    FOREIGN KEY (run_id) REFERENCES lakeseed_runs (run_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
COMMENT='Views that lakeseed has made, which go with the tables of their run'";

/// What stands under names of views of ours and of the plan's.
pub(super) fn standing(
    session: &mut Session<'_>,
    plan: &LoadPlan<'_>,
) -> Result<StandingViews, Failure> {
    let mut made = Vec::new();
    if has_table(session)? {
        let ask = "SELECT view_name, run_id, statement_hash FROM lakeseed_views ORDER BY view_name";
        for row in session.ask(ask, ())? {
            made.push(MadeView {
                name: cell(&row, 0)?,
                run_id: cell(&row, 1)?,
                hash: cell(&row, 2)?,
            });
        }
    }
    let names = made.iter().map(|made| made.name.as_str());
    let names: Vec<&str> = names
        .chain(plan.views().iter().map(ViewToMake::name))
        .collect();
    let types = found_under(session, &names)?;
    let is_view = |(name, found): (String, String)| (name, found == "VIEW");
    let found: BTreeMap<String, bool> = types.into_iter().map(is_view).collect();
    Ok(StandingViews { made, found })
}

fn has_table(session: &mut Session<'_>) -> Result<bool, Failure> {
    let ask = "SELECT COUNT(*) FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'lakeseed_views'";
    Ok(session.ask_one(ask, ())? != Some(0))
}

/// Drops views of ours, before their tables.
pub(super) fn drop_all(session: &mut Session<'_>, names: &[&str]) -> Result<(), Failure> {
    for name in names {
        session.run(&format!(
            "DROP VIEW IF EXISTS {}",
            Dialect::Mysql.quote(name)
        ))?;
        session.execute("DELETE FROM lakeseed_views WHERE view_name = ?", (name,))?;
        fail::point("load.view.dropped");
    }
    Ok(())
}

/// Makes those of the plan's views that are not there, one after the other. How many.
pub(super) fn make(session: &mut Session<'_>, plan: &LoadPlan<'_>) -> Result<u64, Failure> {
    session.run(VIEWS)?;
    let standing = standing(session, plan)?;
    let missing: Vec<&ViewToMake> = plan
        .views()
        .iter()
        .filter(|view| !standing.stands(view))
        .collect();
    session.run(ANSI_QUOTES)?;
    for view in &missing {
        session.execute(
            "INSERT INTO lakeseed_views (view_name, run_id, statement_hash, made_at) \
             VALUES (?, ?, ?, NOW(6)) ON DUPLICATE KEY UPDATE \
             run_id = VALUES(run_id), statement_hash = VALUES(statement_hash), made_at = NOW(6)",
            (view.name(), plan.id(), view.hash()),
        )?;
        fail::point("load.view.written");
        let made = session.run(&ddl::create_view(&view.ddl(), Dialect::Mysql));
        if let Err(failure @ Failure::Final(..)) = made {
            // What somebody else makes under the name is not ours.
            session.execute(
                "DELETE FROM lakeseed_views WHERE view_name = ?",
                (view.name(),),
            )?;
            return Err(failure.at(&format!("view `{}`", view.name())));
        }
        made?;
        fail::point("load.view.made");
    }
    session.run("SET SESSION sql_mode = REPLACE(@@SESSION.sql_mode, 'ANSI_QUOTES', '')")?;
    fail::point("load.views.made");
    Ok(missing.len() as u64)
}
