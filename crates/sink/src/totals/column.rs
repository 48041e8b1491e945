//! One column of a tally: what its values add to the states of their rows, block by block.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::{DataType, Field, TimeUnit};

use super::block::Block;
use super::hash::{self, Slot};
use super::sum::ExactSum;
use super::track::Track;
use super::values;
use crate::error::Result;
use crate::hints;

/// Signed 64-bit values are hashed as their distance from the least one, which needs one multiply
/// of 64 bits by 128 where a sign would need two. The column's constant takes the distance back.
const BIAS: u64 = 1 << 63;

/// What a tally knows of a column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) data_type: DataType,
    /// Multiplies a value as it stands in memory, the nanoseconds of its unit included.
    multiplier: u128,
    /// What every row starts with.
    pub(super) start: u128,
    /// What a null adds to it.
    null: u128,
    pub(super) nulls: u64,
    pub(super) sum: Option<ExactSum>,
    pub(super) track: Option<Track>,
    dictionary: Option<Dictionary>,
    /// Whether some decimal was negative or beyond 64 bits. Until then only the low halves are added,
    /// in one pass; from then on hash and sum take a pass each.
    is_wide: bool,
}

/// What each value of a dictionary adds. The values are held, so that their address stays theirs.
#[derive(Debug)]
struct Dictionary {
    values: ArrayRef,
    /// As many as a power of two, the last ones for no value: under a null may stand any key, and a
    /// mask costs less than a check.
    terms: Vec<u128>,
}

impl Column {
    pub(super) fn try_new(field: &Field) -> Result<Self> {
        let slot = Slot::of(field.name());
        let (unit, is_biased) = match field.data_type() {
            DataType::Timestamp(unit, _) => (values::nanos(*unit), true),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32 => (1, true),
            _ => (1, false),
        };
        let multiplier = slot.multiplier.wrapping_mul(unit);
        let bias = if is_biased { u128::from(BIAS) } else { 0 };
        let start = slot.present.wrapping_sub(multiplier.wrapping_mul(bias));
        let is_total = field.metadata().contains_key(hints::TOTAL);
        let sum = match field.data_type() {
            DataType::Decimal128(_, scale) => Some(ExactSum::zero(*scale)),
            integer if is_total && integer.is_integer() => Some(ExactSum::zero(0)),
            _ => None,
        };
        Ok(Self {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            multiplier,
            start,
            null: slot.null.wrapping_sub(start),
            nulls: 0,
            sum,
            track: Track::of(field)?,
            dictionary: None,
            is_wide: false,
        })
    }

    /// Looks at a whole batch, before its blocks.
    pub(super) fn begin(&mut self, array: &ArrayRef) {
        self.nulls += array.logical_null_count() as u64;
        if let Some(track) = &mut self.track {
            track.begin(array);
        }
        if matches!(self.data_type, DataType::Dictionary(..)) {
            self.learn(array.as_any_dictionary().values());
        }
    }

    /// Hashes the values of a dictionary, unless they are those of the batch before.
    fn learn(&mut self, values: &ArrayRef) {
        if let Some(known) = &self.dictionary
            && (Arc::ptr_eq(&known.values, values)
                || known.values.to_data().ptr_eq(&values.to_data()))
        {
            return;
        }
        let nulls = values.logical_nulls();
        let mut terms = values::numbers(values);
        for (row, term) in terms.iter_mut().enumerate() {
            let is_valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            *term = if is_valid {
                term.wrapping_mul(self.multiplier)
            } else {
                self.null
            };
        }
        terms.resize(terms.len().next_power_of_two(), 0);
        self.dictionary = Some(Dictionary {
            values: values.clone(),
            terms,
        });
    }

    /// Adds the values from row `start` on to `states`, or to `common` what all of them get, and to
    /// sum and bounds.
    pub(super) fn add(
        &mut self,
        array: &ArrayRef,
        start: usize,
        states: &mut [u128],
        common: &mut u128,
    ) {
        if let Some(track) = &mut self.track {
            track.add(array, start, states.len());
        }
        let has_nulls = |nulls: &&NullBuffer| nulls.null_count() > 0;
        let valid = array
            .nulls()
            .filter(has_nulls)
            .map(|nulls| nulls.inner().slice(start, states.len()));
        let mut block = Block {
            start,
            states,
            common,
            valid,
            null: self.null,
        };
        let by = self.multiplier;
        match array.data_type() {
            DataType::Int8 => self.signed::<Int8Type>(array, &mut block),
            DataType::Int16 => self.signed::<Int16Type>(array, &mut block),
            DataType::Int32 => self.signed::<Int32Type>(array, &mut block),
            DataType::Int64 => self.signed::<Int64Type>(array, &mut block),
            DataType::Date32 => self.signed::<Date32Type>(array, &mut block),
            DataType::Timestamp(TimeUnit::Second, _) => {
                self.signed::<TimestampSecondType>(array, &mut block);
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.signed::<TimestampMillisecondType>(array, &mut block);
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.signed::<TimestampMicrosecondType>(array, &mut block);
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                self.signed::<TimestampNanosecondType>(array, &mut block);
            }
            DataType::UInt8 => self.unsigned::<UInt8Type>(array, &mut block),
            DataType::UInt16 => self.unsigned::<UInt16Type>(array, &mut block),
            DataType::UInt32 => self.unsigned::<UInt32Type>(array, &mut block),
            DataType::UInt64 => self.unsigned::<UInt64Type>(array, &mut block),
            DataType::Decimal128(..) => self.decimals(array, &mut block),
            DataType::Float32 => {
                let values = array.as_primitive::<Float32Type>().values();
                block.add_each(values, |value| {
                    hash::double(f64::from(value)).wrapping_mul(by)
                });
            }
            DataType::Float64 => doubles(array, by, &mut block),
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                block.add_rows(|row| hash::bytes(texts.value(row).as_bytes()).wrapping_mul(by));
            }
            DataType::Dictionary(key, _) => self.dictionary(array, key, &mut block),
            _ => {
                let rows = array.slice(block.start, block.states.len());
                let values = values::numbers(&rows);
                block.valid = rows.logical_nulls().map(NullBuffer::into_inner);
                block.start = 0;
                block.add(&values, |value| value.wrapping_mul(by));
            }
        }
    }

    fn signed<T: ArrowPrimitiveType<Native: Into<i64> + Eq>>(
        &mut self,
        array: &ArrayRef,
        block: &mut Block<'_>,
    ) {
        let values = array.as_primitive::<T>().values();
        let by = self.multiplier;
        block.add(values, |value| {
            let distance = (value.into() as u64) ^ BIAS;
            u128::from(distance).wrapping_mul(by)
        });
        if let Some(sum) = &mut self.sum {
            let mut total = 0_i128;
            block.each_valid(values, |value| total += i128::from(value.into()));
            sum.add_integer(total);
        }
    }

    fn unsigned<T: ArrowPrimitiveType<Native: Into<u64> + Eq>>(
        &mut self,
        array: &ArrayRef,
        block: &mut Block<'_>,
    ) {
        let values = array.as_primitive::<T>().values();
        let by = self.multiplier;
        block.add(values, |value| u128::from(value.into()).wrapping_mul(by));
        if let Some(sum) = &mut self.sum {
            let mut total = 0_i128;
            block.each_valid(values, |value| total += i128::from(value.into()));
            sum.add_integer(total);
        }
    }

    fn decimals(&mut self, array: &ArrayRef, block: &mut Block<'_>) {
        let values = array.as_primitive::<Decimal128Type>().values();
        let by = self.multiplier;
        // Halves apart: neither sum runs over, whatever the precision.
        let (mut low, mut high) = (0_u128, 0_i128);
        if self.is_wide || block.valid.is_some() {
            block.add_each(values, |value| (value as u128).wrapping_mul(by));
            block.each_valid(values, |value| {
                low += u128::from(value as u64);
                high += value >> 64;
            });
        } else {
            let mut high_bits = 0_u64;
            block.add_each(values, |value| {
                let half = u128::from(value as u64);
                low += half;
                high_bits |= (value >> 64) as u64;
                half.wrapping_mul(by)
            });
            self.is_wide = high_bits != 0;
            if self.is_wide {
                block.add_each(values, |value| {
                    let half = value >> 64;
                    high += half;
                    (half as u128).wrapping_mul(by << 64)
                });
            }
        }
        if let Some(sum) = &mut self.sum {
            sum.add_halves(low, high);
        }
    }

    fn dictionary(&self, array: &ArrayRef, key: &DataType, block: &mut Block<'_>) {
        let terms = self
            .dictionary
            .as_ref()
            .map_or(&[][..], |dictionary| &dictionary.terms);
        match key {
            DataType::Int8 => gather::<Int8Type>(array, terms, block),
            DataType::Int16 => gather::<Int16Type>(array, terms, block),
            DataType::Int32 => gather::<Int32Type>(array, terms, block),
            DataType::Int64 => gather::<Int64Type>(array, terms, block),
            DataType::UInt8 => gather::<UInt8Type>(array, terms, block),
            DataType::UInt16 => gather::<UInt16Type>(array, terms, block),
            DataType::UInt32 => gather::<UInt32Type>(array, terms, block),
            _ => gather::<UInt64Type>(array, terms, block),
        }
    }
}

fn gather<K: ArrowDictionaryKeyType>(array: &ArrayRef, terms: &[u128], block: &mut Block<'_>)
where
    K::Native: Eq,
{
    let keys = array.as_dictionary::<K>().keys().values();
    // There is at least one: a whole batch is looked at before its blocks.
    let Some(mask) = terms.len().checked_sub(1) else {
        return;
    };
    block.add(keys, |key: K::Native| terms[key.as_usize() & mask]);
}

fn doubles(array: &ArrayRef, by: u128, block: &mut Block<'_>) {
    let values = array.as_primitive::<Float64Type>().values();
    let rows = &values[block.start..block.start + block.states.len()];
    // Looking for them is cheap, eight at once; replacing them in the loop below is not.
    let has_nan = rows
        .iter()
        .fold(false, |found, value| found | value.is_nan());
    if has_nan {
        block.add_each(values, |value| hash::double(value).wrapping_mul(by));
    } else {
        block.add_each(values, |value| u128::from(value.to_bits()).wrapping_mul(by));
    }
}
