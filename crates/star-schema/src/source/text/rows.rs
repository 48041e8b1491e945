//! The rows of a CSV file, or the lines of any, one after the other, the broken ones too.

use std::io::{self, Read};

use super::input::Buffer;
use super::split::{Found, Problem, Splitter};

/// Rows of a range of a file.
pub(super) struct Rows {
    buffer: Buffer,
    splitter: Splitter,
    /// Whether a row is a line, whatever stands in it.
    are_lines: bool,
    max_row_bytes: usize,
    /// Bytes before the row that comes.
    pub(super) offset: u64,
    /// Lines before the row that comes.
    pub(super) lines: u64,
}

/// A row that was found. It stays in the buffer until [`Rows::pass`].
pub(super) struct Row {
    /// Its bytes, with the line end.
    pub(super) length: usize,
    lines: u64,
    /// Why it is none.
    pub(super) fault: Option<Fault>,
    /// Whether more of it follows, up to the next line end, that was not held.
    pub(super) is_cut: bool,
}

/// Why a row cannot be read.
pub(super) enum Fault {
    /// Broken in a column, from 0.
    Broken(usize, Problem),
    /// Longer than what is held.
    TooLong,
}

impl Rows {
    pub(super) fn new(input: Box<dyn Read + Send>, delimiter: u8, max_row_bytes: usize) -> Self {
        Self {
            buffer: Buffer::new(input),
            splitter: Splitter::new(delimiter),
            are_lines: false,
            max_row_bytes,
            offset: 0,
            lines: 0,
        }
    }

    /// Lines as they are.
    pub(super) fn of_lines(input: Box<dyn Read + Send>, max_row_bytes: usize) -> Self {
        Self {
            are_lines: true,
            ..Self::new(input, b',', max_row_bytes)
        }
    }

    /// Passes over the mark that some programs put before UTF-8.
    pub(super) fn skip_mark(&mut self) -> io::Result<()> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        while self.buffer.bytes().len() < MARK.len() && !self.buffer.is_at_end() {
            self.buffer.fill()?;
        }
        if self.buffer.bytes().starts_with(MARK) {
            self.buffer.consume(MARK.len());
            self.offset += MARK.len() as u64;
        }
        Ok(())
    }

    /// Finds the next row; `None` at the end.
    ///
    /// A row that breaks ends at the first line end behind the place where it breaks. One whose
    /// quotes are not closed, within what is held of a row or before the end, is its first line.
    pub(super) fn find(&mut self) -> io::Result<Option<Row>> {
        loop {
            let bytes = self.buffer.bytes();
            let is_last = self.buffer.is_at_end();
            if bytes.is_empty() && is_last {
                return Ok(None);
            }
            let is_full = bytes.len() >= self.max_row_bytes;
            if self.are_lines {
                let line_end = memchr::memchr(b'\n', bytes);
                if line_end.is_none() && !is_last {
                    if is_full {
                        return Ok(Some(self.cut(Fault::TooLong)));
                    }
                    self.buffer.fill()?;
                    continue;
                }
                let length = line_end.map_or(bytes.len(), |at| at + 1);
                return Ok(Some(Row {
                    length,
                    lines: 1,
                    fault: (length > self.max_row_bytes).then_some(Fault::TooLong),
                    is_cut: false,
                }));
            }
            let found = match self.splitter.row(bytes, is_last) {
                Found::More if is_full => match self.splitter.row(bytes, true) {
                    Found::Broken { column, .. } => Found::Broken {
                        column,
                        at: 0,
                        problem: Problem::Unclosed,
                    },
                    _ => return Ok(Some(self.cut(Fault::TooLong))),
                },
                Found::More => {
                    self.buffer.fill()?;
                    continue;
                }
                found => found,
            };
            let (column, from, problem) = match found {
                Found::Row {
                    length,
                    inner_lines,
                } => {
                    let fault = (length > self.max_row_bytes).then_some(Fault::TooLong);
                    return Ok(Some(Row {
                        length,
                        lines: inner_lines + 1,
                        fault,
                        is_cut: false,
                    }));
                }
                Found::Broken {
                    column, problem, ..
                } if problem == Problem::Unclosed => (column, 0, problem),
                Found::Broken {
                    column,
                    at,
                    problem,
                } => (column, at, problem),
                Found::More => continue,
            };
            let fault = Fault::Broken(column, problem);
            let length = match memchr::memchr(b'\n', &bytes[from..]) {
                Some(line_end) => from + line_end + 1,
                None if is_last => bytes.len(),
                None if is_full => return Ok(Some(self.cut(fault))),
                None => {
                    self.buffer.fill()?;
                    continue;
                }
            };
            let lines = memchr::memchr_iter(b'\n', &bytes[..length]).count() as u64;
            return Ok(Some(Row {
                length,
                lines,
                fault: Some(fault),
                is_cut: false,
            }));
        }
    }

    /// All that is held, as the beginning of a row.
    fn cut(&self, fault: Fault) -> Row {
        let bytes = self.buffer.bytes();
        Row {
            length: bytes.len(),
            lines: memchr::memchr_iter(b'\n', bytes).count() as u64,
            fault: Some(fault),
            is_cut: true,
        }
    }

    /// The bytes of a row, and its splitter for the fields.
    pub(super) fn row(&self, row: &Row) -> (&[u8], &Splitter) {
        (&self.buffer.bytes()[..row.length], &self.splitter)
    }

    /// Goes on to the next row.
    pub(super) fn pass(&mut self, row: &Row) -> io::Result<()> {
        self.buffer.consume(row.length);
        self.offset += row.length as u64;
        self.lines += row.lines;
        if !row.is_cut {
            return Ok(());
        }
        loop {
            let bytes = self.buffer.bytes();
            let line_end = memchr::memchr(b'\n', bytes);
            let length = line_end.map_or(bytes.len(), |at| at + 1);
            self.buffer.consume(length);
            self.offset += length as u64;
            if line_end.is_some() {
                self.lines += 1;
                return Ok(());
            }
            if self.buffer.is_at_end() {
                return Ok(());
            }
            self.buffer.fill()?;
        }
    }
}

/// A row's bytes without its line end.
pub(super) fn without_line_end(row: &[u8]) -> &[u8] {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    row.strip_suffix(b"\r").unwrap_or(row)
}
