//! The arithmetic of the row hash: what a column's name turns into, and the last mix of a row.

/// The context of the BLAKE3 key derivation. A changed definition takes another.
const CONTEXT: &str = "lakeseed 2026 control totals v1 column";

const FIRST_MULTIPLIER: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
const SECOND_MULTIPLIER: u128 = 0xC2B2_AE3D_27D4_EB4F_1656_67B1_9E37_79F9;

/// What a column is to the row hash: a value `v` adds `v * multiplier + present`, a null `null`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Odd, so that no two values of a column add the same.
    pub(super) multiplier: u128,
    pub(super) present: u128,
    pub(super) null: u128,
}

impl Slot {
    pub(super) fn of(name: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(name.as_bytes());
        let mut output = hasher.finalize_xof();
        let mut next = || {
            let mut bytes = [0; 16];
            output.fill(&mut bytes);
            u128::from_le_bytes(bytes)
        };
        Self {
            multiplier: next() | 1,
            present: next(),
            null: next(),
        }
    }

    /// What a value, or its absence, adds to the state of its row.
    #[inline]
    pub(super) fn term(&self, value: u128, is_valid: bool) -> u128 {
        if is_valid {
            value
                .wrapping_mul(self.multiplier)
                .wrapping_add(self.present)
        } else {
            self.null
        }
    }
}

/// A bijection without any linear relation left: hashes of rows are added up, and two rows that
/// swap a value must not add up to the same.
#[inline]
pub(super) fn mix(state: u128) -> u128 {
    let mut mixed = state;
    mixed = (mixed ^ (mixed >> 64)).wrapping_mul(FIRST_MULTIPLIER);
    mixed = (mixed ^ (mixed >> 64)).wrapping_mul(SECOND_MULTIPLIER);
    mixed ^ (mixed >> 64)
}

/// Text and bytes as a number.
#[inline]
pub(super) fn bytes(value: &[u8]) -> u128 {
    twox_hash::XxHash3_128::oneshot(value)
}

/// The bits of a double; all that are not a number count as one.
#[inline]
pub(super) fn double(value: f64) -> u128 {
    if value.is_nan() {
        return u128::from(CANONICAL_NAN);
    }
    u128::from(value.to_bits())
}

const CANONICAL_NAN: u64 = 0x7FF8_0000_0000_0000;
