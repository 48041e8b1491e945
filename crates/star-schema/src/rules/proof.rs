//! Foreign keys that hold whatever the rows are: both tables group the same source by the same keys.

use datafusion::logical_expr::Expr;

use crate::cut::Cut;

/// Whether every row of `child` finds its `parent`: these columns of the child are the parent's group
/// keys, in the order of `grain`, and the parent leaves no row of the source out.
pub(crate) fn holds(child: &Cut, columns: &[String], parent: &Cut, grain: &[String]) -> bool {
    let (Some(of_child), Some(of_parent)) = (keys(child, columns), keys(parent, grain)) else {
        return false;
    };
    child.source == parent.source && !parent.leaves_out && of_child == of_parent
}

/// Columns of a table as expressions over its source, where they are group keys.
fn keys<'c>(cut: &'c Cut, names: &[String]) -> Option<Vec<&'c Expr>> {
    let key = |name: &String| {
        let at = cut.schema.index_of(name).ok()?;
        cut.sources_key(cut.shown_keys[at]?)
    };
    names.iter().map(key).collect()
}
