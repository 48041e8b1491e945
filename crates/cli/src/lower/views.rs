//! Views of a dataset over its tables in a database, in the words of its system.

use anyhow::Result;
use arrow_schema::Schema;
use lakeseed_gen_core::{Dataset, DatasetInfo, Settings, datasets};
use lakeseed_sink::databases::ddl::Dialect;

use crate::error::Failure;

/// A view as a load or a print needs it.
pub(crate) struct ViewText {
    pub(crate) name: &'static str,
    pub(crate) about: String,
    /// Its `SELECT`, with its comments.
    pub(crate) query: &'static str,
}

/// The views of a dataset, in an order in which they can be made.
///
/// # Errors
/// A dataset that has none; a system whose words nobody has written them in. `flag` is what asks.
pub(crate) fn of_dataset(
    info: &DatasetInfo,
    dialect: Dialect,
    flag: &str,
) -> Result<Vec<ViewText>> {
    if info.views.is_empty() {
        let have = datasets().iter().filter(|info| !info.views.is_empty());
        let have: Vec<&str> = have.map(|info| info.name).collect();
        let expected = format!("a dataset with views ({}) with {flag}", have.join(", "));
        return Err(Failure::usage(expected, info.name, "leave it out").into());
    }
    let views = info.views.iter().map(|view| {
        let query = match dialect {
            Dialect::Postgres => view.postgres,
            Dialect::Mysql => view.mysql,
            Dialect::Duckdb | Dialect::Spark => {
                let got = dialect.name();
                let advice = "choose another --dialect; lakeseed star makes such tables";
                let expected = format!("postgres or mysql with {flag}");
                return Err(Failure::usage(expected, got, advice).into());
            }
        };
        Ok(ViewText {
            name: view.name,
            about: view.about(),
            query,
        })
    });
    views.collect()
}

/// Refuses what is not the whole of a dataset: its views ask all tables, and all of their columns, which
/// tables of the user's own may lack. `schema_of` has the columns of the tables that there are.
pub(crate) fn check_whole<'s>(
    dataset: &Dataset,
    target: &str,
    flag: &str,
    schema_of: impl Fn(&str) -> Option<&'s Schema>,
) -> Result<()> {
    let usual = Dataset::new(dataset.info().name, &Settings::new())?;
    for table in usual.tables() {
        let schema = schema_of(table.name());
        let fields = table.schema().fields();
        let is_there = |name: &str| schema.is_some_and(|it| it.field_with_name(name).is_ok());
        if fields.iter().all(|field| is_there(field.name())) {
            continue;
        }
        let name = dataset.info().name;
        let what = match schema {
            None => format!("{target} without table `{}`", table.name()),
            Some(_) => format!("{target} with other columns in table `{}`", table.name()),
        };
        let expected = format!("all tables of {name} with {flag}");
        let advice = format!("name {name}, or leave {flag} out");
        return Err(Failure::usage(expected, what, &advice).into());
    }
    Ok(())
}
