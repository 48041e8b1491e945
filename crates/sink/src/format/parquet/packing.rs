//! Integers in few bits: plain bit-packing, Parquet's hybrid of runs and packed groups, and
//! `DELTA_BINARY_PACKED`.
//!
//! Eight values are packed at a time by code that knows the width as a constant, so that every
//! shift is one instruction and nothing depends on the group before.
//!
//! Source: the Parquet format's `Encodings.md`.

use crate::wide::wide;

/// Values of a block of differences, and of each of its parts with a width of its own.
const BLOCK: usize = 256;
const MINI_BLOCKS: usize = 4;
const MINI_BLOCK: usize = BLOCK / MINI_BLOCKS;
/// Equal keys from which on a run is shorter than packed groups.
const RUN: usize = 16;

/// Appends an unsigned number in groups of seven bits.
pub(super) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a signed number in groups of seven bits, small sizes of either sign first.
pub(super) fn put_zigzag(number: i64, out: &mut Vec<u8>) {
    put_varint((number.wrapping_shl(1) ^ (number >> 63)) as u64, out);
}

/// The bits that a number takes.
pub(super) fn bits(number: u64) -> usize {
    (64 - number.leading_zeros()) as usize
}

/// Packs eight values of `W` bits into `W` bytes; writes up to seven bytes beyond them.
#[inline]
fn pack_eight<const W: usize>(values: &[u64; 8], out: &mut [u8]) {
    let words = W.div_ceil(8);
    for word in 0..words {
        let (low, high) = (word * 64, word * 64 + 64);
        let mut bits = 0;
        for (at, value) in values.iter().enumerate() {
            let start = at * W;
            if start >= low && start < high {
                bits |= value << (start - low);
            } else if start < low && start + W > low {
                bits |= value >> (low - start);
            }
        }
        out[word * 8..word * 8 + 8].copy_from_slice(&bits.to_le_bytes());
    }
}

fn pack_width<const W: usize>(values: &[u64], out: &mut Vec<u8>) {
    let groups = values.len().div_ceil(8);
    let mut at = out.len();
    out.resize(at + groups * W + 8, 0);
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        pack_eight::<W>(eight, &mut out[at..at + W + 8]);
        at += W;
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        pack_eight::<W>(&last, &mut out[at..at + W + 8]);
        at += W;
    }
    out.truncate(at);
}

/// Appends values of at most `width` bits, filled up with zeros to a multiple of eight values.
pub(super) fn pack(values: &[u64], width: usize, out: &mut Vec<u8>) {
    macro_rules! widths {
        ($($width:literal)+) => {
            match width {
                $($width => pack_width::<$width>(values, out),)+
                _ => debug_assert_eq!(width, 0, "a value has at most 64 bits"),
            }
        };
    }
    widths!(
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62
        63 64
    );
}

/// Appends keys as runs of equal ones and packed groups of eight.
pub(super) fn put_hybrid(keys: &[u32], width: usize, out: &mut Vec<u8>) {
    let mut packed = 0;
    let mut at = 0;
    let mut wide = Vec::new();
    while at < keys.len() {
        let rest = &keys[at..];
        let starts_run = rest.len() >= RUN && rest[0] == rest[RUN - 1] && rest[0] == rest[RUN / 2];
        if starts_run {
            let run = rest.iter().take_while(|key| **key == rest[0]).count();
            if run >= RUN {
                put_groups(&keys[packed..at], width, &mut wide, out);
                put_run(rest[0], run, width, out);
                at += run;
                packed = at;
                continue;
            }
        }
        at += rest.len().min(8);
    }
    put_groups(&keys[packed..], width, &mut wide, out);
}

fn put_groups(keys: &[u32], width: usize, wide: &mut Vec<u64>, out: &mut Vec<u8>) {
    if keys.is_empty() {
        return;
    }
    put_varint((keys.len().div_ceil(8) as u64) << 1 | 1, out);
    wide.clear();
    wide.extend(keys.iter().map(|key| u64::from(*key)));
    pack(wide, width, out);
}

/// Appends one key that repeats.
pub(super) fn put_run(key: u32, run: usize, width: usize, out: &mut Vec<u8>) {
    put_varint((run as u64) << 1, out);
    out.extend_from_slice(&key.to_le_bytes()[..width.div_ceil(8)]);
}

/// An integer whose differences can be packed.
pub(super) trait Delta: Copy {
    /// The difference within the type's own width.
    fn minus(self, other: Self) -> i64;
    /// How far a difference is above the least of its block, within the type's own width.
    fn above(difference: i64, least: i64) -> u64;
    fn wide(self) -> i64;
}

impl Delta for i32 {
    #[inline]
    fn minus(self, other: Self) -> i64 {
        i64::from(self.wrapping_sub(other))
    }

    #[inline]
    fn above(difference: i64, least: i64) -> u64 {
        // Both are of 32 bits, so that what is between them fits.
        (difference - least) as u64 & u64::from(u32::MAX)
    }

    #[inline]
    fn wide(self) -> i64 {
        i64::from(self)
    }
}

impl Delta for i64 {
    #[inline]
    fn minus(self, other: Self) -> i64 {
        self.wrapping_sub(other)
    }

    #[inline]
    fn above(difference: i64, least: i64) -> u64 {
        difference.wrapping_sub(least) as u64
    }

    #[inline]
    fn wide(self) -> i64 {
        self
    }
}

/// Appends a page of `DELTA_BINARY_PACKED` values.
pub(super) fn put_delta<T: Delta>(values: &[T], out: &mut Vec<u8>) {
    put_varint(BLOCK as u64, out);
    put_varint(MINI_BLOCKS as u64, out);
    put_varint(values.len() as u64, out);
    let Some((first, rest)) = values.split_first() else {
        return put_zigzag(0, out);
    };
    put_zigzag(first.wide(), out);
    let mut before = *first;
    let mut above = [0; BLOCK];
    for block in rest.chunks(BLOCK) {
        let (least, used_bits) = wide!(above_least(before, block, &mut above));
        before = block[block.len() - 1];
        put_zigzag(least, out);
        let widths = out.len();
        out.extend_from_slice(&[0; MINI_BLOCKS]);
        let used = block.len().div_ceil(MINI_BLOCK);
        let minis = above.chunks_exact(MINI_BLOCK).zip(used_bits).take(used);
        for (at, (mini, used_bits)) in minis.enumerate() {
            let width = bits(used_bits);
            out[widths + at] = width as u8;
            pack(mini, width, out);
        }
    }
}

/// Works out the least difference of a block that follows `before`, how far each is above it, and which
/// bits these numbers have in each part. Behind the last one they are zero and fill up their part.
#[expect(clippy::inline_always, reason = "what `wide!` is given")]
#[inline(always)]
fn above_least<T: Delta>(
    before: T,
    block: &[T],
    above: &mut [u64; BLOCK],
) -> (i64, [u64; MINI_BLOCKS]) {
    let mut differences = [0; BLOCK];
    let differences = &mut differences[..block.len()];
    differences[0] = block[0].minus(before);
    for (difference, pair) in differences[1..].iter_mut().zip(block.windows(2)) {
        *difference = pair[1].minus(pair[0]);
    }
    let least = differences
        .iter()
        .fold(i64::MAX, |least, at| least.min(*at));
    for (above, difference) in above.iter_mut().zip(differences.iter()) {
        *above = T::above(*difference, least);
    }
    above[block.len()..].fill(0);
    let mut used_bits = [0; MINI_BLOCKS];
    for (used, mini) in used_bits.iter_mut().zip(above.chunks_exact(MINI_BLOCK)) {
        *used = mini.iter().fold(0, |all, value| all | value);
    }
    (least, used_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unpacks bit by bit, as slowly as can be.
    fn unpacked(bytes: &[u8], width: usize, count: usize) -> Vec<u64> {
        let bit = |at: usize| u64::from(bytes[at / 8] >> (at % 8) & 1);
        (0..count)
            .map(|value| (0..width).fold(0, |all, at| all | bit(value * width + at) << at))
            .collect()
    }

    #[test]
    fn every_width_unpacks_bit_by_bit() {
        let mut seed = 7_u64;
        for width in 1..=64 {
            for count in [1, 7, 8, 9, 64, 100] {
                let values: Vec<u64> = (0..count)
                    .map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (seed ^ (seed >> 29)) >> (64 - width)
                    })
                    .collect();
                let mut bytes = vec![0xaa];
                pack(&values, width, &mut bytes);
                assert_eq!(bytes.len(), 1 + values.len().div_ceil(8) * width);
                assert_eq!(unpacked(&bytes[1..], width, count), values, "{width}");
            }
        }
    }

    #[test]
    fn wide_vectors_find_the_same_as_narrow_ones() {
        let mut seed = 11_u64;
        for len in [1, 2, 63, 64, 65, 200, BLOCK] {
            for shift in [0, 20, 40, 63] {
                let block: Vec<i64> = (0..len)
                    .map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (seed as i64) >> shift
                    })
                    .collect();
                let before = i64::MIN;
                let (mut narrow, mut wide) = ([1; BLOCK], [2; BLOCK]);
                let found = above_least(before, &block, &mut narrow);
                assert_eq!(found, wide!(above_least(before, &block, &mut wide)));
                assert_eq!(narrow, wide);
            }
        }
    }

    #[test]
    fn widths_are_those_of_the_largest_value() {
        assert_eq!(
            (bits(0), bits(1), bits(7), bits(8), bits(u64::MAX)),
            (0, 1, 3, 4, 64)
        );
    }

    #[test]
    fn runs_are_shorter_than_groups() {
        let mut out = Vec::new();
        put_hybrid(&[3; 100], 2, &mut out);
        assert_eq!(out, [200, 1, 3]);
        out.clear();
        put_hybrid(&[0, 1, 2, 3, 0, 1, 2, 3], 2, &mut out);
        assert_eq!(out, [3, 0b1110_0100, 0b1110_0100]);
    }
}
