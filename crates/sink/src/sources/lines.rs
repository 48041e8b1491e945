//! JSON lines: a piece is a range of a file that begins and ends at lines' ends. Rows are passed on as
//! they stand, so that no value changes its form and no column needs a type.

use std::ops::Range;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::find::InputFile;
use crate::error::{Error, Result};
use crate::messages::{Piece, TextPieces};
use crate::store::Store;

/// About how much of a file is a piece.
const PIECE_BYTES: u64 = 16 << 20;
/// How much is read at a time.
const STEP_BYTES: u64 = 1 << 20;
/// How much is looked at to find a line's end.
const LOOK_BYTES: u64 = 64 << 10;
/// The longest line that is held.
const MOST_LINE_BYTES: usize = 64 << 20;

/// The files of JSON lines of a table.
pub(super) struct JsonLines {
    store: Arc<dyn Store>,
    files: Vec<InputFile>,
    pieces: Vec<Piece>,
    /// The file and the bytes of each piece.
    places: Vec<(usize, Range<u64>)>,
}

impl JsonLines {
    /// Finds where the files can be cut.
    pub(super) fn open(store: Arc<dyn Store>, files: Vec<InputFile>) -> Result<Self> {
        let (mut pieces, mut places) = (Vec::new(), Vec::new());
        for (at, file) in files.iter().enumerate() {
            let InputFile { name, bytes, tag } = file;
            for range in cuts(store.as_ref(), file)? {
                let Range { start, end } = range;
                pieces.push(Piece {
                    name: format!("{name}, bytes {start}..{end}"),
                    identity: format!("{name} {bytes} {tag} {start}..{end}"),
                    first_row: None,
                    rows: None,
                });
                places.push((at, range));
            }
        }
        Ok(Self {
            store,
            files,
            pieces,
            places,
        })
    }
}

/// Ranges of about [`PIECE_BYTES`], each behind a line's end. A text within JSON has none.
fn cuts(store: &dyn Store, file: &InputFile) -> Result<Vec<Range<u64>>> {
    let mut cuts = Vec::new();
    let mut start = 0;
    while file.bytes - start > PIECE_BYTES / 2 * 3 {
        let end = line_end(store, file, start + PIECE_BYTES)?;
        cuts.push(start..end);
        start = end;
    }
    if start < file.bytes {
        cuts.push(start..file.bytes);
    }
    Ok(cuts)
}

/// Behind the first line's end from `at` on; the file's end where there is none.
fn line_end(store: &dyn Store, file: &InputFile, mut at: u64) -> Result<u64> {
    while at < file.bytes {
        let step = read(store, file, at..file.bytes.min(at + LOOK_BYTES))?;
        if let Some(end) = step.iter().position(|byte| *byte == b'\n') {
            return Ok(at + end as u64 + 1);
        }
        at += step.len() as u64;
    }
    Ok(file.bytes)
}

fn read(store: &dyn Store, file: &InputFile, range: Range<u64>) -> Result<Vec<u8>> {
    let length = range.end - range.start;
    let bytes = store.read_range(&file.name, range)?.unwrap_or_default();
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(file.unreadable(store, "it has become shorter".to_owned()))
    }
}

impl TextPieces for JsonLines {
    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn each_row(&self, piece: usize, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        let (file, range) = &self.places[piece];
        let file = &self.files[*file];
        let mut row = 0_u64;
        let mut take = |line: &[u8]| {
            let line = line.trim_ascii();
            if line.is_empty() {
                return Ok(());
            }
            let parsed: Result<&RawValue, String> =
                serde_json::from_slice(line).map_err(|error| error.to_string());
            let parsed = parsed.and_then(|value| match value.get() {
                object if object.starts_with('{') => Ok(object),
                _ => Err("no object".to_owned()),
            });
            let object = parsed.map_err(|reason| Error::Input {
                path: format!("{}/{}", self.store.address(), self.pieces[piece].name),
                reason: format!("row {row}: {reason}; expected a JSON object a line"),
            })?;
            row += 1;
            each(object)
        };
        // A line that a step has cut off.
        let mut open: Vec<u8> = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let step = read(
                self.store.as_ref(),
                file,
                at..range.end.min(at + STEP_BYTES),
            )?;
            at += step.len() as u64;
            let mut lines = step.split(|byte| *byte == b'\n');
            let last = lines.next_back().unwrap_or_default();
            for line in lines {
                if open.is_empty() {
                    take(line)?;
                } else {
                    open.extend_from_slice(line);
                    take(&open)?;
                    open.clear();
                }
            }
            open.extend_from_slice(last);
            if open.len() > MOST_LINE_BYTES {
                let reason = format!("a line of more than {MOST_LINE_BYTES} bytes");
                return Err(file.unreadable(self.store.as_ref(), reason));
            }
        }
        take(&open)
    }
}
