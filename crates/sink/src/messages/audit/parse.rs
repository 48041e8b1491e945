//! Messages read back by other crates' JSON parsers, as rows of the table's types: nothing here knows
//! how they were written.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 1024;

/// The rows of a message, as texts; in words, why it is none.
pub(super) fn rows_of(body: &[u8]) -> Result<Vec<&RawValue>, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Rows that wait to be decoded together.
pub(super) struct Decoder {
    schema: SchemaRef,
    /// Rows as texts, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Decoder {
    /// For the columns of a table.
    pub(super) fn new(schema: &Schema) -> Self {
        let fields: Vec<FieldRef> = schema.fields().iter().map(as_read).collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// The types that come out: everything may be null, nothing is a dictionary.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Takes a row, unless it is none of the table: then it gives false.
    pub(super) fn push(&mut self, row: &RawValue) -> bool {
        // The decoder would take a number for a text's sake, and the last of two members of a name.
        let members: Result<Members<'_>, _> = serde_json::from_str(row.get());
        if !members.is_ok_and(|members| members.fit(&self.schema)) {
            return false;
        }
        self.text.extend_from_slice(row.get().as_bytes());
        self.text.push(b'\n');
        self.ends.push(self.text.len());
        true
    }

    /// Whether it is time to decode.
    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= BATCH_ROWS
    }

    /// Gives the rows so far to `each`: a batch, or nothing for a row that cannot be one of the table.
    pub(super) fn decode<E>(
        &mut self,
        each: &mut dyn FnMut(Option<RecordBatch>) -> Result<(), E>,
    ) -> Result<(), E> {
        let count = self.ends.len();
        if count == 0 {
            return Ok(());
        }
        if let Ok(batch) = decoded(&self.schema, &self.text, count) {
            each(Some(batch))?;
        } else {
            // One of them is wrong: each alone shows which.
            let mut start = 0;
            for end in &self.ends {
                each(decoded(&self.schema, &self.text[start..*end], 1).ok())?;
                start = *end;
            }
        }
        self.text.clear();
        self.ends.clear();
        Ok(())
    }
}

/// The members of an object, in order, doubled ones too.
struct Members<'j>(Vec<(Cow<'j, str>, &'j RawValue)>);

/// A member's name, borrowed where nothing in it is escaped.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'j>(#[serde(borrow)] Cow<'j, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;
        impl<'de> Visitor<'de> for Take {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Take)
    }
}

impl Members<'_> {
    /// Whether each is a column, once, and a value of the kind that its type has.
    fn fit(&self, schema: &Schema) -> bool {
        let mut is_seen = vec![false; schema.fields().len()];
        self.0.iter().enumerate().all(|(at, (name, value))| {
            // Mostly in the order of the columns.
            let is_it = |field: &FieldRef| field.name() == name.as_ref();
            let in_place = schema.fields().get(at).filter(|field| is_it(field));
            let found = match in_place {
                Some(_) => Some(at),
                None => schema.fields().iter().position(is_it),
            };
            found.is_some_and(|column| {
                let is_new = !std::mem::replace(&mut is_seen[column], true);
                is_new && is_of_kind(value.get(), schema.field(column).data_type())
            })
        })
    }
}

/// Whether a value is written as those of a type are: the decoder would cut off what a type cannot
/// hold.
fn is_of_kind(value: &str, data_type: &DataType) -> bool {
    let first = value.as_bytes().first().copied().unwrap_or(0);
    let is_number = first == b'-' || first.is_ascii_digit();
    match data_type {
        _ if value == "null" => true,
        DataType::Null => false,
        DataType::Boolean => matches!(first, b't' | b'f'),
        DataType::Struct(_) => first == b'{',
        DataType::List(_) => first == b'[',
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Date32 => {
            first == b'"'
        }
        DataType::Timestamp(unit, _) => {
            let places = match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            };
            first == b'"' && has_places(value.trim_end_matches(['"', 'Z']), places)
        }
        DataType::Decimal128(_, scale) => {
            is_number
                && !value.contains(['e', 'E'])
                && has_places(value, usize::from(scale.unsigned_abs()))
        }
        integer if integer.is_integer() => is_number && !value.contains(['.', 'e', 'E']),
        _ => is_number,
    }
}

/// Whether only zeros stand behind so many places after the point.
fn has_places(value: &str, places: usize) -> bool {
    let fraction = value.rsplit_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().skip(places).all(|digit| digit == b'0')
}

/// Rows of a text. Members that are no columns are refused.
fn decoded(schema: &SchemaRef, text: &[u8], rows: usize) -> Result<RecordBatch, ArrowError> {
    let mut decoder = ReaderBuilder::new(schema.clone())
        .with_strict_mode(true)
        .with_batch_size(rows)
        .build_decoder()?;
    let taken = decoder.decode(text)?;
    let batch = decoder.flush()?;
    match batch {
        // A row that is no object would take others with it.
        Some(batch) if batch.num_rows() == rows && text[taken..].trim_ascii().is_empty() => {
            Ok(batch)
        }
        _ => Err(ArrowError::JsonError("other rows than lines".to_owned())),
    }
}

/// A type with its instants in Greenwich's time, by number: what a zone's name means would take a
/// database, and an instant is the same in all of them.
fn without_zone(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        other => other.clone(),
    }
}

/// A field as it is read back.
fn as_read(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) => without_zone(values),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(as_read).collect()),
        DataType::List(child) => DataType::List(as_read(child)),
        other => without_zone(other),
    };
    let plain = Field::new(field.name(), data_type, true);
    Arc::new(plain.with_metadata(field.metadata().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_decoder_would_cut_off_is_of_another_kind() {
        let (integer, money) = (DataType::Int32, DataType::Decimal128(12, 2));
        let seconds = DataType::Timestamp(TimeUnit::Second, None);
        let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        for (value, data_type, expected) in [
            ("7", &integer, true),
            ("-7", &integer, true),
            ("7.0", &integer, false),
            ("7e1", &integer, false),
            ("\"7\"", &integer, false),
            ("null", &integer, true),
            ("12.50", &money, true),
            ("12.500", &money, true),
            ("12.505", &money, false),
            ("1e2", &money, false),
            ("\"2023-01-31 10:11:12.000000\"", &seconds, true),
            ("\"2023-01-31 10:11:12.000001\"", &seconds, false),
            ("\"2023-01-31 10:11:12.000001Z\"", &micros, true),
            ("\"2023-01-31 10:11:12.0000011Z\"", &micros, false),
            ("7", &DataType::Float64, true),
            ("true", &DataType::Boolean, true),
            ("1", &DataType::Boolean, false),
            ("{}", &DataType::Utf8, false),
        ] {
            assert_eq!(
                is_of_kind(value, data_type),
                expected,
                "{value} as {data_type}"
            );
        }
    }
}
