//! Keys as few numbers: the lanes of all coded and word keys, each less its smallest word, side by side
//! in 64 bits, or in 128. An aggregate over one number is several times as fast and as small as one over
//! seven columns, and gives its groups in the order in which they come; over several columns a group
//! whose hash is another's stands behind its batch.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, UInt64Type};
use arrow_array::{ArrayRef, Decimal128Array, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result as DfResult;

use super::rows::{Form, Layout, Rows, Texts};
use super::words;

/// Where a lane stands in the numbers.
#[derive(Debug, Clone, Copy)]
struct Place {
    lane: usize,
    number: usize,
    shift: u32,
    least: u64,
    mask: u64,
}

/// How keys are packed, and rows turned into what the aggregate takes.
#[derive(Debug)]
pub(crate) struct Packing {
    layout: Arc<Layout>,
    places: Vec<Place>,
    /// Words that the keys take.
    words: usize,
    /// The aggregate's input: the numbers, plain keys, then the arguments.
    pub(crate) input: SchemaRef,
    /// How many of its columns are keys.
    pub(crate) keys: usize,
}

impl Packing {
    /// From the least and largest word of each lane.
    pub(crate) fn new(layout: &Arc<Layout>, ranges: &[(u64, u64)]) -> Self {
        let mut places = Vec::new();
        let (mut number, mut shift) = (0, 0);
        for form in &layout.forms[..layout.keys] {
            let lanes = match *form {
                Form::Code { lane, .. } => lane..lane + 1,
                Form::Word { lane, nullable } => lane..lane + 1 + usize::from(nullable),
                Form::Plain { .. } => continue,
            };
            for lane in lanes {
                let (least, most) = ranges.get(lane).copied().unwrap_or((0, 0));
                let (least, range) = if least > most {
                    (0, 0)
                } else {
                    (least, most - least)
                };
                let bits = u64::BITS - range.leading_zeros();
                if shift + bits > u64::BITS {
                    (number, shift) = (number + 1, 0);
                }
                let mask = if bits == 0 {
                    0
                } else {
                    u64::MAX >> (u64::BITS - bits)
                };
                // A lane of one value needs no place, and a shift by 64 would be none.
                let at = if bits == 0 { 0 } else { shift };
                places.push(Place {
                    lane,
                    number,
                    shift: at,
                    least,
                    mask,
                });
                shift += bits;
            }
        }
        let words = if places.is_empty() { 0 } else { number + 1 };
        let mut fields: Vec<Field> = match words {
            2 => vec![Field::new("k0", PAIR, false)],
            _ => (0..words)
                .map(|number| Field::new(format!("k{number}"), DataType::UInt64, false))
                .collect(),
        };
        for column in plain_keys(layout) {
            let field = layout.schema.field(column);
            fields.push(Field::new(
                field.name(),
                layout.plain_type(column),
                field.is_nullable(),
            ));
        }
        let keys = fields.len();
        let arguments = layout.schema.fields()[layout.keys..].iter();
        fields.extend(arguments.map(|field| field.as_ref().clone()));
        Self {
            layout: Arc::clone(layout),
            places,
            words,
            input: Arc::new(Schema::new(fields)),
            keys,
        }
    }

    /// From the types alone, for rows that are packed before all are seen.
    pub(crate) fn of_types(layout: &Arc<Layout>) -> Self {
        let mut ranges = vec![(0, 0); layout.lanes];
        for (column, form) in layout.forms[..layout.keys].iter().enumerate() {
            match *form {
                Form::Code { lane, .. } => ranges[lane] = (0, u64::from(u32::MAX)),
                Form::Word { lane, nullable } => {
                    ranges[lane] = words::range(layout.schema.field(column).data_type());
                    if nullable {
                        ranges[lane + 1] = (0, 1);
                    }
                }
                Form::Plain { .. } => {}
            }
        }
        Self::new(layout, &ranges)
    }

    /// Rows as the aggregate takes them.
    pub(crate) fn pack(&self, rows: &Rows, texts: &Texts) -> DfResult<RecordBatch> {
        let arguments = (self.layout.keys..self.layout.forms.len())
            .map(|column| texts.column(&self.layout, rows, column))
            .collect::<DfResult<Vec<_>>>()?;
        self.pack_with(rows, &arguments)
    }

    /// The keys of rows, packed, beside arguments as they came.
    pub(crate) fn pack_with(&self, rows: &Rows, arguments: &[ArrayRef]) -> DfResult<RecordBatch> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.input.fields().len());
        for number in 0..self.words {
            let mut packed = vec![0_u64; rows.len];
            for place in self
                .places
                .iter()
                .filter(|place| place.number == number && place.mask != 0)
            {
                for (packed, word) in packed.iter_mut().zip(&rows.lanes[place.lane]) {
                    *packed |= (word - place.least) << place.shift;
                }
            }
            columns.push(Arc::new(UInt64Array::from(packed)));
        }
        if let [low, high] = columns.as_slice() {
            let words = |column: &ArrayRef| column.as_primitive::<UInt64Type>().values().clone();
            let (low, high) = (words(low), words(high));
            let pairs = low.iter().zip(&high);
            let pairs =
                pairs.map(|(low, high)| (u128::from(*high) << 64 | u128::from(*low)) as i128);
            let pairs: Decimal128Array = pairs.map(Some).collect();
            columns = vec![Arc::new(pairs.with_data_type(PAIR))];
        }
        for column in plain_keys(&self.layout) {
            if let Form::Plain { array } = self.layout.forms[column] {
                columns.push(rows.array(array)?);
            }
        }
        columns.extend_from_slice(arguments);
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.input),
            columns,
            &options,
        )?)
    }

    /// The words of the keys.
    fn words_of(&self, groups: &RecordBatch) -> Vec<ScalarBuffer<u64>> {
        if self.words != 2 {
            let columns = groups.columns()[..self.words].iter();
            return columns
                .map(|column| column.as_primitive::<UInt64Type>().values().clone())
                .collect();
        }
        let pairs = groups.column(0).as_primitive::<Decimal128Type>().values();
        let word = |shift: u32| {
            pairs
                .iter()
                .map(|&pair| (pair as u128 >> shift) as u64)
                .collect()
        };
        vec![word(0), word(u64::BITS)]
    }

    /// Whether an aggregate gives groups in the order in which it meets them.
    pub(crate) fn keeps_order(&self) -> bool {
        self.keys < 2
    }

    /// Groups with their keys as they were.
    pub(crate) fn unpack(
        &self,
        groups: &RecordBatch,
        texts: &Texts,
        schema: &SchemaRef,
    ) -> DfResult<RecordBatch> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
        let mut places = self.places.iter();
        let words = self.words_of(groups);
        let mut plain = self.keys - plain_keys(&self.layout).count();
        let mut next = || {
            let place = places.next()?;
            let packed = words[place.number].iter();
            Some(packed.map(move |word| (word >> place.shift & place.mask) + place.least))
        };
        for (column, form) in self.layout.forms[..self.layout.keys].iter().enumerate() {
            let data_type = schema.field(column).data_type();
            let array = match *form {
                Form::Code { dictionary, .. } => match next() {
                    Some(codes) => Some(texts.decode(dictionary, codes, data_type)?),
                    None => None,
                },
                Form::Word { nullable, .. } => {
                    let values: Vec<u64> = next().into_iter().flatten().collect();
                    let validity: Option<Vec<u64>> =
                        nullable.then(|| next().into_iter().flatten().collect());
                    words::array(data_type, &values, validity.as_deref())
                }
                Form::Plain { .. } => {
                    plain += 1;
                    let array = groups.column(plain - 1);
                    Some(datafusion::arrow::compute::cast(array, data_type)?)
                }
            };
            columns.push(array.ok_or_else(|| {
                datafusion::error::DataFusionError::Internal(format!("{data_type} has no words"))
            })?);
        }
        for (field, array) in schema.fields()[self.layout.keys..]
            .iter()
            .zip(&groups.columns()[self.keys..])
        {
            columns.push(if array.data_type() == field.data_type() {
                Arc::clone(array)
            } else {
                datafusion::arrow::compute::cast(array, field.data_type())?
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(groups.num_rows()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(schema),
            columns,
            &options,
        )?)
    }
}

/// Two words as one number. Its digits mean nothing: all 128 bits are used.
const PAIR: DataType = DataType::Decimal128(38, 0);

fn plain_keys(layout: &Layout) -> impl Iterator<Item = usize> {
    (0..layout.keys).filter(|&column| matches!(layout.forms[column], Form::Plain { .. }))
}
