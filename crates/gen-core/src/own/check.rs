//! Rows of one's own against what a dataset asks of them, and their order.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema};

use super::{MOST_ROWS, Replaceable, Takes, Wanted, Wrong, types};
use crate::column::Categories;
use crate::error::{Error, Result};
use crate::hints::{self, Hints};

/// Rows as they are held.
pub(super) struct Checked {
    pub(super) rows: RecordBatch,
    pub(super) keys: Vec<i64>,
    pub(super) places: BTreeMap<&'static str, Vec<u8>>,
    pub(super) amounts: BTreeMap<&'static str, Vec<i64>>,
}

/// The type of money, as in all tables.
const MONEY: DataType = DataType::Decimal128(12, 2);

/// How many names or words an error lists.
const LISTED: usize = 30;

/// Checks everything, and puts the rows in the order of their key.
pub(super) fn checked(replaceable: &Replaceable, rows: &RecordBatch) -> Result<Checked> {
    let table = replaceable.table;
    let whole = Wrong {
        table,
        column: None,
        row: None,
    };
    check_shape(replaceable, &whole, rows)?;
    let mut key = None;
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (field, array) in rows.schema().fields().iter().zip(rows.columns()) {
        let name = field.name().as_str();
        let wrong = Wrong {
            table,
            column: Some(name),
            row: None,
        };
        let held = types::held(&wrong, array)?;
        let wanted = replaceable.columns.iter().find(|at| at.name == name);
        let (array, hints) = match wanted {
            Some(wanted) => {
                let array = asked(&wrong, wanted, &held)?;
                if wanted.takes == Takes::Key {
                    key = Some((arrays.len(), wanted.name));
                }
                (array, hints_of(wanted.takes))
            }
            None => (held, Hints::default()),
        };
        let is_nullable = wanted.is_none_or(|wanted| wanted.takes == Takes::Text);
        let field = Field::new(name, array.data_type().clone(), is_nullable);
        fields.push(field.with_metadata(hints.into_metadata()));
        arrays.push(array);
    }
    let Some((at, name)) = key else {
        // Its column is there: that was looked at first.
        return Err(whole.error("a key", "none", "give the rows a key"));
    };
    let order = order(table, name, &arrays[at])?;
    let ordered: Result<Vec<ArrayRef>, _> = arrays
        .iter()
        .map(|array| arrow_select::take::take(array, &order, None))
        .collect();
    let batch = ordered.and_then(|arrays| RecordBatch::try_new(Schema::new(fields).into(), arrays));
    let rows = batch.map_err(|error| {
        whole.error(
            "rows that can be held",
            error.to_string(),
            "give fewer of them",
        )
    })?;
    Ok(read(replaceable, rows, at))
}

/// Rows in number and columns in name, before anything is read.
fn check_shape(replaceable: &Replaceable, wrong: &Wrong<'_>, rows: &RecordBatch) -> Result<()> {
    let count = rows.num_rows();
    if count == 0 {
        let advice = format!("give at least one row, or leave {} to be made", wrong.table);
        return Err(wrong.error("rows", "none", advice));
    }
    if count as u64 > MOST_ROWS {
        let expected = format!("at most {MOST_ROWS} rows, which are held in memory");
        return Err(wrong.error(expected, count.to_string(), "give fewer of them"));
    }
    let schema = rows.schema();
    let mut names = HashSet::new();
    for field in schema.fields() {
        let wrong = Wrong {
            column: Some(field.name()),
            ..*wrong
        };
        if field.name().is_empty() {
            return Err(wrong.error("a name for each column", "none", "name it"));
        }
        if !names.insert(field.name()) {
            return Err(wrong.error("each name once", "it twice", "rename one of them"));
        }
    }
    for wanted in replaceable.columns {
        if wanted.missing.is_none() && schema.index_of(wanted.name).is_err() {
            let there: Vec<&str> = schema
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            let advice = match near(wanted.name, &there) {
                Some(near) => format!("rename {near} to it"),
                None => "add it, or give one of them its name".to_owned(),
            };
            let expected = format!("a column {} of {}", wanted.name, about(wanted.takes));
            return Err(wrong.error(expected, listed(&there), advice));
        }
    }
    Ok(())
}

fn about(takes: Takes) -> &'static str {
    match takes {
        Takes::Key => "whole numbers",
        Takes::OneOf(_) | Takes::Text => "text",
        Takes::Amount(..) => "amounts",
    }
}

/// A name that differs by its case only.
fn near<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .copied()
        .find(|known| known.eq_ignore_ascii_case(name))
}

fn listed(names: &[&str]) -> String {
    let shown = names[..names.len().min(LISTED)].join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What writers are told of a column.
fn hints_of(takes: Takes) -> Hints {
    match takes {
        Takes::Key => Hints::default()
            .with(hints::KEY, "primary")
            .with(hints::SORTED, "asc")
            .with(hints::ENCODING, "delta"),
        Takes::OneOf(_) => Hints::default().with(hints::ENCODING, "dictionary"),
        Takes::Amount(..) | Takes::Text => Hints::default(),
    }
}

/// A column that the dataset asks for, in its one type.
fn asked(wrong: &Wrong<'_>, wanted: &Wanted, array: &ArrayRef) -> Result<ArrayRef> {
    let is_text = *array.data_type() == DataType::Utf8;
    if let (Takes::OneOf(_) | Takes::Text, false) = (wanted.takes, is_text) {
        return Err(wrong.error("text", types::named(array.data_type()), optional(wanted)));
    }
    if wanted.takes != Takes::Text
        && let Some(row) = (0..array.len()).find(|&row| array.is_null(row))
    {
        let advice = format!("fill it, or {}", optional(wanted));
        return Err(at_row(wrong, row).error("a value in each row", "null", advice));
    }
    match wanted.takes {
        Takes::Text => Ok(Arc::clone(array)),
        Takes::Key => types::whole(wrong, array),
        Takes::Amount(least, most) => {
            let cents = types::cents(wrong, array)?;
            let values = cents.as_primitive::<Decimal128Type>();
            let range = i128::from(least)..=i128::from(most);
            let outside = |&row: &usize| !range.contains(&values.value(row));
            if let Some(row) = (0..values.len()).find(outside) {
                let expected = format!("an amount from {} to {}", money(least), money(most));
                let found = values.value(row);
                let found = i64::try_from(found).map_or_else(|_| found.to_string(), money);
                return Err(at_row(wrong, row).error(expected, found, "correct the row"));
            }
            Ok(Arc::new(values.clone().with_data_type(MONEY)))
        }
        Takes::OneOf(words) => {
            let texts = array.as_string::<i32>();
            let mut keys = Vec::with_capacity(texts.len());
            for (row, text) in texts.iter().flatten().enumerate() {
                let Some(key) = words.iter().position(|word| *word == text) else {
                    return Err(no_such_word(&at_row(wrong, row), wanted, words, text));
                };
                keys.push(key as i32);
            }
            Ok(Categories::new(words).array(keys))
        }
    }
}

fn no_such_word(wrong: &Wrong<'_>, wanted: &Wanted, words: &[&str], found: &str) -> Error {
    let advice = match near(found.trim(), words) {
        Some(word) => format!("write '{word}'"),
        None => format!("correct the row, or {}", optional(wanted)),
    };
    let expected = format!("one of {}", listed(words));
    wrong.error(expected, format!("'{found}'"), advice)
}

/// What becomes of a column that need not be there.
fn optional(wanted: &Wanted) -> String {
    match wanted.missing {
        Some(missing) => format!("rename the column: without it {missing}"),
        None => "give it another column under that name".to_owned(),
    }
}

fn at_row<'a>(wrong: &Wrong<'a>, row: usize) -> Wrong<'a> {
    Wrong {
        row: Some(row),
        ..*wrong
    }
}

fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// The rows in the order of their key, which none of them share.
fn order(table: &'static str, column: &str, keys: &ArrayRef) -> Result<UInt32Array> {
    let keys = keys.as_primitive::<Int64Type>().values();
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_unstable_by_key(|&row| (keys[row as usize], row));
    let twice = order
        .windows(2)
        .filter(|pair| keys[pair[0] as usize] == keys[pair[1] as usize])
        .min_by_key(|pair| pair[1]);
    if let Some(pair) = twice {
        let wrong = Wrong {
            table,
            column: Some(column),
            row: Some(pair[1] as usize),
        };
        let found = format!(
            "{}, which row {} has too",
            keys[pair[1] as usize],
            pair[0] + 1
        );
        let advice = "keep one row of a key, or number the rows anew";
        return Err(wrong.error("each key once", found, advice));
    }
    Ok(order.into())
}

/// What other rows follow from, as plain values.
fn read(replaceable: &Replaceable, rows: RecordBatch, key: usize) -> Checked {
    let keys = rows.column(key).as_primitive::<Int64Type>();
    let keys = keys.values().to_vec();
    let (mut places, mut amounts) = (BTreeMap::new(), BTreeMap::new());
    for wanted in replaceable.columns {
        let Some(array) = rows.column_by_name(wanted.name) else {
            continue;
        };
        match wanted.takes {
            Takes::Key | Takes::Text => {}
            Takes::OneOf(_) => {
                let words = array.as_dictionary::<arrow_array::types::Int32Type>();
                let words = words.keys().values().iter();
                places.insert(wanted.name, words.map(|&word| word as u8).collect());
            }
            Takes::Amount(..) => {
                let cents = array.as_primitive::<Decimal128Type>().values().iter();
                amounts.insert(wanted.name, cents.map(|&cents| cents as i64).collect());
            }
        }
    }
    Checked {
        rows,
        keys,
        places,
        amounts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(
            [0, 5, -150, 12_345].map(money),
            ["0.00", "0.05", "-1.50", "123.45"]
        );
    }

    #[test]
    fn a_word_has_a_place_of_one_byte() {
        for info in crate::datasets() {
            for wanted in info.replaceable.iter().flat_map(|at| at.columns) {
                if let Takes::OneOf(words) = wanted.takes {
                    assert!(words.len() <= 256, "{}", wanted.name);
                }
            }
        }
    }
}
