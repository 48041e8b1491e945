//! The rows of a batch as text, one after the other: the same cells for every style, and whatever
//! the caller wants around a row.

use std::ops::Range;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::TextStyle;
use super::caches::Caches;
use super::column::{Cell, Context, Nulls};
use super::escape;
use super::floats::{self, FloatColumn, FloatGrid};
use super::grid::{BLOCK, PREFIX_BYTES};
use super::lines::Lines;
use super::slots::{self, SlotColumn, SlotGrid};
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

/// What a row is put together from, in the order of the columns.
enum Piece {
    /// One column by itself.
    Cell(usize),
    /// Columns of doubles side by side, all with a value, by their places among those that are
    /// rendered a block at a time: what stands before each is rendered with it.
    Doubles { first: usize, count: usize },
    /// Other columns side by side whose texts wait in slots, by the first of these.
    Slots { columns: Range<usize>, first: usize },
}

/// The columns of a batch, and what of them is rendered a block at a time.
struct Columns<'a> {
    cells: Vec<Cell<'a>>,
    pieces: Vec<Piece>,
    floats: Vec<FloatColumn<'a>>,
    slots: Vec<SlotColumn<'a>>,
}

impl<'a> Columns<'a> {
    fn new(cells: Vec<Cell<'a>>, prefixes: &'a [Vec<u8>]) -> Self {
        let mut columns = Self {
            cells: Vec::with_capacity(cells.len()),
            pieces: Vec::with_capacity(cells.len()),
            floats: Vec::new(),
            slots: Vec::new(),
        };
        for (cell, prefix) in cells.into_iter().zip(prefixes) {
            let cell = columns.place(cell, prefix);
            columns.cells.push(cell);
        }
        columns
    }

    /// Finds the piece of the next column.
    fn place(&mut self, cell: Cell<'a>, prefix: &'a [u8]) -> Cell<'a> {
        let column = self.cells.len();
        if let Some((values, is_full)) = cell.doubles() {
            let slot = self.floats.len();
            let is_whole = is_full && prefix.len() <= PREFIX_BYTES;
            let prefix = if is_whole { prefix } else { &[] };
            self.floats.push(FloatColumn { prefix, values });
            match self.pieces.last_mut() {
                Some(Piece::Doubles { count, .. }) if is_whole => *count += 1,
                _ if is_whole => self.pieces.push(Piece::Doubles {
                    first: slot,
                    count: 1,
                }),
                _ => self.pieces.push(Piece::Cell(column)),
            }
            return cell.rendered_in(slot);
        }
        let fits = prefix.len() <= PREFIX_BYTES;
        let Some(values) = cell.slotted().filter(|_| fits) else {
            self.pieces.push(Piece::Cell(column));
            return cell;
        };
        match self.pieces.last_mut() {
            Some(Piece::Slots { columns, .. }) => columns.end += 1,
            _ => self.pieces.push(Piece::Slots {
                columns: column..column + 1,
                first: self.slots.len(),
            }),
        }
        self.slots.push(SlotColumn { prefix, values });
        cell
    }
}

/// Writes rows of one schema. It belongs to one worker, which keeps it from batch to batch.
pub(super) struct Rows {
    style: TextStyle,
    nulls: Nulls,
    prefixes: Vec<Vec<u8>>,
    caches: Caches,
    floats: FloatGrid,
    slots: SlotGrid,
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
            floats: FloatGrid::default(),
            slots: SlotGrid::default(),
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
        let columns = Columns::new(cells, &self.prefixes);
        self.floats.begin(&columns.floats, |column| column.prefix);
        self.slots.begin(&columns.slots, |column| column.prefix);
        for start in (0..batch.num_rows()).step_by(BLOCK) {
            floats::render(&columns.floats, start, style, &mut self.floats);
            let days = &mut self.caches.days;
            let is_slotted = slots::render(&columns.slots, start, style, days, &mut self.slots);
            let mut context = Context {
                days: &mut self.caches.days,
                floats: &self.floats,
                nulls: self.nulls,
            };
            for row in start..batch.num_rows().min(start + BLOCK) {
                text.ensure(0);
                around.before(text)?;
                let begin = text.len();
                for piece in &columns.pieces {
                    let cells = match piece {
                        Piece::Doubles { first, count } => {
                            context.floats.write(row, *first, *count, text);
                            continue;
                        }
                        Piece::Slots { columns, first } if is_slotted => {
                            self.slots.write(row, *first, columns.len(), text);
                            continue;
                        }
                        Piece::Slots { columns, .. } => columns.clone(),
                        Piece::Cell(column) => *column..column + 1,
                    };
                    for cell in &columns.cells[cells] {
                        cell.write(row, text, &mut context, style);
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
