//! Views of a dataset over its tables in a database, in the words of its system.

use anyhow::Result;
use arrow_schema::{DataType, Fields, Schema};
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
/// tables of the user's own may lack, or have as something else. `schema_of` has the columns of the tables that there are.
pub(crate) fn check_whole<'s>(
    dataset: &Dataset,
    target: &str,
    flag: &str,
    schema_of: impl Fn(&str) -> Option<&'s Schema>,
) -> Result<()> {
    let usual = Dataset::new(dataset.info().name, &Settings::new())?;
    for table in usual.tables() {
        let schema = schema_of(table.name());
        let other = match schema {
            None => Some(format!("without table `{}`", table.name())),
            Some(schema) => other_column(table.schema().fields(), schema)
                .map(|other| format!("with table `{}` {other}", table.name())),
        };
        let Some(other) = other else {
            continue;
        };
        let name = dataset.info().name;
        let what = format!("{target} {other}");
        let expected = format!("all tables of {name} with {flag}");
        let advice = format!("name {name}, or leave {flag} out");
        return Err(Failure::usage(expected, what, &advice).into());
    }
    Ok(())
}

/// The first column that is not there, or that statements for the usual one cannot ask.
fn other_column(usual: &Fields, found: &Schema) -> Option<String> {
    usual.iter().find_map(|field| {
        let name = field.name();
        let Ok(found) = found.field_with_name(name) else {
            return Some(format!("without column `{name}`"));
        };
        let (usual, found) = (kind(field.data_type()), kind(found.data_type()));
        (usual != found).then(|| format!("and {found} in column `{name}`, not {usual}"))
    })
}

/// What a statement takes a column for, whatever its width: numbers compare with numbers.
fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Dictionary(_, values) => kind(values),
        DataType::Boolean => "truth values",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "texts",
        DataType::Date32 | DataType::Date64 => "dates",
        DataType::Timestamp(..) => "instants",
        number if number.is_numeric() => "numbers",
        _ => "values of another type",
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::{Field, TimeUnit};

    use super::*;

    #[test]
    fn columns_of_another_kind_are_told() {
        let usual = Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("since", DataType::Date32, true),
        ]);
        let with = |since: DataType| {
            let id = Field::new("id", DataType::Decimal128(18, 0), false);
            let found = Schema::new(vec![Field::new("since", since, true), id]);
            other_column(usual.fields(), &found)
        };
        assert_eq!(with(DataType::Date32), None);
        for (found, told) in [
            (DataType::Utf8View, "texts"),
            (DataType::Timestamp(TimeUnit::Second, None), "instants"),
        ] {
            let expected = format!("and {told} in column `since`, not dates");
            assert_eq!(with(found), Some(expected));
        }
        let nothing = other_column(usual.fields(), &Schema::empty());
        assert_eq!(nothing.as_deref(), Some("without column `id`"));
    }
}
