//! From what a statement does: by which columns of its sources it is seen that rows of new parts make rows
//! of their own.

use std::collections::BTreeMap;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::LogicalPlan;

use crate::cut::Grouped;
use crate::planned::Planner;
use crate::together::keys;

/// One way to extend a table. All sources that are not in `cut` have to be what they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    /// Sources that parts may be added to, and the column of each whose values two increments must not
    /// share; none where rows of the source never meet.
    pub(super) cut: BTreeMap<String, Option<String>>,
    /// The columns of the table of which one has to tell the new rows from those that stand, when they are
    /// made; empty where the rows of the sources show it already.
    pub(super) told_by: Vec<String>,
}

/// All sources that a statement reads.
pub(super) fn names_of(plan: &LogicalPlan) -> DfResult<Vec<String>> {
    let mut names = scans(plan)?;
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The ways to extend a statement's table: those that need no look at the rows that are made first.
pub(super) fn ways(
    plan: &LogicalPlan,
    grain: &[String],
    planner: &Planner<'_>,
) -> DfResult<Vec<Way>> {
    let whole = planner.state().optimize(plan)?;
    let scans = scans(plan)?;
    let mut ways = Vec::new();
    for keys in keys::suggested(&whole, grain) {
        let Some(columns) = keys::of_rows(&whole, &keys) else {
            continue;
        };
        let name = |at: usize| whole.schema().field(at).name();
        let is_told = grain.is_empty() || columns.iter().any(|&at| grain.contains(name(at)));
        ways.push(Way {
            cut: keys
                .into_iter()
                .map(|(name, key)| (name, Some(key)))
                .collect(),
            told_by: if is_told { Vec::new() } else { grain.to_vec() },
        });
    }
    if let ([source], true) = (scans.as_slice(), is_row_by_row(&whole)) {
        ways.push(Way {
            cut: [(source.clone(), None)].into(),
            told_by: grain.to_vec(),
        });
    }
    ways.extend(of_groups(plan, &scans, planner)?);
    ways.sort_by_key(|way| !way.told_by.is_empty());
    Ok(ways)
}

/// The ways of an aggregate whose groups are told apart when they are made.
fn of_groups(plan: &LogicalPlan, scans: &[String], planner: &Planner<'_>) -> DfResult<Vec<Way>> {
    let Ok(grouped) = Grouped::find(plan) else {
        return Ok(Vec::new());
    };
    let told_by = grouped.keys();
    if told_by.is_empty() {
        return Ok(Vec::new());
    }
    if let (Ok(source), [_]) = (grouped.source(), scans) {
        let cut = [(source.to_owned(), None)].into();
        return Ok(vec![Way { cut, told_by }]);
    }
    let input = planner.state().optimize(grouped.input())?;
    let fits = |keys: &keys::Keys| keys::of_rows(&input, keys).is_some();
    let keys = keys::suggested(&input, &[]).into_iter().filter(fits);
    Ok(keys
        .map(|keys| Way {
            cut: keys
                .into_iter()
                .map(|(name, key)| (name, Some(key)))
                .collect(),
            told_by: told_by.clone(),
        })
        .collect())
}

/// Whether each row of the one source makes its own row, or none.
fn is_row_by_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.fetch.is_none(),
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            is_row_by_row(plan.inputs()[0])
        }
        _ => false,
    }
}

/// The source of each scan, those of sub-queries too.
fn scans(plan: &LogicalPlan) -> DfResult<Vec<String>> {
    let mut names = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            names.push(scan.table_name.table().to_owned());
        }
        Ok::<_, DataFusionError>(TreeNodeRecursion::Continue)
    })?;
    Ok(names)
}
