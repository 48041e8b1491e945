//! Columns of few different texts: dictionary arrays that share their values.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, PrimitiveArray, StringArray};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::DataType;

use super::{Column, Values};
use crate::dist::Weighted;
use crate::hints;
use crate::rows::Rows;
use crate::seed::Stream;

/// The Arrow type of categories.
pub(crate) fn category_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Texts that all batches of a column share.
#[derive(Debug, Clone)]
pub(crate) struct Categories(Arc<StringArray>);

impl Categories {
    pub(crate) fn new<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Self {
        Self(Arc::new(StringArray::from_iter_values(values)))
    }

    pub(crate) fn array(&self, keys: Vec<i32>) -> ArrayRef {
        self.of(keys, None)
    }

    /// Some of them null, whatever their key.
    pub(crate) fn nullable_array(&self, keys: Vec<i32>, valid: NullBuffer) -> ArrayRef {
        self.of(keys, Some(valid))
    }

    fn of(&self, keys: Vec<i32>, valid: Option<NullBuffer>) -> ArrayRef {
        let keys = PrimitiveArray::<Int32Type>::new(ScalarBuffer::from(keys), valid);
        match DictionaryArray::try_new(keys, self.0.clone()) {
            Ok(array) => Arc::new(array),
            Err(error) => unreachable!("a category outside its own list: {error}"),
        }
    }
}

/// One of these texts, as often as its weight says.
pub fn weighted<S: Into<String>>(choices: impl IntoIterator<Item = (S, u64)>) -> Column {
    let (values, weights): (Vec<String>, Vec<u64>) = choices
        .into_iter()
        .map(|(value, weight)| (value.into(), weight))
        .unzip();
    let table = Weighted::new(&weights);
    category(values, move |stream, row| table.draw(stream.at(row)))
}

/// One of these texts, by its position in the list.
pub fn category<S: Into<String>>(
    values: impl IntoIterator<Item = S>,
    at: impl Fn(Stream, u64) -> usize + Send + Sync + 'static,
) -> Column {
    let values: Vec<String> = values.into_iter().map(Into::into).collect();
    Column::new(move |context| {
        if values.is_empty() {
            return Err(context.refuse("it has no choices; give at least one"));
        }
        let categories = Categories::new(&values);
        let column = Category {
            stream: context.stream,
            categories,
            at,
        };
        Ok((category_type(), Arc::new(column)))
    })
    .hint(hints::ENCODING, "dictionary")
}

struct Category<F> {
    stream: Stream,
    categories: Categories,
    at: F,
}

impl<F: Fn(Stream, u64) -> usize + Send + Sync> Values for Category<F> {
    fn take(&self, rows: &Rows<'_>) -> ArrayRef {
        self.categories
            .array(rows.map(|row| (self.at)(self.stream, row) as i32))
    }
}
