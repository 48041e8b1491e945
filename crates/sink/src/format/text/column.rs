//! The columns of a batch as something that writes one cell: the type is looked at once a batch,
//! the row loop meets an enum whose arms the processor learns.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, OffsetSizeTrait, StringViewArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};

use super::TextStyle;
use super::caches::{Caches, Rendered};
use super::escape::{self, Escape};
use super::floats::{FloatGrid, not_finite};
use super::lines::{Lines, SHORT};
use super::numbers::{FLOAT_BYTES, INTEGER_BYTES};
use super::slots::{MOST_PLACES, SlotValues};
use super::times::{DayCache, TIME_BYTES};

/// What becomes of a null in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Nulls {
    /// It is written.
    #[default]
    Kept,
    /// It is left out with its name.
    LeftOut,
}

impl Nulls {
    /// What stands before a member's name: where members may be left out, nobody knows the first
    /// one before the row, and each brings its comma.
    pub(super) fn start(self, at: usize) -> u8 {
        if at == 0 && self == Self::Kept {
            b'{'
        } else {
            b','
        }
    }
}

/// What the cells of a block of rows share.
pub(super) struct Context<'c> {
    pub(super) days: &'c mut DayCache,
    /// The doubles of the block, rendered.
    pub(super) floats: &'c FloatGrid,
    pub(super) nulls: Nulls,
}

/// What stands before a value: a comma, a name.
#[derive(Debug, Clone)]
enum Prefix {
    Short([u8; SHORT], usize),
    Long(Box<[u8]>),
}

impl Prefix {
    fn new(text: &[u8]) -> Self {
        let mut short = [0; SHORT];
        match short.get_mut(..text.len()) {
            Some(start) => {
                start.copy_from_slice(text);
                Self::Short(short, text.len())
            }
            None => Self::Long(text.into()),
        }
    }

    /// Whether it is a member's: an element of a list has none.
    fn is_name(&self) -> bool {
        !matches!(self, Self::Short(_, 0))
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Short(..) => SHORT,
            Self::Long(text) => text.len(),
        }
    }
}

/// One column of one batch.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    prefix: Prefix,
    nulls: Option<NullBuffer>,
    values: Values<'a>,
}

#[derive(Debug)]
enum Values<'a> {
    Null,
    Bool(&'a BooleanArray),
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
    F32(&'a [f32]),
    F64(&'a [f64]),
    /// Doubles that are rendered a block at a time, by the column's place among those.
    RenderedF64(usize),
    Decimal(&'a [i128], u8),
    Date(&'a [i32]),
    /// Ticks, microseconds per tick, whether it is an instant.
    Timestamp(&'a [i64], i64, bool),
    Nanoseconds(&'a [i64], bool),
    Text32(Strings<'a, i32>),
    Text64(Strings<'a, i64>),
    View(&'a StringViewArray),
    /// Keys of the usual width, and the rendered values.
    Dictionary(&'a [i32], Rendered),
    /// Keys of another width, widened.
    WideDictionary(Vec<usize>, Rendered),
    Struct(Vec<Cell<'a>>),
    List(Vec<usize>, Box<Cell<'a>>),
}

#[derive(Debug)]
struct Strings<'a, O> {
    offsets: &'a [O],
    bytes: &'a [u8],
    /// Whether any value of the batch may need a quote or an escape.
    is_clean: bool,
}

/// Whether a text format can hold a type; the first column of it that it cannot.
pub(super) fn unsupported(
    path: &str,
    data_type: &DataType,
    style: TextStyle,
) -> Option<(String, DataType)> {
    use DataType as T;
    match data_type {
        T::Null | T::Boolean | T::Date32 | T::Timestamp(..) => None,
        text if text.is_string() => None,
        number if number.is_integer() || number.is_floating() && *number != T::Float16 => None,
        T::Decimal128(_, scale) if *scale >= 0 => None,
        T::Dictionary(_, values) if !values.is_nested() => unsupported(path, values, style),
        T::Struct(fields) if style == TextStyle::Json => fields.iter().find_map(|field| {
            unsupported(
                &format!("{path}.{}", field.name()),
                field.data_type(),
                style,
            )
        }),
        T::List(field) if style == TextStyle::Json => {
            unsupported(&format!("{path}[]"), field.data_type(), style)
        }
        _ => Some((path.to_owned(), data_type.clone())),
    }
}

impl<'a> Cell<'a> {
    /// A column that writes `prefix` and then a value.
    pub(super) fn new(
        prefix: &[u8],
        array: &'a ArrayRef,
        style: TextStyle,
        caches: &mut Caches,
    ) -> Self {
        let values = Values::new(array, style, caches);
        let nulls = match caches.nulls {
            Nulls::Kept => array.nulls().cloned(),
            // Nulls of a dictionary's values, and of a column without a type, too.
            Nulls::LeftOut => array.logical_nulls(),
        };
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        Self {
            prefix: Prefix::new(prefix),
            nulls,
            values,
        }
    }

    /// The doubles of the column, if that is what it holds, and whether each has a value.
    pub(super) fn doubles(&self) -> Option<(&'a [f64], bool)> {
        match self.values {
            Values::F64(values) => Some((values, self.nulls.is_none())),
            _ => None,
        }
    }

    /// The values of the column, if each row has one and can wait for it in a slot.
    pub(super) fn slotted(&self) -> Option<SlotValues<'a>> {
        if self.nulls.is_some() {
            return None;
        }
        match &self.values {
            Values::I32(values) => Some(SlotValues::I32(values)),
            Values::I64(values) => Some(SlotValues::I64(values)),
            Values::Decimal(values, scale) if *scale <= MOST_PLACES => {
                Some(SlotValues::Decimal(values, *scale))
            }
            Values::Date(values) => Some(SlotValues::Date(values)),
            Values::Timestamp(values, micros, is_instant) => {
                Some(SlotValues::Timestamp(values, *micros, *is_instant))
            }
            Values::Dictionary(keys, rendered) if rendered.is_short() => {
                Some(SlotValues::Dictionary(keys, rendered.clone()))
            }
            _ => None,
        }
    }

    /// The same column, its doubles in place `slot` of those that are rendered a block at a time.
    pub(super) fn rendered_in(mut self, slot: usize) -> Self {
        self.values = Values::RenderedF64(slot);
        self
    }

    /// What a cell may take, where that has a limit; text makes its own room.
    pub(super) fn bytes(&self) -> usize {
        self.prefix.bytes() + self.values.bytes()
    }

    /// Writes the cell of `row`.
    #[inline]
    pub(super) fn write(
        &self,
        row: usize,
        lines: &mut Lines,
        context: &mut Context<'_>,
        style: TextStyle,
    ) {
        let is_null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        if is_null && context.nulls == Nulls::LeftOut && self.prefix.is_name() {
            return;
        }
        match &self.prefix {
            Prefix::Short(text, len) => lines.fixed(text, *len),
            Prefix::Long(text) => lines.slice(text),
        }
        if is_null {
            if style == TextStyle::Json {
                lines.fixed(b"null", 4);
            }
            return;
        }
        self.values.write(row, lines, context, style);
    }
}

impl<'a> Values<'a> {
    fn new(array: &'a ArrayRef, style: TextStyle, caches: &mut Caches) -> Self {
        match array.data_type() {
            DataType::Boolean => Self::Bool(array.as_boolean()),
            DataType::Int8 => Self::I8(array.as_primitive::<Int8Type>().values()),
            DataType::Int16 => Self::I16(array.as_primitive::<Int16Type>().values()),
            DataType::Int32 => Self::I32(array.as_primitive::<Int32Type>().values()),
            DataType::Int64 => Self::I64(array.as_primitive::<Int64Type>().values()),
            DataType::UInt8 => Self::U8(array.as_primitive::<UInt8Type>().values()),
            DataType::UInt16 => Self::U16(array.as_primitive::<UInt16Type>().values()),
            DataType::UInt32 => Self::U32(array.as_primitive::<UInt32Type>().values()),
            DataType::UInt64 => Self::U64(array.as_primitive::<UInt64Type>().values()),
            DataType::Float32 => Self::F32(array.as_primitive::<Float32Type>().values()),
            DataType::Float64 => Self::F64(array.as_primitive::<Float64Type>().values()),
            DataType::Decimal128(_, scale) => Self::Decimal(
                array.as_primitive::<Decimal128Type>().values(),
                scale.unsigned_abs(),
            ),
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>().values()),
            DataType::Timestamp(TimeUnit::Second, zone) => Self::Timestamp(
                array.as_primitive::<TimestampSecondType>().values(),
                1_000_000,
                zone.is_some(),
            ),
            DataType::Timestamp(TimeUnit::Millisecond, zone) => Self::Timestamp(
                array.as_primitive::<TimestampMillisecondType>().values(),
                1_000,
                zone.is_some(),
            ),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Self::Timestamp(
                array.as_primitive::<TimestampMicrosecondType>().values(),
                1,
                zone.is_some(),
            ),
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => Self::Nanoseconds(
                array.as_primitive::<TimestampNanosecondType>().values(),
                zone.is_some(),
            ),
            DataType::Utf8 => {
                let strings = array.as_string::<i32>();
                Self::Text32(Strings::new(
                    strings.value_offsets(),
                    strings.value_data(),
                    style,
                ))
            }
            DataType::LargeUtf8 => {
                let strings = array.as_string::<i64>();
                Self::Text64(Strings::new(
                    strings.value_offsets(),
                    strings.value_data(),
                    style,
                ))
            }
            DataType::Utf8View => Self::View(array.as_string_view()),
            DataType::Dictionary(key, _) => {
                let dictionary = array.as_any_dictionary();
                if dictionary.values().is_empty() {
                    return Self::Null;
                }
                let rendered = caches.rendered(dictionary.values(), style);
                if **key == DataType::Int32 {
                    let keys = dictionary.keys().as_primitive::<Int32Type>().values();
                    Self::Dictionary(keys, rendered)
                } else {
                    Self::WideDictionary(dictionary.normalized_keys(), rendered)
                }
            }
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns();
                let children = fields.iter().zip(columns).enumerate();
                Self::Struct(
                    children
                        .map(|(at, (field, column))| {
                            let start = caches.nulls.start(at);
                            let prefix = escape::json_name(start, field.name());
                            Cell::new(&prefix, column, style, caches)
                        })
                        .collect(),
                )
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let offsets = list.value_offsets().iter().map(|at| *at as usize).collect();
                let child = Cell::new(&[], list.values(), style, caches);
                Self::List(offsets, Box::new(child))
            }
            // Types that the schema check lets through end above; `Null` has only nulls.
            _ => Self::Null,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 5,
            Self::F32(_) | Self::F64(_) | Self::RenderedF64(_) => FLOAT_BYTES,
            Self::Decimal(..) => INTEGER_BYTES + 44,
            Self::Date(_) | Self::Timestamp(..) | Self::Nanoseconds(..) => TIME_BYTES,
            Self::Dictionary(..) | Self::WideDictionary(..) => SHORT,
            Self::Struct(children) => 2 + children.iter().map(Cell::bytes).sum::<usize>(),
            Self::List(_, child) => 2 + child.bytes(),
            Self::Text32(_) | Self::Text64(_) | Self::View(_) => 8,
            _ => INTEGER_BYTES,
        }
    }

    #[inline]
    fn write(&self, row: usize, lines: &mut Lines, context: &mut Context<'_>, style: TextStyle) {
        match self {
            Self::I32(values) => lines.signed(i64::from(values[row])),
            Self::I64(values) => lines.signed(values[row]),
            Self::RenderedF64(slot) => context.floats.write(row, *slot, 1, lines),
            Self::Decimal(values, scale) => lines.decimal(values[row], *scale),
            Self::Timestamp(values, micros, is_instant) => {
                lines.timestamp(
                    values[row].saturating_mul(*micros),
                    *is_instant,
                    context.days,
                    style,
                );
            }
            Self::Dictionary(keys, rendered) => rendered.write(keys[row] as usize, lines),
            Self::Text32(strings) => strings.write(row, lines, style),
            Self::Date(values) => lines.date(i64::from(values[row]), context.days, style),
            _ => self.write_seldom(row, lines, context, style),
        }
    }

    fn write_seldom(
        &self,
        row: usize,
        lines: &mut Lines,
        context: &mut Context<'_>,
        style: TextStyle,
    ) {
        match self {
            Self::Bool(values) if values.value(row) => lines.slice(b"true"),
            Self::Bool(_) => lines.slice(b"false"),
            Self::I8(values) => lines.signed(i64::from(values[row])),
            Self::I16(values) => lines.signed(i64::from(values[row])),
            Self::U8(values) => lines.unsigned(u64::from(values[row])),
            Self::U16(values) => lines.unsigned(u64::from(values[row])),
            Self::U32(values) => lines.unsigned(u64::from(values[row])),
            Self::U64(values) => lines.unsigned(values[row]),
            Self::F64(values) if values[row].is_finite() => lines.double(values[row]),
            Self::F64(values) => lines.slice(not_finite(values[row], style)),
            Self::F32(values) if values[row].is_finite() => lines.float(values[row]),
            Self::F32(values) => lines.slice(not_finite(f64::from(values[row]), style)),
            Self::Nanoseconds(values, is_instant) => {
                lines.nanoseconds(values[row], *is_instant, context.days, style);
            }
            Self::Text64(strings) => strings.write(row, lines, style),
            Self::View(strings) => {
                let text = strings.value(row).as_bytes();
                escape::write(text, Escape::Look, lines, style);
            }
            Self::WideDictionary(keys, rendered) => rendered.write(keys[row], lines),
            Self::Struct(children) => {
                let start = lines.len();
                for child in children {
                    child.write(row, lines, context, style);
                }
                lines.close_object(start);
            }
            Self::List(offsets, child) => {
                lines.byte(b'[');
                for at in offsets[row]..offsets[row + 1] {
                    lines.ensure(child.bytes() + 1);
                    if at > offsets[row] {
                        lines.byte(b',');
                    }
                    child.write(at, lines, context, style);
                }
                lines.byte(b']');
            }
            _ if style == TextStyle::Json => lines.slice(b"null"),
            _ => {}
        }
    }
}

impl<'a, O: OffsetSizeTrait> Strings<'a, O> {
    fn new(offsets: &'a [O], bytes: &'a [u8], style: TextStyle) -> Self {
        let used = match (offsets.first(), offsets.last()) {
            (Some(first), Some(last)) => &bytes[first.as_usize()..last.as_usize()],
            _ => &[],
        };
        Self {
            offsets,
            bytes,
            is_clean: escape::is_clean(used, style),
        }
    }

    #[inline]
    fn write(&self, row: usize, lines: &mut Lines, style: TextStyle) {
        let (start, end) = (
            self.offsets[row].as_usize(),
            self.offsets[row + 1].as_usize(),
        );
        let escape = if self.is_clean {
            Escape::None
        } else {
            Escape::Look
        };
        escape::write(&self.bytes[start..end], escape, lines, style);
    }
}
