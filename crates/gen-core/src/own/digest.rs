//! What names rows of one's own: a digest of their columns, types and values.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

/// Changed whenever the same rows get another digest.
const VERSION: &[u8] = b"lakeseed rows of one's own, 1";

/// The digest of rows as they are held, as a text: the same for equal rows, however they were cut or
/// stored, and for no others.
///
/// Every name and text goes in behind its length and every value behind whether it is there, so that no
/// two tables are written alike.
pub(super) fn of(rows: &RecordBatch) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(VERSION);
    hash.update(&(rows.num_rows() as u64).to_le_bytes());
    hash.update(&(rows.num_columns() as u64).to_le_bytes());
    let schema = rows.schema();
    for (field, array) in schema.fields().iter().zip(rows.columns()) {
        text(&mut hash, field.name());
        text(&mut hash, &kind(field.data_type()));
        values(&mut hash, array);
    }
    // 128 bits of it: more than accident or malice can meet, and short enough to be read.
    let hex = hash.finalize().to_hex();
    format!("blake3:{}", &hex[..32])
}

fn text(hash: &mut blake3::Hasher, text: &str) {
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

/// A type's name, which no version of a library changes.
fn kind(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Int32 => "i32".to_owned(),
        DataType::Int64 => "i64".to_owned(),
        DataType::Float64 => "f64".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp utc".to_owned(),
        // A dictionary is as its texts.
        _ => "text".to_owned(),
    }
}

fn values(hash: &mut blake3::Hasher, array: &dyn Array) {
    match array.data_type() {
        DataType::Int32 => numbers::<Int32Type, _>(hash, array, i32::to_le_bytes),
        DataType::Int64 => numbers::<Int64Type, _>(hash, array, i64::to_le_bytes),
        DataType::Float64 => numbers::<Float64Type, _>(hash, array, f64::to_le_bytes),
        DataType::Date32 => numbers::<Date32Type, _>(hash, array, i32::to_le_bytes),
        DataType::Decimal128(..) => numbers::<Decimal128Type, _>(hash, array, i128::to_le_bytes),
        DataType::Timestamp(..) => {
            numbers::<TimestampMicrosecondType, _>(hash, array, i64::to_le_bytes);
        }
        DataType::Boolean => {
            for value in array.as_boolean() {
                hash.update(&[value.map_or(0, |value| 1 + u8::from(value))]);
            }
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            let words = dictionary.values().as_string::<i32>();
            let keys = dictionary.keys().iter();
            texts(
                hash,
                keys.map(|key| key.map(|key| words.value(key as usize))),
            );
        }
        _ => texts(hash, array.as_string::<i32>().iter()),
    }
}

/// Numbers in the order of bytes that is the same on every processor.
fn numbers<T: ArrowPrimitiveType, const N: usize>(
    hash: &mut blake3::Hasher,
    array: &dyn Array,
    bytes: fn(T::Native) -> [u8; N],
) {
    for value in array.as_primitive::<T>() {
        match value {
            None => hash.update(&[0]),
            Some(value) => hash.update(&[1]).update(&bytes(value)),
        };
    }
}

fn texts<'a>(hash: &mut blake3::Hasher, values: impl Iterator<Item = Option<&'a str>>) {
    for value in values {
        match value {
            None => {
                hash.update(&[0]);
            }
            Some(value) => {
                hash.update(&[1]);
                text(hash, value);
            }
        }
    }
}
