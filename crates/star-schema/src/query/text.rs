//! A query's text: what it may be, and what is said where it names what is not there.

use datafusion::common::{Column, DataFusionError, SchemaError};
use strsim::damerau_levenshtein;

use crate::Error;
use crate::model::is_one_select;

/// The most names that a message lists.
const MOST_NAMES: usize = 40;

/// Refuses what is not one `SELECT`.
pub(super) fn check(sql: &str) -> Result<(), Error> {
    is_one_select(sql).map_err(|not_one| {
        let found = format!("{} in line {}", not_one.found, not_one.line);
        let advice = "a query reads: begin with SELECT or WITH, and give one statement";
        query("one SELECT", &found, advice)
    })
}

/// A name of a table that there is not.
pub(super) fn no_table(found: &str, known: &[String]) -> Error {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let advice = match known.as_slice() {
        [] => "there are no tables".to_owned(),
        _ => near(found, &known),
    };
    query("a table that is there", &format!("'{found}'"), &advice)
}

/// A name of a table that several datasets have.
pub(super) fn ambiguous(found: &str, owners: &[String]) -> Error {
    let full: Vec<String> = owners
        .iter()
        .map(|owner| format!("{owner}.{found}"))
        .collect();
    let expected = format!("one of {}", full.join(", "));
    query(&expected, &format!("'{found}'"), "say which")
}

/// What the engine's planner refuses, in one line.
pub(super) fn refused(error: &DataFusionError) -> Error {
    // What it was doing then is of no use to somebody who wrote SQL.
    let root = error.find_root();
    let DataFusionError::SchemaError(schema, _) = root else {
        let text = root.strip_backtrace();
        let line = text.lines().next().unwrap_or_default();
        let line = ["Error during planning: ", "SQL error: ", "Arrow error: "]
            .iter()
            .fold(line.to_owned(), |line, noise| line.replace(noise, ""));
        return query(
            "SQL that fits the tables",
            &line,
            "see docs/sql.md for what it may be",
        );
    };
    match schema.as_ref() {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => {
            let known = names_for(field, valid_fields);
            let advice = match known.as_slice() {
                [] => "there are no columns here".to_owned(),
                _ => near(&field.name, &known),
            };
            let expected = match &field.relation {
                Some(table) => format!("a column of {table}"),
                None => "a column that is there".to_owned(),
            };
            query(&expected, &format!("'{}'", field.name), &advice)
        }
        SchemaError::AmbiguousReference { field } => {
            let advice = "put the table's name and a point before it";
            query(
                "a column of one table",
                &format!("'{}', which several have", field.name),
                advice,
            )
        }
        other => query(
            "columns with names of their own",
            &other.to_string(),
            "name them with AS",
        ),
    }
}

/// The columns that could have been meant: those of the table that is named, else all.
fn names_for<'c>(field: &Column, valid: &'c [Column]) -> Vec<&'c str> {
    let of_table = valid
        .iter()
        .filter(|known| field.relation.is_none() || known.relation == field.relation);
    let mut names: Vec<&str> = of_table.map(Column::name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The names that are near, or all of them.
fn near(found: &str, known: &[&str]) -> String {
    let bare = |name: &'_ str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |name: &str| {
        damerau_levenshtein(found, name).min(damerau_levenshtein(&bare(found), &bare(name)))
    };
    let best = known.iter().map(|&name| (distance(name), name)).min();
    match best {
        Some((distance, name)) if distance <= 1 + name.len() / 4 => {
            format!("did you mean '{name}'?")
        }
        _ if known.len() > MOST_NAMES => {
            format!(
                "choose {}, or one of {} others",
                known[..MOST_NAMES].join(", "),
                known.len() - MOST_NAMES
            )
        }
        _ => format!("choose {}", known.join(", ")),
    }
}

fn query(expected: &str, found: &str, advice: &str) -> Error {
    Error::Query {
        expected: expected.to_owned(),
        found: found.to_owned(),
        advice: advice.to_owned(),
    }
}
