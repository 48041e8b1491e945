//! Steps that give all that another step gives, and more: the same groups of the same rows, with more
//! functions of each.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;

use super::gather::Gather;
use super::scan::Scan;
use super::shared::{Plan, is_fixed};

type Expr = Arc<dyn PhysicalExpr>;

/// Where the columns of `narrow` stand among those of `wide`; `None` where `wide` does not have them all,
/// for the same groups in the same order.
pub(super) fn columns_in(wide: &Plan, narrow: &Plan) -> Option<Vec<usize>> {
    let (wide, narrow) = (grouped(wide)?, grouped(narrow)?);
    let is_alike = wide.rows.scan.has_same_rows(narrow.rows.scan)
        && are_all_in(&wide.rows.conditions, &narrow.rows.conditions)
        && are_all_in(&narrow.rows.conditions, &wide.rows.conditions)
        && wide.groups == narrow.groups;
    if !is_alike {
        return None;
    }
    let groups = 0..narrow.groups.len();
    let place = |function: &Function<'_>| {
        let mut known = wide.functions.iter();
        Some(groups.end + known.position(|other| other.is_same(function))?)
    };
    let functions: Option<Vec<usize>> = narrow.functions.iter().map(place).collect();
    Some(groups.clone().chain(functions?).collect())
}

/// Whether two filters keep the same rows: the engine puts conditions in one order or another.
pub(super) fn is_same_filter(one: &Expr, other: &Expr) -> bool {
    let (ones, others) = (split_conjunction(one), split_conjunction(other));
    are_all_in(&ones, &others) && are_all_in(&others, &ones)
}

fn are_all_in<T: PartialEq>(all: &[T], among: &[T]) -> bool {
    all.iter().all(|one| among.contains(one))
}

/// How many functions a step has of its groups; none for what is no step.
pub(super) fn width(step: &Plan) -> usize {
    let step = step.as_any().downcast_ref::<AggregateExec>();
    step.map_or(0, |step| step.aggr_expr().len())
}

/// An aggregate of one table, all told by that table's columns: plans that read other columns of it
/// number theirs in another way.
struct Grouped<'p> {
    rows: Rows<'p>,
    groups: Vec<Expr>,
    functions: Vec<Function<'p>>,
}

struct Function<'p> {
    of: &'p AggregateFunctionExpr,
    arguments: Vec<Expr>,
    filter: Option<Expr>,
}

impl Function<'_> {
    fn is_same(&self, other: &Self) -> bool {
        self.of.fun() == other.of.fun()
            && self.of.is_distinct() == other.of.is_distinct()
            && self.of.ignore_nulls() == other.of.ignore_nulls()
            && self.arguments == other.arguments
            && self.filter == other.filter
    }
}

fn grouped(step: &Plan) -> Option<Grouped<'_>> {
    let step = step.as_any().downcast_ref::<AggregateExec>()?;
    // What is grouped at once, or in partitions first and then together: the partitions have the rows.
    let step = match step.mode() {
        AggregateMode::Single => step,
        AggregateMode::Final => {
            let gather = step.input().as_any().downcast_ref::<Gather>()?;
            let parts = gather.children()[0]
                .as_any()
                .downcast_ref::<AggregateExec>();
            let is_whole = step.limit_options().is_none() && ExecutionPlan::fetch(gather).is_none();
            parts.filter(|parts| is_whole && *parts.mode() == AggregateMode::Partial)?
        }
        _ => return None,
    };
    let by = step.group_expr();
    // Grouping sets stand where rows are grouped first.
    if !by.is_single() || step.limit_options().is_some() {
        return None;
    }
    let rows = rows(step.input())?;
    let groups = by.expr().iter().map(|(expr, _)| rows.of_table(expr));
    let groups = groups.collect::<Option<_>>()?;
    let mut functions = Vec::new();
    for (of, filter) in step.aggr_expr().iter().zip(step.filter_expr()) {
        // Whose answer depends on the order of rows is left alone.
        if !of.order_bys().is_empty() {
            return None;
        }
        let arguments = of.expressions();
        let arguments = arguments.iter().map(|expr| rows.of_table(expr));
        let filter = match filter {
            Some(filter) => Some(rows.of_table(filter)?),
            None => None,
        };
        functions.push(Function {
            of,
            arguments: arguments.collect::<Option<_>>()?,
            filter,
        });
    }
    Some(Grouped {
        rows,
        groups,
        functions,
    })
}

/// Rows of one table for which conditions hold.
struct Rows<'p> {
    scan: &'p Scan,
    conditions: Vec<Expr>,
    columns: Vec<Expr>,
}

fn rows(plan: &Plan) -> Option<Rows<'_>> {
    let node = plan.as_any();
    if let Some(scan) = node.downcast_ref::<Scan>() {
        let columns = scan
            .of_table()
            .map(|(name, at)| -> Expr { Arc::new(Column::new(name, at)) });
        return Some(Rows {
            scan,
            conditions: Vec::new(),
            columns: columns.collect(),
        });
    }
    if let Some(cooperative) = node.downcast_ref::<CooperativeExec>() {
        return rows(cooperative.input());
    }
    if let Some(filter) = node.downcast_ref::<FilterExec>() {
        if ExecutionPlan::fetch(filter).is_some() {
            return None;
        }
        let mut below = rows(filter.input())?;
        for condition in split_conjunction(filter.predicate()) {
            let condition = below.of_table(condition)?;
            below.conditions.push(condition);
        }
        if let Some(kept) = filter.projection() {
            below.columns = kept
                .iter()
                .map(|&at| Arc::clone(&below.columns[at]))
                .collect();
        }
        return Some(below);
    }
    let projection = node.downcast_ref::<ProjectionExec>()?;
    let below = rows(projection.input())?;
    let columns = projection.expr().iter().map(|of| below.of_table(&of.expr));
    let columns = columns.collect::<Option<_>>()?;
    Some(Rows { columns, ..below })
}

impl Rows<'_> {
    /// An expression over these rows as one over the table; `None` for what may give another thing each
    /// time.
    fn of_table(&self, expr: &Expr) -> Option<Expr> {
        if !is_fixed(expr) {
            return None;
        }
        let told = Arc::clone(expr).transform_up(|node| {
            let column = node.as_any().downcast_ref::<Column>();
            Ok(
                match column.and_then(|column| self.columns.get(column.index())) {
                    Some(of_table) => Transformed::yes(Arc::clone(of_table)),
                    None => Transformed::no(node),
                },
            )
        });
        told.ok().map(|told| told.data)
    }
}
