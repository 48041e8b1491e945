//! Rows and fields of CSV after RFC 4180, told strictly: what is not a row is said to be broken, and
//! where.

use std::fmt;

/// A field of a row, in the row's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    start: u32,
    end: u32,
    quotes: Quotes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    /// Quotes around it, none inside.
    Around,
    /// Doubled quotes inside.
    Inside,
}

impl Field {
    /// Its value; `spare` holds it where quotes have to be taken out.
    pub(super) fn value<'v>(&self, row: &'v [u8], spare: &'v mut Vec<u8>) -> &'v [u8] {
        let stored = &row[self.start as usize..self.end as usize];
        if self.quotes != Quotes::Inside {
            return stored;
        }
        spare.clear();
        let mut was_quote = false;
        for byte in stored {
            was_quote = *byte == b'"' && !was_quote;
            if !was_quote {
                spare.push(*byte);
            }
        }
        spare
    }

    /// Whether it stands in quotes: an empty one is then a text, not a null.
    pub(super) fn is_quoted(&self) -> bool {
        self.quotes != Quotes::None
    }
}

/// What stands at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A row of `length` bytes with its line end, whose text holds `inner_lines` line ends.
    Row { length: usize, inner_lines: u64 },
    /// No whole row; more bytes are needed.
    More,
    /// Something that is no row. It breaks in `column`, from 0, at the byte `at`.
    Broken {
        column: usize,
        at: usize,
        problem: Problem,
    },
}

/// How a row can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// A quote in a field that does not begin with one.
    QuoteInside,
    /// Text between a closing quote and the end of the field.
    AfterQuote,
    /// A quote that is not closed where the bytes end.
    Unclosed,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QuoteInside => {
                "a quote inside of a field that does not begin with one: expected the field in \
                 quotes, with each inner quote doubled"
            }
            Self::AfterQuote => "text behind a closing quote: expected inner quotes to be doubled",
            Self::Unclosed => "a quote that is never closed",
        })
    }
}

/// Where in a row the bytes begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// At a field.
    Field,
    /// Inside a field without quotes.
    Plain,
    /// Inside quotes.
    Quoted,
}

/// Finds rows. The fields of the last row are kept.
pub(super) struct Splitter {
    delimiter: u8,
    /// Bytes at which a field without quotes may end or break.
    is_special: [bool; 256],
    fields: Vec<Field>,
}

impl Splitter {
    pub(super) fn new(delimiter: u8) -> Self {
        let mut is_special = [false; 256];
        for byte in [delimiter, b'\n', b'"'] {
            is_special[usize::from(byte)] = true;
        }
        Self {
            delimiter,
            is_special,
            fields: Vec::new(),
        }
    }

    /// The fields of the row that was found last.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Looks for a row at the beginning of `bytes`, of which no more come if `is_last`.
    pub(super) fn row(&mut self, bytes: &[u8], is_last: bool) -> Found {
        self.row_from(Begin::Field, bytes, is_last)
    }

    /// Looks for the rest of a row.
    pub(super) fn row_from(&mut self, begin: Begin, bytes: &[u8], is_last: bool) -> Found {
        self.fields.clear();
        let mut inner_lines = 0;
        let mut at = 0;
        let mut begin = begin;
        loop {
            let start = at;
            let opens = begin == Begin::Field && bytes.get(at) == Some(&b'"');
            if opens || begin == Begin::Quoted {
                let text = start + usize::from(opens);
                let (close, has_doubled) = match close_of(bytes, text, is_last) {
                    Ok(closed) => closed,
                    Err(()) if is_last => {
                        return self.broken(start, Problem::Unclosed);
                    }
                    Err(()) => return Found::More,
                };
                let lines = memchr::memchr_iter(b'\n', &bytes[text..close]);
                inner_lines += lines.count() as u64;
                at = close + 1;
                let quotes = if has_doubled {
                    Quotes::Inside
                } else {
                    Quotes::Around
                };
                self.push(text, close, quotes);
                // A carriage return may stand before the line end, or before the end of all.
                let ends = match &bytes[at..] {
                    [b'\r', b'\n', ..] => 1,
                    [b'\r'] if is_last => 1,
                    [b'\r'] if !is_last => return Found::More,
                    _ => 0,
                };
                at += ends;
            } else {
                while at < bytes.len() && !self.is_special[usize::from(bytes[at])] {
                    at += 1;
                }
                let mut end = at;
                let ends_line = match bytes.get(at) {
                    Some(byte) => *byte == b'\n',
                    None => is_last,
                };
                if ends_line && end > start && bytes[end - 1] == b'\r' {
                    end -= 1;
                }
                self.push(start, end, Quotes::None);
            }
            match bytes.get(at) {
                Some(b'\n') => {
                    return Found::Row {
                        length: at + 1,
                        inner_lines,
                    };
                }
                Some(byte) if *byte == self.delimiter => at += 1,
                None if is_last => {
                    return Found::Row {
                        length: at,
                        inner_lines,
                    };
                }
                None => return Found::More,
                Some(_) => {
                    let is_quoted = self.fields.pop().is_some_and(|field| field.is_quoted());
                    let problem = if is_quoted {
                        Problem::AfterQuote
                    } else {
                        Problem::QuoteInside
                    };
                    return self.broken(at, problem);
                }
            }
            begin = Begin::Field;
        }
    }

    fn broken(&self, at: usize, problem: Problem) -> Found {
        Found::Broken {
            column: self.fields.len(),
            at,
            problem,
        }
    }

    fn push(&mut self, start: usize, end: usize, quotes: Quotes) {
        // A row is far below 4 GiB: its bytes are held.
        self.fields.push(Field {
            start: start as u32,
            end: end as u32,
            quotes,
        });
    }
}

/// Where the quotes close that hold the text from `at` on, and whether doubled ones stand in it.
fn close_of(bytes: &[u8], mut at: usize, is_last: bool) -> Result<(usize, bool), ()> {
    let mut has_doubled = false;
    loop {
        let quote = at + memchr::memchr(b'"', &bytes[at..]).ok_or(())?;
        match bytes.get(quote + 1) {
            Some(b'"') => {
                has_doubled = true;
                at = quote + 2;
            }
            // It may be the first of two.
            None if !is_last => return Err(()),
            _ => return Ok((quote, has_doubled)),
        }
    }
}
