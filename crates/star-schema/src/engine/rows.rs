//! Rows on their way from the source to the aggregate: a lane of words for each code, number or time,
//! Arrow arrays for the rest.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{DataFusionError, Result as DfResult};

use super::dictionary::{Coder, Dictionary, NULL, Overflow};
use super::{hash, words};

/// How a carried column travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A code of the dictionary of this number, in this lane.
    Code { dictionary: usize, lane: usize },
    /// A word in this lane; where nulls may come, the lane behind tells which.
    Word { lane: usize, nullable: bool },
    /// As it is, the array of this number.
    Plain { array: usize },
}

/// What is carried, and how.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) schema: SchemaRef,
    pub(crate) forms: Vec<Form>,
    /// The first so many columns are the keys.
    pub(crate) keys: usize,
    pub(crate) lanes: usize,
    pub(crate) arrays: usize,
    pub(crate) dictionaries: usize,
}

impl Layout {
    /// `as_text` are the columns of texts that are not to be coded: they have too many values.
    pub(crate) fn new(schema: SchemaRef, keys: usize, as_text: &[usize]) -> Self {
        let (mut lanes, mut arrays, mut dictionaries) = (0, 0, 0);
        let mut forms = Vec::new();
        for (column, field) in schema.fields().iter().enumerate() {
            forms.push(
                if is_text(field.data_type()) && !as_text.contains(&column) {
                    dictionaries += 1;
                    lanes += 1;
                    Form::Code {
                        dictionary: dictionaries - 1,
                        lane: lanes - 1,
                    }
                } else if words::is_word(field.data_type()) {
                    let nullable = field.is_nullable();
                    lanes += 1 + usize::from(nullable);
                    Form::Word {
                        lane: lanes - 1 - usize::from(nullable),
                        nullable,
                    }
                } else {
                    arrays += 1;
                    Form::Plain { array: arrays - 1 }
                },
            );
        }
        Self {
            schema,
            forms,
            keys,
            lanes,
            arrays,
            dictionaries,
        }
    }

    /// The type in which a plain column travels.
    pub(crate) fn plain_type(&self, column: usize) -> DataType {
        travels_as(self.schema.field(column).data_type())
    }
}

/// Dictionaries of values that are not coded travel as their values.
fn travels_as(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => travels_as(values),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

/// Whether a column holds texts.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Rows in the form of a layout.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rows {
    pub(crate) len: usize,
    pub(crate) lanes: Vec<Vec<u64>>,
    /// The pieces of each plain column.
    pub(crate) arrays: Vec<Vec<ArrayRef>>,
}

impl Rows {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            len: 0,
            lanes: vec![Vec::new(); layout.lanes],
            arrays: vec![Vec::new(); layout.arrays],
        }
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.lanes.iter_mut().for_each(Vec::clear);
        self.arrays.iter_mut().for_each(Vec::clear);
    }

    /// One array of a plain column.
    pub(crate) fn array(&self, number: usize) -> DfResult<ArrayRef> {
        let pieces: Vec<&dyn Array> = self.arrays[number].iter().map(AsRef::as_ref).collect();
        match pieces.as_slice() {
            [_] => Ok(Arc::clone(&self.arrays[number][0])),
            _ => Ok(concat(&pieces)?),
        }
    }
}

/// Why rows could not be carried.
#[derive(Debug)]
pub(crate) enum CarryError {
    /// The texts of this column have outgrown their dictionary.
    Overflow {
        column: usize,
    },
    Engine(DataFusionError),
}

impl From<DataFusionError> for CarryError {
    fn from(error: DataFusionError) -> Self {
        Self::Engine(error)
    }
}

/// One worker's hands: turns batches into rows, and rows into hashes of their keys.
pub(crate) struct Carrier {
    layout: Arc<Layout>,
    coders: Vec<Coder>,
    /// One for each plain key that is no text.
    converters: Vec<Option<RowConverter>>,
}

impl Carrier {
    pub(crate) fn try_new(
        layout: &Arc<Layout>,
        dictionaries: &[Arc<Dictionary>],
    ) -> DfResult<Self> {
        let converters = (0..layout.keys).map(|column| {
            let data_type = layout.plain_type(column);
            let plain = matches!(layout.forms[column], Form::Plain { .. }) && !is_text(&data_type);
            plain
                .then(|| RowConverter::new(vec![SortField::new(data_type)]))
                .transpose()
        });
        Ok(Self {
            layout: Arc::clone(layout),
            coders: dictionaries
                .iter()
                .map(|one| Coder::new(Arc::clone(one)))
                .collect(),
            converters: converters.collect::<Result<_, _>>()?,
        })
    }

    /// Appends a batch of the carried columns.
    pub(crate) fn append(
        &mut self,
        batch: &RecordBatch,
        rows: &mut Rows,
    ) -> Result<(), CarryError> {
        self.append_first(self.layout.forms.len(), batch, rows)
    }

    /// Appends the keys of a batch of the carried columns, and leaves the arguments' lanes empty.
    pub(crate) fn append_keys(
        &mut self,
        batch: &RecordBatch,
        rows: &mut Rows,
    ) -> Result<(), CarryError> {
        self.append_first(self.layout.keys, batch, rows)
    }

    fn append_first(
        &mut self,
        columns: usize,
        batch: &RecordBatch,
        rows: &mut Rows,
    ) -> Result<(), CarryError> {
        let arrow = |error: arrow_schema::ArrowError| CarryError::Engine(error.into());
        for (column, form) in self.layout.forms[..columns].iter().enumerate() {
            let array = batch.column(column);
            match *form {
                Form::Code { dictionary, lane } => {
                    let array = text_to_code(array).map_err(arrow)?;
                    self.coders[dictionary]
                        .append(&array, &mut rows.lanes[lane])
                        .map_err(|Overflow| CarryError::Overflow { column })?;
                }
                Form::Word { lane, nullable } => {
                    words::append(array, &mut rows.lanes[lane]);
                    if nullable {
                        words::append_validity(array, &mut rows.lanes[lane + 1]);
                    }
                }
                Form::Plain { array: number } => {
                    let plain = travels_as(array.data_type());
                    let array = if plain == *array.data_type() {
                        Arc::clone(array)
                    } else {
                        cast(array, &plain).map_err(arrow)?
                    };
                    rows.arrays[number].push(array);
                }
            }
        }
        rows.len += batch.num_rows();
        Ok(())
    }

    /// The hash of each row's keys.
    pub(crate) fn hash(&mut self, rows: &Rows, hashes: &mut Vec<u64>) -> DfResult<()> {
        self.hash_keys(0..self.layout.keys, rows, hashes)
    }

    /// The hash of some of each row's keys.
    pub(crate) fn hash_keys(
        &mut self,
        keys: Range<usize>,
        rows: &Rows,
        hashes: &mut Vec<u64>,
    ) -> DfResult<()> {
        hashes.clear();
        hashes.resize(rows.len, hash::SEED);
        // A text counts the same whether it is coded or not.
        let forms = self.layout.forms[keys.clone()].iter();
        for (form, converter) in forms.zip(&self.converters[keys]) {
            match *form {
                Form::Code { dictionary, lane } => {
                    self.coders[dictionary].mix(&rows.lanes[lane], hashes);
                }
                Form::Word { lane, nullable } => {
                    for number in lane..=lane + usize::from(nullable) {
                        for (hash, &word) in hashes.iter_mut().zip(&rows.lanes[number]) {
                            *hash = hash::mix(*hash, word);
                        }
                    }
                }
                Form::Plain { array } => {
                    let plain = rows.array(array)?;
                    if let Some(converter) = converter {
                        let keys = converter.convert_columns(&[plain])?;
                        for (hash, key) in hashes.iter_mut().zip(keys.iter()) {
                            *hash = hash::mix(*hash, hash::of_bytes(key.as_ref()));
                        }
                    } else {
                        let texts = cast(&plain, &DataType::Utf8)?;
                        for (hash, text) in hashes.iter_mut().zip(texts.as_string::<i32>()) {
                            *hash = hash::mix(*hash, hash::of_text(text));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Texts in one of the two forms that are coded.
fn text_to_code(array: &ArrayRef) -> Result<ArrayRef, arrow_schema::ArrowError> {
    match array.data_type() {
        DataType::Utf8 => Ok(Arc::clone(array)),
        DataType::Dictionary(keys, values)
            if **keys == DataType::Int32 && **values == DataType::Utf8 =>
        {
            Ok(Arc::clone(array))
        }
        _ => cast(array, &DataType::Utf8),
    }
}

/// Turns rows back into the columns that were carried, or into codes as numbers.
pub(crate) struct Texts {
    /// The texts of each dictionary, as they were when scattering ended.
    values: Vec<ArrayRef>,
}

impl Texts {
    pub(crate) fn new(dictionaries: &[Arc<Dictionary>]) -> Self {
        let values = dictionaries
            .iter()
            .map(|one| Arc::new(one.values()) as ArrayRef);
        Self {
            values: values.collect(),
        }
    }

    /// The bytes that the texts hold.
    pub(crate) fn bytes(&self) -> usize {
        self.values.iter().map(Array::get_array_memory_size).sum()
    }

    /// A column of codes in its own type.
    pub(crate) fn decode(
        &self,
        dictionary: usize,
        codes: impl Iterator<Item = u64>,
        data_type: &DataType,
    ) -> DfResult<ArrayRef> {
        use arrow_array::types::Int32Type;
        use arrow_array::{DictionaryArray, Int32Array};
        let keys: Int32Array = codes
            .map(|code| (code != u64::from(NULL)).then(|| code as i32 - 1))
            .collect();
        let values = &self.values[dictionary];
        if matches!(data_type, DataType::Dictionary(keys, values)
            if **keys == DataType::Int32 && **values == DataType::Utf8)
        {
            let array = DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(values))?;
            return Ok(Arc::new(array));
        }
        let texts = arrow_select::take::take(values, &keys, None)?;
        Ok(if texts.data_type() == data_type {
            texts
        } else {
            cast(&texts, data_type)?
        })
    }

    /// One carried column, in the type that it came in.
    pub(crate) fn column(&self, layout: &Layout, rows: &Rows, column: usize) -> DfResult<ArrayRef> {
        let data_type = layout.schema.field(column).data_type();
        match layout.forms[column] {
            Form::Code { dictionary, lane } => {
                self.decode(dictionary, rows.lanes[lane].iter().copied(), data_type)
            }
            Form::Word { lane, nullable } => {
                let validity = nullable.then(|| rows.lanes[lane + 1].as_slice());
                words::array(data_type, &rows.lanes[lane], validity)
                    .ok_or_else(|| DataFusionError::Internal(format!("{data_type} has no words")))
            }
            Form::Plain { array } => {
                let array = rows.array(array)?;
                Ok(if array.data_type() == data_type {
                    array
                } else {
                    cast(&array, data_type)?
                })
            }
        }
    }
}
