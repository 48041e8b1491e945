//! What must hold in a model as a whole.

use std::ops::Range;

use toml::Spanned;

use super::TableSpec;
use crate::{Error, Result};

/// A description, for places in it.
#[derive(Clone, Copy)]
pub(super) struct Place<'f> {
    pub(super) path: &'f str,
    pub(super) text: &'f str,
}

impl Place<'_> {
    /// An error about a stretch of the text.
    pub(super) fn error(
        self,
        span: Range<usize>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        Error::Model {
            place: format!("{}, line {line}", self.path),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// Names become folders and SQL: letters, digits and `_`, at most 63, no digit first.
pub(super) fn is_name(place: Place<'_>, name: &Spanned<String>) -> Result<()> {
    let text = name.get_ref();
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && text.len() <= 63 && text.chars().all(is_letter) {
        return Ok(());
    }
    let expected = "a name of letters, digits and _, at most 63, that begins with no digit";
    Err(place.error(name.span(), expected, format!("{text:?}")))
}

/// `; NAME is near` where one of the names is.
pub(crate) fn near<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> String {
    let distance = |name: &str| strsim::damerau_levenshtein(wrong, name);
    let best = names.map(|name| (distance(name), name)).min();
    match best {
        Some((distance, name)) if distance > 0 && distance <= 1 + name.len() / 4 => {
            format!("; {name} is near")
        }
        _ => String::new(),
    }
}

/// Foreign keys have as many columns as the grain that they point to; no grain names a column twice.
pub(super) fn foreign_keys(path: &str, tables: &[TableSpec]) -> Result<()> {
    for table in tables {
        for key in &table.foreign_keys {
            let refuse = |expected: String, found: String| Error::Model {
                place: format!(
                    "{path}, [tables.{}], foreign key to {}",
                    table.name, key.table
                ),
                expected,
                found,
            };
            let Some(parent) = tables.iter().find(|other| other.name == key.table) else {
                return Err(refuse(
                    "a table of the model".to_owned(),
                    "a source".to_owned(),
                ));
            };
            if parent.grain.len() != key.columns.len() {
                let expected = format!("a column for each of {}", parent.grain.join(", "));
                return Err(refuse(expected, key.columns.join(", ")));
            }
        }
        for column in &table.grain {
            let is_twice = table.grain.iter().filter(|other| *other == column).count() > 1;
            if is_twice {
                return Err(Error::Model {
                    place: format!("{path}, [tables.{}], grain", table.name),
                    expected: "each column once".to_owned(),
                    found: format!("{column} twice"),
                });
            }
        }
    }
    Ok(())
}
