//! A line of JSON: an object, its keys and values.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use arrow_schema::DataType;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// A value of an object.
pub(super) enum Value<'v> {
    Null,
    Truth(bool),
    Whole(i64),
    /// Above the range of signed numbers.
    Large(u64),
    Number(f64),
    Text(Cow<'v, str>),
    /// An object or a list, as JSON.
    Nested(String),
}

impl Value<'_> {
    /// How a column would have it as text; `None` for a null.
    pub(super) fn text<'t>(&'t self, spare: &'t mut String) -> Option<&'t [u8]> {
        spare.clear();
        // Writing to a string does not fail.
        let _ = match self {
            Self::Null => return None,
            Self::Text(text) => return Some(text.as_bytes()),
            Self::Nested(text) => return Some(text.as_bytes()),
            Self::Truth(truth) => write!(spare, "{truth}"),
            Self::Whole(whole) => write!(spare, "{whole}"),
            Self::Large(large) => write!(spare, "{large}"),
            Self::Number(number) => write!(spare, "{number}"),
        };
        Some(spare.as_bytes())
    }

    /// Whether a column of this type takes such a value: a text in quotes is no number.
    pub(super) fn fits(&self, of: &DataType) -> bool {
        match of {
            DataType::Utf8 | DataType::Dictionary(..) => true,
            DataType::Date32 | DataType::Timestamp(..) => matches!(self, Self::Text(_)),
            DataType::Boolean => matches!(self, Self::Truth(_)),
            // A double has about 16 digits: a longer decimal would not be what stood there.
            DataType::Decimal128(precision, _) if *precision > 15 => {
                matches!(self, Self::Whole(_) | Self::Large(_))
            }
            _ => matches!(self, Self::Whole(_) | Self::Large(_) | Self::Number(_)),
        }
    }
}

/// Gives each entry of the object that a line is.
pub(super) fn parse<'v>(
    line: &'v [u8],
    each: impl FnMut(&str, Value<'v>) -> Result<(), String>,
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(line);
    reader.deserialize_map(Entries(each))?;
    reader.end()
}

pub(super) fn not_json(error: &serde_json::Error) -> String {
    // The line that serde_json counts is always the first.
    let text = error.to_string();
    let (text, column) = (text.split(" at line ").next(), error.column());
    format!(
        "expected an object of JSON on one line: {} at byte {column}",
        text.unwrap_or_default()
    )
}

struct Entries<F>(F);

impl<'v, F> Visitor<'v> for Entries<F>
where
    F: FnMut(&str, Value<'v>) -> Result<(), String>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'v>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key_seed(KeyOf)? {
            let value = map.next_value_seed(ValueOf)?;
            (self.0)(&key, value).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

struct Key<'v>(Cow<'v, str>);
struct KeyOf;
struct ValueOf;

impl<'v> DeserializeSeed<'v> for KeyOf {
    type Value = Key<'v>;

    fn deserialize<D: Deserializer<'v>>(self, from: D) -> Result<Key<'v>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'v> Visitor<'v> for KeyOf {
    type Value = Key<'v>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'v str) -> Result<Key<'v>, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'v>, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}

impl<'v> DeserializeSeed<'v> for ValueOf {
    type Value = Value<'v>;

    fn deserialize<D: Deserializer<'v>>(self, from: D) -> Result<Value<'v>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'v> Visitor<'v> for ValueOf {
    type Value = Value<'v>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value<'v>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value<'v>, E> {
        Ok(Value::Truth(truth))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<Value<'v>, E> {
        Ok(Value::Whole(whole))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<Value<'v>, E> {
        Ok(i64::try_from(whole).map_or(Value::Large(whole), Value::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'v>, E> {
        Ok(Value::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'v str) -> Result<Value<'v>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'v>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'v>>(self, mut map: A) -> Result<Value<'v>, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some((key, value)) = map.next_entry()? {
            object.insert(key, value);
        }
        Ok(Value::Nested(serde_json::Value::Object(object).to_string()))
    }

    fn visit_seq<A: SeqAccess<'v>>(self, mut list: A) -> Result<Value<'v>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Nested(serde_json::Value::Array(values).to_string()))
    }
}
