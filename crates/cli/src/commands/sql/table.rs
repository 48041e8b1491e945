//! An answer as an aligned table, for people.

use std::ops::ControlFlow;

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use lakeseed_sink::PartWriter;

use super::Taker;
use crate::args::Answer;
use crate::report::{Align, Grid, cell, units};
use crate::whole::Target;

/// Rows that are shown unless told otherwise: what fits a screen.
const SHOWN: u64 = 40;
/// Rows are counted on behind the last that is shown, up to here: further rows would cost time that
/// nobody asked for.
const COUNTED: u64 = 100_000;

/// Rows that wait to be aligned.
pub(super) struct Table {
    grid: Grid,
    shown: u64,
    rows: u64,
    out: Target,
}

impl Table {
    pub(super) fn new(schema: &SchemaRef, answer: &Answer) -> Result<Self> {
        let head = schema.fields().iter().map(|field| {
            let align = if is_number(field.data_type()) {
                Align::Right
            } else {
                Align::Left
            };
            (field.name().clone(), align)
        });
        Ok(Self {
            grid: Grid::of(head.collect()),
            shown: answer.max_rows.unwrap_or(SHOWN),
            rows: 0,
            out: Target::open(&answer.out, answer.overwrite)?,
        })
    }

    /// How many rows there are, and how many of them are shown.
    fn last_line(&self) -> String {
        let rows = units::grouped(self.rows);
        if self.rows <= self.shown {
            let word = if self.rows == 1 { "row" } else { "rows" };
            return format!("({rows} {word})");
        }
        let more = if self.rows > COUNTED {
            "more than "
        } else {
            ""
        };
        let rows = units::grouped(self.rows.min(COUNTED.max(self.shown)));
        format!(
            "({} of {more}{rows} rows; more with --max-rows N, all with -f csv)",
            units::grouped(self.shown)
        )
    }
}

impl Taker for Table {
    fn take(&mut self, batch: RecordBatch) -> Result<ControlFlow<()>> {
        let wanted = self
            .shown
            .saturating_sub(self.rows)
            .min(batch.num_rows() as u64);
        for row in 0..wanted as usize {
            let cells = batch.columns().iter().map(|column| {
                // A line of the table is a line of text.
                let text = cell(column, row)?.to_string();
                Ok(text.replace('\n', "\\n").replace('\r', "\\r"))
            });
            self.grid.push(cells.collect::<Result<_>>()?);
        }
        self.rows += batch.num_rows() as u64;
        Ok(if self.rows > COUNTED.max(self.shown) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let text = format!("{}{}\n", self.grid.ruled(), self.last_line());
        let mut out: Box<dyn PartWriter> = Box::new(self.out);
        out.write(text.as_bytes())?;
        out.finish()?;
        Ok(())
    }
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}
