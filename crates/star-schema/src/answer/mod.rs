//! What an indicator has answered, as numbers and as texts for people: what a page, a terminal and a CSV
//! file are made from.

pub(crate) mod csv;
mod numbers;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use datafusion::arrow::compute::cast;
use datafusion::arrow::util::display::array_value_to_string;

pub use self::numbers::short;
use crate::model::{IndicatorSpec, MODEL_FILE, Model, NumberFormat, near};
use crate::{Error, Result};

/// The answer to an indicator, whole: it is for people, and has [`Answer::MOST_ROWS`] rows at most.
///
/// **Memory**: its rows.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Decimal128Array, RecordBatch, StringArray};
/// use lakeseed_star_schema::{Answer, Model};
///
/// let model = Model::builtin("retail")?;
/// let spec = model.indicator("revenue_by_month").expect("one of its indicators");
/// let revenue = Decimal128Array::from(vec![123_456_789]).with_precision_and_scale(22, 2)?;
/// let rows = RecordBatch::try_from_iter([
///     ("month", Arc::new(StringArray::from(vec!["2023-01"])) as ArrayRef),
///     ("revenue", Arc::new(revenue)),
/// ])?;
/// let answer = Answer::new(&model, spec, &rows.schema(), &[rows.clone()])?;
/// assert_eq!(answer.text(0, answer.label()), "2023-01");
/// assert_eq!(answer.text(0, answer.value()), "R$ 1,234,567.89");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Answer {
    spec: IndicatorSpec,
    currency: String,
    rows: RecordBatch,
    columns: Vec<Shown>,
    shape: Shape,
}

/// Which columns are what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    label: usize,
    value: usize,
    across: Option<usize>,
    /// How each column is written; none for what is no number.
    formats: Vec<Option<NumberFormat>>,
}

/// A column as numbers for drawing.
#[derive(Debug, Clone)]
struct Shown {
    numbers: Option<Vec<Option<f64>>>,
}

impl Answer {
    /// The most rows of an answer.
    pub const MOST_ROWS: usize = 100_000;

    /// Refuses a description that does not fit the columns of its statement.
    ///
    /// # Errors
    /// [`Error::Model`]: a column that the statement does not give, no number to draw, a format of a
    /// text, a type that an answer does not have.
    pub fn check(spec: &IndicatorSpec, schema: &Schema) -> Result<()> {
        shape(spec, schema).map(drop)
    }

    /// Puts an answer together from the rows that a statement gave.
    ///
    /// # Errors
    /// As [`Answer::check`], and for more than [`Answer::MOST_ROWS`] rows, or rows of other columns.
    pub fn new(
        model: &Model,
        spec: &IndicatorSpec,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<Self> {
        let shape = shape(spec, schema)?;
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if rows > Self::MOST_ROWS {
            return Err(too_many(spec));
        }
        let rows = concat_batches(schema, batches).map_err(|error| refused(spec, error))?;
        let columns = rows.columns().iter().map(|column| {
            let numbers = shape_numbers(column).map_err(|error| refused(spec, error))?;
            Ok(Shown { numbers })
        });
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
            spec: spec.clone(),
            currency: model.currency.clone(),
            rows,
            shape,
        })
    }

    /// The indicator.
    pub fn spec(&self) -> &IndicatorSpec {
        &self.spec
    }

    /// The rows as they are.
    pub fn batch(&self) -> &RecordBatch {
        &self.rows
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.num_rows()
    }

    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let fields = self.rows.schema_ref().fields().iter();
        fields.map(|field| field.name().as_str())
    }

    /// The column that names a row.
    pub fn label(&self) -> usize {
        self.shape.label
    }

    /// The column that is drawn.
    pub fn value(&self) -> usize {
        self.shape.value
    }

    /// The column whose values stand across, where one does.
    pub(crate) fn across(&self) -> Option<usize> {
        self.shape.across
    }

    /// How a column is written; none for what is no number.
    pub fn format(&self, column: usize) -> Option<NumberFormat> {
        self.shape.formats.get(column).copied().flatten()
    }

    /// A value as a number, for drawing; none for a null and for what is no number.
    pub fn number(&self, row: usize, column: usize) -> Option<f64> {
        let numbers = self.columns.get(column)?.numbers.as_ref()?;
        numbers.get(row).copied().flatten()
    }

    /// A value for people; a dash for a null, and for what is no number where one is due.
    pub fn text(&self, row: usize, column: usize) -> String {
        let array = self.rows.column(column);
        let is_none = self.format(column).is_some() && self.number(row, column).is_none();
        if is_none || array.is_null(row) {
            return "–".to_owned();
        }
        match self.format(column) {
            Some(format) => numbers::text(array, row, format, &self.currency),
            None => plain(array, row),
        }
    }

    /// A value of the drawn column in few letters: `12.3 M`.
    pub fn short(&self, number: f64) -> String {
        let format = self.format(self.value());
        numbers::short_as(number, format.unwrap_or(NumberFormat::Number))
    }

    /// The rows after RFC 4180, under a line of names: numbers as they are, a null empty, an empty text
    /// in quotes.
    pub fn csv(&self) -> String {
        csv::text(&self.rows)
    }

    /// The first lines of the statement, where they are comments: what it answers.
    pub fn note(&self) -> String {
        let lines = self.spec.sql.lines().map(str::trim);
        let comments = lines.map_while(|line| line.strip_prefix("--"));
        comments.map(str::trim).collect::<Vec<_>>().join(" ")
    }
}

/// A value as it is.
fn plain(array: &ArrayRef, row: usize) -> String {
    array_value_to_string(array, row).unwrap_or_else(|error| error.to_string())
}

/// Which columns are what.
fn shape(spec: &IndicatorSpec, schema: &Schema) -> Result<Shape> {
    let fields = schema.fields();
    let refuse = |expected: String, found: String| Error::Model {
        place: format!("{MODEL_FILE}, [indicators.{}]", spec.name),
        expected,
        found,
    };
    let names = || fields.iter().map(|field| field.name().as_str());
    let find = |name: &String| {
        schema.index_of(name).map_err(|_| {
            let all = names().collect::<Vec<_>>().join(", ");
            let found = format!("{name}{}", near(name, names()));
            refuse(format!("a column of its statement: {all}"), found)
        })
    };
    for field in fields {
        if !is_known(field.data_type()) {
            let expected = format!(
                "column {} to be a text, a number, a date, a time or a truth value",
                field.name()
            );
            return Err(refuse(expected, field.data_type().to_string()));
        }
    }
    let is_number = |at: usize| is_number(fields[at].data_type());
    let is_figure = spec.chart == crate::model::Chart::Figure;
    let label = spec.label.as_ref().map_or(Ok(0), find)?;
    let value = match &spec.value {
        Some(name) => find(name)?,
        None => (0..fields.len())
            .find(|at| is_number(*at) && (is_figure || *at != label))
            .ok_or_else(|| {
                let all = names().collect::<Vec<_>>().join(", ");
                refuse("a column of numbers to draw".to_owned(), all)
            })?,
    };
    let across = spec.across.as_ref().map(find).transpose()?;
    if !is_number(value) {
        let found = fields[value].data_type().to_string();
        return Err(refuse(
            format!("numbers in {}", fields[value].name()),
            found,
        ));
    }
    let mut formats: Vec<Option<NumberFormat>> = fields
        .iter()
        .map(|field| usual(field.data_type()))
        .collect();
    for (name, format) in &spec.formats {
        formats[find(name)?] = Some(*format);
    }
    formats[value] = spec.format.or(formats[value]);
    if let Some(at) = (0..fields.len()).find(|at| formats[*at].is_some() && !is_number(*at)) {
        let found = fields[at].data_type().to_string();
        return Err(refuse(format!("numbers in {}", fields[at].name()), found));
    }
    Ok(Shape {
        label,
        value,
        across,
        formats,
    })
}

fn is_number(data_type: &DataType) -> bool {
    usual(data_type).is_some()
}

/// How numbers of a type are written where nothing is said.
fn usual(data_type: &DataType) -> Option<NumberFormat> {
    match data_type {
        DataType::Decimal128(..) | DataType::Float64 | DataType::Float32 => {
            Some(NumberFormat::Number)
        }
        other if other.is_integer() => Some(NumberFormat::Count),
        _ => None,
    }
}

/// Whether an answer may hold it.
fn is_known(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_known(values),
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Boolean
        | DataType::Date32
        | DataType::Timestamp(..) => true,
        other => is_number(other),
    }
}

/// A column as numbers, where it is one of numbers.
fn shape_numbers(column: &ArrayRef) -> Result<Option<Vec<Option<f64>>>, arrow_schema::ArrowError> {
    Ok(match column.data_type() {
        DataType::Decimal128(_, scale) => {
            let unit = 10_f64.powi(i32::from(*scale));
            let decimals = column.as_primitive::<Decimal128Type>().iter();
            Some(
                decimals
                    .map(|value| value.map(|value| value as f64 / unit))
                    .collect(),
            )
        }
        other if other.is_integer() => {
            let whole = cast(column, &DataType::Int64)?;
            let whole = whole.as_primitive::<Int64Type>().iter();
            Some(whole.map(|value| value.map(|value| value as f64)).collect())
        }
        DataType::Float32 | DataType::Float64 => {
            let reals = cast(column, &DataType::Float64)?;
            let reals = reals.as_primitive::<Float64Type>().iter();
            // What is no number is not drawn.
            Some(
                reals
                    .map(|value| value.filter(|value| value.is_finite()))
                    .collect(),
            )
        }
        _ => None,
    })
}

/// The refusal of an answer that nobody would read.
pub(crate) fn too_many(spec: &IndicatorSpec) -> Error {
    Error::Model {
        place: spec.place.clone(),
        expected: format!(
            "an answer for people, of at most {} rows: add a LIMIT",
            Answer::MOST_ROWS
        ),
        found: "more".to_owned(),
    }
}

fn refused(spec: &IndicatorSpec, error: arrow_schema::ArrowError) -> Error {
    Error::Engine {
        table: spec.name.clone(),
        cause: error.into(),
    }
}
