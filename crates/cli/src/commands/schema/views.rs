//! `CREATE VIEW` statements, as a load with `--views` runs them.

use anyhow::Result;
use lakeseed_sink::databases::ddl::{ViewDdl, view_statements};

use crate::args::Dialect;
use crate::lower::{Selection, views};

/// Statements in an order in which a system takes them.
pub(super) fn statements(selection: &Selection, dialect: Dialect) -> Result<String> {
    let (dataset, dialect) = (&selection.dataset, dialect.of_library());
    let views = views::of_dataset(dataset.info(), dialect, "--as views")?;
    let target = selection.target.to_string();
    views::check_whole(dataset, &target, "--as views", |name| {
        let table = selection.tables.iter().find(|table| table.name() == name);
        table.map(|table| table.schema().as_ref())
    })?;
    let views: Vec<ViewDdl<'_>> = views
        .iter()
        .map(|view| ViewDdl {
            name: view.name,
            about: &view.about,
            query: view.query,
        })
        .collect();
    Ok(view_statements(&views, dialect))
}
