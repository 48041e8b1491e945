//! Values as COPY BINARY has them, their lengths before them.

use super::numeric;
use crate::databases::cells::{Cells, Unfit, Values, WriteCell, append, beyond};

/// Days from PostgreSQL's day 0, which is 2000-01-01, to Arrow's.
pub(super) const EPOCH_DAYS: i64 = 10_957;
/// The same in microseconds.
pub(super) const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;
/// The first day, and the first that is none any more: 4713-11-24 BC, and 5874898-01-01.
const DAYS: std::ops::Range<i64> = -2_451_545..2_145_031_949;
/// The first microsecond, and the first that is none any more: 4713-11-24 BC, and 294277-01-01.
const MICROS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;
/// Bytes of the longest value of a fixed length.
const LONGEST: usize = 8;
/// A length that stands for a null.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Writes a value with its length before it.
#[derive(Clone, Copy)]
pub(super) struct Binary;

impl WriteCell for Binary {
    const NULL: &'static [u8] = &NULL;

    #[inline]
    fn write(self, cells: &Cells<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), Unfit> {
        if cells.is_null(row) {
            out.extend_from_slice(Self::NULL);
            return Ok(());
        }
        match &cells.values {
            Values::Bool(values) => {
                put(out, [u8::from(values.value(row))]);
            }
            Values::I8(values) => put(out, i16::from(values[row]).to_be_bytes()),
            Values::I16(values) => put(out, values[row].to_be_bytes()),
            Values::I32(values) => put(out, values[row].to_be_bytes()),
            Values::I64(values) => put(out, values[row].to_be_bytes()),
            Values::U8(values) => put(out, i16::from(values[row]).to_be_bytes()),
            Values::U16(values) => put(out, i32::from(values[row]).to_be_bytes()),
            Values::U32(values) => put(out, i64::from(values[row]).to_be_bytes()),
            Values::U64(values) => numeric::write(i128::from(values[row]), 0, out),
            Values::F32(values) => put(out, values[row].to_be_bytes()),
            Values::F64(values) => put(out, values[row].to_be_bytes()),
            Values::Days(values) => {
                let days = i64::from(values[row]) - EPOCH_DAYS;
                if !DAYS.contains(&days) {
                    return Err(beyond(
                        "a day from 4713-11-24 BC to 5874897-12-31",
                        values[row],
                    ));
                }
                put(out, (days as i32).to_be_bytes());
            }
            Values::Times(values, unit) => {
                let micros = values[row]
                    .checked_mul(*unit)
                    .and_then(|micros| micros.checked_sub(EPOCH_MICROS));
                let Some(micros) = micros.filter(|micros| MICROS.contains(micros)) else {
                    return Err(beyond(
                        "a time from 4713-11-24 BC to 294276-12-31",
                        values[row],
                    ));
                };
                put(out, micros.to_be_bytes());
            }
            Values::Decimals(values, scale) => numeric::write(values[row], *scale, out),
            Values::Texts(..) | Values::LargeTexts(..) => {
                let (texts, text) = cells.text_in(row);
                let Ok(length) = i32::try_from(text.len()) else {
                    return Err(beyond("less than 2 GiB", text.len()));
                };
                out.extend_from_slice(&length.to_be_bytes());
                append(out, texts, text);
            }
            Values::Codes(codes, words) => {
                if !words.append(codes[row], out) {
                    out.extend_from_slice(Self::NULL);
                }
            }
        }
        Ok(())
    }
}

/// Appends a value of a fixed length, with that before it, as one piece.
#[inline]
fn put<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N]) {
    let mut cell = [0; 4 + LONGEST];
    cell[..4].copy_from_slice(&(N as i32).to_be_bytes());
    cell[4..4 + N].copy_from_slice(&bytes);
    out.extend_from_slice(&cell[..4 + N]);
}
