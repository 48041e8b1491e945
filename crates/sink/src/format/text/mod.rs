//! CSV and JSON lines, written straight from Arrow columns into one block of bytes.
//!
//! What is the same for every row is rendered once: names, the values of a dictionary, the dates.
//! Numbers and times are rendered a block of rows at a time, column by column, and copied in fixed
//! sizes. Nothing is allocated or formatted per cell.
//!
//! | Arrow | CSV | JSON |
//! |---|---|---|
//! | null | empty field | `null` |
//! | floating point | shortest form that reads back the same; `NaN`, `inf`, `-inf` | the same; `null` |
//! | decimal | full scale: `12.50` | a number of full scale |
//! | date, timestamp | `2023-01-31`, `2023-01-31 10:11:12.000000` | the same as a string |
//! | text | quoted where RFC 4180 asks for it; an empty text as `""` | escaped after RFC 8259 |
//! | struct, list | refused | object, array |
//!
//! Compressed text is one gzip member or zstd frame a chunk, and one for the CSV header: standard
//! readers take them one after the other.

mod caches;
mod codec;
mod column;
mod digits;
mod escape;
mod floats;
mod fractions;
mod grid;
mod lines;
mod moments;
mod numbers;
mod numerals;
mod objects;
mod rows;
mod slots;
pub(crate) mod times;

use std::collections::HashSet;

use arrow_array::RecordBatchReader;
use arrow_schema::{DataType, Fields, SchemaRef};

use self::codec::TextCodec;
pub(crate) use self::escape::csv_header;
pub(crate) use self::lines::Lines;
pub(crate) use self::objects::{Around, Objects};
use self::rows::Rows;
use super::{Assembler, Chunk, ChunkData, Compression, EncodeError, Encoder, Format};
use crate::error::{Error, Result};
use crate::plan::DEFAULT_TEXT_CHUNK_BYTES;
use crate::store::PartWriter;

/// What a codec holds at its higher levels.
const CODEC_BYTES: u64 = 4 << 20;
/// Room that the first block begins with: one of the usual size and a quarter more. Only what is
/// written is touched, and a block that need not grow is never there twice.
const FIRST_BYTES: usize = DEFAULT_TEXT_CHUNK_BYTES as usize / 4 * 5;
/// What a column holds besides its text: a block of rendered numbers, a dictionary's values.
const CELL_BYTES: usize = 16 * 1024;

/// Which text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextStyle {
    Csv,
    Json,
}

impl TextStyle {
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// CSV or JSON lines for one schema.
#[derive(Debug)]
pub(super) struct TextFormat {
    style: TextStyle,
    schema: SchemaRef,
    compression: Compression,
}

impl TextFormat {
    pub(super) fn try_new(
        style: TextStyle,
        schema: &SchemaRef,
        compression: Compression,
    ) -> Result<Self> {
        check(schema, style)?;
        Ok(Self {
            style,
            schema: schema.clone(),
            compression,
        })
    }
}

/// Refuses columns that a text cannot hold.
fn check(schema: &SchemaRef, style: TextStyle) -> Result<()> {
    for field in schema.fields() {
        let refused = column::unsupported(field.name(), field.data_type(), style);
        if let Some((column, found)) = refused {
            return Err(Error::Unsupported {
                format: style.name(),
                column,
                found: Box::new(found),
            });
        }
    }
    if style == TextStyle::Json
        && let Some(found) = doubled_name(schema.fields(), "")
    {
        return Err(Error::Invalid {
            what: "columns",
            expected: "each name of a JSON object once".to_owned(),
            found: format!("`{found}` twice"),
        });
    }
    Ok(())
}

/// A name that two columns have, or two fields of a struct at any depth: readers of JSON keep one value
/// of the two, and do not say so.
fn doubled_name(fields: &Fields, above: &str) -> Option<String> {
    let mut names = HashSet::with_capacity(fields.len());
    fields.iter().find_map(|field| {
        let mut path = format!("{above}{}", field.name());
        if !names.insert(field.name()) {
            return Some(path);
        }
        let mut data_type = field.data_type();
        while let DataType::List(child) = data_type {
            path.push_str("[]");
            data_type = child.data_type();
        }
        match data_type {
            DataType::Struct(fields) => doubled_name(fields, &format!("{path}.")),
            _ => None,
        }
    })
}

impl Format for TextFormat {
    fn encoder(&self) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(TextEncoder {
            style: self.style,
            rows: Rows::new(&self.schema, self.style),
            codec: TextCodec::try_new(self.compression)?,
            spare: Vec::new(),
        }))
    }

    fn encoder_bytes(&self) -> u64 {
        codec::context_bytes(self.compression)
            + CODEC_BYTES
            + (self.schema.fields().len() * CELL_BYTES) as u64
    }

    fn assemble(&self, mut out: Box<dyn PartWriter>) -> Result<Box<dyn Assembler>> {
        if self.style == TextStyle::Csv {
            let names = self
                .schema
                .fields()
                .iter()
                .map(|field| field.name().as_str());
            let header = csv_header(names);
            let mut codec = TextCodec::try_new(self.compression)?;
            out.write(&codec.squeeze(header, &mut Vec::new())?)?;
        }
        Ok(Box::new(TextAssembler { out }))
    }
}

struct TextEncoder {
    style: TextStyle,
    rows: Rows,
    codec: TextCodec,
    /// The memory of an earlier chunk.
    spare: Vec<u8>,
}

impl Encoder for TextEncoder {
    fn encode(&mut self, rows: &mut dyn RecordBatchReader) -> Result<Chunk, EncodeError> {
        if self.spare.capacity() == 0 {
            self.spare.reserve_exact(FIRST_BYTES);
        }
        let mut lines = Lines::reusing(std::mem::take(&mut self.spare));
        let mut count = 0;
        for batch in rows {
            let batch = batch.map_err(EncodeError::Rows)?;
            count += batch.num_rows() as u64;
            match self.style {
                TextStyle::Csv => self.rows.write(&batch, &mut lines, &mut CsvLines)?,
                TextStyle::Json => self.rows.write(&batch, &mut lines, &mut JsonLines)?,
            }
        }
        let plain_bytes = lines.len() as u64;
        let text = self.codec.squeeze(lines.into_bytes(), &mut self.spare)?;
        Ok(Chunk {
            rows: count,
            plain_bytes,
            data: ChunkData::Text(text),
        })
    }

    fn recycle(&mut self, chunk: Chunk) {
        if let ChunkData::Text(text) = chunk.data {
            self.codec.recycle(text, &mut self.spare);
        }
    }
}

/// The ends of CSV lines.
struct CsvLines;

impl Around for CsvLines {
    #[inline]
    fn before(&mut self, _text: &mut Lines) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn after(&mut self, text: &mut Lines, start: usize) -> Result<()> {
        // A line of nothing is skipped by readers: a single null stands as an empty text.
        if text.len() == start {
            text.slice(b"\"\"");
        }
        text.byte(b'\n');
        Ok(())
    }
}

/// The ends of JSON lines.
struct JsonLines;

impl Around for JsonLines {
    #[inline]
    fn before(&mut self, _text: &mut Lines) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn after(&mut self, text: &mut Lines, _start: usize) -> Result<()> {
        text.byte(b'\n');
        Ok(())
    }
}

struct TextAssembler {
    out: Box<dyn PartWriter>,
}

impl Assembler for TextAssembler {
    fn append(&mut self, chunk: &Chunk) -> Result<()> {
        match &chunk.data {
            ChunkData::Text(text) => self.out.write(text),
            _ => Err(Error::Invalid {
                what: "chunk",
                expected: "text".to_owned(),
                found: "one of another format".to_owned(),
            }),
        }
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        self.out.finish()
    }
}
