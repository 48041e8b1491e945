//! Columns of free text, written straight into Arrow's buffers.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;

use super::{Column, Values};
use crate::hints;
use crate::rows::Rows;
use crate::seed::Stream;

/// Utf8; the function appends the row's text to the string it is given, which already holds the
/// rows before it.
pub fn text(at: impl Fn(Stream, u64, &mut String) + Send + Sync + 'static) -> Column {
    Column::new(move |context| {
        Ok((
            DataType::Utf8,
            Arc::new(Text {
                stream: context.stream,
                at,
            }),
        ))
    })
    .hint(hints::ENCODING, "plain")
}

struct Text<F> {
    stream: Stream,
    at: F,
}

impl<F: Fn(Stream, u64, &mut String) + Send + Sync> Values for Text<F> {
    fn take(&self, rows: &Rows<'_>) -> ArrayRef {
        strings(rows, 24, |row, out| (self.at)(self.stream, row, out))
    }
}

/// A string array whose texts are appended one after the other.
///
/// `usual_bytes` sizes the first allocation. A batch holds less than 2 GiB of text: batches are
/// some thousand rows, and no text of ours is a megabyte.
pub(crate) fn strings(
    rows: &Rows<'_>,
    usual_bytes: usize,
    mut at: impl FnMut(u64, &mut String),
) -> ArrayRef {
    let mut text = String::with_capacity(rows.len() * usual_bytes);
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    offsets.push(0i32);
    rows.for_each(|row| {
        at(row, &mut text);
        offsets.push(text.len() as i32);
    });
    utf8(text.into_bytes(), offsets, None)
}

/// The same for texts that are made as bytes: checked once a batch, not once a text.
pub(crate) fn ascii(
    rows: &Rows<'_>,
    usual_bytes: usize,
    mut at: impl FnMut(u64, &mut Vec<u8>),
) -> ArrayRef {
    let mut text = Vec::with_capacity(rows.len() * usual_bytes);
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    offsets.push(0i32);
    rows.for_each(|row| {
        at(row, &mut text);
        offsets.push(text.len() as i32);
    });
    utf8(text, offsets, None)
}

/// A string array from whole texts, one after the other, and where each of them ends.
pub(crate) fn utf8(text: Vec<u8>, offsets: Vec<i32>, valid: Option<NullBuffer>) -> ArrayRef {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    match StringArray::try_new(offsets, Buffer::from_vec(text), valid) {
        Ok(array) => Arc::new(array),
        Err(error) => unreachable!("whole texts, one after the other: {error}"),
    }
}
