//! By which columns the sources of a statement can be cut alike, so that its rows are those of its
//! buckets, one behind the other.
//!
//! A key fits where every operation keeps to one bucket: a join of two cut tables compares their keys, a
//! GROUP BY, a DISTINCT and the PARTITION BY of a window have the key among theirs, and a table that is
//! not cut is given whole to every bucket, where it may add to rows but never make rows of its own.

use std::collections::{BTreeMap, BTreeSet};

use arrow_schema::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType};
use datafusion::logical_expr::expr::{Alias, Cast};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

use crate::planned::name_of;

/// A column of a source.
type Origin = (String, String);

/// The column by which each source is cut; those that are not here are given whole.
pub(crate) type Keys = BTreeMap<String, String>;

/// The keys that a statement itself suggests: columns that it compares, groups or partitions by, and
/// those that tell its rows apart. Not each of them fits.
pub(crate) fn suggested(plan: &LogicalPlan, grain: &[String]) -> Vec<Keys> {
    let mut alike = Alike::default();
    let top = alike.origins(plan);
    let fields = plan.schema().fields().iter().zip(top);
    let of_grain = fields.filter(|(field, _)| grain.is_empty() || grain.contains(field.name()));
    alike.keys(&of_grain.map(|(_, origin)| origin).collect::<Vec<_>>());
    let mut all: Vec<Keys> = Vec::new();
    for class in alike.classes() {
        let mut keys = Keys::new();
        for (source, column) in class {
            keys.entry(source).or_insert(column);
        }
        if !all.contains(&keys) {
            all.push(keys);
        }
    }
    all
}

/// Whether the rows of a statement are those of its buckets; what stands in the way otherwise.
pub(super) fn fits(plan: &LogicalPlan, keys: &Keys) -> Result<(), String> {
    match lies(plan, keys)? {
        Lies::Cut(_) => Ok(()),
        Lies::Whole => Err("no source that is cut".to_owned()),
    }
}

/// The columns of a statement that are the key of its buckets, where it fits.
pub(crate) fn of_rows(plan: &LogicalPlan, keys: &Keys) -> Option<Vec<usize>> {
    match lies(plan, keys) {
        Ok(Lies::Cut(columns)) => Some(columns),
        Ok(Lies::Whole) | Err(_) => None,
    }
}

/// Whether a statement of few rows can be made at once; what stands in the way otherwise.
pub(super) fn is_query(plan: &LogicalPlan) -> Result<(), String> {
    if matches!(plan, LogicalPlan::Sort(sort) if sort.fetch.is_none()) {
        return Err(name_of(plan).to_owned());
    }
    let mut wrong = None;
    let looked = plan.apply(|node| {
        let is_fine = matches!(
            node,
            LogicalPlan::TableScan(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Distinct(_)
                | LogicalPlan::Window(_)
                | LogicalPlan::Join(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Values(_)
                | LogicalPlan::EmptyRelation(_)
        );
        if is_fine {
            return Ok(TreeNodeRecursion::Continue);
        }
        wrong = Some(name_of(node));
        Ok(TreeNodeRecursion::Stop)
    });
    match (looked, wrong) {
        (Ok(_), None) => Ok(()),
        (_, wrong) => Err(wrong.unwrap_or("another statement").to_owned()),
    }
}

/// Where the rows of a node are.
enum Lies {
    /// All of them with every bucket.
    Whole,
    /// Each with its bucket; these columns tell which.
    Cut(Vec<usize>),
}

/// Which columns of a node have the key, from those of its input.
type Of<'f> = &'f dyn Fn(&[usize]) -> Result<Vec<usize>, String>;

fn lies(plan: &LogicalPlan, keys: &Keys) -> Result<Lies, String> {
    let under = |keys_of: Of<'_>| {
        Ok(match lies(plan.inputs()[0], keys)? {
            Lies::Whole => Lies::Whole,
            Lies::Cut(columns) => Lies::Cut(keys_of(&columns)?),
        })
    };
    match plan {
        LogicalPlan::TableScan(scan) => Ok(match keys.get(scan.table_name.table()) {
            None => Lies::Whole,
            Some(key) => {
                let fields = scan.projected_schema.fields().iter().enumerate();
                let keys = fields.filter(|(_, field)| field.name() == key);
                Lies::Cut(keys.map(|(at, _)| at).collect())
            }
        }),
        LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => Ok(Lies::Whole),
        LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            under(&|columns| Ok(columns.to_vec()))
        }
        LogicalPlan::Projection(projection) => {
            under(&|columns| Ok(shown(&projection.expr, projection.input.schema(), columns)))
        }
        LogicalPlan::Aggregate(aggregate) => under(&|columns| {
            let found = shown(&aggregate.group_expr, aggregate.input.schema(), columns);
            some(found, "a GROUP BY without the key")
        }),
        LogicalPlan::Distinct(Distinct::All(_)) => {
            under(&|columns| some(columns.to_vec(), "a DISTINCT without the key"))
        }
        LogicalPlan::Window(window) => under(&|columns| {
            for expr in &window.window_expr {
                let Expr::WindowFunction(function) = expr.clone().unalias_nested().data else {
                    return Err("another expression in a window".to_owned());
                };
                let by = &function.params.partition_by;
                let found = shown(by, window.input.schema(), columns);
                some(found, "a window whose PARTITION BY is without the key")?;
            }
            Ok(columns.to_vec())
        }),
        LogicalPlan::Join(join) => {
            let (left, right) = (lies(&join.left, keys)?, lies(&join.right, keys)?);
            let width = join.left.schema().fields().len();
            let meets = |left: &[usize], right: &[usize]| {
                join.on.iter().any(|(a, b)| {
                    column_at(a, join.left.schema()).is_some_and(|at| left.contains(&at))
                        && column_at(b, join.right.schema()).is_some_and(|at| right.contains(&at))
                })
            };
            joined(left, right, join.join_type, width, &meets)
        }
        other => Err(name_of(other).to_owned()),
    }
}

fn joined(
    left: Lies,
    right: Lies,
    kind: JoinType,
    width: usize,
    meets: &dyn Fn(&[usize], &[usize]) -> bool,
) -> Result<Lies, String> {
    use JoinType::{
        Full, Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi,
    };
    let shifted = |columns: Vec<usize>| columns.into_iter().map(|at| at + width).collect();
    match (left, right) {
        (Lies::Whole, Lies::Whole) => Ok(Lies::Whole),
        (Lies::Cut(left), Lies::Cut(right)) => {
            if !meets(&left, &right) {
                return Err("a join that does not compare the keys".to_owned());
            }
            Ok(Lies::Cut(match kind {
                Inner => left.into_iter().chain(shifted(right)).collect(),
                Left | LeftSemi | LeftAnti | LeftMark => left,
                Right => shifted(right),
                RightSemi | RightAnti | RightMark => right,
                // Either side's key may be null.
                Full => Vec::new(),
            }))
        }
        (Lies::Cut(left), Lies::Whole) => match kind {
            Inner | Left | LeftSemi | LeftAnti | LeftMark => Ok(Lies::Cut(left)),
            _ => Err("an outer join that keeps the rows of a table that is not cut".to_owned()),
        },
        (Lies::Whole, Lies::Cut(right)) => match kind {
            Inner | Right => Ok(Lies::Cut(shifted(right))),
            RightSemi | RightAnti | RightMark => Ok(Lies::Cut(right)),
            _ => Err("an outer join that keeps the rows of a table that is not cut".to_owned()),
        },
    }
}

fn some(columns: Vec<usize>, otherwise: &str) -> Result<Vec<usize>, String> {
    if columns.is_empty() {
        return Err(otherwise.to_owned());
    }
    Ok(columns)
}

/// Which of the expressions are one of these columns.
fn shown(expressions: &[Expr], input: &DFSchema, columns: &[usize]) -> Vec<usize> {
    let at = |expr: &Expr| column_at(expr, input).is_some_and(|at| columns.contains(&at));
    let numbered = expressions.iter().enumerate();
    numbered
        .filter(|(_, expr)| at(expr))
        .map(|(number, _)| number)
        .collect()
}

/// The column that an expression is, by another name or in a wider type.
fn column_at(expr: &Expr, input: &DFSchema) -> Option<usize> {
    match expr {
        Expr::Column(column) => input.index_of_column(column).ok(),
        Expr::Alias(Alias { expr, .. }) => column_at(expr, input),
        Expr::Cast(Cast { expr, data_type }) => {
            let at = column_at(expr, input)?;
            let from = input.field(at).data_type();
            let keeps = kind_of(from).is_some_and(|from| {
                // A smaller integer would make two keys of one bucket's one of another.
                Some(from) == kind_of(data_type)
                    && (from != Kind::Integer || *data_type == DataType::Int64)
            });
            keeps.then_some(at)
        }
        _ => None,
    }
}

/// What keys are compared as, where their types differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Text,
}

fn kind_of(data_type: &DataType) -> Option<Kind> {
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Some(Kind::Integer),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Kind::Text),
        DataType::Dictionary(_, values) => kind_of(values),
        _ => None,
    }
}

/// The type in which keys of these types are dealt alike; `None` where equal keys could be dealt to
/// different buckets.
pub(crate) fn common_type<'t>(types: impl IntoIterator<Item = &'t DataType>) -> Option<DataType> {
    let types: Vec<&DataType> = types.into_iter().collect();
    let first = *types.first()?;
    match kind_of(first) {
        Some(kind) if types.iter().all(|other| kind_of(other) == Some(kind)) => Some(match kind {
            Kind::Integer => DataType::Int64,
            Kind::Text => DataType::Utf8,
        }),
        Some(_) => None,
        // Numbers with a point have two zeros.
        None if first.is_floating() || first.is_nested() => None,
        None => types
            .iter()
            .all(|other| *other == first)
            .then(|| first.clone()),
    }
}

/// Columns of sources that a statement takes for the same, or groups by.
#[derive(Default)]
struct Alike {
    pairs: Vec<(Origin, Origin)>,
}

impl Alike {
    /// The source's column that each column of a node is, where it is one.
    fn origins(&mut self, plan: &LogicalPlan) -> Vec<Option<Origin>> {
        let inputs: Vec<Vec<Option<Origin>>> = plan
            .inputs()
            .into_iter()
            .map(|input| self.origins(input))
            .collect();
        let through = |expressions: &[Expr], input: usize| -> Vec<Option<Origin>> {
            let schema = plan.inputs()[input].schema();
            let of = |expr| column_at(expr, schema).and_then(|at| inputs[input][at].clone());
            expressions.iter().map(of).collect()
        };
        match plan {
            LogicalPlan::TableScan(scan) => {
                let fields = scan.projected_schema.fields().iter();
                let source = scan.table_name.table();
                fields
                    .map(|field| Some((source.to_owned(), field.name().clone())))
                    .collect()
            }
            LogicalPlan::Projection(projection) => through(&projection.expr, 0),
            LogicalPlan::Aggregate(aggregate) => {
                let mut found = through(&aggregate.group_expr, 0);
                self.keys(&found);
                found.resize(aggregate.schema.fields().len(), None);
                found
            }
            LogicalPlan::Window(window) => {
                for expr in &window.window_expr {
                    if let Expr::WindowFunction(function) = expr.clone().unalias_nested().data {
                        let found = through(&function.params.partition_by, 0);
                        self.keys(&found);
                    }
                }
                let mut found = inputs[0].clone();
                found.resize(window.schema.fields().len(), None);
                found
            }
            LogicalPlan::Distinct(_) => {
                self.keys(&inputs[0]);
                inputs[0].clone()
            }
            LogicalPlan::Join(join) => {
                for (left, right) in &join.on {
                    let left = through(std::slice::from_ref(left), 0).pop().flatten();
                    let right = through(std::slice::from_ref(right), 1).pop().flatten();
                    self.pairs.extend(left.zip(right));
                }
                let both = match join.join_type {
                    JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
                        inputs[0].clone()
                    }
                    JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                        inputs[1].clone()
                    }
                    _ => inputs.concat(),
                };
                let mut found = both;
                found.resize(plan.schema().fields().len(), None);
                found
            }
            _ => {
                let mut found = inputs.into_iter().next().unwrap_or_default();
                found.resize(plan.schema().fields().len(), None);
                found
            }
        }
    }

    /// A key by itself is alike to itself.
    fn keys(&mut self, found: &[Option<Origin>]) {
        let found = found.iter().flatten();
        self.pairs
            .extend(found.map(|key| (key.clone(), key.clone())));
    }

    /// The pairs put together, in the order of their names.
    fn classes(&self) -> Vec<BTreeSet<Origin>> {
        let mut classes: Vec<BTreeSet<Origin>> = Vec::new();
        for (left, right) in &self.pairs {
            let touches = |class: &BTreeSet<Origin>| class.contains(left) || class.contains(right);
            let (met, mut rest): (Vec<_>, Vec<_>) = classes.into_iter().partition(touches);
            let mut class: BTreeSet<Origin> = met.into_iter().flatten().collect();
            class.extend([left.clone(), right.clone()]);
            rest.push(class);
            classes = rest;
        }
        classes.sort();
        classes
    }
}
