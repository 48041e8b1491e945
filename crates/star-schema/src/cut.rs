//! Cuts a table's statement in three: what is done to each row of the source, the aggregate, and what
//! is done to each of its groups.
//!
//! ```text
//! above   names, HAVING, expressions over groups      groups in, rows of the table out
//! middle  the aggregate over g0.. and a0..            rows of one bucket in, its groups out
//! below   g0.. (keys) and a0.. (arguments), WHERE     rows of one piece in, keys and arguments out
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::engine::stream::{Leaf, block_on, columns_read};
use crate::{Error, Result, session};

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
    /// Which key each column of the table is, where it is one as it stands.
    pub(crate) shown_keys: Vec<Option<usize>>,
    aggregates: Vec<Expr>,
    state: SessionState,
}

impl Cut {
    /// Reads a statement over the named sources.
    pub(crate) fn try_new(
        table: &str,
        place: &str,
        sql: &str,
        sources: &HashMap<String, SchemaRef>,
    ) -> Result<Self> {
        let model = Model { table, place };
        let state = session::planner();
        let plan = model.plan(&state, sql, sources)?;
        let Found {
            rest,
            aggregate,
            source,
        } = model.find(&plan)?;

        let engine = |cause| model.engine(cause);
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
        let schema = plain(plan.schema().as_arrow());

        let below = session::physical(&state, &below).map_err(engine)?;
        let above = session::physical(&state, &above).map_err(engine)?;
        let below = Below {
            table: table.to_owned(),
            columns: columns_read(&below),
            plan: below,
            carried,
            keys,
        };
        let cut = Self {
            source,
            below: Arc::new(below),
            key_columns: aggregate.group_expr.iter().map(column_of).collect(),
            grouped,
            sorts: false,
            above,
            schema,
            shown_keys,
            aggregates,
            state,
        };
        let sorts = has_sort(&cut.middle(&cut.below.carried, keys)?);
        Ok(Self { sorts, ..cut })
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
            let source = provider_as_source(Leaf::new(Arc::clone(rows)));
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

fn has_sort(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.as_any().is::<SortExec>() || plan.children().into_iter().any(has_sort)
}

/// The file of a statement, for errors.
struct Model<'a> {
    table: &'a str,
    place: &'a str,
}

/// The parts of a plan that fits.
struct Found {
    /// The nodes above the aggregate, the topmost first.
    rest: Vec<LogicalPlan>,
    aggregate: Aggregate,
    source: String,
}

impl Model<'_> {
    fn plan(
        &self,
        state: &SessionState,
        sql: &str,
        sources: &HashMap<String, SchemaRef>,
    ) -> Result<LogicalPlan> {
        let context = datafusion::prelude::SessionContext::new_with_state(state.clone());
        for (name, schema) in sources {
            context
                .register_table(
                    TableReference::bare(name.as_str()),
                    Leaf::new(Arc::clone(schema)),
                )
                .map_err(|cause| self.engine(cause))?;
        }
        let statements = datafusion::sql::parser::DFParser::parse_sql(sql)
            .map_err(|cause| self.refuse("a SELECT statement", &first_line(&cause)))?;
        if statements.len() != 1 {
            return Err(self.refuse("one SELECT", &format!("{} statements", statements.len())));
        }
        let state = context.state();
        let plan = block_on(state.create_logical_plan(sql))
            .map_err(|cause| self.refuse("a SELECT over the sources", &first_line(&cause)))?;
        state
            .analyzer()
            .execute_and_check(plan, state.config_options(), |_, _| {})
            .map_err(|cause| self.refuse("a SELECT with types that fit", &first_line(&cause)))
    }

    fn find(&self, plan: &LogicalPlan) -> Result<Found> {
        self.refuse_subqueries(plan)?;
        let mut rest = Vec::new();
        let mut node = plan;
        let aggregate = loop {
            match node {
                LogicalPlan::Aggregate(aggregate) => break aggregate,
                LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::SubqueryAlias(_) => {
                    rest.push(node.clone());
                    node = node.inputs()[0];
                }
                LogicalPlan::TableScan(_) => {
                    return Err(self.refuse(ONE_AGGREGATE, "no GROUP BY"));
                }
                other => return Err(self.refuse(ONE_AGGREGATE, name_of(other))),
            }
        };
        if aggregate
            .group_expr
            .iter()
            .any(|expr| matches!(expr, Expr::GroupingSet(_)))
        {
            return Err(self.refuse("one list of keys", "grouping sets"));
        }
        let mut node = aggregate.input.as_ref();
        let source = loop {
            match node {
                LogicalPlan::TableScan(scan) => break scan.table_name.table().to_owned(),
                LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::SubqueryAlias(_) => node = node.inputs()[0],
                other => return Err(self.refuse(ONE_AGGREGATE, name_of(other))),
            }
        };
        Ok(Found {
            rest,
            aggregate: aggregate.clone(),
            source,
        })
    }

    fn refuse_subqueries(&self, plan: &LogicalPlan) -> Result<()> {
        let mut found = false;
        plan.apply_with_subqueries(|node| {
            for expr in node.expressions() {
                found |= expr.exists(|part| {
                    Ok(matches!(
                        part,
                        Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)
                    ))
                })?;
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .map_err(|cause| self.engine(cause))?;
        if found {
            Err(self.refuse(ONE_AGGREGATE, "a subquery in an expression"))
        } else {
            Ok(())
        }
    }

    fn refuse(&self, expected: &str, found: &str) -> Error {
        Error::Model {
            place: self.place.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }

    fn engine(&self, cause: DataFusionError) -> Error {
        Error::Engine {
            table: self.table.to_owned(),
            cause,
        }
    }
}

const ONE_AGGREGATE: &str = "one SELECT ... GROUP BY over one source";

/// What SQL calls a node that does not fit.
fn name_of(plan: &LogicalPlan) -> &'static str {
    match plan {
        LogicalPlan::Sort(_) => "ORDER BY",
        LogicalPlan::Limit(_) => "LIMIT",
        LogicalPlan::Join(_) => "a join",
        LogicalPlan::Distinct(_) => "DISTINCT",
        LogicalPlan::Union(_) => "UNION",
        LogicalPlan::Window(_) => "a window function",
        LogicalPlan::Aggregate(_) => "a second GROUP BY",
        LogicalPlan::Unnest(_) => "UNNEST",
        LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => "no source",
        _ => "another statement",
    }
}

fn first_line(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    text.lines().next().unwrap_or_default().to_owned()
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
    let source = provider_as_source(Leaf::new(Arc::clone(grouped)));
    let names = aggregate.schema.iter().zip(grouped.fields());
    let original = names.map(|((relation, field), ours)| {
        Expr::Column(Column::new_unqualified(ours.name()))
            .alias_qualified(relation.cloned(), field.name())
    });
    let mut plan = LogicalPlanBuilder::scan("groups", source, None)?
        .project(original.collect::<Vec<_>>())?
        .build()?;
    for node in rest.iter().rev() {
        plan = node.with_new_exprs(node.expressions(), vec![plan])?;
    }
    Ok(plan)
}

/// A schema without the metadata of the engine.
fn plain(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields = fields
        .map(|field| Field::new(field.name(), field.data_type().clone(), field.is_nullable()));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
