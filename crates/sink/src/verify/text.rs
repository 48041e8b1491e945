//! The lines of a CSV or JSON file, unpacked, beside the lines of the same rows made again.
//!
//! What is the same is compared as bytes, a batch of lines at a time. Where it is not, line by line;
//! the lines of the two are told apart by number, so that one damaged quote does not move all that
//! follows.

use std::io::{ErrorKind, Read};

use arrow_array::RecordBatchIterator;

use super::Fail;
use super::bytes::Bytes;
use super::cells;
use super::findings::FindingKind;
use super::made::Anew;
use super::part::{Context, Report, Table};
use crate::format::{Compression, FileFormat, FormatKind, csv_header};

/// How much is read at a time.
const STEP_BYTES: usize = 256 * 1024;
/// A longer line is none of ours; nor is a file that goes on so long after its end.
const MOST_LINE_BYTES: usize = 64 << 20;
/// How much memory an unpacked frame may refer back to, as a power of two: what the highest level
/// that we write needs.
pub(super) const ZSTD_WINDOW_LOG: u32 = 23;

/// Reads all rows and compares them.
pub(super) fn rows(
    bytes: &mut Bytes<'_>,
    size: u64,
    table: &Table<'_>,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<(), Fail> {
    let compression = context.format.compression();
    let unpacked: Box<dyn Read + '_> = match compression {
        // No chunk, no frame.
        _ if size == 0 => Box::new(bytes),
        Compression::Gzip(_) => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        Compression::Zstd(_) => {
            let mut decoder = zstd::stream::read::Decoder::new(bytes).map_err(Fail::unreadable)?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG)
                .map_err(Fail::unreadable)?;
            Box::new(decoder)
        }
        _ => Box::new(bytes),
    };
    let mut text = Ahead {
        inner: unpacked,
        buffer: Vec::new(),
        at: 0,
        failed: None,
        is_over: false,
    };
    let kind = context.format.kind();
    if kind == FormatKind::Csv {
        header(&mut text, report)?;
    }
    if let Some(anew) = &table.anew {
        compare(&mut text, kind, anew, report, context)?;
    }
    count_rest(&mut text, kind, report, context)
}

/// The header line of a CSV file.
fn header(text: &mut Ahead<'_>, report: &mut Report<'_>) -> Result<(), Fail> {
    let names = report
        .table
        .columns
        .iter()
        .map(|column| column.name.as_str());
    let expected = csv_header(names);
    if text.fill(expected.len()).starts_with(&expected) {
        text.consume(expected.len());
        return Ok(());
    }
    let length = text.lines(1, MOST_LINE_BYTES)?;
    let found = String::from_utf8_lossy(&text.ahead()[..length]).into_owned();
    let expected = String::from_utf8_lossy(&expected).into_owned();
    let finding = report.finding(
        FindingKind::Columns,
        expected.trim_end(),
        found.trim_end_matches('\n'),
    );
    report.push(finding);
    text.consume(length);
    Ok(())
}

/// Compares the lines with those of the rows made again, up to the end of either.
fn compare(
    text: &mut Ahead<'_>,
    kind: FormatKind,
    anew: &Anew,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<(), Fail> {
    let mut encoder = FileFormat::new(kind, Compression::None)
        .and_then(|plain| plain.bind(&anew.schema))
        .and_then(|format| format.encoder())
        .map_err(Fail::not_made)?;
    let mut made = anew.open(report.part)?;
    while let Some(batch) = made.next(report)? {
        if context.is_over() {
            return Ok(());
        }
        let rows = batch.num_rows() as u64;
        let mut batches = RecordBatchIterator::new([Ok(batch)], anew.schema.clone());
        let chunk = encoder
            .encode(&mut batches)
            .map_err(|_| Fail::NotMade("rows that cannot be written".to_owned()))?;
        let expected = chunk.text().unwrap_or_default();
        let is_over = if text.fill(expected.len()).starts_with(expected) {
            text.consume(expected.len());
            report.tally.found_lines(rows);
            report.rows_compared += rows;
            report.rows_done(rows);
            false
        } else {
            !compare_lines(text, kind, expected, report)?
        };
        encoder.recycle(chunk);
        if is_over {
            break;
        }
    }
    Ok(())
}

/// Compares line by line. Returns whether there were as many as expected.
fn compare_lines(
    text: &mut Ahead<'_>,
    kind: FormatKind,
    mut expected: &[u8],
    report: &mut Report<'_>,
) -> Result<bool, Fail> {
    while !expected.is_empty() {
        let (record, lines) = first_record(expected, kind);
        expected = &expected[record.len()..];
        let length = text.lines(lines, MOST_LINE_BYTES.max(record.len() * 4))?;
        let found = &text.ahead()[..length];
        if length == 0 || (text.failed.is_some() && !found.ends_with(b"\n")) {
            return Ok(false);
        }
        if found != record {
            cells::compare(kind, record, found, report);
        }
        text.consume(length);
        report.tally.found_lines(1);
        report.rows_compared += 1;
        report.rows_done(1);
    }
    Ok(true)
}

/// The first record of lines that are known to be right, and how many lines it has.
fn first_record(lines: &[u8], kind: FormatKind) -> (&[u8], usize) {
    let mut rows = RowEnds::new(kind);
    let mut count = 0;
    for (at, byte) in lines.iter().enumerate() {
        count += usize::from(*byte == b'\n');
        if rows.is_end(*byte) {
            return (&lines[..=at], count);
        }
    }
    (lines, count.max(1))
}

/// Counts the rows that nobody compares: surplus ones, and all where there is no source.
fn count_rest(
    text: &mut Ahead<'_>,
    kind: FormatKind,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<(), Fail> {
    let mut ends = RowEnds::new(kind);
    let (mut line_bytes, mut surplus_bytes) = (0, 0);
    loop {
        let step = text.fill(1);
        if step.is_empty() || context.is_over() {
            break;
        }
        let mut rows = 0;
        for byte in step {
            line_bytes += 1;
            if ends.is_end(*byte) {
                rows += 1;
                line_bytes = 0;
            }
        }
        let length = step.len();
        text.consume(length);
        report.tally.found_lines(rows);
        report.rows_done(rows);
        if report.tally.found_rows() > report.part.rows {
            surplus_bytes += length;
        }
        if line_bytes > MOST_LINE_BYTES || surplus_bytes > MOST_LINE_BYTES {
            return Err(Fail::Unreadable("a text without an end".to_owned()));
        }
    }
    if let Some(failed) = text.failed.take() {
        return Err(failed);
    }
    // A last line that was cut is a row, though a damaged one.
    if line_bytes > 0 {
        report.tally.found_lines(1);
        return Err(Fail::Unreadable("a last line without its end".to_owned()));
    }
    Ok(())
}

/// Finds the ends of rows.
struct RowEnds {
    is_csv: bool,
    is_quoted: bool,
}

impl RowEnds {
    fn new(kind: FormatKind) -> Self {
        Self {
            is_csv: kind == FormatKind::Csv,
            is_quoted: false,
        }
    }

    /// Whether a row ends with this byte. A doubled quote within quotes closes and opens them.
    fn is_end(&mut self, byte: u8) -> bool {
        self.is_quoted ^= self.is_csv && byte == b'"';
        byte == b'\n' && !self.is_quoted
    }
}

/// Text with a look ahead.
struct Ahead<'t> {
    inner: Box<dyn Read + 't>,
    buffer: Vec<u8>,
    at: usize,
    /// Why there is no more; what came before is compared first.
    failed: Option<Fail>,
    is_over: bool,
}

impl Ahead<'_> {
    fn ahead(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// At least so many bytes ahead, unless the text ends.
    fn fill(&mut self, least: usize) -> &[u8] {
        while self.ahead().len() < least && self.more() {}
        self.ahead()
    }

    /// The length of the next lines; less than one where the text ends, 0 at its end.
    fn lines(&mut self, count: usize, most: usize) -> Result<usize, Fail> {
        let (mut length, mut left) = (0, count);
        while left > 0 {
            let ahead = &self.ahead()[length..];
            if let Some(end) = ahead.iter().position(|byte| *byte == b'\n') {
                length += end + 1;
                left -= 1;
                continue;
            }
            length += ahead.len();
            if length > most {
                return Err(Fail::Unreadable(format!(
                    "a line of more than {most} bytes"
                )));
            }
            if !self.more() {
                break;
            }
        }
        Ok(length)
    }

    /// Reads on. Returns whether there was anything.
    fn more(&mut self) -> bool {
        if self.is_over {
            return false;
        }
        // What is behind makes room first.
        if self.at > STEP_BYTES || self.at == self.buffer.len() {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        let end = self.buffer.len();
        self.buffer.resize(end + STEP_BYTES, 0);
        let read = loop {
            match self.inner.read(&mut self.buffer[end..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = read.unwrap_or_else(|error| {
            self.failed = Some(Fail::unreadable(error));
            0
        });
        self.buffer.truncate(end + read);
        self.is_over = read == 0;
        read > 0
    }
}
