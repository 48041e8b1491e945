//! The hash that deals rows to buckets: of values alone, the same on every machine, for ever. What a
//! unit holds follows from it.

use twox_hash::XxHash3_128;

/// What a row's hash begins with.
pub(crate) const SEED: u64 = 0x6c61_6b65_7365_6564;
const FACTOR: u64 = 0x9e6c_63d0_676a_9a99;

/// The row's hash with one value more.
#[inline]
pub(crate) fn mix(hash: u64, value: u64) -> u64 {
    let product = u128::from(hash ^ value) * u128::from(FACTOR);
    ((product >> 64) as u64 ^ product as u64).wrapping_add(SEED)
}

/// The hash of a text or of bytes.
pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    XxHash3_128::oneshot(bytes) as u64
}

/// What a null counts as.
pub(crate) const NULL: u64 = 0x6e75_6c6c;

/// The hash of a text, or of none.
pub(crate) fn of_text(text: Option<&str>) -> u64 {
    text.map_or(NULL, |text| of_bytes(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units of an earlier run are kept, so these may never change.
    #[test]
    fn known_answers() {
        assert_eq!(
            mix(SEED, 0),
            0x6c61_6b65_7365_6564_u64.wrapping_add(KNOWN_ZERO)
        );
        assert_eq!(of_bytes(b""), 0x6001_c324_468d_497f);
    }

    const KNOWN_ZERO: u64 = {
        let product = SEED as u128 * FACTOR as u128;
        (product >> 64) as u64 ^ product as u64
    };

    #[test]
    fn the_top_bits_spread_small_numbers() {
        let mut counts = [0_u32; 64];
        for value in 0..64_000 {
            counts[(mix(SEED, value) >> 58) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1_200).contains(count)),
            "{counts:?}"
        );
    }
}
