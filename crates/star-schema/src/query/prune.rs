//! Pieces of files that no row of an answer can be in, told by the bounds that their footers have.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};
use arrow_schema::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_optimizer::pruning::PruningPredicate;

use crate::Source;

/// From the first to the last piece that may hold a row for which all conditions hold: all pieces where
/// nothing is known. Files of a table in order of time are left out before and after a month; a piece
/// in between is read, so that what is read stays one run.
pub(super) fn pieces(source: &dyn Source, schema: &SchemaRef, conditions: &[Expr]) -> Range<usize> {
    let all = 0..source.pieces().len();
    let Some(may_hold) = judged(source, schema, conditions) else {
        return all;
    };
    let first = may_hold.iter().position(|may| *may);
    let last = may_hold.iter().rposition(|may| *may);
    match (first, last) {
        (Some(first), Some(last)) => first..last + 1,
        _ => 0..0,
    }
}

/// Of each piece whether it may hold such a row.
fn judged(source: &dyn Source, schema: &SchemaRef, conditions: &[Expr]) -> Option<Vec<bool>> {
    let all = conjunction(conditions.iter().cloned().map(unnormalize_col))?;
    let known = DFSchema::try_from(Arc::clone(schema)).ok()?;
    let predicate = create_physical_expr(&all, &known, &ExecutionProps::new()).ok()?;
    let predicate = PruningPredicate::try_new(predicate, Arc::clone(schema)).ok()?;
    if predicate.always_true() {
        return None;
    }
    predicate.prune(&Footers { source, schema }).ok()
}

/// The footers of a source's files, as the engine asks for them.
struct Footers<'s> {
    source: &'s dyn Source,
    schema: &'s SchemaRef,
}

impl Footers<'_> {
    fn bounds(&self, column: &Column) -> Option<crate::Bounds> {
        self.source.bounds(self.schema.index_of(&column.name).ok()?)
    }
}

impl PruningStatistics for Footers<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        Some(self.bounds(column)?.least)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        Some(self.bounds(column)?.greatest)
    }

    fn num_containers(&self) -> usize {
        self.source.pieces().len()
    }

    /// Not known: only whether there may be some.
    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
