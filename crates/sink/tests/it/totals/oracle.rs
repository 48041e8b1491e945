//! The definition of docs/totals.md once more, in the plainest way: one row, one value at a time.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};

/// A value, whatever array it comes from.
pub(super) enum Value {
    Null,
    Integer(i128),
    Double(f64),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Struct(Vec<(String, Value)>),
}

/// The value in a row of an array.
pub(super) fn value(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    macro_rules! integer {
        ($type:ty, $unit:expr) => {
            Value::Integer(i128::from(array.as_primitive::<$type>().value(row)) * $unit)
        };
    }
    match array.data_type() {
        DataType::Boolean => Value::Integer(i128::from(array.as_boolean().value(row))),
        DataType::Int8 => integer!(Int8Type, 1),
        DataType::Int16 => integer!(Int16Type, 1),
        DataType::Int32 => integer!(Int32Type, 1),
        DataType::Int64 => integer!(Int64Type, 1),
        DataType::UInt8 => integer!(UInt8Type, 1),
        DataType::UInt16 => integer!(UInt16Type, 1),
        DataType::UInt32 => integer!(UInt32Type, 1),
        DataType::UInt64 => integer!(UInt64Type, 1),
        DataType::Date32 => integer!(Date32Type, 1),
        DataType::Decimal128(..) => integer!(Decimal128Type, 1),
        DataType::Timestamp(TimeUnit::Second, _) => integer!(TimestampSecondType, 1_000_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            integer!(TimestampMillisecondType, 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => integer!(TimestampMicrosecondType, 1_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => integer!(TimestampNanosecondType, 1),
        DataType::Float32 => {
            Value::Double(f64::from(array.as_primitive::<Float32Type>().value(row)))
        }
        DataType::Float64 => Value::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::Bytes(array.as_string::<i32>().value(row).into()),
        DataType::LargeUtf8 => Value::Bytes(array.as_string::<i64>().value(row).into()),
        DataType::Utf8View => Value::Bytes(array.as_string_view().value(row).into()),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row).into()),
        DataType::FixedSizeBinary(_) => {
            Value::Bytes(array.as_fixed_size_binary().value(row).into())
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            value(dictionary.values(), dictionary.normalized_keys()[row])
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row)),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let entry = |at: usize| {
                let key = value(entries.column(0), at);
                let item = value(entries.column(1), at);
                Value::Struct(vec![("key".to_owned(), key), ("value".to_owned(), item)])
            };
            Value::List((0..entries.len()).map(entry).collect())
        }
        DataType::Struct(fields) => {
            let children = fields.iter().zip(array.as_struct().columns());
            Value::Struct(
                children
                    .map(|(field, child)| (field.name().clone(), value(child, row)))
                    .collect(),
            )
        }
        other => panic!("the oracle knows no {other}"),
    }
}

fn list(elements: &dyn Array) -> Value {
    Value::List((0..elements.len()).map(|at| value(elements, at)).collect())
}

/// The hash of the rows of some batches.
pub(crate) fn row_hash(batches: &[RecordBatch]) -> u128 {
    let mut sum = 0_u128;
    for batch in batches {
        for row in 0..batch.num_rows() {
            let mut columns = Vec::new();
            for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
                columns.push((field.name().clone(), value(array, row)));
            }
            sum = sum.wrapping_add(record(&columns));
        }
    }
    sum
}

/// The exact sum of a column of integers or decimals.
pub(super) fn sum(array: &dyn Array) -> i256 {
    let sum = integers(array).map(i256::from_i128);
    sum.fold(i256::ZERO, i256::wrapping_add)
}

/// The least and the greatest value of such a column.
pub(super) fn ends(array: &dyn Array) -> Option<(i128, i128)> {
    integers(array).min().zip(integers(array).max())
}

fn integers(array: &dyn Array) -> impl Iterator<Item = i128> {
    (0..array.len()).filter_map(|row| match value(array, row) {
        Value::Integer(integer) => Some(integer),
        _ => None,
    })
}

fn record(columns: &[(String, Value)]) -> u128 {
    let mut state = 0_u128;
    for (name, value) in columns {
        state = state.wrapping_add(term(name, value));
    }
    mix(state)
}

fn term(name: &str, value: &Value) -> u128 {
    let mut constants = [0; 48];
    blake3::Hasher::new_derive_key("lakeseed 2026 control totals v1 column")
        .update(name.as_bytes())
        .finalize_xof()
        .fill(&mut constants);
    let number = |at: usize| u128::from_le_bytes(constants[at..at + 16].try_into().unwrap());
    let (multiplier, present, null) = (number(0) | 1, number(16), number(32));
    match number_of(value) {
        Some(number) => number.wrapping_mul(multiplier).wrapping_add(present),
        None => null,
    }
}

fn number_of(value: &Value) -> Option<u128> {
    Some(match value {
        Value::Null => return None,
        Value::Integer(integer) => *integer as u128,
        Value::Double(double) if double.is_nan() => 0x7ff8_0000_0000_0000,
        Value::Double(double) => u128::from(double.to_bits()),
        Value::Bytes(bytes) => twox_hash::XxHash3_128::oneshot(bytes),
        Value::Struct(children) => record(children),
        Value::List(elements) => {
            let mut state = elements.len() as u128;
            for element in elements {
                state = mix(state.wrapping_add(term("", element)));
            }
            state
        }
    })
}

fn mix(state: u128) -> u128 {
    let high = |value: u128| value >> 64;
    let first = (state ^ high(state)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let second = (first ^ high(first)).wrapping_mul(0xc2b2_ae3d_27d4_eb4f_1656_67b1_9e37_79f9);
    second ^ high(second)
}
