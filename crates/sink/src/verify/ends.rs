//! The quick look: does a file begin and end as its format does.

use std::io::{self, Read};
use std::ops::Range;

use super::findings::FindingKind;
use super::part::{Context, Report};
use super::text::ZSTD_WINDOW_LOG;
use super::{Fail, arrow, parquet};
use crate::format::{Compression, FormatKind};

/// How much of a compressed file's end is looked through for its last frame, at first and at most.
const FIRST_TAIL_BYTES: u64 = 4 << 20;
const MOST_TAIL_BYTES: u64 = 64 << 20;
/// The most places that look like the start of a frame.
const MOST_CANDIDATES: usize = 1000;
/// What the last frame may become.
const MOST_UNPACKED_BYTES: u64 = 1 << 30;
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// A gzip member as ours begin: deflate, no name, no time.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0];

pub(super) fn check(size: u64, report: &mut Report<'_>, context: &Context<'_>) -> Result<(), Fail> {
    match (context.format.kind(), context.format.compression()) {
        (FormatKind::Parquet, _) => parquet::check_ends(size, report, context),
        (FormatKind::Arrow | FormatKind::ArrowStream, _) => {
            arrow::check_ends(size, report, context)
        }
        (FormatKind::Csv | FormatKind::Json, _) if size == 0 => {
            let is_right = context.format.kind() == FormatKind::Json && report.part.rows == 0;
            if is_right { Ok(()) } else { Err(no_end()) }
        }
        (FormatKind::Csv | FormatKind::Json, Compression::None | Compression::Snappy) => {
            let last = context.range(&report.part.path, size - 1..size)?;
            if last == b"\n" { Ok(()) } else { Err(no_end()) }
        }
        (FormatKind::Csv | FormatKind::Json, codec) => last_frame(codec, size, report, context),
    }
}

fn no_end() -> Fail {
    Fail::Unreadable("a text without the end of its last line".to_owned())
}

impl Context<'_> {
    /// Bytes of a part, all that were asked for.
    pub(super) fn range(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>, Fail> {
        let length = range.end - range.start;
        let bytes = self.store.read_range(path, range);
        let bytes = bytes.map_err(Fail::of_store)?;
        let bytes = bytes.unwrap_or_default();
        self.read_bytes(bytes.len() as u64);
        if bytes.len() as u64 == length {
            Ok(bytes)
        } else {
            Err(Fail::Unreadable("a file that ends early".to_owned()))
        }
    }
}

/// Unpacks the last frame or member: chunks are small, so it is near.
fn last_frame(
    codec: Compression,
    size: u64,
    report: &mut Report<'_>,
    context: &Context<'_>,
) -> Result<(), Fail> {
    let mut tail_bytes = FIRST_TAIL_BYTES;
    loop {
        let tail = context.range(&report.part.path, size.saturating_sub(tail_bytes)..size)?;
        match ends_well(codec, &tail) {
            Some(true) => return Ok(()),
            Some(false) => return Err(no_end()),
            None if tail_bytes >= size => {
                return Err(Fail::Unreadable("no whole frame at the end".to_owned()));
            }
            None if tail_bytes >= MOST_TAIL_BYTES => break,
            None => tail_bytes *= 4,
        }
    }
    let finding = report.finding(
        FindingKind::NotChecked,
        format!("a frame within the last {MOST_TAIL_BYTES} bytes"),
        "none",
    );
    report.push(finding);
    Ok(())
}

/// Whether the last frame in `tail` ends with a line; `None` where there is no whole one.
fn ends_well(codec: Compression, tail: &[u8]) -> Option<bool> {
    let is_zstd = matches!(codec, Compression::Zstd(_));
    let magic = if is_zstd { ZSTD_MAGIC } else { GZIP_MAGIC };
    let starts = (0..tail.len())
        .rev()
        .filter(|at| tail[*at..].starts_with(magic));
    for start in starts.take(MOST_CANDIDATES) {
        let frame = &tail[start..];
        let ended = if is_zstd {
            zstd_end(frame)
        } else {
            gzip_end(frame)
        };
        if let Some(last) = ended {
            return Some(last == b'\n');
        }
    }
    None
}

/// The last byte of what a frame holds, where it is whole and ends with these bytes.
fn zstd_end(frame: &[u8]) -> Option<u8> {
    let length = zstd::zstd_safe::find_frame_compressed_size(frame).ok()?;
    if length != frame.len() {
        return None;
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(frame).ok()?;
    decoder.window_log_max(ZSTD_WINDOW_LOG).ok()?;
    last_byte(decoder)
}

/// The same for a gzip member.
fn gzip_end(mut member: &[u8]) -> Option<u8> {
    let last = last_byte(flate2::bufread::GzDecoder::new(&mut member))?;
    member.is_empty().then_some(last)
}

fn last_byte(unpacked: impl Read) -> Option<u8> {
    let mut last = LastByte::default();
    io::copy(&mut unpacked.take(MOST_UNPACKED_BYTES), &mut last).ok()?;
    last.0
}

/// Remembers the last byte that came.
#[derive(Default)]
struct LastByte(Option<u8>);

impl io::Write for LastByte {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = bytes.last().copied().or(self.0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
