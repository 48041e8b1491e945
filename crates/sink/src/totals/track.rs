//! Follows the least and the greatest value of a column.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, TimeUnit};

use super::bounds::{BoundKind, Bounds, MAX_TEXT_BYTES};
use super::values;
use crate::error::Result;
use crate::hints::{self, Hints};

/// The bounds of a column so far.
#[derive(Debug)]
pub(super) struct Track {
    bounds: Bounds,
    is_sorted: bool,
    /// What a value counts: nanoseconds for moments.
    unit: i128,
}

impl Track {
    /// Bounds for keys and times; nothing for other columns and for types without an order in text.
    pub(super) fn of(field: &Field) -> Result<Option<Self>> {
        let is_key = field.metadata().get(hints::KEY).map(String::as_str) == Some("primary");
        let mut unit = 1;
        let kind = match field.data_type() {
            DataType::Date32 => BoundKind::Date,
            DataType::Timestamp(ticks, zone) => {
                unit = values::nanos(*ticks) as i128;
                if zone.is_some() {
                    BoundKind::Instant
                } else {
                    BoundKind::Timestamp
                }
            }
            integer if is_key && integer.is_integer() => BoundKind::Integer,
            text if is_key && is_text(text) => BoundKind::Text,
            _ => return Ok(None),
        };
        Ok(Some(Self {
            bounds: Bounds::empty(kind),
            is_sorted: Hints::of(field)?.sorted,
            unit,
        }))
    }

    /// The bounds so far; from here on there are none.
    pub(super) fn take(&mut self) -> Bounds {
        let empty = Bounds::empty(self.bounds.kind());
        std::mem::replace(&mut self.bounds, empty)
    }

    /// Looks at a whole batch: the ends are enough where rows are in order.
    pub(super) fn begin(&mut self, array: &ArrayRef) {
        if !self.has_ends(array) || array.is_empty() {
            return;
        }
        self.look(array, 0, 1);
        self.look(array, array.len() - 1, 1);
    }

    /// Looks at a block of a batch.
    pub(super) fn add(&mut self, array: &ArrayRef, start: usize, count: usize) {
        if !self.has_ends(array) {
            self.look(array, start, count);
        }
    }

    /// Text is looked at in full: any that is too long takes the bounds away.
    fn has_ends(&self, array: &ArrayRef) -> bool {
        self.is_sorted && self.bounds.kind() != BoundKind::Text && array.null_count() == 0
    }

    fn look(&mut self, array: &ArrayRef, start: usize, count: usize) {
        match array.data_type() {
            DataType::Int8 => self.numbers::<Int8Type>(array, start, count),
            DataType::Int16 => self.numbers::<Int16Type>(array, start, count),
            DataType::Int32 => self.numbers::<Int32Type>(array, start, count),
            DataType::Int64 => self.numbers::<Int64Type>(array, start, count),
            DataType::UInt8 => self.numbers::<UInt8Type>(array, start, count),
            DataType::UInt16 => self.numbers::<UInt16Type>(array, start, count),
            DataType::UInt32 => self.numbers::<UInt32Type>(array, start, count),
            DataType::UInt64 => self.numbers::<UInt64Type>(array, start, count),
            DataType::Date32 => self.numbers::<Date32Type>(array, start, count),
            DataType::Timestamp(unit, _) => match unit {
                TimeUnit::Second => self.numbers::<TimestampSecondType>(array, start, count),
                TimeUnit::Millisecond => {
                    self.numbers::<TimestampMillisecondType>(array, start, count);
                }
                TimeUnit::Microsecond => {
                    self.numbers::<TimestampMicrosecondType>(array, start, count);
                }
                TimeUnit::Nanosecond => {
                    self.numbers::<TimestampNanosecondType>(array, start, count);
                }
            },
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                self.texts(array, start, count, |row| texts.value(row));
            }
            DataType::LargeUtf8 => {
                let texts = array.as_string::<i64>();
                self.texts(array, start, count, |row| texts.value(row));
            }
            _ => {
                let texts = array.as_string_view();
                self.texts(array, start, count, |row| texts.value(row));
            }
        }
    }

    fn numbers<T>(&mut self, array: &ArrayRef, start: usize, count: usize)
    where
        T: ArrowPrimitiveType<Native: Ord + Into<i128>>,
    {
        let values = &array.as_primitive::<T>().values()[start..start + count];
        let ends = match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => ends(values.iter().copied()),
            Some(nulls) => {
                let valid = nulls.inner().slice(start, count);
                ends(valid.set_indices().map(|at| values[at]))
            }
        };
        if let Some((min, max)) = ends {
            let (min, max) = (min.into(), max.into());
            self.bounds.add_numbers(min * self.unit, max * self.unit);
        }
    }

    fn texts<'a>(
        &mut self,
        array: &ArrayRef,
        start: usize,
        count: usize,
        text: impl Fn(usize) -> &'a str,
    ) {
        let nulls = array.nulls();
        let rows =
            (start..start + count).filter(|row| nulls.is_none_or(|nulls| nulls.is_valid(*row)));
        let mut ends: Option<TextEnds<'a>> = None;
        for row in rows {
            let text = text(row);
            match &mut ends {
                None => ends = Some(TextEnds::of(text)),
                Some(ends) => ends.add(text),
            }
        }
        match ends {
            None => {}
            Some(ends) if ends.longest > MAX_TEXT_BYTES => self.bounds.add_too_long(),
            Some(ends) => self.bounds.add_texts(ends.min, ends.max),
        }
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

fn ends<T: Ord + Copy>(mut values: impl Iterator<Item = T>) -> Option<(T, T)> {
    let first = values.next()?;
    let wider = |(min, max): (T, T), value: T| (value.min(min), value.max(max));
    Some(values.fold((first, first), wider))
}

/// The least and the greatest of some texts, with their first eight bytes as numbers: for almost
/// every other text those decide.
struct TextEnds<'a> {
    min: &'a str,
    max: &'a str,
    min_start: u64,
    max_start: u64,
    longest: usize,
}

impl<'a> TextEnds<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            min: text,
            max: text,
            min_start: start_of(text),
            max_start: start_of(text),
            longest: text.len(),
        }
    }

    #[inline]
    fn add(&mut self, text: &'a str) {
        self.longest = self.longest.max(text.len());
        let start = start_of(text);
        if start <= self.min_start && text < self.min {
            self.min = text;
            self.min_start = start;
        }
        if start >= self.max_start && text > self.max {
            self.max = text;
            self.max_start = start;
        }
    }
}

/// The first eight bytes as a number of the same order; a shorter text is filled up with zeros.
#[inline]
fn start_of(text: &str) -> u64 {
    let mut bytes = [0; 8];
    match text.as_bytes().first_chunk::<8>() {
        Some(start) => bytes = *start,
        None => bytes[..text.len()].copy_from_slice(text.as_bytes()),
    }
    u64::from_be_bytes(bytes)
}
