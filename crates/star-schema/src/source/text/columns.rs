//! Columns of a batch, put together value by value.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int32Builder, Int64Builder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, DictionaryArray};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use datafusion::common::HashMap;

use super::values::{date, decimal, number, timestamp, truth, whole};

/// A dictionary that grew beyond so many texts begins anew with the next batch.
const MOST_CODES: usize = 1 << 16;

/// A column of texts on its way to a batch.
pub(super) enum Column {
    Text(StringBuilder),
    Codes(Codes),
    I32(Int32Builder),
    I64(Int64Builder),
    F64(Float64Builder),
    Truth(BooleanBuilder),
    Date(Date32Builder),
    Time(TimestampMicrosecondBuilder, bool),
    Decimal(Decimal128Builder, u8, i8),
}

impl Column {
    /// A column of this type; `None` for types that text files have none of.
    pub(super) fn new(of: &DataType) -> Option<Self> {
        Some(match of {
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Dictionary(key, value)
                if (key.as_ref(), value.as_ref()) == (&DataType::Int32, &DataType::Utf8) =>
            {
                Self::Codes(Codes::default())
            }
            DataType::Int32 => Self::I32(Int32Builder::new()),
            DataType::Int64 => Self::I64(Int64Builder::new()),
            DataType::Float64 => Self::F64(Float64Builder::new()),
            DataType::Boolean => Self::Truth(BooleanBuilder::new()),
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                let builder = TimestampMicrosecondBuilder::new();
                Self::Time(builder.with_timezone_opt(zone.clone()), zone.is_some())
            }
            DataType::Decimal128(precision, scale) => {
                let builder = Decimal128Builder::new().with_data_type(of.clone());
                Self::Decimal(builder, *precision, *scale)
            }
            _ => return None,
        })
    }

    /// Appends a value, or a null in its place where it is not one of the type; tells whether it is.
    pub(super) fn push(&mut self, value: &[u8]) -> bool {
        /// Appends what was read.
        macro_rules! append {
            ($builder:expr, $value:expr) => {{
                let value = $value;
                $builder.append_option(value);
                value.is_some()
            }};
        }
        match self {
            Self::Text(builder) => append!(builder, std::str::from_utf8(value).ok()),
            Self::Codes(codes) => codes.push(value),
            Self::I32(builder) => {
                append!(builder, whole(value).and_then(|v| i32::try_from(v).ok()))
            }
            Self::I64(builder) => append!(builder, whole(value)),
            Self::F64(builder) => append!(builder, number(value)),
            Self::Truth(builder) => append!(builder, truth(value)),
            Self::Date(builder) => append!(builder, date(value)),
            Self::Time(builder, is_utc) => append!(builder, timestamp(value, *is_utc)),
            Self::Decimal(builder, precision, scale) => {
                append!(builder, decimal(value, *precision, *scale))
            }
        }
    }

    /// Appends a null.
    pub(super) fn push_null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Codes(codes) => codes.keys.append_null(),
            Self::I32(builder) => builder.append_null(),
            Self::I64(builder) => builder.append_null(),
            Self::F64(builder) => builder.append_null(),
            Self::Truth(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Time(builder, _) => builder.append_null(),
            Self::Decimal(builder, ..) => builder.append_null(),
        }
    }

    /// The values as an array; the column is empty again.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Codes(codes) => codes.finish()?,
            Self::I32(builder) => Arc::new(builder.finish()),
            Self::I64(builder) => Arc::new(builder.finish()),
            Self::F64(builder) => Arc::new(builder.finish()),
            Self::Truth(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Time(builder, _) => Arc::new(builder.finish()),
            Self::Decimal(builder, ..) => Arc::new(builder.finish()),
        })
    }
}

/// Texts of few values: codes, and one dictionary for as many batches as it serves.
#[derive(Default)]
pub(super) struct Codes {
    keys: Int32Builder,
    code_of: HashMap<Box<[u8]>, i32>,
    texts: StringBuilder,
    /// The dictionary as the last batch had it.
    shared: Option<ArrayRef>,
}

impl Codes {
    fn push(&mut self, value: &[u8]) -> bool {
        if let Some(code) = self.code_of.get(value) {
            self.keys.append_value(*code);
            return true;
        }
        let Ok(text) = std::str::from_utf8(value) else {
            self.keys.append_null();
            return false;
        };
        // Batches are far shorter than 2^31 rows.
        let code = self.code_of.len() as i32;
        self.code_of.insert(value.into(), code);
        self.texts.append_value(text);
        self.shared = None;
        self.keys.append_value(code);
        true
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let texts = self
            .shared
            .get_or_insert_with(|| Arc::new(self.texts.finish_cloned()) as ArrayRef);
        let array = DictionaryArray::try_new(self.keys.finish(), Arc::clone(texts))?;
        if self.code_of.len() > MOST_CODES {
            *self = Self::default();
        }
        Ok(Arc::new(array))
    }
}

/// Whether a text is a value of the type: what [`Column::push`] tells, for columns that nobody asked
/// for.
pub(super) fn is_value(of: &DataType, value: &[u8]) -> bool {
    match of {
        DataType::Utf8 | DataType::Dictionary(..) => std::str::from_utf8(value).is_ok(),
        DataType::Int32 => whole(value).is_some_and(|value| i32::try_from(value).is_ok()),
        DataType::Int64 => whole(value).is_some(),
        DataType::Float64 => number(value).is_some(),
        DataType::Boolean => truth(value).is_some(),
        DataType::Date32 => date(value).is_some(),
        DataType::Timestamp(_, zone) => timestamp(value, zone.is_some()).is_some(),
        DataType::Decimal128(precision, scale) => decimal(value, *precision, *scale).is_some(),
        _ => false,
    }
}
