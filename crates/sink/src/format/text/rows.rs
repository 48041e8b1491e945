//! The rows of a batch as text, one after the other: the same cells for every style, and whatever
//! the caller wants around a row.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::TextStyle;
use super::caches::Caches;
use super::column::{Cell, Context, Nulls};
use super::escape;
use super::floats::{BLOCK, FloatBuffers, FloatColumn, PREFIX_BYTES};
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

/// What a row is put together from.
enum Piece<'a> {
    Cell(Cell<'a>),
    /// Columns of doubles side by side, all with a value, by their places among those that are
    /// rendered a block at a time: what stands before each is rendered with it.
    Doubles {
        first: usize,
        count: usize,
    },
}

/// The pieces of a row, and the doubles that are rendered a block at a time.
fn pieces<'a>(
    cells: Vec<Cell<'a>>,
    prefixes: &'a [Vec<u8>],
) -> (Vec<Piece<'a>>, Vec<FloatColumn<'a>>) {
    let mut pieces = Vec::with_capacity(cells.len());
    let mut floats = Vec::new();
    for (cell, prefix) in cells.into_iter().zip(prefixes) {
        let Some((values, is_full)) = cell.doubles() else {
            pieces.push(Piece::Cell(cell));
            continue;
        };
        let slot = floats.len();
        let is_whole = is_full && prefix.len() <= PREFIX_BYTES;
        let prefix = if is_whole { prefix.as_slice() } else { &[] };
        floats.push(FloatColumn { prefix, values });
        match pieces.last_mut() {
            Some(Piece::Doubles { count, .. }) if is_whole => *count += 1,
            _ if is_whole => pieces.push(Piece::Doubles {
                first: slot,
                count: 1,
            }),
            _ => pieces.push(Piece::Cell(cell.rendered_in(slot))),
        }
    }
    (pieces, floats)
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
        let cells = self.cells(batch, text);
        let (pieces, floats) = pieces(cells, &self.prefixes);
        self.floats.begin(&floats);
        for start in (0..batch.num_rows()).step_by(BLOCK) {
            self.floats.render(&floats, start, style);
            let mut context = Context {
                days: &mut self.caches.days,
                floats: &self.floats,
                nulls: self.nulls,
            };
            for row in start..batch.num_rows().min(start + BLOCK) {
                text.ensure(0);
                around.before(text)?;
                let begin = text.len();
                for piece in &pieces {
                    match piece {
                        Piece::Cell(cell) => cell.write(row, text, &mut context, style),
                        Piece::Doubles { first, count } => {
                            context.floats.write(row, *first, *count, text);
                        }
                    }
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
