//! What rows of text keep from batch to batch: days as they are written, and the values of dictionaries,
//! each rendered once.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};

use super::TextStyle;
use super::column::{Cell, Context, Nulls};
use super::floats::FloatGrid;
use super::lines::{Lines, SHORT};
use super::times::DayCache;

/// Rendered dictionaries and dates, kept from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Caches {
    pub(super) days: DayCache,
    pub(super) nulls: Nulls,
    rendered: Vec<Rendered>,
}

/// The values of a dictionary as they stand in the text, quotes and all.
#[derive(Debug, Clone)]
pub(super) struct Rendered {
    values: ArrayRef,
    style: TextStyle,
    text: Arc<[u8]>,
    ends: Arc<[u32]>,
    /// Whether no value is longer than [`SHORT`].
    is_short: bool,
}

/// How many dictionaries are remembered; a table has a few.
const MAX_RENDERED: usize = 64;

impl Caches {
    pub(super) fn with_nulls(nulls: Nulls) -> Self {
        Self {
            nulls,
            ..Self::default()
        }
    }

    pub(super) fn rendered(&mut self, values: &ArrayRef, style: TextStyle) -> Rendered {
        let known =
            |rendered: &&Rendered| rendered.style == style && same_values(&rendered.values, values);
        if let Some(rendered) = self.rendered.iter().find(known) {
            return rendered.clone();
        }
        let rendered = self.render(values, style);
        if self.rendered.len() == MAX_RENDERED {
            self.rendered.clear();
        }
        self.rendered.push(rendered.clone());
        rendered
    }

    fn render(&mut self, values: &ArrayRef, style: TextStyle) -> Rendered {
        let cell = Cell::new(&[], values, style, self);
        let mut lines = Lines::default();
        lines.set_row_bytes(cell.bytes());
        let mut ends = Vec::with_capacity(values.len() + 1);
        ends.push(0);
        for row in 0..values.len() {
            lines.ensure(0);
            let mut context = Context {
                days: &mut self.days,
                floats: &FloatGrid::default(),
                nulls: Nulls::Kept,
            };
            cell.write(row, &mut lines, &mut context, style);
            ends.push(lines.len() as u32);
        }
        let is_short = ends
            .windows(2)
            .all(|ends| (ends[1] - ends[0]) as usize <= SHORT);
        let mut text = lines.into_bytes();
        // Any value can be copied in one move of a fixed size.
        text.resize(text.len() + SHORT, 0);
        Rendered {
            values: values.clone(),
            style,
            text: text.into(),
            ends: ends.into(),
            is_short,
        }
    }
}

impl Rendered {
    /// Whether each value has room in [`SHORT`] bytes.
    pub(super) fn is_short(&self) -> bool {
        self.is_short
    }

    /// A short value, with whatever stands behind it, and its length.
    #[inline]
    pub(super) fn short(&self, key: usize) -> Option<(&[u8; SHORT], usize)> {
        let (start, end) = (self.ends[key] as usize, self.ends[key + 1] as usize);
        Some((self.text[start..].first_chunk()?, end - start))
    }

    #[inline]
    pub(super) fn write(&self, key: usize, lines: &mut Lines) {
        let (start, end) = (self.ends[key] as usize, self.ends[key + 1] as usize);
        lines.rendered(&self.text, start, end - start);
    }
}

/// Whether two arrays share their memory: the same dictionary seen again.
fn same_values(left: &ArrayRef, right: &ArrayRef) -> bool {
    Arc::ptr_eq(left, right) || left.to_data().ptr_eq(&right.to_data())
}
