//! Rows of one bucket as bytes: each lane less its smallest word, in as few bytes a row as the largest
//! needs; plain columns as Arrow IPC with LZ4; a checksum over all of it.
//!
//! Codes and numbers of one bucket take one or two bytes a row this way, at the speed of a copy: half
//! of what LZ4 makes of them, and several times as fast.

use std::io;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};

use super::hash;
use super::rows::{Form, Layout, Rows};

/// Appends a block of `rows` rows. `lane` gives the words of a lane.
pub(crate) fn encode<'a>(
    out: &mut Vec<u8>,
    rows: usize,
    lanes: impl Iterator<Item = &'a [u64]>,
    plain: Option<&RecordBatch>,
) -> Result<(), ArrowError> {
    let start = out.len();
    out.extend_from_slice(&(rows as u32).to_le_bytes());
    for words in lanes {
        encode_lane(out, words);
    }
    if let Some(batch) = plain {
        let options =
            IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let mut bytes = Vec::new();
        let mut writer = StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options)?;
        writer.write(batch)?;
        writer.finish()?;
        drop(writer);
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(&bytes);
    }
    let sum = hash::of_bytes(&out[start..]);
    out.extend_from_slice(&sum.to_le_bytes());
    Ok(())
}

fn encode_lane(out: &mut Vec<u8>, words: &[u64]) {
    let (mut least, mut most) = (u64::MAX, 0);
    for &word in words {
        least = least.min(word);
        most = most.max(word);
    }
    let least = if words.is_empty() { 0 } else { least };
    let range = most.saturating_sub(least);
    let width: u8 = match range {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        0x100_0000..=0xffff_ffff => 4,
        _ => 8,
    };
    out.push(width);
    out.extend_from_slice(&least.to_le_bytes());
    match width {
        0 => {}
        1 => out.extend(words.iter().map(|word| (word - least) as u8)),
        2 => put(out, words, |word| ((word - least) as u16).to_le_bytes()),
        3 => put(out, words, |word| {
            let [a, b, c, _] = ((word - least) as u32).to_le_bytes();
            [a, b, c]
        }),
        4 => put(out, words, |word| ((word - least) as u32).to_le_bytes()),
        _ => put(out, words, |word| (word - least).to_le_bytes()),
    }
}

#[inline]
fn put<const N: usize>(out: &mut Vec<u8>, words: &[u64], bytes: impl Fn(u64) -> [u8; N]) {
    let start = out.len();
    out.resize(start + N * words.len(), 0);
    let (places, _) = out[start..].as_chunks_mut::<N>();
    for (place, &word) in places.iter_mut().zip(words) {
        *place = bytes(word);
    }
}

/// Appends a block's rows; an error tells that the bytes are not what was written.
pub(crate) fn decode(bytes: &[u8], layout: &Layout, rows: &mut Rows) -> io::Result<()> {
    let (body, sum) = bytes.split_last_chunk::<8>().ok_or_else(broken)?;
    if hash::of_bytes(body) != u64::from_le_bytes(*sum) {
        return Err(broken());
    }
    let (count, mut rest) = body.split_first_chunk::<4>().ok_or_else(broken)?;
    let count = u32::from_le_bytes(*count) as usize;
    for lane in &mut rows.lanes {
        rest = decode_lane(rest, count, lane)?;
    }
    if layout.arrays > 0 {
        let (length, bytes) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let bytes = bytes
            .get(..u32::from_le_bytes(*length) as usize)
            .ok_or_else(broken)?;
        let reader = StreamReader::try_new(bytes, None).map_err(io::Error::other)?;
        for batch in reader {
            let batch = batch.map_err(io::Error::other)?;
            for (pieces, array) in rows.arrays.iter_mut().zip(batch.columns()) {
                pieces.push(ArrayRef::clone(array));
            }
        }
    }
    rows.len += count;
    Ok(())
}

fn decode_lane<'a>(bytes: &'a [u8], count: usize, lane: &mut Vec<u64>) -> io::Result<&'a [u8]> {
    let (&width, bytes) = bytes.split_first().ok_or_else(broken)?;
    let (least, bytes) = bytes.split_first_chunk::<8>().ok_or_else(broken)?;
    let least = u64::from_le_bytes(*least);
    let size = usize::from(width) * count;
    let (packed, rest) = bytes.split_at_checked(size).ok_or_else(broken)?;
    match width {
        0 => lane.resize(lane.len() + count, least),
        1 => lane.extend(packed.iter().map(|&byte| least + u64::from(byte))),
        2 => get(lane, packed, |bytes: [u8; 2]| {
            least + u64::from(u16::from_le_bytes(bytes))
        }),
        3 => get(lane, packed, |[a, b, c]: [u8; 3]| {
            least + u64::from(u32::from_le_bytes([a, b, c, 0]))
        }),
        4 => get(lane, packed, |bytes: [u8; 4]| {
            least + u64::from(u32::from_le_bytes(bytes))
        }),
        _ => get(lane, packed, |bytes: [u8; 8]| {
            least + u64::from_le_bytes(bytes)
        }),
    }
    Ok(rest)
}

#[inline]
fn get<const N: usize>(lane: &mut Vec<u64>, packed: &[u8], word: impl Fn([u8; N]) -> u64) {
    let (chunks, _) = packed.as_chunks::<N>();
    lane.extend(chunks.iter().map(|&bytes| word(bytes)));
}

fn broken() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a block is not what was written",
    )
}

/// The schema of a layout's plain columns, as they travel.
pub(crate) fn plain_schema(layout: &Layout) -> SchemaRef {
    let forms = layout.forms.iter().enumerate();
    let fields = forms
        .filter(|(_, form)| matches!(form, Form::Plain { .. }))
        .map(|(column, _)| {
            let field = layout.schema.field(column);
            Field::new(field.name(), layout.plain_type(column), true)
        });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_of_every_width_come_back() {
        for spread in [
            0_u64,
            1,
            255,
            256,
            65_535,
            65_536,
            0xff_ffff,
            0x100_0000,
            1 << 32,
            1 << 63,
        ] {
            let words: Vec<u64> = (0..100)
                .map(|row| 7 + if row % 3 == 0 { spread } else { 0 })
                .collect();
            let mut bytes = Vec::new();
            encode(
                &mut bytes,
                words.len(),
                std::iter::once(words.as_slice()),
                None,
            )
            .unwrap();
            let layout = Layout::new(Arc::new(Schema::empty()), 0, &[]);
            let mut rows = Rows {
                lanes: vec![Vec::new()],
                ..Rows::default()
            };
            decode(&bytes, &layout, &mut rows).unwrap();
            assert_eq!(rows.lanes[0], words, "spread {spread}");

            for place in [0, bytes.len() / 2, bytes.len() - 1] {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1;
                assert!(
                    decode(&flipped, &layout, &mut rows).is_err(),
                    "a flipped bit at {place}"
                );
            }
        }
    }
}
