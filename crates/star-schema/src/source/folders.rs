//! Columns that stand in the names of folders, after Hive: `year=2023/month=1/part-0.parquet`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader, StringArray, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::arrow::compute::{CastOptions, cast_with_options, take};

use super::files::{unreadable, wrong};
use super::{BatchReader, Bounds, codes};
use crate::Result;

/// What writers name the folder of rows without a value.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// What the values of a column are tried as, in this order, where nobody gives its type. What is none
/// of these is text.
const TYPES: [DataType; 2] = [DataType::Int64, DataType::Date32];

/// Columns of one value a file.
pub(super) struct Folders {
    columns: Vec<Column>,
}

struct Column {
    field: FieldRef,
    /// A value a file, in their order.
    values: ArrayRef,
}

impl Folders {
    /// Those that the paths of a table's files name, in the paths' order. `types` are those of columns
    /// that somebody has given one.
    ///
    /// # Errors
    /// Paths that do not name the same columns, a value that is none of its type.
    pub(super) fn of_paths(paths: &[String], types: &BTreeMap<String, DataType>) -> Result<Self> {
        let folders: Vec<_> = paths.iter().map(|path| folders_of(path)).collect();
        let names = folders.first().map_or(Vec::new(), |first| names_of(first));
        for (path, own) in paths.iter().zip(&folders) {
            let found = names_of(own);
            if found != names {
                let problem = format!(
                    "its folders name {}, but those of {} name {}",
                    listed(&found),
                    paths[0],
                    listed(&names)
                );
                return Err(wrong(path, problem));
            }
        }
        let mut columns = Vec::new();
        for (at, &name) in names.iter().enumerate() {
            if names[..at].contains(&name) {
                return Err(wrong(&paths[0], format!("two of its folders name {name}")));
            }
            let texts = folders.iter().map(|own| own[at].1.as_str());
            let texts: StringArray = texts.map(|text| (text != NULL).then_some(text)).collect();
            columns.push(Column::new(name, texts, types.get(name), &paths[0])?);
        }
        Ok(Self { columns })
    }

    /// Whether a folder names a column.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns
            .iter()
            .any(|column| column.field.name() == name)
    }

    /// Leaves out columns that the files have themselves.
    pub(super) fn without(&mut self, of_files: &Schema) {
        let is_of_files =
            |column: &Column| of_files.column_with_name(column.field.name()).is_some();
        self.columns.retain(|column| !is_of_files(column));
    }

    /// The columns.
    pub(super) fn fields(&self) -> impl ExactSizeIterator<Item = &FieldRef> {
        self.columns.iter().map(|column| &column.field)
    }

    /// Between which values the column at a place lies in each piece: it has one there. `files` tells
    /// the file of each piece.
    pub(super) fn bounds(&self, column: usize, files: &[usize]) -> Option<Bounds> {
        let values = &self.columns.get(column)?.values;
        // Bounds are of the texts themselves.
        let values = match values.data_type() {
            DataType::Dictionary(_, texts) => cast_with_options(values, texts, &STRICT).ok()?,
            _ => Arc::clone(values),
        };
        let at = UInt64Array::from_iter_values(files.iter().map(|&file| file as u64));
        let values = take(&values, &at, None).ok()?;
        Some(Bounds {
            least: Arc::clone(&values),
            has_nulls: (0..values.len()).map(|at| values.is_null(at)).collect(),
            greatest: values,
        })
    }

    /// Batches of a file, with columns of its folders among them. `places` has, for each column of
    /// `schema`, whether it is the next of the file's or the folder column at a place.
    pub(super) fn among(
        &self,
        reader: BatchReader,
        file: usize,
        places: &[Option<usize>],
        schema: SchemaRef,
    ) -> BatchReader {
        let value = |place: &usize| self.columns[*place].values.slice(file, 1);
        let columns = places.iter().map(|place| place.as_ref().map(value));
        Box::new(Among {
            reader,
            columns: columns.collect(),
            schema,
        })
    }
}

/// A value that does not fit its type is an error.
const STRICT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: datafusion::arrow::util::display::FormatOptions::new(),
};

impl Column {
    fn new(name: &str, texts: StringArray, given: Option<&DataType>, first: &str) -> Result<Self> {
        let texts: ArrayRef = Arc::new(texts);
        let as_type = |data_type: &DataType| cast_with_options(&texts, data_type, &STRICT);
        let values = match given {
            Some(DataType::Utf8) => as_type(&codes()),
            Some(given) => as_type(given),
            None => TYPES
                .iter()
                .find_map(|data_type| as_type(data_type).ok())
                .map_or_else(|| as_type(&codes()), Ok),
        };
        let values = values.map_err(|cause| {
            let place = format!("column {name} in the folders of {first} and others");
            unreadable(place, "cannot be read as its type", cause)
        })?;
        let has_nulls = values.null_count() > 0;
        let field = Field::new(name, values.data_type().clone(), has_nulls);
        Ok(Self {
            field: Arc::new(field),
            values,
        })
    }
}

/// Columns and values that the folders of a path name.
fn folders_of(path: &str) -> Vec<(&str, String)> {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    let named = folders
        .split('/')
        .filter_map(|folder| folder.split_once('='));
    named
        .map(|(name, value)| (name, unescaped(value)))
        .collect()
}

fn names_of<'p>(folders: &[(&'p str, String)]) -> Vec<&'p str> {
    folders.iter().map(|(name, _)| *name).collect()
}

/// A folder's value without Hive's escapes: `%20` is a space.
fn unescaped(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let escaped = match (first, behind) {
            (b'%', [high, low, ..]) => digit(high).zip(digit(low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push((high * 16 + low) as u8);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        return "no column".to_owned();
    }
    names.join(", ")
}

/// Batches of a file with columns of one value.
struct Among {
    reader: BatchReader,
    /// The value of each column that is none of the file's.
    columns: Vec<Option<ArrayRef>>,
    schema: SchemaRef,
}

impl Among {
    fn with_values(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        let first = UInt64Array::from(vec![0; rows]);
        let mut of_file = batch.columns().iter();
        let columns = self.columns.iter().map(|value| match value {
            Some(value) => take(value, &first, None),
            None => of_file.next().cloned().ok_or_else(|| {
                ArrowError::SchemaError("a file gave fewer columns than it has".to_owned())
            }),
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

impl Iterator for Among {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.and_then(|batch| self.with_values(&batch)))
    }
}

impl RecordBatchReader for Among {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
