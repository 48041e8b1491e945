//! Rows by arithmetic on their way to columns.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Int32Builder, Int64Builder, StringBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

/// The type of money: two decimals, of any size.
pub(super) const MONEY: DataType = DataType::Decimal128(38, 2);

/// Rows that were made for the keys of others: as many, in their order.
pub(super) struct Made {
    /// The key of each row; none where the star has no such row, whose values are nulls then.
    pub(super) keys: Vec<Option<u128>>,
    pub(super) columns: Vec<ArrayRef>,
}

/// A value of a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'c> {
    Null,
    /// A number; of money its cents, of a date its days since 1970.
    Whole(i64),
    Is(bool),
    Text(&'c str),
}

impl<'c> From<Option<&'c str>> for Cell<'c> {
    fn from(text: Option<&'c str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Whole)
    }
}

enum Column {
    I32(Int32Builder),
    I64(Int64Builder),
    Days(Date32Builder),
    Cents(Decimal128Builder),
    Is(BooleanBuilder),
    Text(StringBuilder),
}

/// Takes rows, cell by cell.
pub(super) struct RowsBuilder {
    keys: Vec<Option<u128>>,
    columns: Vec<Column>,
}

impl RowsBuilder {
    /// For rows of a schema of the types that a [`Cell`] has; others are text.
    pub(super) fn new(schema: &Schema) -> Self {
        let column = |data_type: &DataType| match data_type {
            DataType::Int32 => Column::I32(Int32Builder::new()),
            DataType::Int64 => Column::I64(Int64Builder::new()),
            DataType::Date32 => Column::Days(Date32Builder::new()),
            DataType::Decimal128(..) => {
                Column::Cents(Decimal128Builder::new().with_data_type(MONEY))
            }
            DataType::Boolean => Column::Is(BooleanBuilder::new()),
            _ => Column::Text(StringBuilder::new()),
        };
        let fields = schema.fields().iter();
        Self {
            keys: Vec::new(),
            columns: fields.map(|field| column(field.data_type())).collect(),
        }
    }

    /// Adds a row, whose cells are as many as there are columns.
    pub(super) fn push(&mut self, key: u128, cells: &[Cell<'_>]) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.keys.push(Some(key));
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(*cell);
        }
    }

    /// Adds a row that the star has not.
    pub(super) fn push_none(&mut self) {
        self.keys.push(None);
        for column in &mut self.columns {
            column.push(Cell::Null);
        }
    }

    pub(super) fn finish(self) -> Made {
        Made {
            keys: self.keys,
            columns: self.columns.into_iter().map(Column::finish).collect(),
        }
    }
}

impl Column {
    fn push(&mut self, cell: Cell<'_>) {
        let small = |number: i64| i32::try_from(number).ok();
        match (self, cell) {
            (Self::I32(column), Cell::Whole(number)) => column.append_option(small(number)),
            (Self::I64(column), Cell::Whole(number)) => column.append_value(number),
            (Self::Days(column), Cell::Whole(days)) => column.append_option(small(days)),
            (Self::Cents(column), Cell::Whole(cents)) => column.append_value(cents.into()),
            (Self::Is(column), Cell::Is(value)) => column.append_value(value),
            (Self::Text(column), Cell::Text(text)) => column.append_value(text),
            (Self::I32(column), _) => column.append_null(),
            (Self::I64(column), _) => column.append_null(),
            (Self::Days(column), _) => column.append_null(),
            (Self::Cents(column), _) => column.append_null(),
            (Self::Is(column), _) => column.append_null(),
            (Self::Text(column), _) => column.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::I32(mut column) => Arc::new(column.finish()),
            Self::I64(mut column) => Arc::new(column.finish()),
            Self::Days(mut column) => Arc::new(column.finish()),
            Self::Cents(mut column) => Arc::new(column.finish()),
            Self::Is(mut column) => Arc::new(column.finish()),
            Self::Text(mut column) => Arc::new(column.finish()),
        }
    }
}

/// Columns by name and type, all of which may hold nulls here: a null that must not be there differs.
pub(super) fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// A column of text, by its row.
pub(super) fn texts<'r>(rows: &'r RecordBatch, column: usize) -> impl Fn(usize) -> Option<&'r str> {
    let texts = rows.column(column).as_string::<i32>();
    move |row| texts.is_valid(row).then(|| texts.value(row))
}

/// A column of whole numbers, by its row.
pub(super) fn numbers(rows: &RecordBatch, column: usize) -> impl Fn(usize) -> Option<i64> {
    let numbers = rows.column(column).as_primitive::<Int64Type>();
    move |row| numbers.is_valid(row).then(|| numbers.value(row))
}
