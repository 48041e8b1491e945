//! Conditions on the columns by which a generated table is in order, as a range of its rows.
//!
//! `f(column) >= value`, where `f` only ever grows with the column, holds from some row on. Any row can
//! be made alone and costs the same wherever it is, so that row is found by halving: the condition itself
//! is asked on single rows, some thirty of them for a thousand million.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, SchemaRef};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use std::sync::Arc;

use lakeseed_gen_core::{Table, hints};

/// The columns of a civil day, the first first: a table in order of time is in the order of all three.
const CIVIL: [&str; 3] = ["year", "month", "day"];

/// By which columns the rows of a table are in order.
#[derive(Debug, Clone)]
pub(super) struct Order {
    table: Table,
    /// The table's columns without hints.
    schema: SchemaRef,
    /// Each of these alone, by its position.
    pub(super) sorted: Vec<usize>,
    /// These together, the first first.
    pub(super) civil: Vec<usize>,
}

/// What conditions leave of a table.
#[derive(Debug)]
pub(super) struct Narrowed {
    /// The rows for which all conditions hold that are `exact`.
    pub(super) rows: Range<u64>,
    /// Which of the conditions the range stands for.
    pub(super) exact: Vec<bool>,
}

impl Order {
    pub(super) fn new(table: &Table, schema: &SchemaRef) -> Self {
        let fields = table.schema().fields().iter().enumerate();
        // A null would have to be first or last, and nobody says which.
        let sorted = fields
            .filter(|(_, field)| hints::of(field, hints::SORTED) == Some("asc"))
            .filter(|(_, field)| !field.is_nullable())
            .map(|(at, _)| at)
            .collect();
        let civil = CIVIL.map(|name| table.column_index(name));
        let civil = match civil {
            [Ok(year), Ok(month), Ok(day)] if table.partitions(&CIVIL).is_ok() => {
                vec![year, month, day]
            }
            _ => Vec::new(),
        };
        Self {
            table: table.clone(),
            schema: Arc::clone(schema),
            sorted,
            civil,
        }
    }

    /// The rows for which the conditions hold, as far as they can be told by the order.
    pub(super) fn narrow(&self, conditions: &[&Expr]) -> Narrowed {
        let mut rows = self.table.row_range();
        let mut exact = vec![false; conditions.len()];
        // A month is in order as soon as there is one year left: until no condition says more.
        loop {
            let mut goes_on = false;
            for (condition, exact) in conditions.iter().zip(&mut exact) {
                if *exact {
                    continue;
                }
                if let Some(left) = self.range(condition, &rows) {
                    rows = left;
                    *exact = true;
                    goes_on = true;
                }
            }
            if !goes_on {
                return Narrowed { rows, exact };
            }
        }
    }

    /// The value of a column in a row.
    pub(super) fn value(&self, column: usize, row: u64) -> Option<ScalarValue> {
        let batch = self.row(column, row)?;
        ScalarValue::try_from_array(batch.column(0), 0).ok()
    }

    /// The rows of a range for which a condition holds; nothing where the order does not tell.
    fn range(&self, condition: &Expr, rows: &Range<u64>) -> Option<Range<u64>> {
        if rows.is_empty() {
            return Some(rows.clone());
        }
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == Operator::And => {
                self.range(right, &self.range(left, rows)?)
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                match (left.as_ref(), right.as_ref()) {
                    (grows, Expr::Literal(value, _)) => self.compared(grows, *op, value, rows),
                    (Expr::Literal(value, _), grows) => {
                        self.compared(grows, op.swap()?, value, rows)
                    }
                    _ => None,
                }
            }
            Expr::Between(between) if !between.negated => {
                let (Expr::Literal(low, _), Expr::Literal(high, _)) =
                    (between.low.as_ref(), between.high.as_ref())
                else {
                    return None;
                };
                let from = self.compared(&between.expr, Operator::GtEq, low, rows)?;
                self.compared(&between.expr, Operator::LtEq, high, &from)
            }
            _ => None,
        }
    }

    /// The rows of a range in which what grows with a sorted column compares so with a value.
    fn compared(
        &self,
        grows: &Expr,
        operator: Operator,
        value: &ScalarValue,
        rows: &Range<u64>,
    ) -> Option<Range<u64>> {
        if value.is_null() {
            return None;
        }
        let column = self.grows_with(grows)?;
        if !self.is_sorted(column, rows) {
            return None;
        }
        let first = |operator| {
            let literal = Expr::Literal(value.clone(), None);
            let holds = BinaryExpr::new(Box::new(grows.clone()), operator, Box::new(literal));
            self.first(column, Expr::BinaryExpr(holds), rows)
        };
        Some(match operator {
            Operator::GtEq => first(Operator::GtEq)?..rows.end,
            Operator::Gt => first(Operator::Gt)?..rows.end,
            Operator::Lt => rows.start..first(Operator::GtEq)?,
            Operator::LtEq => rows.start..first(Operator::Gt)?,
            Operator::Eq => first(Operator::GtEq)?..first(Operator::Gt)?,
            _ => return None,
        })
    }

    /// Whether a column is in order within these rows.
    fn is_sorted(&self, column: usize, rows: &Range<u64>) -> bool {
        if rows.is_empty() || self.sorted.contains(&column) {
            return true;
        }
        let Some(at) = self.civil.iter().position(|&civil| civil == column) else {
            return false;
        };
        // Within one year a month is, within one month a day.
        self.civil[..at].iter().all(|&above| {
            let first = self.value(above, rows.start);
            first.is_some() && first == self.value(above, rows.end - 1)
        })
    }

    /// The column that an expression grows with, or stays the same.
    fn grows_with(&self, expr: &Expr) -> Option<usize> {
        match expr {
            Expr::Column(column) => self.schema.index_of(&column.name).ok(),
            Expr::Cast(cast) if is_number_or_time(&cast.data_type) => {
                let column = self.grows_with(&cast.expr)?;
                is_number_or_time(self.schema.field(column).data_type()).then_some(column)
            }
            Expr::ScalarFunction(function) => {
                let [Expr::Literal(what, _), of] = function.args.as_slice() else {
                    return None;
                };
                let what = what.try_as_str().flatten().unwrap_or_default();
                let grows = match function.func.name() {
                    "date_trunc" => true,
                    "date_part" => what.eq_ignore_ascii_case("year"),
                    _ => false,
                };
                let column = self.grows_with(of).filter(|_| grows)?;
                is_number_or_time(self.schema.field(column).data_type()).then_some(column)
            }
            _ => None,
        }
    }

    /// The first row of a range for which a condition holds that holds from there on; the range's end
    /// where there is none.
    fn first(&self, column: usize, condition: Expr, rows: &Range<u64>) -> Option<u64> {
        let schema = Arc::new(self.schema.project(&[column]).ok()?);
        let known = DFSchema::try_from(schema).ok()?;
        let condition = unnormalize_col(condition);
        let condition = create_physical_expr(&condition, &known, &ExecutionProps::new()).ok()?;
        let (mut low, mut high) = (rows.start, rows.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.holds(condition.as_ref(), column, middle)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(low)
    }

    fn holds(&self, condition: &dyn PhysicalExpr, column: usize, row: u64) -> Option<bool> {
        let value = condition.evaluate(&self.row(column, row)?).ok()?;
        let value = value.into_array(1).ok()?;
        let value = value.as_boolean_opt()?;
        (!value.is_null(0)).then(|| value.value(0))
    }

    /// One column of one row.
    fn row(&self, column: usize, row: u64) -> Option<RecordBatch> {
        let arrays = self.table.gather(&[row], &[column]).ok()?;
        let schema = Arc::new(self.schema.project(&[column]).ok()?);
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        RecordBatch::try_new_with_options(schema, arrays, &options).ok()
    }
}

/// Whether casts between such types keep the order.
fn is_number_or_time(data_type: &DataType) -> bool {
    data_type.is_integer()
        || data_type.is_floating()
        || matches!(
            data_type,
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, None)
        )
}
