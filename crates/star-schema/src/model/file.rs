//! `star.toml` as it stands, and a model from it and its statements.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::check::{self, Place, near};
use super::{ForeignKey, Kind, MODEL_FILE, Model, SourceSpec, TableSpec, statement};
use crate::source::column_type;
use crate::{Error, Result};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    about: String,
    sources: BTreeMap<Spanned<String>, FileSource>,
    tables: BTreeMap<Spanned<String>, FileTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSource {
    #[serde(default)]
    about: String,
    #[serde(default)]
    types: BTreeMap<String, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    kind: Option<FileKind>,
    #[serde(default)]
    about: String,
    reads: Spanned<Vec<Spanned<String>>>,
    grain: Spanned<Vec<String>>,
    #[serde(default)]
    foreign_keys: Vec<FileForeignKey>,
    #[serde(default)]
    conflicts: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForeignKey {
    columns: Spanned<Vec<String>>,
    table: Spanned<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum FileKind {
    Dimension,
    Fact,
    Aggregate,
}

/// Puts a model together from its files by name.
pub(super) fn assemble(folder: &str, files: &BTreeMap<String, String>) -> Result<Model> {
    let path = format!("{folder}/{MODEL_FILE}");
    let Some(text) = files.get(MODEL_FILE) else {
        return Err(Error::Model {
            place: folder.to_owned(),
            expected: format!("a file {MODEL_FILE}"),
            found: "none".to_owned(),
        });
    };
    let place = Place { path: &path, text };
    let file: File = toml::from_str(text).map_err(|error| not_toml(place, &error))?;
    let sources = file.sources.into_iter();
    let sources = sources.map(|(name, source)| source_of(place, name, source));
    let mut sources = sources.collect::<Result<Vec<_>>>()?;
    sources.sort_by(|a, b| a.name.cmp(&b.name));

    let statements: BTreeMap<&str, &String> = files
        .iter()
        .filter_map(|(name, sql)| Some((name.strip_suffix(".sql")?, sql)))
        .collect();
    let names: Vec<String> = file
        .tables
        .keys()
        .map(|name| name.get_ref().clone())
        .collect();
    for statement in statements.keys() {
        if !names.iter().any(|name| name == statement) {
            return Err(Error::Model {
                place: format!("{folder}/{statement}.sql"),
                expected: format!("an entry [tables.{statement}] in {MODEL_FILE}"),
                found: format!("none{}", near(statement, names.iter().map(String::as_str))),
            });
        }
    }
    let mut tables = Vec::with_capacity(names.len());
    for (name, table) in file.tables {
        let Some(sql) = statements.get(name.get_ref().as_str()) else {
            let found = format!("none{}", near(name.get_ref(), statements.keys().copied()));
            return Err(place.error(name.span(), format!("a file {}.sql", name.get_ref()), found));
        };
        check::is_name(place, &name)?;
        if let Some(source) = sources.iter().find(|source| source.name == *name.get_ref()) {
            let expected = "a name that no source has";
            return Err(place.error(name.span(), expected, source.name.clone()));
        }
        tables.push(table_of(
            place, folder, &name, table, sql, &sources, &names,
        )?);
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    check::foreign_keys(&path, &tables)?;
    Ok(Model {
        name: file.name,
        about: file.about,
        sources,
        tables,
    })
}

fn source_of(place: Place<'_>, name: Spanned<String>, source: FileSource) -> Result<SourceSpec> {
    check::is_name(place, &name)?;
    let types = source.types.into_iter().map(|(column, of)| {
        let known = column_type(of.get_ref()).ok_or_else(|| {
            let expected = format!(
                "a type of column {column}: text, i32, i64, f64, bool, date, timestamp, \
                 timestamp utc or decimal(12,2)"
            );
            place.error(of.span(), expected, of.get_ref().clone())
        })?;
        Ok((column, known))
    });
    let types = types.collect::<Result<BTreeMap<_, _>>>()?;
    Ok(SourceSpec {
        name: name.into_inner(),
        about: source.about,
        types,
    })
}

fn table_of(
    place: Place<'_>,
    folder: &str,
    name: &Spanned<String>,
    table: FileTable,
    sql: &str,
    sources: &[SourceSpec],
    tables: &[String],
) -> Result<TableSpec> {
    let sql_place = format!("{folder}/{}.sql", name.get_ref());
    if let Err(not_one) = statement::is_one_select(sql) {
        return Err(Error::Model {
            place: format!("{sql_place}, line {}", not_one.line),
            expected: "one statement that begins with SELECT or WITH".to_owned(),
            found: not_one.found,
        });
    }
    let kind = match table.kind {
        Some(FileKind::Dimension) => Kind::Dimension,
        Some(FileKind::Fact) => Kind::Fact,
        Some(FileKind::Aggregate) => Kind::Aggregate,
        None => kind_of(name.get_ref()).ok_or_else(|| {
            let expected = "kind = \"dimension\", \"fact\" or \"aggregate\", which the prefixes \
                            dim_, fact_, fato_ and agg_ say otherwise";
            place.error(name.span(), expected, name.get_ref().clone())
        })?,
    };
    if table.grain.get_ref().is_empty() {
        let expected = "at least one column that tells a row from others";
        return Err(place.error(table.grain.span(), expected, "none"));
    }
    let [read] = table.reads.get_ref().as_slice() else {
        let found = table.reads.get_ref().iter();
        let found: Vec<&str> = found.map(|read| read.get_ref().as_str()).collect();
        let found = format!("[{}]", found.join(", "));
        return Err(place.error(table.reads.span(), "exactly one source", found));
    };
    let known = || sources.iter().map(|source| source.name.as_str());
    if !known().any(|name| name == read.get_ref()) {
        let found = if tables.contains(read.get_ref()) {
            format!("the table {}", read.get_ref())
        } else {
            format!("{}{}", read.get_ref(), near(read.get_ref(), known()))
        };
        return Err(place.error(read.span(), "a source of the model", found));
    }
    let foreign_keys = table.foreign_keys.into_iter().map(|key| {
        let table = key.table.get_ref();
        if !tables.contains(table) {
            let found = format!("{table}{}", near(table, tables.iter().map(String::as_str)));
            return Err(place.error(key.table.span(), "a table of the model", found));
        }
        Ok(ForeignKey {
            columns: key.columns.into_inner(),
            table: key.table.into_inner(),
        })
    });
    let foreign_keys = foreign_keys.collect::<Result<Vec<_>>>()?;
    Ok(TableSpec {
        name: name.get_ref().clone(),
        kind,
        about: table.about,
        sql: sql.to_owned(),
        place: sql_place,
        reads: read.get_ref().clone(),
        grain: table.grain.into_inner(),
        foreign_keys,
        conflicts: table.conflicts,
    })
}

fn kind_of(name: &str) -> Option<Kind> {
    let kinds = [
        ("dim_", Kind::Dimension),
        ("fact_", Kind::Fact),
        ("fato_", Kind::Fact),
        ("agg_", Kind::Aggregate),
    ];
    let kind = kinds.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    Some(kind.1)
}

/// What the TOML reader said, as expected against found, with a near match for a name it knows not.
fn not_toml(place: Place<'_>, error: &toml::de::Error) -> Error {
    let message = error.message().replace('\n', ", ");
    let (found, expected) = match message.split_once(", expected ") {
        Some((found, expected)) => (found.to_owned(), expected.to_owned()),
        None => (
            message.clone(),
            "the format of a model's description".to_owned(),
        ),
    };
    let quoted: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let wrong = found.split('`').nth(1).unwrap_or_default();
    let near = near(wrong, quoted.iter().copied());
    place.error(
        error.span().unwrap_or(0..0),
        expected.clone(),
        format!("{found}{near}"),
    )
}
