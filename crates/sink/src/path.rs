//! Names of parts: `TABLE/year=2023/month=1/part-00000-PLAN.parquet`.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The longest name, in bytes, that every file system takes with room for a prefix and an ending.
const MAX_NAME_BYTES: usize = 180;
/// The value that Hive writes for a null.
pub(crate) const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// Characters that Hive escapes in a partition's value.
const ESCAPED: &str = "\"#%'*/:=?\\{}[]^ ";

/// The place of a part within an output: relative, with forward slashes, without any way out of
/// the output's folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartPath {
    table: String,
    text: String,
}

impl PartPath {
    /// The path of the part `number` of a table, or of one partition of it.
    ///
    /// # Errors
    /// [`Error::Name`] where a table or a partition column bears a name that is none of a file.
    pub fn try_new(
        table: &str,
        partition: &[(String, Option<String>)],
        number: usize,
        plan_id: &str,
        extension: &str,
    ) -> Result<Self> {
        check_name("table", table)?;
        let mut text = table.to_owned();
        for (column, value) in partition {
            check_name("partition column", column)?;
            let value = value
                .as_deref()
                .map_or_else(|| HIVE_NULL.to_owned(), escape);
            if value.len() + column.len() >= MAX_NAME_BYTES {
                return Err(refused("partition", &value, "it is too long for a folder"));
            }
            text.push('/');
            text.push_str(column);
            text.push('=');
            text.push_str(&value);
        }
        let file = format!("part-{number:05}-{plan_id}.{extension}");
        let text = format!("{text}/{file}");
        Ok(Self {
            table: table.to_owned(),
            text,
        })
    }

    /// A path that was written down before, for example in a manifest.
    ///
    /// # Errors
    /// [`Error::Name`] for a path that no run of ours gives, above all one that leads elsewhere.
    pub fn parse(text: &str) -> Result<Self> {
        let (Some((table, _)), Some((_, file))) = (text.split_once('/'), text.rsplit_once('/'))
        else {
            return Err(refused("part", text, "it is in no table's folder"));
        };
        check_name("table", table)?;
        let is_plain = |name: &str| {
            !name.is_empty()
                && !name.starts_with('.')
                && !name.contains(|c: char| c.is_control() || c == '\\')
        };
        if !file.starts_with("part-") || !text.split('/').all(is_plain) {
            return Err(refused("part", text, "no run gives such a name"));
        }
        Ok(Self {
            table: table.to_owned(),
            text: text.to_owned(),
        })
    }

    /// The table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The path as text, from the output's folder on, with forward slashes.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path under `root`.
    pub fn under(&self, root: &Path) -> PathBuf {
        let mut path = root.to_path_buf();
        path.extend(self.text.split('/'));
        path
    }
}

impl fmt::Display for PartPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Refuses a name that would not come back the same from every file system, that readers skip, or
/// that leads out of the folder.
///
/// # Errors
/// [`Error::Name`] with the reason.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<()> {
    let reserved = ["con", "prn", "aux", "nul"];
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_NAME_BYTES {
        "it is longer than 180 bytes"
    } else if name.starts_with(['.', '_']) {
        "readers skip names that start with a dot or an underscore"
    } else if name.ends_with(['.', ' ']) || name.starts_with(' ') {
        "it starts with a space, or ends in a space or a dot"
    } else if name.contains(|c: char| c.is_control() || "/\\:*?\"<>|=%".contains(c)) {
        "it holds a character that is none of a file name"
    } else if reserved.contains(&name.to_ascii_lowercase().as_str()) {
        "the name is a device on some systems"
    } else {
        return Ok(());
    };
    Err(refused(what, name, reason))
}

/// Refuses what is no file or, with a slash behind it, no folder right below the root.
///
/// # Errors
/// [`Error::Name`] with the reason.
pub(crate) fn check_beside(name: &str) -> Result<()> {
    check_name("file beside", name.strip_suffix('/').unwrap_or(name))
}

/// Whether a file is one of those beside an output, or in a folder of theirs.
pub(crate) fn is_beside(beside: &[String], file: &str) -> bool {
    beside.iter().any(|name| {
        let is_within = name.ends_with('/') && file.starts_with(name.as_str());
        is_within || file == name
    })
}

fn refused(what: &'static str, name: &str, reason: &'static str) -> Error {
    Error::Name {
        what,
        name: name.to_owned(),
        reason,
    }
}

/// A partition's value as Hive writes it in a path.
fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_control() || ESCAPED.contains(character) {
            let mut bytes = [0; 4];
            let escaped = character.encode_utf8(&mut bytes).bytes();
            text.extend(escaped.flat_map(|byte| ['%', hex(byte >> 4), hex(byte & 15)]));
        } else {
            text.push(character);
        }
    }
    text
}

fn hex(digit: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(digit & 15)])
}

/// The value that the folders of a path have for a partition column, without escapes: `2023` of
/// `year=2023/month=1`.
pub(crate) fn folder_value(path: &str, column: &str) -> Option<String> {
    let mut folders = path.split('/').filter_map(|folder| folder.split_once('='));
    let (_, value) = folders.find(|(name, _)| *name == column)?;
    Some(unescaped(value))
}

/// A folder's value without Hive's escapes: `%20` is a space.
fn unescaped(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.first_chunk::<2>().filter(|_| *first == b'%');
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let escaped = digits.and_then(|[high, low]| Some(digit(*high)? * 16 + digit(*low)?));
        if let Some(byte) = escaped {
            bytes.push(byte as u8);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_off() {
        assert_eq!(unescaped("S%C3%A3o%20Paulo"), "São Paulo");
        assert_eq!(unescaped("100%"), "100%");
        assert_eq!(unescaped("%2"), "%2");
        assert_eq!(unescaped("%zz%2F"), "%zz/");
    }
}
