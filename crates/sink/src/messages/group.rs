//! Rows to messages: objects are written into one piece of memory, and what stands between them
//! makes them arrays.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::block::{Block, Placed};
use super::settings::MessageSettings;
use crate::error::{Error, Result};
use crate::format::text::{Around, Lines};

/// About how much text is gathered before it is handed on.
pub(super) const BLOCK_BYTES: usize = 512 << 10;
/// Room in a new block behind that: for the row that fills it.
const BEHIND_BYTES: usize = 128 << 10;
/// How many blocks are looked after at most whose bodies a queue keeps.
const MOST_LENT: usize = 16;

/// Takes blocks that are full.
pub(super) type Out<'o> = dyn FnMut(&Block) -> Result<()> + 'o;

/// Which part the rows are of, for names and errors.
pub(super) struct Place<'p> {
    pub(super) plan: Arc<str>,
    pub(super) part: usize,
    pub(super) table: &'p str,
    pub(super) name: &'p str,
    /// The number of the part's first row, where it is known.
    pub(super) first_row: u64,
}

/// Messages that are finished and wait to be handed on, in the memory of the text.
pub(super) struct Finished<'o> {
    place: Place<'o>,
    placed: Vec<Placed>,
    /// Messages that were handed on.
    gone: u64,
    /// The memory of blocks that were handed on, the oldest first.
    lent: VecDeque<Bytes>,
    out: &'o mut Out<'o>,
}

impl<'o> Finished<'o> {
    pub(super) fn new(place: Place<'o>, out: &'o mut Out<'o>) -> Self {
        Self {
            place,
            placed: Vec::new(),
            gone: 0,
            lent: VecDeque::new(),
            out,
        }
    }

    /// Notes a message whose body ends where the text does, and ends its line.
    pub(super) fn push(&mut self, start: usize, rows: u64, text: &mut Lines) -> Result<()> {
        self.placed.push(Placed {
            start,
            end: text.len(),
            rows,
        });
        text.byte(b'\n');
        if text.len() >= BLOCK_BYTES {
            self.hand_on(text, text.len())?;
        }
        Ok(())
    }

    /// Hands on what is finished; the text begins anew with what stands from `open` on, in the same
    /// memory where it can.
    pub(super) fn hand_on(&mut self, text: &mut Lines, open: usize) -> Result<()> {
        if self.placed.is_empty() {
            return Ok(());
        }
        let tail = text.as_slice()[open..].to_vec();
        let block = Block {
            plan: Arc::clone(&self.place.plan),
            part: self.place.part,
            first: self.gone,
            text: Bytes::from(text.take()),
            messages: std::mem::take(&mut self.placed),
        };
        self.gone += block.len() as u64;
        (self.out)(&block)?;
        let Block {
            text: bytes,
            mut messages,
            ..
        } = block;
        messages.clear();
        self.placed = messages;
        self.lent.push_back(bytes);
        text.restart(self.spare());
        text.ensure(tail.len());
        text.slice(&tail);
        Ok(())
    }

    /// Memory for the next block: that of one whose bodies nobody keeps any more, or new one. New
    /// memory costs as much as a good part of the rows: it is cleared, page by page.
    fn spare(&mut self) -> Vec<u8> {
        let free = self.lent.iter().position(Bytes::is_unique);
        let free = free.and_then(|at| self.lent.remove(at));
        if let Some(Ok(bytes)) = free.map(Bytes::try_into_mut) {
            return Vec::from(bytes);
        }
        if self.lent.len() > MOST_LENT {
            self.lent.pop_front();
        }
        Vec::with_capacity(BLOCK_BYTES + BEHIND_BYTES)
    }

    /// Messages so far.
    pub(super) fn count(&self) -> u64 {
        self.gone + self.placed.len() as u64
    }
}

/// Neighbours: rows in their order, a message closed by the first limit that is reached.
pub(super) struct Neighbours<'o> {
    limits: MessageSettings,
    finished: Finished<'o>,
    /// Where the open message begins.
    start: usize,
    /// Rows of the open message; none where no message is open.
    open_rows: u64,
    rows: u64,
}

impl<'o> Neighbours<'o> {
    pub(super) fn new(limits: MessageSettings, finished: Finished<'o>) -> Self {
        Self {
            limits,
            finished,
            start: 0,
            open_rows: 0,
            rows: 0,
        }
    }

    /// Closes the last message and hands everything on. Returns rows and messages.
    pub(super) fn finish(mut self, text: &mut Lines) -> Result<(u64, u64)> {
        if self.open_rows > 0 {
            text.ensure(2);
            self.close(text)?;
        }
        self.finished.hand_on(text, text.len())?;
        Ok((self.rows, self.finished.count()))
    }

    fn close(&mut self, text: &mut Lines) -> Result<()> {
        text.byte(b']');
        let rows = std::mem::take(&mut self.open_rows);
        self.finished.push(self.start, rows, text)
    }

    /// Ends the open message before the row at `row`, which did not fit, and begins another one with
    /// it. Returns where the row is now.
    #[cold]
    fn split(&mut self, text: &mut Lines, row: usize) -> usize {
        // `,{row}` becomes `]`, a line's end, `[{row}`.
        text.shift(row, 2);
        text.overwrite(row - 1, b"]\n[");
        self.finished.placed.push(Placed {
            start: self.start,
            end: row,
            rows: self.open_rows,
        });
        self.start = row + 1;
        self.open_rows = 0;
        row + 2
    }

    #[cold]
    fn too_large(&self, bytes: u64) -> Error {
        let place = &self.finished.place;
        Error::MessageTooLarge {
            table: place.table.to_owned(),
            part: place.name.to_owned(),
            what: format!("row {}", place.first_row + self.rows),
            bytes,
            most: self.limits.max_bytes,
        }
    }
}

impl Around for Neighbours<'_> {
    #[inline]
    fn before(&mut self, text: &mut Lines) -> Result<()> {
        if self.open_rows == 0 {
            self.start = text.len();
            text.byte(b'[');
        } else {
            text.byte(b',');
        }
        Ok(())
    }

    #[inline]
    fn after(&mut self, text: &mut Lines, start: usize) -> Result<()> {
        // With the bracket that will close it.
        let most = self.limits.max_bytes as usize;
        if text.len() - self.start + 1 > most {
            let mut row = start;
            if self.open_rows > 0 {
                row = self.split(text, start);
            }
            let alone = text.len() - row + 2;
            if alone > most {
                return Err(self.too_large(alone as u64));
            }
            if text.len() >= BLOCK_BYTES {
                self.finished.hand_on(text, self.start)?;
                self.start = 0;
            }
        }
        self.open_rows += 1;
        self.rows += 1;
        if self.open_rows == self.limits.max_rows {
            self.close(text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A queue that keeps some blocks at a time, whose texts are looked at when it lets go of them.
    #[test]
    fn memory_is_used_again_when_nobody_keeps_it() {
        const KEPT: usize = 3;
        let (mut kept, mut places) = (VecDeque::new(), BTreeSet::new());
        let (mut rows, mut blocks) = (0, 0);
        let mut check = |text: Bytes| {
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                for row in line.split(|byte| b"[,]\n".contains(byte)) {
                    if !row.is_empty() {
                        assert_eq!(row, format!("{rows:01000}").as_bytes());
                        rows += 1;
                    }
                }
            }
        };
        let mut out = |block: &Block| {
            blocks += 1;
            places.insert(block.text.as_ptr());
            kept.push_back(block.text.slice(..block.text.len()));
            if kept.len() > KEPT {
                kept.pop_front().into_iter().for_each(&mut check);
            }
            Ok(())
        };
        let place = Place {
            plan: Arc::from("plan"),
            part: 0,
            table: "pets",
            name: "rows",
            first_row: 0,
        };
        let finished = Finished::new(place, &mut out);
        let mut messages = Neighbours::new(MessageSettings::default(), finished);
        let mut text = Lines::default();
        for row in 0..20_000 {
            text.ensure(1_008);
            messages.before(&mut text).unwrap();
            let start = text.len();
            text.slice(format!("{row:01000}").as_bytes());
            messages.after(&mut text, start).unwrap();
        }
        messages.finish(&mut text).unwrap();
        kept.into_iter().for_each(&mut check);
        assert_eq!(rows, 20_000);
        assert!(blocks > 30, "{blocks}");
        // Those that are kept, the one that is let go of, and the one that is written meanwhile.
        assert!(places.len() <= KEPT + 2, "{} of {blocks}", places.len());
    }
}
