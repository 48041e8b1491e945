//! Quotes and escapes: RFC 4180 for CSV, RFC 8259 for JSON.

use super::TextStyle;
use super::lines::Lines;

/// Whether a value has to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// The whole batch is known to be free of special bytes.
    None,
    /// This value may hold one.
    Look,
}

/// Whether no value within `bytes` needs a quote or an escape.
pub(super) fn is_clean(bytes: &[u8], style: TextStyle) -> bool {
    match style {
        TextStyle::Json => is_clean_json(bytes),
        TextStyle::Csv => is_clean_csv(bytes),
    }
}

/// In steps of 32 bytes without an early end, which the compiler turns into vector instructions.
fn none_in(bytes: &[u8], is_special: impl Fn(u8) -> bool) -> bool {
    let mut blocks = bytes.chunks_exact(32);
    let found = |block: &[u8]| {
        block
            .iter()
            .fold(false, |found, byte| found | is_special(*byte))
    };
    for block in &mut blocks {
        if found(block) {
            return false;
        }
    }
    !found(blocks.remainder())
}

#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches, the loop becomes vector code"
)]
fn is_clean_json(bytes: &[u8]) -> bool {
    none_in(bytes, |byte| {
        (byte < 0x20) | (byte == b'"') | (byte == b'\\')
    })
}

#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches, the loop becomes vector code"
)]
fn is_clean_csv(bytes: &[u8]) -> bool {
    none_in(bytes, |byte| {
        (byte == b',') | (byte == b'"') | (byte == b'\n') | (byte == b'\r')
    })
}

/// Writes a text value with what must stand around and inside it.
#[inline]
pub(super) fn write(text: &[u8], escape: Escape, lines: &mut Lines, style: TextStyle) {
    match style {
        TextStyle::Json => {
            lines.ensure(text.len() + 2);
            if escape == Escape::Look && !is_clean_json(text) {
                return json_escaped(text, lines);
            }
            lines.byte(b'"');
            lines.short(text);
            lines.byte(b'"');
        }
        TextStyle::Csv => {
            lines.ensure(text.len() + 2);
            // An empty field is a null; an empty text is told apart by its quotes.
            if text.is_empty() || (escape == Escape::Look && !is_clean_csv(text)) {
                return csv_quoted(text, lines);
            }
            lines.short(text);
        }
    }
}

#[cold]
fn csv_quoted(text: &[u8], lines: &mut Lines) {
    lines.ensure(text.len() * 2 + 2);
    lines.byte(b'"');
    for byte in text {
        if *byte == b'"' {
            lines.byte(b'"');
        }
        lines.byte(*byte);
    }
    lines.byte(b'"');
}

#[cold]
fn json_escaped(text: &[u8], lines: &mut Lines) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    lines.ensure(text.len() * 6 + 2);
    lines.byte(b'"');
    for byte in text {
        match *byte {
            b'"' => lines.slice(b"\\\""),
            b'\\' => lines.slice(b"\\\\"),
            b'\n' => lines.slice(b"\\n"),
            b'\r' => lines.slice(b"\\r"),
            b'\t' => lines.slice(b"\\t"),
            control @ 0..0x20 => {
                lines.slice(b"\\u00");
                lines.byte(HEX[usize::from(control >> 4)]);
                lines.byte(HEX[usize::from(control & 15)]);
            }
            plain => lines.byte(plain),
        }
    }
    lines.byte(b'"');
}

/// What stands before a value in an object: `{"name":` or `,"name":`.
pub(super) fn json_name(start: u8, name: &str) -> Vec<u8> {
    let mut lines = Lines::default();
    lines.ensure(1);
    lines.byte(start);
    write(name.as_bytes(), Escape::Look, &mut lines, TextStyle::Json);
    lines.ensure(1);
    lines.byte(b':');
    lines.into_bytes()
}

/// The header line of a CSV file.
pub(crate) fn csv_header<'a>(names: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut lines = Lines::default();
    for (at, name) in names.enumerate() {
        lines.ensure(1);
        if at > 0 {
            lines.byte(b',');
        }
        write(name.as_bytes(), Escape::Look, &mut lines, TextStyle::Csv);
    }
    lines.ensure(1);
    lines.byte(b'\n');
    lines.into_bytes()
}
