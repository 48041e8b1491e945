//! Groups by row number modulo the number of groups: as many ranges as a group has rows, read in
//! lockstep.
//!
//! ```text
//! groups 0..4 of 10 with 3 rows each     lane 0: rows  0  1  2  3
//!                                        lane 1: rows 10 11 12 13
//!                                        lane 2: rows 20 21 22 23   -> [0,10,20] [1,11,21] ...
//! ```
//! A lane is a contiguous range, so nothing is numbered, shuffled or read twice.

use std::ops::Range;
use std::sync::Arc;

use super::group::Finished;
use super::settings::MessageSettings;
use crate::error::{Error, Result};
use crate::format::text::{Around, Lines, Objects};
use crate::source::{BoxedReader, Source};
use crate::totals::Tally;

/// Rows that all lanes together hold rendered, at least one step each.
pub(super) const HELD_ROWS: u64 = 2048;
const LEAST_BATCH_ROWS: u64 = 32;

/// A table whose rows are grouped by their numbers.
pub(super) struct Lanes<'a> {
    pub(super) table: String,
    pub(super) source: Arc<dyn Source + 'a>,
    /// The rows; they are numbered from the first of them on.
    pub(super) rows: Range<u64>,
    /// How many groups there are.
    pub(super) groups: u64,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(
        table: &str,
        source: Arc<dyn Source + 'a>,
        rows: Range<u64>,
        group_rows: u64,
    ) -> Self {
        Self {
            table: table.to_owned(),
            source,
            groups: (rows.end - rows.start).div_ceil(group_rows),
            rows,
        }
    }

    /// The rows of some groups, a range a lane; the last ranges may be shorter than the others.
    pub(super) fn ranges(&self, groups: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let count = self.rows.end - self.rows.start;
        let (first, step) = (self.rows.start, self.groups);
        let groups = groups.clone();
        (0..)
            .map(move |lane| lane * step + groups.start..(lane * step + groups.end).min(count))
            .take_while(|range| range.start < range.end)
            .map(move |range| first + range.start..first + range.end)
    }

    /// Rows of some groups.
    pub(super) fn rows_of(&self, groups: &Range<u64>) -> u64 {
        self.ranges(groups)
            .map(|range| range.end - range.start)
            .sum()
    }

    /// Renders the messages of some groups. Returns rows and messages.
    pub(super) fn write(
        &self,
        groups: Range<u64>,
        settings: &MessageSettings,
        tools: Tools<'_>,
        finished: &mut Finished<'_>,
        text: &mut Lines,
    ) -> Result<(u64, u64)> {
        let Tools { objects, mut tally } = tools;
        let batch_rows = (HELD_ROWS / settings.max_rows).max(LEAST_BATCH_ROWS) as usize;
        let mut lanes = Vec::new();
        for range in self.ranges(&groups) {
            let reader = self.source.open(range.clone(), batch_rows);
            lanes.push(Lane {
                reader: reader.map_err(|source| self.failed(source))?,
                left: range.end - range.start,
                text: Lines::default(),
                ends: Ends::default(),
                next: 0,
            });
        }
        let mut rows = 0;
        for group in groups {
            let start = text.len();
            text.ensure(1);
            text.byte(b'[');
            let mut count = 0;
            for lane in &mut lanes {
                // A lane that ends before the others has no row for the last groups.
                if lane.next == lane.ends.0.len() && !self.fill(lane, objects, &mut tally)? {
                    continue;
                }
                let row = lane.take();
                text.ensure(row.len() + 3);
                if count > 0 {
                    text.byte(b',');
                }
                text.slice(row);
                count += 1;
            }
            text.byte(b']');
            let bytes = (text.len() - start) as u64;
            if bytes > settings.max_bytes {
                return Err(Error::MessageTooLarge {
                    table: self.table.clone(),
                    part: format!("{count} rows"),
                    what: format!("group {group}"),
                    bytes,
                    most: settings.max_bytes,
                });
            }
            finished.push(start, count, text)?;
            rows += count;
        }
        finished.hand_on(text, text.len())?;
        Ok((rows, finished.count()))
    }

    /// Renders a lane's next rows. Returns whether there were any.
    fn fill(
        &self,
        lane: &mut Lane,
        objects: &mut Objects,
        tally: &mut Option<&mut Tally>,
    ) -> Result<bool> {
        lane.next = 0;
        lane.ends.0.clear();
        lane.text.clear();
        while lane.ends.0.is_empty() && lane.left > 0 {
            let Some(batch) = lane.reader.next() else {
                return Err(self.promise(format!("{} rows more", lane.left), "none"));
            };
            let batch = batch.map_err(|source| self.failed(source))?;
            let rows = batch.num_rows() as u64;
            let Some(left) = lane.left.checked_sub(rows) else {
                return Err(self.promise(format!("{} rows more", lane.left), &rows.to_string()));
            };
            lane.left = left;
            if let Some(tally) = tally {
                tally.add(&batch)?;
            }
            objects.write(&batch, &mut lane.text, &mut lane.ends)?;
        }
        Ok(!lane.ends.0.is_empty())
    }

    fn failed(&self, source: arrow_schema::ArrowError) -> Error {
        Error::Source {
            table: self.table.clone(),
            source,
        }
    }

    fn promise(&self, expected: String, found: &str) -> Error {
        Error::Promise {
            table: self.table.clone(),
            expected,
            found: found.to_owned(),
        }
    }
}

/// What a worker keeps from part to part.
pub(super) struct Tools<'t> {
    pub(super) objects: &'t mut Objects,
    pub(super) tally: Option<&'t mut Tally>,
}

/// A contiguous range on its way.
struct Lane {
    reader: BoxedReader,
    /// Rows that the reader has not given yet.
    left: u64,
    /// Rendered rows, one after the other.
    text: Lines,
    ends: Ends,
    /// The next of these.
    next: usize,
}

impl Lane {
    fn take(&mut self) -> &[u8] {
        let start = match self.next {
            0 => 0,
            next => self.ends.0[next - 1],
        };
        let end = self.ends.0[self.next];
        self.next += 1;
        &self.text.as_slice()[start..end]
    }
}

/// Where rendered rows end.
#[derive(Default)]
struct Ends(Vec<usize>);

impl Around for Ends {
    #[inline]
    fn before(&mut self, _text: &mut Lines) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn after(&mut self, text: &mut Lines, _start: usize) -> Result<()> {
        self.0.push(text.len());
        Ok(())
    }
}
