//! Cuts a table's statement in three: what is done to each row of the source, the aggregate, and what
//! is done to each of its groups.
//!
//! ```text
//! above   names, HAVING, expressions over groups      groups in, rows of the table out
//! middle  the aggregate over g0.. and a0..            rows of one bucket in, its groups out
//! below   g0.. (keys) and a0.. (arguments), WHERE     rows of one piece in, keys and arguments out
//! ```

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::engine::stream::{Leaf, columns_read};
use crate::planned::{Text, name_of, plain};
use crate::{Error, Result, Statement, session};

/// The column of a row's number, where one is carried.
pub(crate) const ROW: &str = "row";

/// The lower part of a statement: rows of a source to keys and arguments.
pub(crate) struct Below {
    /// The table that is made, for messages.
    pub(crate) table: String,
    /// Which columns of the source, in this order, feed the plan.
    pub(crate) columns: Vec<usize>,
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    /// What the plan gives: first the keys, then the arguments.
    pub(crate) carried: SchemaRef,
    /// How many of the carried columns are keys.
    pub(crate) keys: usize,
}

/// A statement, cut.
pub(crate) struct Cut {
    /// The source that is read.
    pub(crate) source: String,
    pub(crate) below: Arc<Below>,
    /// The source's column that a key is, where it is one as it stands.
    pub(crate) key_columns: Vec<Option<String>>,
    /// What the aggregate gives: the keys, then its results.
    pub(crate) grouped: SchemaRef,
    /// Whether the engine sorts the rows before it aggregates them: the order of its groups is then
    /// that of the sort, and not of the rows.
    pub(crate) sorts: bool,
    /// Groups to rows of the table.
    pub(crate) above: Arc<dyn ExecutionPlan>,
    /// The table's schema.
    pub(crate) schema: SchemaRef,
    /// Each key over the source's own columns, where it can be told.
    source_keys: Vec<Option<Expr>>,
    /// Whether some rows of the source have no part in the table.
    pub(crate) leaves_out: bool,
    /// Which key each column of the table is, where it is one as it stands.
    pub(crate) shown_keys: Vec<Option<usize>>,
    aggregates: Vec<Expr>,
    state: SessionState,
}

impl Cut {
    /// Cuts a plan over one source.
    pub(crate) fn try_new(
        statement: &Statement,
        source: &str,
        grouped: Grouped,
        state: &SessionState,
    ) -> Result<Self> {
        let text = Text::of(statement);
        let Grouped {
            rest,
            aggregate,
            schema,
        } = grouped;
        let engine = |cause| text.engine(cause);
        let (carried_exprs, aggregates) = carry(&aggregate).map_err(engine)?;
        let keys = aggregate.group_expr.len();
        let below = LogicalPlanBuilder::from(Arc::clone(&aggregate.input))
            .project(carried_exprs)
            .and_then(LogicalPlanBuilder::build)
            .map_err(engine)?;
        let carried = plain(below.schema().as_arrow());

        let shown_keys = shown_keys(&rest, &aggregate).map_err(engine)?;
        let grouped = grouped_schema(&aggregate);
        let above = over_groups(&rest, &aggregate, &grouped).map_err(engine)?;

        let below = session::physical(state, &below).map_err(engine)?;
        let above = session::physical(state, &above).map_err(engine)?;
        let below = Below {
            table: statement.table.clone(),
            columns: columns_read(&below),
            plan: below,
            carried,
            keys,
        };
        let cut = Self {
            source: source.to_owned(),
            below: Arc::new(below),
            source_keys: source_keys(&aggregate),
            leaves_out: rest.iter().any(is_filter) || has_filter(&aggregate.input),
            key_columns: aggregate.group_expr.iter().map(column_of).collect(),
            grouped,
            sorts: false,
            above,
            schema,
            shown_keys,
            aggregates,
            state: state.clone(),
        };
        let sorts = has_sort(&cut.middle(&cut.below.carried, keys)?);
        Ok(Self { sorts, ..cut })
    }

    /// A key over the source's own columns.
    pub(crate) fn sources_key(&self, key: usize) -> Option<&Expr> {
        self.source_keys[key].as_ref()
    }

    /// The aggregate in one step over rows of this schema: `keys` of its columns are the keys, in
    /// whatever form; the arguments follow under the names that they are carried by. Where the rows have
    /// a column [`ROW`], the groups have the least of it, last.
    pub(crate) fn middle(&self, rows: &SchemaRef, keys: usize) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = || {
            let mut aggregates = self.aggregates.clone();
            if rows.field_with_name(ROW).is_ok() {
                let row = Expr::Column(Column::new_unqualified(ROW));
                aggregates.push(min(row).alias(ROW));
            }
            let group = rows.fields()[..keys]
                .iter()
                .map(|field| Expr::Column(Column::new_unqualified(field.name())))
                .collect::<Vec<_>>();
            let source = provider_as_source(Leaf::new("rows", Arc::clone(rows)));
            let plan = LogicalPlanBuilder::scan("rows", source, None)?
                .aggregate(group, aggregates)?
                .build()?;
            session::physical(&self.state, &plan)
        };
        plan().map_err(|cause| Error::Engine {
            table: self.below.table.clone(),
            cause,
        })
    }
}

fn is_filter(node: &LogicalPlan) -> bool {
    matches!(node, LogicalPlan::Filter(_))
}

fn has_filter(plan: &LogicalPlan) -> bool {
    is_filter(plan) || plan.inputs().into_iter().any(has_filter)
}

/// The keys of an aggregate over the columns of its source, through all projections.
fn source_keys(aggregate: &Aggregate) -> Vec<Option<Expr>> {
    let keys = aggregate.group_expr.iter();
    keys.map(|key| over_source(key, &aggregate.input)).collect()
}

/// An expression over a node's columns as one over the source's.
fn over_source(expr: &Expr, node: &LogicalPlan) -> Option<Expr> {
    let schema = node.schema();
    let replaced = expr.clone().transform(|part| {
        let Expr::Column(column) = &part else {
            return Ok(Transformed::no(part));
        };
        let at = schema.index_of_column(column)?;
        let below = match node {
            LogicalPlan::TableScan(_) => {
                Expr::Column(Column::new_unqualified(schema.field(at).name()))
            }
            LogicalPlan::Projection(projection) => {
                projection.expr[at].clone().unalias_nested().data
            }
            LogicalPlan::SubqueryAlias(alias) => {
                Expr::Column(alias.input.schema().columns().swap_remove(at))
            }
            _ => return Ok(Transformed::no(part)),
        };
        // What is put in is over the node below.
        Ok(Transformed::new(below, true, TreeNodeRecursion::Jump))
    });
    let replaced = replaced.ok()?.data.unalias_nested().data;
    match node {
        LogicalPlan::TableScan(_) => Some(replaced),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Filter(_) => {
            over_source(&replaced, node.inputs()[0])
        }
        _ => None,
    }
}

fn has_sort(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.as_any().is::<SortExec>() || plan.children().into_iter().any(has_sort)
}

/// A plan that is one aggregate with only projections and filters above it.
pub(crate) struct Grouped {
    /// The nodes above the aggregate, the topmost first.
    rest: Vec<LogicalPlan>,
    aggregate: Aggregate,
    schema: SchemaRef,
}

impl Grouped {
    /// Finds the aggregate; what stands in the way otherwise.
    pub(crate) fn find(plan: &LogicalPlan) -> Result<Self, &'static str> {
        let mut rest = Vec::new();
        let mut node = plan;
        let aggregate = loop {
            if has_subquery(node) {
                return Err("a subquery in an expression");
            }
            match node {
                LogicalPlan::Aggregate(aggregate) => break aggregate,
                LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::SubqueryAlias(_) => {
                    rest.push(node.clone());
                    node = node.inputs()[0];
                }
                LogicalPlan::TableScan(_) => return Err("no GROUP BY"),
                other => return Err(name_of(other)),
            }
        };
        let mut keys = aggregate.group_expr.iter();
        if keys.any(|expr| matches!(expr, Expr::GroupingSet(_))) {
            return Err("grouping sets");
        }
        Ok(Self {
            rest,
            aggregate: aggregate.clone(),
            schema: plain(plan.schema().as_arrow()),
        })
    }

    /// The one source that is aggregated; what stands in the way otherwise.
    pub(crate) fn source(&self) -> Result<&str, &'static str> {
        let mut node = self.aggregate.input.as_ref();
        loop {
            if has_subquery(node) {
                return Err("a subquery in an expression");
            }
            match node {
                LogicalPlan::TableScan(scan) => return Ok(scan.table_name.table()),
                LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::SubqueryAlias(_) => node = node.inputs()[0],
                other => return Err(name_of(other)),
            }
        }
    }

    /// The columns of the statement that are a key of the aggregate as it stands.
    pub(crate) fn keys(&self) -> Vec<String> {
        // Who plans the statement hears of what is wrong with it.
        let shown = shown_keys(&self.rest, &self.aggregate).unwrap_or_default();
        let fields = self.schema.fields().iter().zip(shown);
        let keys = fields.filter(|(_, key)| key.is_some());
        keys.map(|(field, _)| field.name().clone()).collect()
    }

    /// What is aggregated.
    pub(crate) fn input(&self) -> &LogicalPlan {
        &self.aggregate.input
    }

    /// The same over a leaf of this name, whose rows are those of the input in its order of columns.
    pub(crate) fn over(&self, leaf: &str) -> Result<Self, DataFusionError> {
        let input = &self.aggregate.input;
        let schema = numbered(input.schema().as_arrow());
        let rows = over_leaf(leaf, &schema, input.schema())?;
        let aggregate = Aggregate::try_new_with_schema(
            Arc::new(rows),
            self.aggregate.group_expr.clone(),
            self.aggregate.aggr_expr.clone(),
            Arc::clone(&self.aggregate.schema),
        )?;
        Ok(Self {
            rest: self.rest.clone(),
            aggregate,
            schema: Arc::clone(&self.schema),
        })
    }
}

fn has_subquery(node: &LogicalPlan) -> bool {
    let is_one = |part: &Expr| {
        matches!(
            part,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)
        )
    };
    let expressions = node.expressions();
    let mut found = expressions.iter();
    // The check itself cannot fail.
    found.any(|expr| expr.exists(|part| Ok(is_one(part))).unwrap_or(true))
}

/// The types of a schema under names that cannot meet: those of two tables of a join can.
pub(crate) fn numbered(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(number, field)| {
        let name = format!("c{number}");
        Field::new(name, field.data_type().clone(), field.is_nullable())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A leaf of these columns, under the names of other ones.
fn over_leaf(
    leaf: &str,
    columns: &SchemaRef,
    names: &DFSchema,
) -> Result<LogicalPlan, DataFusionError> {
    let source = provider_as_source(Leaf::new(leaf, Arc::clone(columns)));
    let both = names.iter().zip(columns.fields());
    let original = both.map(|((relation, field), ours)| {
        Expr::Column(Column::new_unqualified(ours.name()))
            .alias_qualified(relation.cloned(), field.name())
    });
    LogicalPlanBuilder::scan(leaf, source, None)?
        .project(original.collect::<Vec<_>>())?
        .build()
}

/// The source's column that a key is.
fn column_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Column(column) => Some(column.name.clone()),
        Expr::Alias(alias) => column_of(&alias.expr),
        _ => None,
    }
}

/// The expressions that are carried from the rows to the aggregate, and the aggregate's functions over
/// them. Literals stay where they are: some functions want to see them.
fn carry(aggregate: &Aggregate) -> Result<(Vec<Expr>, Vec<Expr>), DataFusionError> {
    let mut carried: Vec<Expr> = aggregate
        .group_expr
        .iter()
        .enumerate()
        .map(|(number, expr)| {
            expr.clone()
                .unalias_nested()
                .data
                .alias(format!("g{number}"))
        })
        .collect();
    let mut arguments: Vec<Expr> = Vec::new();
    let mut carry_one = |expr: Expr| {
        if matches!(expr, Expr::Literal(..)) {
            return expr;
        }
        let number = arguments
            .iter()
            .position(|known| *known == expr)
            .unwrap_or_else(|| {
                arguments.push(expr);
                arguments.len() - 1
            });
        Expr::Column(Column::new_unqualified(format!("a{number}")))
    };
    let mut functions = Vec::new();
    for (number, expr) in aggregate.aggr_expr.iter().enumerate() {
        let Expr::AggregateFunction(function) = expr.clone().unalias_nested().data else {
            return Err(DataFusionError::Plan(format!(
                "{expr} is no aggregate function"
            )));
        };
        let AggregateFunction { func, mut params } = function;
        params.args = params.args.into_iter().map(&mut carry_one).collect();
        params.filter = params.filter.map(|filter| Box::new(carry_one(*filter)));
        for sort in &mut params.order_by {
            sort.expr = carry_one(sort.expr.clone());
        }
        let function = Expr::AggregateFunction(AggregateFunction { func, params });
        functions.push(function.alias(format!("r{number}")));
    }
    let arguments = arguments.into_iter().enumerate();
    carried.extend(arguments.map(|(number, expr)| expr.alias(format!("a{number}"))));
    Ok((carried, functions))
}

/// The aggregate's own types under names of ours.
fn grouped_schema(aggregate: &Aggregate) -> SchemaRef {
    let keys = aggregate.group_expr.len();
    let fields = aggregate
        .schema
        .fields()
        .iter()
        .enumerate()
        .map(|(number, field)| {
            let name = match number.checked_sub(keys) {
                None => format!("g{number}"),
                Some(result) => format!("r{result}"),
            };
            Field::new(name, field.data_type().clone(), field.is_nullable())
        });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Which key each column of the topmost node is. Only projections move columns.
fn shown_keys(
    rest: &[LogicalPlan],
    aggregate: &Aggregate,
) -> Result<Vec<Option<usize>>, DataFusionError> {
    let keys = aggregate.group_expr.len();
    let columns = 0..aggregate.schema.fields().len();
    let mut shown: Vec<Option<usize>> = columns.map(|at| (at < keys).then_some(at)).collect();
    for node in rest.iter().rev() {
        if let LogicalPlan::Projection(projection) = node {
            let schema = projection.input.schema();
            let columns =
                projection
                    .expr
                    .iter()
                    .map(|expr| match expr.clone().unalias_nested().data {
                        Expr::Column(column) => Ok(shown[schema.index_of_column(&column)?]),
                        _ => Ok(None),
                    });
            shown = columns.collect::<Result<_, DataFusionError>>()?;
        }
    }
    Ok(shown)
}

/// The nodes above the aggregate over a leaf of its groups.
fn over_groups(
    rest: &[LogicalPlan],
    aggregate: &Aggregate,
    grouped: &SchemaRef,
) -> Result<LogicalPlan, DataFusionError> {
    let mut plan = over_leaf("groups", grouped, &aggregate.schema)?;
    for node in rest.iter().rev() {
        plan = node.with_new_exprs(node.expressions(), vec![plan])?;
    }
    Ok(plan)
}
