//! The folders that a part lies in: `year=2023/month=1`. Their values are those of its rows.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::Fail;
use super::compare::shown;
use super::part::Report;
use crate::path::{HIVE_NULL, folder_value};

/// A partition column with the value that the path has for it.
pub(super) struct Folder {
    column: usize,
    name: String,
    /// `None` where the path has no such folder.
    value: Option<String>,
    is_told: bool,
}

/// The folders of a path, for the partition columns of its table.
pub(super) fn of(path: &str, columns: &[(usize, String)]) -> Vec<Folder> {
    let folder = |(column, name): &(usize, String)| Folder {
        column: *column,
        name: name.clone(),
        value: folder_value(path, name),
        is_told: false,
    };
    columns.iter().map(folder).collect()
}

impl Folder {
    /// Compares the rows' value with the folder's. The first row that differs is told, once.
    pub(super) fn check(
        &mut self,
        rows: &RecordBatch,
        report: &mut Report<'_>,
    ) -> Result<(), Fail> {
        let Some(array) = rows.columns().get(self.column) else {
            return Err(Fail::NotMade("rows of fewer columns".to_owned()));
        };
        if self.is_told || !is_comparable(array.data_type()) {
            return Ok(());
        }
        // Mostly all rows are alike, and the first speaks for them.
        let others = array.len().saturating_sub(1);
        let is_uniform = array.slice(0, others).as_ref() == array.slice(1, others).as_ref();
        let rows_to_ask = if is_uniform { 1 } else { array.len() };
        for row in 0..rows_to_ask {
            let value = text(array.as_ref(), row);
            if self.is_of(&value, array.data_type()) {
                continue;
            }
            self.is_told = true;
            let at = report.tally.made_rows() + row as u64;
            let found = self.value.clone();
            let found = found.unwrap_or_else(|| "no folder of that name".to_owned());
            report.differs(at, Some(&self.name), || (value, found));
            break;
        }
        Ok(())
    }

    fn is_of(&self, value: &str, data_type: &DataType) -> bool {
        let Some(folder) = &self.value else {
            return false;
        };
        // `month=01` is the first month too.
        let numbers = (folder.parse::<i128>(), value.parse::<i128>());
        match numbers {
            (Ok(folder), Ok(value)) if data_type.is_integer() => folder == value,
            _ => folder == value,
        }
    }
}

/// Whether the value of a type has one form only as the name of a folder.
fn is_comparable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_comparable(values),
        DataType::Utf8 | DataType::LargeUtf8 => true,
        other => other.is_integer(),
    }
}

/// A value as it stands in a folder's name, before escapes.
fn text(array: &dyn Array, row: usize) -> String {
    if array
        .logical_nulls()
        .is_some_and(|nulls| nulls.is_null(row))
    {
        return HIVE_NULL.to_owned();
    }
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let key = dictionary.normalized_keys()[row];
        return text(dictionary.values().as_ref(), key);
    }
    if let Some(texts) = array.as_string_opt::<i32>() {
        return texts.value(row).to_owned();
    }
    if let Some(texts) = array.as_string_opt::<i64>() {
        return texts.value(row).to_owned();
    }
    shown(&array.slice(row, 1), 0)
}
