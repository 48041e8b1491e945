//! The messages of a part, made: rows read, counted, rendered, handed on.

use std::sync::Arc;

use super::block::Block;
use super::group::{Finished, Neighbours, Place};
use super::modulo::Tools;
use super::pieces::failed_rows;
use super::plan::{MessagePlan, Rows, groups_of_part};
use super::settings::Nulls;
use crate::error::{Error, Result};
use crate::format::text::{Around, Lines, Objects};
use crate::totals::{Tally, Totals};

/// What stands around a row.
const ROOM: usize = 8;

/// Makes messages of parts. It belongs to one worker, which keeps its memory from part to part.
pub(super) struct Renderer {
    objects: Objects,
    /// `None` where nobody asks for totals, or there are none of the table's types.
    tally: Option<Tally>,
    text: Lines,
}

/// What a part came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Rendered {
    pub(super) rows: u64,
    pub(super) messages: u64,
    pub(super) totals: Option<Totals>,
}

impl Renderer {
    pub(super) fn try_new(plan: &MessagePlan<'_>, is_tallied: bool) -> Result<Self> {
        let is_tallied = is_tallied && plan.is_counted();
        let tally = is_tallied.then(|| Tally::try_new(&plan.schema));
        Ok(Self {
            objects: Objects::try_new(&plan.schema, plan.settings.nulls == Nulls::Keep)?,
            tally: tally.transpose()?,
            text: Lines::default(),
        })
    }

    /// Renders all messages of a part, in order. After an error the renderer may be used again.
    pub(super) fn part(
        &mut self,
        plan: &MessagePlan<'_>,
        part: usize,
        is_over: &dyn Fn() -> bool,
        out: &mut dyn FnMut(&Block) -> Result<()>,
    ) -> Result<Rendered> {
        let mut out = |block: &Block| {
            if is_over() {
                return Err(Error::Stopped);
            }
            out(block)
        };
        self.text.clear();
        if let Some(tally) = &mut self.tally {
            tally.take();
        }
        let first_row = match &plan.rows {
            Rows::Pieces(pieces) => pieces.pieces()[part].first_row.unwrap_or(0),
            Rows::Texts(_) | Rows::Lanes(_) => 0,
        };
        let place = Place {
            plan: Arc::from(plan.id.as_str()),
            part,
            table: &plan.table,
            name: &plan.parts[part].name,
            first_row,
        };
        let mut finished = Finished::new(place, &mut out);
        let (rows, messages) = match &plan.rows {
            Rows::Lanes(lanes) => {
                let step = groups_of_part(plan.settings.max_rows);
                let start = part as u64 * step;
                let groups = start..lanes.groups.min(start + step);
                let tools = Tools {
                    objects: &mut self.objects,
                    tally: self.tally.as_mut(),
                };
                lanes.write(groups, &plan.settings, tools, &mut finished, &mut self.text)?
            }
            Rows::Texts(pieces) => {
                let mut messages = Neighbours::new(plan.settings, finished);
                let text = &mut self.text;
                pieces.each_row(part, &mut |row| {
                    text.ensure(row.len() + ROOM);
                    messages.before(text)?;
                    let start = text.len();
                    text.slice(row.as_bytes());
                    messages.after(text, start)
                })?;
                messages.finish(text)?
            }
            Rows::Pieces(pieces) => {
                let mut messages = Neighbours::new(plan.settings, finished);
                for batch in pieces.open(part, plan.batch_rows)? {
                    let batch = batch.map_err(|source| failed_rows(&plan.table, source))?;
                    if let Some(tally) = &mut self.tally {
                        tally.add(&batch)?;
                    }
                    self.objects.write(&batch, &mut self.text, &mut messages)?;
                }
                messages.finish(&mut self.text)?
            }
        };
        if let Some(expected) = plan.parts[part].rows
            && expected != rows
        {
            return Err(Error::Promise {
                table: plan.table.clone(),
                expected: format!("{expected} rows in {}", plan.parts[part].name),
                found: format!("{rows} rows"),
            });
        }
        Ok(Rendered {
            rows,
            messages,
            totals: self.tally.as_mut().map(Tally::take),
        })
    }
}

impl MessagePlan<'_> {
    /// Gives the messages of a part to `out`, in order, and returns how many there are. For a look,
    /// and for tests; [`Publish`](super::Publish) sends them.
    ///
    /// # Errors
    /// What the rows fail with, [`Error::MessageTooLarge`], and what `out` fails with.
    pub fn messages(&self, part: usize, out: &mut dyn FnMut(&Block) -> Result<()>) -> Result<u64> {
        let mut renderer = Renderer::try_new(self, false)?;
        Ok(renderer.part(self, part, &|| false, out)?.messages)
    }
}
