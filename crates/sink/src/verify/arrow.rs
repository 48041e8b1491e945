//! The rows of an Arrow IPC file or stream, message by message.
//!
//! A file is a stream between its magic and its footer, so both are read from the front, once. The
//! frames are read here, and their sizes checked, before the decoder sees them.

use std::io::Read;

use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::MessageHeader;
use arrow_ipc::reader::StreamDecoder;

use super::Fail;
use super::bytes::Bytes;
use super::compare::{self, Rows};
use super::part::{Context, Report, Table};
use crate::format::FormatKind;

/// What a file begins with, padded, and ends with.
const MAGIC: &[u8; 6] = b"ARROW1";
const HEAD: &[u8; 8] = b"ARROW1\0\0";
/// Writers align the first message to as much.
const MOST_PADDING_BYTES: usize = 64;
/// The length of the footer, and the magic.
const TAIL_BYTES: u64 = 10;
const CONTINUATION: [u8; 4] = [0xff; 4];
/// The end of a stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
/// More than any message that we write.
const MOST_HEADER_BYTES: u64 = 64 << 20;
const MOST_BODY_BYTES: u64 = 256 << 20;
const STEP_BYTES: usize = 64 * 1024;

/// Reads all rows and compares them.
pub(super) fn rows(
    bytes: &mut Bytes<'_>,
    size: u64,
    table: &Table<'_>,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<(), Fail> {
    let kind = context.format.kind();
    let is_file = kind == FormatKind::Arrow;
    if is_file && exactly(bytes, HEAD.len() as u64)?.as_slice() != HEAD {
        return Err(damaged("a file that does not begin as an Arrow file does"));
    }
    let mut decoder = StreamDecoder::new();
    let mut rows: Option<Rows> = None;
    let mut batches = 0_u64;
    let mut padding = if is_file { MOST_PADDING_BYTES } else { 0 };
    while let Some(message) = message(bytes, size, std::mem::take(&mut padding))? {
        if context.is_over() {
            return Ok(());
        }
        batches += u64::from(message.is_batch);
        for mut piece in [message.header, message.body] {
            while !piece.is_empty() {
                let Some(batch) = decoder.decode(&mut piece).map_err(Fail::unreadable)? else {
                    break;
                };
                if rows.is_none() {
                    rows = Some(started(&decoder, table, kind, report)?);
                }
                if let Some(rows) = &mut rows {
                    rows.take(&batch, report)?;
                }
            }
        }
    }
    // The end lets go of what waits for its bytes, though there are none.
    decoder
        .decode(&mut Buffer::from(&END))
        .map_err(Fail::unreadable)?;
    if rows.is_none() {
        // No rows: the columns are there all the same.
        started(&decoder, table, kind, report)?;
    }
    if is_file {
        footer(bytes, batches)
    } else if bytes.read(&mut [0]).map_err(Fail::unreadable)? > 0 {
        Err(damaged("bytes after the end of the stream"))
    } else {
        Ok(())
    }
}

fn started(
    decoder: &StreamDecoder,
    table: &Table<'_>,
    kind: FormatKind,
    report: &mut Report<'_>,
) -> Result<Rows, Fail> {
    let schema = decoder
        .schema()
        .ok_or_else(|| damaged("a stream without a schema"))?;
    let anew = table.anew.as_ref();
    let pairs = compare::columns(&schema, table.manifest, anew, kind, report);
    let made = anew.map(|anew| anew.open(report.part)).transpose()?;
    Ok(Rows::new(pairs, made, table))
}

/// A message as it stands in the stream.
struct Message {
    /// Its length and its metadata.
    header: Buffer,
    body: Buffer,
    is_batch: bool,
}

/// The next message; `None` at the end of the stream. The first of a file has up to `padding`
/// bytes of nothing before it.
fn message(bytes: &mut Bytes<'_>, size: u64, mut padding: usize) -> Result<Option<Message>, Fail> {
    let mut prefix = exactly(bytes, END.len() as u64)?;
    while padding > 0 && *prefix == [0; END.len()] {
        prefix = exactly(bytes, END.len() as u64)?;
        padding -= END.len();
    }
    let length = prefix[4..]
        .first_chunk::<4>()
        .map_or(0, |length| u32::from_le_bytes(*length));
    if prefix[..4] != CONTINUATION || u64::from(length) > MOST_HEADER_BYTES.min(size) {
        return Err(damaged("bytes that are no message"));
    }
    if length == 0 {
        return Ok(None);
    }
    let metadata = exactly(bytes, u64::from(length))?;
    let message = arrow_ipc::root_as_message(&metadata).map_err(malformed)?;
    let body_bytes = u64::try_from(message.bodyLength()).unwrap_or(u64::MAX);
    if body_bytes > MOST_BODY_BYTES.min(size) {
        return Err(damaged("a message of an unreasonable size"));
    }
    let is_batch = message.header_type() == MessageHeader::RecordBatch;
    let body = exactly(bytes, body_bytes)?;
    let mut header = MutableBuffer::new(prefix.len() + metadata.len());
    header.extend_from_slice(&prefix);
    header.extend_from_slice(&metadata);
    Ok(Some(Message {
        header: header.into(),
        body: body.into(),
        is_batch,
    }))
}

/// So many bytes, and room made only for those that come.
fn exactly(bytes: &mut Bytes<'_>, count: u64) -> Result<MutableBuffer, Fail> {
    let mut read = MutableBuffer::new(0);
    let mut left = usize::try_from(count).map_err(Fail::unreadable)?;
    while left > 0 {
        let start = read.len();
        let step = left.min(STEP_BYTES.max(start));
        read.resize(start + step, 0);
        bytes
            .read_exact(&mut read.as_slice_mut()[start..])
            .map_err(Fail::unreadable)?;
        left -= step;
    }
    Ok(read)
}

/// What closes a file: it names as many batches as there were.
fn footer(bytes: &mut Bytes<'_>, batches: u64) -> Result<(), Fail> {
    let mut rest = Vec::new();
    bytes
        .take(MOST_HEADER_BYTES)
        .read_to_end(&mut rest)
        .map_err(Fail::unreadable)?;
    let footer = footer_of(&rest)?;
    if rest.len() as u64 != footer.len() as u64 + TAIL_BYTES {
        return Err(damaged("bytes between the last rows and the footer"));
    }
    let footer = arrow_ipc::root_as_footer(footer).map_err(malformed)?;
    let named = footer
        .recordBatches()
        .map_or(0, |blocks| blocks.len() as u64);
    if named != batches {
        return Err(Fail::Unreadable(format!(
            "a footer of {named} batches after {batches}"
        )));
    }
    Ok(())
}

/// The footer at the end of some bytes.
fn footer_of(tail: &[u8]) -> Result<&[u8], Fail> {
    let closed = tail.strip_suffix(MAGIC);
    let (rest, length) = closed
        .and_then(|rest| rest.split_last_chunk::<4>())
        .ok_or_else(|| damaged("a file that does not end as an Arrow file does"))?;
    let length = usize::try_from(i32::from_le_bytes(*length)).ok();
    length
        .and_then(|length| rest.len().checked_sub(length))
        .map(|start| &rest[start..])
        .ok_or_else(|| damaged("a footer of an unreasonable size"))
}

/// Looks at both ends of a file or stream.
pub(super) fn check_ends(
    size: u64,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<(), Fail> {
    let path = &report.part.path;
    if context.format.kind() == FormatKind::ArrowStream {
        let start = size.saturating_sub(END.len() as u64);
        let end = context.range(path, start..size)?;
        return if end == END {
            Ok(())
        } else {
            Err(damaged("a stream without its end"))
        };
    }
    if context.range(path, 0..size.min(HEAD.len() as u64))? != HEAD {
        return Err(damaged("a file that does not begin as an Arrow file does"));
    }
    let tail = context.range(path, size.saturating_sub(TAIL_BYTES)..size)?;
    let length = tail
        .first_chunk::<4>()
        .map_or(-1, |length| i32::from_le_bytes(*length));
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    if length > MOST_HEADER_BYTES.min(size) {
        return Err(damaged("a footer of an unreasonable size"));
    }
    let tail = context.range(path, size.saturating_sub(TAIL_BYTES + length)..size)?;
    arrow_ipc::root_as_footer(footer_of(&tail)?)
        .map(|_| ())
        .map_err(malformed)
}

/// The error of a library that is not named here is told by its text.
fn malformed(error: impl std::fmt::Display) -> Fail {
    Fail::Unreadable(error.to_string())
}

fn damaged(what: &str) -> Fail {
    Fail::Unreadable(what.to_owned())
}
