//! What the generator knows of a column, said in Arrow field metadata.
//!
//! Writers turn these into encodings, sorting columns, keys and totals, and take them off before
//! a file is written. The vocabulary stands here and nowhere else in this crate.

use std::collections::HashMap;

/// How a column is best encoded: `plain`, `delta`, `dictionary`, `delta_length`,
/// `byte_stream_split`.
pub const ENCODING: &str = "lakeseed:encoding";
/// `none` where the values do not compress.
pub const COMPRESS: &str = "lakeseed:compress";
/// `asc` where the whole table is ordered by this column.
pub const SORTED: &str = "lakeseed:sorted";
/// `primary` on each column of the primary key.
pub const KEY: &str = "lakeseed:key";
/// `table.column` that a foreign key points to.
pub const PARENT: &str = "lakeseed:parent";
/// `sum` where the exact sum is a control total.
pub const TOTAL: &str = "lakeseed:total";
/// One line on what the column is.
pub const DOC: &str = "lakeseed:doc";

/// The hints of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints(HashMap<String, String>);

impl Hints {
    /// The same with one more said.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// As Arrow field metadata.
    pub fn into_metadata(self) -> HashMap<String, String> {
        self.0
    }
}

/// What a field says under a key of this module.
pub fn of<'a>(field: &'a arrow_schema::Field, key: &str) -> Option<&'a str> {
    field.metadata().get(key).map(String::as_str)
}
