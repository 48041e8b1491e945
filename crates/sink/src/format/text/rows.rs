//! The rows of a batch as text, one after the other: the same cells for every style, and whatever
//! the caller wants around a row.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::TextStyle;
use super::column::{Caches, Cell, Context, Nulls};
use super::escape;
use super::floats::{BLOCK, FloatBuffers};
use super::lines::Lines;
use crate::error::Result;

/// Room for what stands around a row.
const AROUND_BYTES: usize = 8;

/// What stands before and behind a row: a few bytes, for which there is room.
pub(crate) trait Around {
    /// Called before the first byte of a row.
    ///
    /// # Errors
    /// What ends the work.
    fn before(&mut self, text: &mut Lines) -> Result<()>;

    /// Called behind the last byte of a row, which begins at `start`.
    ///
    /// # Errors
    /// What ends the work.
    fn after(&mut self, text: &mut Lines, start: usize) -> Result<()>;
}

/// Writes rows of one schema. It belongs to one worker, which keeps it from batch to batch.
pub(super) struct Rows {
    style: TextStyle,
    nulls: Nulls,
    prefixes: Vec<Vec<u8>>,
    caches: Caches,
    floats: FloatBuffers,
}

impl Rows {
    pub(super) fn new(schema: &SchemaRef, style: TextStyle) -> Self {
        Self::with_nulls(schema, style, Nulls::Kept)
    }

    pub(super) fn with_nulls(schema: &SchemaRef, style: TextStyle, nulls: Nulls) -> Self {
        let prefix = |(at, name): (usize, &str)| match (style, at) {
            (TextStyle::Csv, 0) => Vec::new(),
            (TextStyle::Csv, _) => b",".to_vec(),
            (TextStyle::Json, at) => escape::json_name(nulls.start(at), name),
        };
        let fields = schema.fields().iter();
        let names = fields.map(|field| field.name().as_str()).enumerate();
        Self {
            style,
            nulls,
            prefixes: names.map(prefix).collect(),
            caches: Caches::with_nulls(nulls),
            floats: FloatBuffers::default(),
        }
    }

    fn cells<'a>(&mut self, batch: &'a RecordBatch, text: &mut Lines) -> Vec<Cell<'a>> {
        let mut row_bytes = AROUND_BYTES;
        let mut cells = Vec::with_capacity(batch.num_columns());
        for (prefix, array) in self.prefixes.iter().zip(batch.columns()) {
            let cell = Cell::new(prefix, array, self.style, &mut self.caches);
            row_bytes += cell.bytes();
            cells.push(cell);
        }
        text.set_row_bytes(row_bytes);
        cells
    }

    /// Writes all rows of a batch.
    ///
    /// # Errors
    /// What `around` fails with.
    pub(super) fn write(
        &mut self,
        batch: &RecordBatch,
        text: &mut Lines,
        around: &mut impl Around,
    ) -> Result<()> {
        match self.style {
            TextStyle::Csv => self.write_as::<false>(batch, text, around),
            TextStyle::Json => self.write_as::<true>(batch, text, around),
        }
    }

    fn write_as<const IS_JSON: bool>(
        &mut self,
        batch: &RecordBatch,
        text: &mut Lines,
        around: &mut impl Around,
    ) -> Result<()> {
        // A constant inside the loops.
        let style = if IS_JSON {
            TextStyle::Json
        } else {
            TextStyle::Csv
        };
        let nulls = self.nulls;
        let mut cells = self.cells(batch, text);
        let mut floats = Vec::new();
        for cell in &mut cells {
            floats.extend(cell.rendered_apart(floats.len()));
        }
        for start in (0..batch.num_rows()).step_by(BLOCK) {
            let mut context = Context {
                days: &mut self.caches.days,
                floats: &self.floats.render(&floats, start, style),
                nulls,
            };
            for row in start..batch.num_rows().min(start + BLOCK) {
                text.ensure(0);
                around.before(text)?;
                let begin = text.len();
                for cell in &cells {
                    cell.write(row, text, &mut context, style);
                }
                if IS_JSON {
                    text.close_object(begin);
                }
                around.after(text, begin)?;
            }
        }
        Ok(())
    }
}
