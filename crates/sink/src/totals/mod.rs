//! Control totals: a few hundred bytes that tell whether two outputs hold the same rows.
//!
//! Two runs in different formats, shardings, partitionings or places are compared by their
//! [`Totals`] alone. This is the definition of the row hash, for whoever recomputes it elsewhere;
//! `docs/totals.md` has it in Python. All arithmetic is on unsigned integers modulo 2^128.
//!
//! **Constants of a column**: BLAKE3 in its key derivation mode, context `lakeseed 2026 control
//! totals v1 column`, over the column's name in UTF-8, 48 bytes of output: three little-endian
//! numbers `C`, `A`, `N`. The lowest bit of `C` is set.
//!
//! **Term of a value** `v` in its column: `v * C + A`; of a null: `N`.
//!
//! **State of a row**: the sum of the terms of its columns. **Hash of a row**: `mix(state)`, where
//!
//! ```text
//! mix(s):  s = (s ^ (s >> 64)) * 0x9E3779B97F4A7C15F39CC0605CEDC835
//!          s = (s ^ (s >> 64)) * 0xC2B2AE3D27D4EB4F165667B19E3779F9
//!          s =  s ^ (s >> 64)
//! ```
//!
//! **Hash of a table**: the sum of the hashes of its rows. A value as a number:
//!
//! | type | number |
//! |---|---|
//! | integer | itself; negative ones modulo 2^128 |
//! | boolean | 0 or 1 |
//! | decimal | the unscaled integer; one beyond 128 bits as the bytes of its 256, little-endian |
//! | date of 32 bits | days from 1970-01-01 |
//! | timestamp, time, duration, date of 64 bits | nanoseconds, whatever the unit |
//! | floating point | widened to 64 bits, the bits as an unsigned integer; not a number: `0x7FF8000000000000` |
//! | text, bytes | XXH3 of 128 bits, seed 0, of the bytes, high half first |
//! | dictionary | its value |
//! | struct | the hash of a row of its fields |
//! | list of `n` elements | `s = n`, then for each element `s = mix(s + term)`, with the constants of the name "" |
//! | map | a list of structs of `key` and `value` |
//!
//! So a table's hash depends neither on the order of its rows or columns nor on batches and parts,
//! and `Int32` counts like `Int64`. `C` is odd: two values never have the same term. The last mix
//! keeps two rows that swap a value from adding up to the same. The hash finds errors, chance and
//! bugs alike, with odds of about 2^-128; it is no seal against someone who wants a collision.

mod block;
mod bounds;
mod column;
mod difference;
mod hash;
mod result;
mod sum;
mod tally;
mod time;
mod track;
mod values;

pub use self::bounds::{BoundKind, Bounds};
pub use self::difference::{Difference, Differing};
pub use self::result::Totals;
pub use self::sum::ExactSum;
pub use self::tally::Tally;
