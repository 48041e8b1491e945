//! `star.toml` as it stands, and a model from it and its statements.

use std::collections::BTreeMap;

use lakeseed_gen_core::Date;
use serde::Deserialize;
use toml::Spanned;

use super::check::{self, Place, near};
use super::indicator::{self, FileIndicator};
use super::{
    Duplicates, FOLDER_OF_INDICATORS, ForeignKey, Kind, MODEL_FILE, Missing, Model, SourceSpec,
    TableSpec, statement,
};
use crate::source::column_type;
use crate::{Error, Result};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    currency: String,
    sources: BTreeMap<Spanned<String>, FileSource>,
    tables: BTreeMap<Spanned<String>, FileTable>,
    #[serde(default)]
    indicators: BTreeMap<Spanned<String>, FileIndicator>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSource {
    #[serde(default)]
    about: String,
    #[serde(default)]
    types: BTreeMap<String, Spanned<String>>,
    days: Option<Spanned<[String; 2]>>,
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
    unknown: Option<Spanned<BTreeMap<String, toml::Value>>>,
    #[serde(default)]
    duplicates: FileDuplicates,
    #[serde(default)]
    conflicts: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForeignKey {
    columns: Spanned<Vec<String>>,
    table: Spanned<String>,
    #[serde(default)]
    missing: FileMissing,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum FileDuplicates {
    #[default]
    Refuse,
    Keep,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum FileMissing {
    #[default]
    Keep,
    Refuse,
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
        .filter(|(name, _)| !name.contains('/'))
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
        let is_folder = name.get_ref().eq_ignore_ascii_case(FOLDER_OF_INDICATORS);
        if is_folder && !file.indicators.is_empty() {
            let expected = "another name than that of the folder of indicators";
            return Err(place.error(name.span(), expected, name.get_ref().clone()));
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
        currency: file.currency,
        sources,
        tables,
        indicators: indicator::assemble(place, folder, file.indicators, files)?,
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
    let days = source.days.map(|days| {
        let [first, last] = days.get_ref();
        let (Ok(first), Ok(last)) = (first.parse::<Date>(), last.parse::<Date>()) else {
            let expected = "the first and the last day, as in [\"2020-01-01\", \"2039-12-31\"]";
            return Err(place.error(days.span(), expected, format!("{first:?}, {last:?}")));
        };
        if last < first {
            let expected = "a last day that is not before the first";
            return Err(place.error(days.span(), expected, format!("{first}, {last}")));
        }
        Ok((first, last))
    });
    Ok(SourceSpec {
        name: name.into_inner(),
        about: source.about,
        days: days.transpose()?,
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
    one_select(&sql_place, sql)?;
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
    let reads = reads_of(place, name, &table.reads, sources, tables)?;
    let foreign_keys = table.foreign_keys.into_iter().map(|key| {
        let table = key.table.get_ref();
        if !tables.contains(table) {
            let found = format!("{table}{}", near(table, tables.iter().map(String::as_str)));
            return Err(place.error(key.table.span(), "a table of the model", found));
        }
        Ok(ForeignKey {
            columns: key.columns.into_inner(),
            table: key.table.into_inner(),
            missing: match key.missing {
                FileMissing::Keep => Missing::Keep,
                FileMissing::Refuse => Missing::Refuse,
            },
        })
    });
    let foreign_keys = foreign_keys.collect::<Result<Vec<_>>>()?;
    Ok(TableSpec {
        name: name.get_ref().clone(),
        kind,
        about: table.about,
        sql: sql.to_owned(),
        place: sql_place,
        reads,
        grain: table.grain.get_ref().clone(),
        foreign_keys,
        unknown: member(place, table.unknown, table.grain.get_ref())?,
        duplicates: match table.duplicates {
            FileDuplicates::Refuse => Duplicates::Refuse,
            FileDuplicates::Keep => Duplicates::Keep,
        },
        conflicts: table.conflicts,
    })
}

/// Refuses a file that holds anything else than one statement that reads.
pub(super) fn one_select(place: &str, sql: &str) -> Result<()> {
    statement::is_one_select(sql).map_err(|not_one| Error::Model {
        place: format!("{place}, line {}", not_one.line),
        expected: "one statement that begins with SELECT or WITH".to_owned(),
        found: not_one.found,
    })
}

/// The unknown member's values as text; it has to have a key.
fn member(
    place: Place<'_>,
    values: Option<Spanned<BTreeMap<String, toml::Value>>>,
    grain: &[String],
) -> Result<BTreeMap<String, String>> {
    let Some(values) = values else {
        return Ok(BTreeMap::new());
    };
    let span = values.span();
    let mut member = BTreeMap::new();
    for (column, value) in values.into_inner() {
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(is_true) => is_true.to_string(),
            other => {
                let expected = format!("a text or a number for column {column}");
                return Err(place.error(span, expected, other.type_str()));
            }
        };
        member.insert(column, text);
    }
    match grain.iter().find(|key| !member.contains_key(*key)) {
        Some(key) => {
            let found = member.into_keys().collect::<Vec<_>>().join(", ");
            Err(place.error(span, format!("the member's {key} too"), found))
        }
        None => Ok(member),
    }
}

/// What a table reads: sources, and other tables of the model.
fn reads_of(
    place: Place<'_>,
    name: &Spanned<String>,
    reads: &Spanned<Vec<Spanned<String>>>,
    sources: &[SourceSpec],
    tables: &[String],
) -> Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for read in reads.get_ref() {
        let known = || {
            let sources = sources.iter().map(|source| source.name.as_str());
            sources.chain(tables.iter().map(String::as_str))
        };
        let text = read.get_ref();
        if !known().any(|name| name == text) || text == name.get_ref() {
            let found = format!("{text}{}", near(text, known()));
            let expected = "a source or another table of the model";
            return Err(place.error(read.span(), expected, found));
        }
        if found.contains(text) {
            return Err(place.error(read.span(), "each name once", format!("{text} twice")));
        }
        found.push(text.clone());
    }
    if found.is_empty() {
        return Err(place.error(reads.span(), "at least one source", "none"));
    }
    Ok(found)
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
