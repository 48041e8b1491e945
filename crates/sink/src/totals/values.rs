//! The values of any array as numbers modulo 2^128: the general way, for nested and seldom types
//! and for the values of dictionaries.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, GenericListArray, OffsetSizeTrait, StructArray};
use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};

use super::hash::{self, Slot};

/// Nanoseconds of a unit: times count in nanoseconds, whatever their unit.
pub(super) fn nanos(unit: TimeUnit) -> u128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// The first type inside of `data_type` that has no totals.
pub(super) fn unsupported(path: &str, data_type: &DataType) -> Option<(String, DataType)> {
    use DataType as T;
    match data_type {
        T::Interval(_)
        | T::Union(..)
        | T::RunEndEncoded(..)
        | T::ListView(_)
        | T::LargeListView(_) => Some((path.to_owned(), data_type.clone())),
        T::List(child) | T::LargeList(child) | T::FixedSizeList(child, _) | T::Map(child, _) => {
            unsupported(&format!("{path}[]"), child.data_type())
        }
        T::Struct(fields) => fields
            .iter()
            .find_map(|field| unsupported(&format!("{path}.{}", field.name()), field.data_type())),
        T::Dictionary(_, values) => unsupported(path, values),
        _ => None,
    }
}

/// The value of each row as a number; whatever stands there for a null.
pub(super) fn numbers(array: &dyn Array) -> Vec<u128> {
    use DataType as T;
    match array.data_type() {
        T::Boolean => array.as_boolean().values().iter().map(u128::from).collect(),
        T::Int8 => integers::<Int8Type>(array, 1),
        T::Int16 => integers::<Int16Type>(array, 1),
        T::Int32 => integers::<Int32Type>(array, 1),
        T::Int64 => integers::<Int64Type>(array, 1),
        T::UInt8 => integers::<UInt8Type>(array, 1),
        T::UInt16 => integers::<UInt16Type>(array, 1),
        T::UInt32 => integers::<UInt32Type>(array, 1),
        T::UInt64 => integers::<UInt64Type>(array, 1),
        T::Float16 => {
            doubles::<Float16Type>(array, <Float16Type as ArrowPrimitiveType>::Native::to_f64)
        }
        T::Float32 => doubles::<Float32Type>(array, f64::from),
        T::Float64 => doubles::<Float64Type>(array, |value| value),
        T::Decimal32(..) => integers::<Decimal32Type>(array, 1),
        T::Decimal64(..) => integers::<Decimal64Type>(array, 1),
        T::Decimal128(..) => integers::<Decimal128Type>(array, 1),
        T::Decimal256(..) => {
            let values = array.as_primitive::<Decimal256Type>().values();
            values.iter().map(|value| wide(*value)).collect()
        }
        T::Date32 => integers::<Date32Type>(array, 1),
        T::Date64 => integers::<Date64Type>(array, 1_000_000),
        T::Time32(unit) if *unit == TimeUnit::Second => {
            integers::<Time32SecondType>(array, nanos(*unit))
        }
        T::Time32(unit) => integers::<Time32MillisecondType>(array, nanos(*unit)),
        T::Time64(unit) if *unit == TimeUnit::Microsecond => {
            integers::<Time64MicrosecondType>(array, nanos(*unit))
        }
        T::Time64(unit) => integers::<Time64NanosecondType>(array, nanos(*unit)),
        T::Timestamp(unit, _) => match unit {
            TimeUnit::Second => integers::<TimestampSecondType>(array, nanos(*unit)),
            TimeUnit::Millisecond => integers::<TimestampMillisecondType>(array, nanos(*unit)),
            TimeUnit::Microsecond => integers::<TimestampMicrosecondType>(array, nanos(*unit)),
            TimeUnit::Nanosecond => integers::<TimestampNanosecondType>(array, nanos(*unit)),
        },
        T::Duration(unit) => match unit {
            TimeUnit::Second => integers::<DurationSecondType>(array, nanos(*unit)),
            TimeUnit::Millisecond => integers::<DurationMillisecondType>(array, nanos(*unit)),
            TimeUnit::Microsecond => integers::<DurationMicrosecondType>(array, nanos(*unit)),
            TimeUnit::Nanosecond => integers::<DurationNanosecondType>(array, nanos(*unit)),
        },
        T::Utf8 => texts(
            array
                .as_string::<i32>()
                .iter()
                .map(|v| v.map(str::as_bytes)),
        ),
        T::LargeUtf8 => texts(
            array
                .as_string::<i64>()
                .iter()
                .map(|v| v.map(str::as_bytes)),
        ),
        T::Utf8View => texts(array.as_string_view().iter().map(|v| v.map(str::as_bytes))),
        T::Binary => texts(array.as_binary::<i32>().iter()),
        T::LargeBinary => texts(array.as_binary::<i64>().iter()),
        T::BinaryView => texts(array.as_binary_view().iter()),
        T::FixedSizeBinary(_) => texts(array.as_fixed_size_binary().iter()),
        T::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = numbers(dictionary.values());
            if values.is_empty() {
                return vec![0; array.len()];
            }
            let keys = dictionary.normalized_keys();
            keys.into_iter().map(|key| values[key]).collect()
        }
        T::Struct(fields) => {
            let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            structs(array.as_struct(), &names)
        }
        T::List(_) => lists(array.as_list::<i32>()),
        T::LargeList(_) => lists(array.as_list::<i64>()),
        T::FixedSizeList(_, size) => {
            let size = usize::try_from(*size).unwrap_or(0);
            let ends: Vec<i64> = (0..=array.len()).map(|row| (row * size) as i64).collect();
            fold(&ends, &terms(array.as_fixed_size_list().values()))
        }
        T::Map(..) => {
            let map = array.as_map();
            let (first, count) = extent(map.offsets());
            // Writers name the two columns of a map as they please.
            let entries = structs(&map.entries().slice(first, count), &["key", "value"]);
            let slot = Slot::of(ELEMENT);
            let entries: Vec<u128> = entries
                .iter()
                .map(|entry| slot.term(*entry, true))
                .collect();
            fold(map.offsets(), &entries)
        }
        // A column of nulls; what `unsupported` names does not come here.
        _ => vec![0; array.len()],
    }
}

/// The name under which the elements of a list are hashed, whatever their writer calls them.
const ELEMENT: &str = "";

/// Integers modulo 2^128, in units of `unit`.
fn integers<T>(array: &dyn Array, unit: u128) -> Vec<u128>
where
    T: ArrowPrimitiveType<Native: Into<i128>>,
{
    let values = array.as_primitive::<T>().values();
    let number = |value: &T::Native| ((*value).into() as u128).wrapping_mul(unit);
    values.iter().map(number).collect()
}

/// A wide decimal counts like a narrow one where it can, and otherwise as its 32 bytes.
fn wide(value: i256) -> u128 {
    match value.to_i128() {
        Some(value) => value as u128,
        None => hash::bytes(&value.to_le_bytes()),
    }
}

fn doubles<T: ArrowPrimitiveType>(
    array: &dyn Array,
    widen: impl Fn(T::Native) -> f64,
) -> Vec<u128> {
    let values = array.as_primitive::<T>().values();
    values
        .iter()
        .map(|value| hash::double(widen(*value)))
        .collect()
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> Vec<u128> {
    values.map(|value| value.map_or(0, hash::bytes)).collect()
}

/// A row's hash of the children, each under its name.
fn structs(array: &StructArray, names: &[&str]) -> Vec<u128> {
    let mut states = vec![0_u128; array.len()];
    for (name, child) in names.iter().zip(array.columns()) {
        for (state, term) in states.iter_mut().zip(terms_of(&Slot::of(name), child)) {
            *state = state.wrapping_add(term);
        }
    }
    states.into_iter().map(hash::mix).collect()
}

fn lists<O: OffsetSizeTrait>(array: &GenericListArray<O>) -> Vec<u128> {
    let (first, count) = extent(array.offsets());
    fold(array.offsets(), &terms(&array.values().slice(first, count)))
}

/// Where the children of a list stand: the first, and how many.
fn extent<O: OffsetSizeTrait>(offsets: &[O]) -> (usize, usize) {
    let first = offsets.first().map_or(0, |first| first.as_usize());
    let end = offsets.last().map_or(0, |end| end.as_usize());
    (first, end - first)
}

fn terms(elements: &ArrayRef) -> Vec<u128> {
    terms_of(&Slot::of(ELEMENT), elements).collect()
}

fn terms_of(slot: &Slot, array: &ArrayRef) -> impl Iterator<Item = u128> {
    let nulls = array.logical_nulls();
    let values = numbers(array).into_iter().enumerate();
    values.map(move |(row, value)| {
        let is_valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        slot.term(value, is_valid)
    })
}

/// Lists as numbers: the length, then each element's term added and mixed in, in order.
///
/// `terms` starts at the first offset.
fn fold<O: OffsetSizeTrait>(offsets: &[O], terms: &[u128]) -> Vec<u128> {
    let (first, _) = extent(offsets);
    let ranges = offsets.iter().zip(offsets.iter().skip(1));
    let list = |(start, end): (&O, &O)| {
        let elements = &terms[start.as_usize() - first..end.as_usize() - first];
        let step = |state: u128, term: &u128| hash::mix(state.wrapping_add(*term));
        elements.iter().fold(elements.len() as u128, step)
    };
    ranges.map(list).collect()
}
