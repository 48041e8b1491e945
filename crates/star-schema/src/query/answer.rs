//! The types of an answer: those that files hold.

use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, TimeUnit};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};

/// The plan, with casts around the columns whose types no file of ours holds.
pub(super) fn in_plain_types(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    let is_plain = |data_type: &DataType| plain(data_type) == *data_type;
    if plan
        .schema()
        .fields()
        .iter()
        .all(|field| is_plain(field.data_type()))
    {
        return Ok(plan);
    }
    let columns = plan.schema().iter().map(|(table, field)| {
        let column = Expr::Column(Column::from((table, field)));
        let wanted = plain(field.data_type());
        if wanted == *field.data_type() {
            column
        } else {
            cast(column, wanted).alias_qualified(table.cloned(), field.name())
        }
    });
    let columns: Vec<Expr> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// The type itself, the nearest that a file holds, or text.
fn plain(data_type: &DataType) -> DataType {
    use DataType as T;
    match data_type {
        T::Timestamp(TimeUnit::Nanosecond, zone) => {
            T::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        T::Date64 => T::Timestamp(TimeUnit::Millisecond, None),
        T::Float16 => T::Float32,
        T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::UInt8
        | T::UInt16
        | T::UInt32
        | T::UInt64
        | T::Float32
        | T::Float64
        | T::Decimal128(..)
        | T::Date32
        | T::Timestamp(..)
        | T::Utf8
        | T::LargeUtf8 => data_type.clone(),
        T::List(item) => T::List(plain_field(item)),
        T::Struct(fields) => T::Struct(fields.iter().map(plain_field).collect()),
        T::Dictionary(_, values) if **values == T::Utf8 => data_type.clone(),
        T::Dictionary(_, values) => plain(values),
        _ => T::Utf8,
    }
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let wanted = plain(field.data_type());
    Arc::new(field.as_ref().clone().with_data_type(wanted))
}
