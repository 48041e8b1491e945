//! Where a text file can be cut: at line ends that are no part of a value.
//!
//! CSV may hold line ends in quotes, and from the middle of a file nobody can tell for certain whether
//! a place is inside of quotes. Both are tried: as far as a row may be long, does what follows read as
//! rows of the right number of columns if the place is outside of quotes, and does it if the place is
//! inside? Where just one of them holds, that is what it is. Where both do or none does, the rows are
//! read on from the last cut, which is certain and slow. No quote at all within the length of a row
//! can only be outside. A cut in the middle of a value would not pass in silence: the piece before it
//! would end in open quotes, which is an error of its own.

use std::io;
use std::sync::Arc;

use super::input::{self, Packing};
use super::rows::Rows;
use super::split::{Begin, Found, Splitter};
use crate::source::File;

/// What is looked at to find a line end of JSON.
const STEP_BYTES: usize = 64 * 1024;

/// Cuts of a CSV file from `start` on, about every `piece_bytes`.
pub(super) struct CsvCuts<'f> {
    pub(super) file: &'f Arc<dyn File>,
    pub(super) size: u64,
    pub(super) start: u64,
    pub(super) piece_bytes: u64,
    pub(super) columns: usize,
    pub(super) delimiter: u8,
    pub(super) max_row_bytes: usize,
}

impl CsvCuts<'_> {
    pub(super) fn ranges(&self) -> io::Result<Vec<(u64, u64)>> {
        let mut ranges = Vec::new();
        let mut start = self.start;
        while self.size.saturating_sub(start) > self.piece_bytes.saturating_mul(3) / 2 {
            let end = self.cut_near(start, start + self.piece_bytes)?;
            if end >= self.size {
                break;
            }
            ranges.push((start, end));
            start = end;
        }
        if start < self.size {
            ranges.push((start, self.size));
        }
        Ok(ranges)
    }

    /// The first cut behind `near`, given that `start` is one.
    fn cut_near(&self, start: u64, near: u64) -> io::Result<u64> {
        // A byte before, to see what the place follows; a whole row behind.
        let window = self.file.read_range(near - 1, 2 * self.max_row_bytes + 1)?;
        let is_last = near - 1 + window.len() as u64 >= self.size;
        // Not between the two quotes that stand for one.
        let away = window
            .windows(2)
            .position(|pair| pair[0] != b'"' && pair[1] != b'"');
        if let Some(away) = away {
            let (before, rest) = (window[away], &window[away + 1..]);
            let outside = if before == self.delimiter || before == b'\n' {
                Begin::Field
            } else {
                Begin::Plain
            };
            let near = near + away as u64;
            let plain = memchr::memchr(b'"', rest);
            let is_far = plain.unwrap_or(rest.len()) > self.max_row_bytes;
            if is_far && let Some(line_end) = memchr::memchr(b'\n', rest) {
                return Ok(near + line_end as u64 + 1);
            }
            let outside = self.reads_as(outside, rest, is_last);
            let inside = self.reads_as(Begin::Quoted, rest, is_last);
            match (outside, inside) {
                (Some(cut), None) | (None, Some(cut)) => return Ok(near + cut as u64),
                _ => {}
            }
        }
        self.cut_behind(start, near)
    }

    /// Where the first row ends if the bytes begin so; `None` if what follows are no rows.
    fn reads_as(&self, begin: Begin, bytes: &[u8], is_last: bool) -> Option<usize> {
        let mut splitter = Splitter::new(self.delimiter);
        let Found::Row { length: first, .. } = splitter.row_from(begin, bytes, is_last) else {
            return None;
        };
        if splitter.fields().len() > self.columns {
            return None;
        }
        let mut at = first;
        while at < bytes.len() {
            match splitter.row(&bytes[at..], is_last) {
                Found::Row { length, .. } => {
                    let is_blank = matches!(&bytes[at..at + length], b"\n" | b"\r\n");
                    if splitter.fields().len() != self.columns && !is_blank {
                        return None;
                    }
                    at += length;
                }
                Found::More => break,
                Found::Broken { .. } => return None,
            }
        }
        Some(first)
    }

    /// The certain way: row after row from the last cut.
    fn cut_behind(&self, start: u64, near: u64) -> io::Result<u64> {
        let bytes = input::open(self.file, Packing::None, start, self.size)?;
        let mut rows = Rows::new(bytes, self.delimiter, self.max_row_bytes);
        while start + rows.offset < near {
            match rows.find()? {
                Some(row) => rows.pass(&row)?,
                None => break,
            }
        }
        Ok(start + rows.offset)
    }
}

/// Cuts of a file of lines, none of which a value can hold.
pub(super) fn line_ranges(
    file: &Arc<dyn File>,
    size: u64,
    piece_bytes: u64,
) -> io::Result<Vec<(u64, u64)>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    while size - start > piece_bytes.saturating_mul(3) / 2 {
        let end = line_end_behind(file, size, start + piece_bytes - 1)?;
        if end >= size {
            break;
        }
        ranges.push((start, end));
        start = end;
    }
    if start < size {
        ranges.push((start, size));
    }
    Ok(ranges)
}

/// Behind the first line end at or after a place.
fn line_end_behind(file: &Arc<dyn File>, size: u64, mut at: u64) -> io::Result<u64> {
    while at < size {
        let block = file.read_range(at, STEP_BYTES)?;
        if block.is_empty() {
            break;
        }
        if let Some(line_end) = memchr::memchr(b'\n', &block) {
            return Ok(at + line_end as u64 + 1);
        }
        at += block.len() as u64;
    }
    Ok(size)
}
