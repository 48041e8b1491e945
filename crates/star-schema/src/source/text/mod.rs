//! Text files: CSV and JSON lines, packed or not.

mod build;
mod columns;
mod csv;
mod cuts;
mod input;
mod json;
mod object;
mod reader;
mod rows;
mod split;
mod values;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_schema::DataType;

use super::files::{Pinned, unreadable, wrong};
use super::rejects::{RejectedRow, Rejects};
use super::{File, Piece};
use crate::{Error, Result};

use input::Packing;

pub(super) use csv::CsvFiles;
pub(super) use json::JsonFiles;
pub use values::column_type;

/// What is read of the files' heads to tell types, of all files together.
const SAMPLE_BYTES: usize = 1024 * 1024;

/// How text files are read.
#[derive(Clone)]
pub struct TextOptions {
    /// The types of columns by name ([`column_type`]); those that are not named are told by a sample
    /// of the files' heads.
    pub types: BTreeMap<String, DataType>,
    /// What stands between two fields of CSV.
    pub delimiter: u8,
    /// The size of a piece: a range of whole rows. A packed file is one piece.
    pub piece_bytes: u64,
    /// The longest row that is held. A longer one cannot be read.
    pub max_row_bytes: usize,
    /// Takes the rows that cannot be read; without it the first of them is the error.
    pub rejects: Option<Arc<dyn Rejects>>,
}

impl TextOptions {
    /// [`TextOptions::piece_bytes`] unless told otherwise.
    pub const PIECE_BYTES: u64 = 64 * 1024 * 1024;
    /// [`TextOptions::max_row_bytes`] unless told otherwise.
    pub const MAX_ROW_BYTES: usize = 1024 * 1024;
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            types: BTreeMap::new(),
            delimiter: b',',
            piece_bytes: Self::PIECE_BYTES,
            max_row_bytes: Self::MAX_ROW_BYTES,
            rejects: None,
        }
    }
}

/// A text file of a table, cut into pieces.
struct TextFile {
    pinned: Pinned,
    packing: Packing,
    /// From and until, in bytes as stored; line ends are at the ends.
    ranges: Vec<(u64, u64)>,
    /// What a row takes as it is stored, by the sample.
    row_bytes: f64,
    /// Lines before each piece, as far as somebody asked.
    lines: Mutex<Vec<u64>>,
    /// Behind the last row of each piece that was rejected: a second reader gives no row twice.
    rejected_until: Vec<AtomicU64>,
}

/// A row that cannot be read.
struct BadRow<'r> {
    /// Bytes of the piece, unpacked, before it.
    offset: u64,
    /// Lines of the piece before it.
    lines: u64,
    /// The column that is wrong, from 0, and its name.
    column: Option<(usize, &'r str)>,
    problem: &'r str,
    bytes: &'r [u8],
    is_cut: bool,
}

impl TextFile {
    fn new(pinned: Pinned, ranges: Vec<(u64, u64)>, row_bytes: f64) -> Self {
        let packing = Packing::of_path(pinned.path());
        let marks = ranges.iter().map(|_| AtomicU64::new(0)).collect();
        Self {
            pinned,
            packing,
            ranges,
            row_bytes,
            lines: Mutex::new(vec![0]),
            rejected_until: marks,
        }
    }

    fn path(&self) -> &str {
        self.pinned.path()
    }

    /// What reading and unpacking hold.
    fn held_bytes(&self) -> u64 {
        2 * input::block_bytes(&self.pinned.file) as u64 + self.packing.held_bytes()
    }

    fn pieces(&self) -> impl Iterator<Item = Piece> {
        self.ranges.iter().map(|(start, end)| Piece {
            rows: ((end - start) as f64 / self.row_bytes.max(1.0)).ceil() as u64,
            exact: false,
            bytes: end - start,
        })
    }

    /// Opens the bytes of a piece; the file must be what it was.
    fn open(&self, piece: usize) -> Result<Box<dyn std::io::Read + Send>> {
        self.pinned.check()?;
        let (start, end) = self.ranges[piece];
        input::open(&self.pinned.file, self.packing, start, end)
            .map_err(|cause| unreadable(self.path(), "cannot be read", cause))
    }

    /// Lines of the file before a piece. Nobody needs them but errors, so they are counted then.
    fn lines_before(&self, piece: usize) -> Result<u64> {
        let mut known = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        while known.len() <= piece {
            let before = known.len() - 1;
            let from = if before == 0 {
                0
            } else {
                self.ranges[before].0
            };
            let lines = lines_in(&self.pinned.file, from, self.ranges[before].1)
                .map_err(|cause| unreadable(self.path(), "cannot be read", cause))?;
            let lines = known[before] + lines;
            known.push(lines);
        }
        Ok(known[piece])
    }

    /// Hands a bad row to whoever takes them; without one it is the error.
    fn refuse(
        &self,
        piece: usize,
        row: &BadRow<'_>,
        rejects: Option<&Arc<dyn Rejects>>,
    ) -> Result<()> {
        let error = |line: u64| {
            let place = match row.column {
                Some((at, name)) => {
                    format!("{}, line {line}, column {} ({name})", self.path(), at + 1)
                }
                None => format!("{}, line {line}", self.path()),
            };
            wrong(place, row.problem)
        };
        let line = |row: &BadRow<'_>| Ok::<u64, Error>(self.lines_before(piece)? + row.lines + 1);
        let Some(rejects) = rejects else {
            return Err(error(line(row)?));
        };
        let next = row.offset + 1;
        if self.rejected_until[piece].fetch_max(next, Ordering::Relaxed) >= next {
            return Ok(());
        }
        let problem = match row.column {
            Some((at, name)) => format!("column {} ({name}): {}", at + 1, row.problem),
            None => row.problem.to_owned(),
        };
        let line = line(row)?;
        let row = RejectedRow {
            path: self.path(),
            line,
            problem: &problem,
            bytes: row.bytes,
            is_cut: row.is_cut,
        };
        rejects.reject(&row).map_err(|cause| {
            let place = format!("{}, line {line}", self.path());
            unreadable(place, "the rejected row cannot be kept", cause)
        })
    }
}

/// Line ends between two places.
fn lines_in(file: &Arc<dyn File>, from: u64, until: u64) -> std::io::Result<u64> {
    let mut lines = 0;
    let mut at = from;
    while at < until {
        let length = (until - at).min(input::BLOCK_BYTES as u64) as usize;
        let block = file.read_range(at, length)?;
        if block.is_empty() {
            break;
        }
        lines += memchr::memchr_iter(b'\n', &block).count() as u64;
        at += block.len() as u64;
    }
    Ok(lines)
}

/// Some text of a file for an error: short, and on one line.
fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 60;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * MOST)]);
    let short: String = text.chars().take(MOST).collect();
    let dots = if short.len() < bytes.len() { "..." } else { "" };
    format!("'{}{dots}'", short.escape_debug())
}
