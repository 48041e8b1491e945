//! Statements that are more than one aggregate over one source: joins, windows, sub-queries.
//!
//! ```text
//! invoices       -- dealt by invoice_id --> bucket 7 --+
//! invoice_items  -- dealt by invoice_id --> bucket 7 --+--> the statement --> sorted --> unit 7
//! products       -- whole --------------------------->-+
//! ```
//!
//! The sources are cut alike by a key that the statement itself compares, and the whole statement runs
//! on each bucket alone. [`keys`] tells which key fits.

pub(crate) mod keys;
mod ready;
mod sample;
mod unit;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as DfResult};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::physical_plan::ExecutionPlan;

use self::keys::Keys;
pub(crate) use self::ready::{Bucketed, Held, Ready};
pub(crate) use self::sample::Sample;
pub(crate) use self::unit::Rows;
use crate::choose::sampled;
use crate::cut::Below;
use crate::engine::partition::Deal;
use crate::engine::scan::{Scan, source_rows};
use crate::engine::stream::{Leaf, columns_read, leaves};
use crate::planned::{Planner, Text, plain};
use crate::session::{self, BATCH_ROWS};
use crate::{Result, Source, Statement};

/// Rows of all dealt sources in one bucket, about.
const BUCKET_ROWS: u64 = 250_000;
/// The most buckets.
const MOST_BITS: u32 = 12;
/// A statement whose sources have no more rows than this is made at once, whatever it does.
pub(crate) const FEW_ROWS: u64 = 200_000;
/// Rows of a sample that tells how many values a key has.
const SAMPLE_ROWS: usize = 1 << 14;

/// A statement over sources that are cut alike.
pub(crate) struct Together {
    pub(crate) table: String,
    /// What it gives.
    pub(crate) schema: SchemaRef,
    /// The statement over the leaves, its rows sorted.
    plan: Arc<dyn ExecutionPlan>,
    /// The columns by which rows are sorted: all that can be, the grain first.
    order: Vec<usize>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) deal: Deal,
    /// How it is cut, for people.
    pub(crate) reason: String,
}

/// A source of such a statement.
pub(crate) struct Input {
    pub(crate) name: String,
    /// Gives the key first, where it is dealt, then the columns that are read.
    pub(crate) scan: Scan,
    /// Whether it is dealt; it is given whole otherwise.
    pub(crate) is_cut: bool,
    /// Where the scan has each column of the source.
    places: HashMap<usize, usize>,
}

/// Sources by name.
type Sources = HashMap<String, Arc<dyn Source>>;

impl Together {
    /// Finds the key for a statement's plan. `grain` are columns by which rows are to be sorted first.
    pub(crate) fn try_new(
        statement: &Statement,
        plan: &LogicalPlan,
        grain: &[String],
        sources: &Sources,
        planner: &Planner<'_>,
    ) -> Result<Self> {
        let text = Text::of(statement);
        let engine = |cause| text.engine(cause);
        let state = planner.state();
        let plan = state.optimize(plan).map_err(engine)?;
        let names = sources_of(&plan).map_err(engine)?;
        let keys = choose(text, &plan, grain, &names, sources)?;
        let schema = plain(plan.schema().as_arrow());
        let order = order(&schema, grain);
        let columns = plan.schema().columns();
        let by = order
            .iter()
            .map(|&at| Expr::Column(columns[at].clone()).sort(true, true));
        let sorted = LogicalPlanBuilder::from(plan.clone())
            .sort(by.collect::<Vec<_>>())
            .and_then(LogicalPlanBuilder::build)
            .map_err(engine)?;
        let physical = session::physical(state, &sorted).map_err(engine)?;

        let mut read: Vec<(String, Vec<usize>)> = Vec::new();
        for (name, columns) in leaves(&physical) {
            match read.iter_mut().find(|(known, _)| **known == *name) {
                Some((_, known)) => known.extend(columns),
                None => read.push((name.to_string(), columns)),
            }
        }
        let types = keys.iter().filter_map(|(name, key)| {
            let schema = sources.get(name)?.schema();
            Some(schema.field_with_name(key).ok()?.data_type().clone())
        });
        let key_type = keys::common_type(&types.collect::<Vec<_>>());
        let mut inputs = Vec::new();
        for (name, columns) in read {
            let Some(source) = sources.get(&name) else {
                return Err(text.refuse("a source that is given", &name));
            };
            let key = keys.get(&name).zip(key_type.as_ref());
            inputs.push(Input::new(&statement.table, &name, columns, source, key).map_err(engine)?);
        }
        let rows: u64 = inputs
            .iter()
            .filter(|input| input.is_cut)
            .map(Input::rows)
            .sum();
        let units = rows.div_ceil(BUCKET_ROWS).max(1);
        let bits = (u64::BITS - (units - 1).leading_zeros()).min(MOST_BITS);
        let read = Arc::default();
        for input in &mut inputs {
            input.scan.rows = Arc::clone(&read);
        }
        Ok(Self {
            table: statement.table.clone(),
            schema,
            plan: physical,
            order,
            reason: reason(&keys, &inputs),
            inputs,
            deal: Deal { used: 0, bits },
        })
    }

    /// Rows of the sources that were read.
    pub(crate) fn rows_read(&self) -> &AtomicU64 {
        &self.inputs[0].scan.rows
    }

    pub(crate) fn units(&self) -> usize {
        self.deal.buckets()
    }

    /// The names of its sources.
    pub(crate) fn names(&self) -> String {
        let names = self.inputs.iter().map(|input| input.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// Rows of all sources.
    pub(crate) fn source_rows(&self) -> u64 {
        self.inputs.iter().map(Input::rows).sum()
    }

    /// Rows of the largest source that is dealt: about as many come out.
    pub(crate) fn rows(&self) -> u64 {
        let cut = self.inputs.iter().filter(|input| input.is_cut);
        cut.map(Input::rows)
            .max()
            .unwrap_or_else(|| self.source_rows())
    }

    /// What a row of a bucket holds while the statement runs on it, about: as it comes in, in the
    /// tables of joins, in windows, and twice as it is sorted.
    pub(crate) fn row_bytes(&self) -> u64 {
        let inputs = self.inputs.iter().filter(|input| input.is_cut);
        let widest = inputs.map(|input| width(&input.scan.below.carried)).max();
        2 * widest.unwrap_or(0) + 4 * width(&self.schema) + 64
    }

    /// Rows of the sources that every bucket is given whole.
    pub(crate) fn whole_rows(&self) -> u64 {
        let whole = self.inputs.iter().filter(|input| !input.is_cut);
        whole.map(Input::rows).sum()
    }

    /// Bytes of the sources that every bucket is given whole, about.
    pub(crate) fn whole_bytes(&self) -> u64 {
        let whole = self.inputs.iter().filter(|input| !input.is_cut);
        whole.map(Input::bytes).sum()
    }

    /// Bytes of temporary files, about.
    pub(crate) fn spill_bytes(&self) -> u64 {
        let cut = self.inputs.iter().filter(|input| input.is_cut);
        // Numbers and codes take a third of their words.
        cut.map(|input| input.bytes() / 3).sum()
    }
}

impl Input {
    fn new(
        table: &str,
        name: &str,
        mut columns: Vec<usize>,
        source: &Arc<dyn Source>,
        key: Option<(&String, &DataType)>,
    ) -> DfResult<Self> {
        columns.sort_unstable();
        columns.dedup();
        let schema = source.schema();
        let named = |column: &usize| {
            let name = schema.field(*column).name();
            Expr::Column(Column::new_unqualified(name))
        };
        let mut given: Vec<Expr> = Vec::new();
        let mut places = HashMap::new();
        if let Some((key, key_type)) = key {
            let at = schema.index_of(key)?;
            let of_type = if schema.field(at).data_type() == key_type {
                places.insert(at, 0);
                named(&at)
            } else {
                cast(named(&at), key_type.clone())
            };
            given.push(of_type.alias("key"));
        }
        for column in columns {
            if let std::collections::hash_map::Entry::Vacant(free) = places.entry(column) {
                free.insert(given.len());
                given.push(named(&column).alias(format!("c{column}")));
            }
        }
        let leaf = provider_as_source(Leaf::new(name, Arc::clone(&schema)));
        let plan = LogicalPlanBuilder::scan(name, leaf, None)?
            .project(given)?
            .build()?;
        let mut carried = plain(plan.schema().as_arrow());
        if key.is_some() {
            // Where one source has nulls the other's keys are to be hashed as those are.
            let fields = carried.fields().iter().enumerate();
            let fields = fields.map(|(at, field)| {
                field
                    .as_ref()
                    .clone()
                    .with_nullable(at == 0 || field.is_nullable())
            });
            carried = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
        }
        let plan = session::physical(&session::planner(), &plan)?;
        let below = Below {
            table: table.to_owned(),
            columns: columns_read(&plan),
            plan,
            carried,
            keys: usize::from(key.is_some()),
        };
        Ok(Self {
            name: name.to_owned(),
            scan: Scan::new(&Arc::new(below), source),
            is_cut: key.is_some(),
            places,
        })
    }

    pub(crate) fn rows(&self) -> u64 {
        source_rows(self.scan.source.pieces())
    }

    /// What all of its rows hold in memory, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.rows() * width(&self.scan.below.carried)
    }

    /// What people call a column that is given.
    pub(crate) fn column_name(&self, given: usize) -> String {
        let schema = self.scan.source.schema();
        let mut places = self.places.iter();
        let column = places.find(|(_, place)| **place == given);
        column.map_or_else(
            || "the key".to_owned(),
            |(&column, _)| schema.field(column).name().clone(),
        )
    }
}

/// The sources that a plan reads.
fn sources_of(plan: &LogicalPlan) -> DfResult<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    plan.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let name = scan.table_name.table();
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(names)
}

/// The key that leaves the least whole; of several the one with the most values.
fn choose(
    text: Text<'_>,
    plan: &LogicalPlan,
    grain: &[String],
    names: &[String],
    sources: &Sources,
) -> Result<Keys> {
    let rows_of = |name: &str| {
        sources
            .get(name)
            .map_or(0, |source| source_rows(source.pieces()))
    };
    let whole = |keys: &Keys| -> u64 {
        let whole = names.iter().filter(|name| !keys.contains_key(*name));
        whole.map(|name| rows_of(name)).sum()
    };
    let mut stands_in_the_way = None;
    let mut found: Vec<Keys> = Vec::new();
    for keys in keys::suggested(plan, grain) {
        let types: Vec<DataType> = keys
            .iter()
            .filter_map(|(name, key)| {
                let schema = sources.get(name)?.schema();
                Some(schema.field_with_name(key).ok()?.data_type().clone())
            })
            .collect();
        if keys::common_type(&types).is_none() {
            continue;
        }
        match keys::fits(plan, &keys) {
            Ok(()) => found.push(keys),
            Err(why) => {
                stands_in_the_way.get_or_insert(why);
            }
        }
    }
    let least = found.iter().map(&whole).min();
    found.retain(|keys| Some(whole(keys)) == least);
    let all: u64 = names.iter().map(|name| rows_of(name)).sum();
    if all <= FEW_ROWS {
        let way = keys::is_query(plan);
        way.map_err(|way| text.refuse("a SELECT", &way))?;
        return Ok(Keys::new());
    }
    if found.len() > 1 {
        let mut counted = Vec::new();
        for keys in found {
            let largest = keys.iter().max_by_key(|(name, _)| rows_of(name));
            let values = match largest.and_then(|(name, key)| Some((sources.get(name)?, key))) {
                Some((source, key)) => values(text, source.as_ref(), key)?,
                None => 0,
            };
            counted.push((values, keys));
        }
        // The last of the greatest would be another one after a change of names only.
        counted.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        found = counted.into_iter().map(|(_, keys)| keys).collect();
    }
    if let Some(keys) = found.into_iter().next() {
        return Ok(keys);
    }
    let way = stands_in_the_way.unwrap_or_else(|| "no column that could be one".to_owned());
    let expected = format!(
        "one GROUP BY over one source, or a key by which all large sources can be cut ({} have {all} \
         rows together)",
        names.join(", ")
    );
    Err(text.refuse(&expected, &way))
}

/// How many values a sample of a column has.
fn values(text: Text<'_>, source: &dyn Source, key: &str) -> Result<usize> {
    let schema = source.schema();
    let count = || -> DfResult<Result<usize>> {
        let column = schema.index_of(key)?;
        let field = SortField::new(schema.field(column).data_type().clone());
        let converter = RowConverter::new(vec![field])?;
        let mut seen: HashSet<Vec<u8>> = HashSet::new();
        for piece in sampled(source.pieces().len()) {
            let mut read = 0;
            let batches = match source.read(piece, &[column], BATCH_ROWS) {
                Ok(batches) => batches,
                Err(error) => return Ok(Err(error)),
            };
            for batch in batches {
                let batch = batch?;
                read += batch.num_rows();
                let rows = converter.convert_columns(batch.columns())?;
                seen.extend(rows.iter().map(|row| row.as_ref().to_vec()));
                if read >= SAMPLE_ROWS {
                    break;
                }
            }
        }
        Ok(Ok(seen.len()))
    };
    count().map_err(|cause| text.engine(cause))?
}

/// The columns by which rows are sorted: the grain, then the others from left to right.
fn order(schema: &Schema, grain: &[String]) -> Vec<usize> {
    let mut order: Vec<usize> = grain
        .iter()
        .filter_map(|name| schema.index_of(name).ok())
        .collect();
    let others = (0..schema.fields().len())
        .filter(|at| !order.contains(at))
        .collect::<Vec<_>>();
    order.extend(others);
    order.retain(|&at| !schema.field(at).data_type().is_nested());
    order
}

fn reason(keys: &Keys, inputs: &[Input]) -> String {
    if keys.is_empty() {
        return "few rows: made at once".to_owned();
    }
    let cut = keys.iter().map(|(name, key)| format!("{name} by {key}"));
    let mut text = format!("cut alike: {}", cut.collect::<Vec<_>>().join(", "));
    let whole = inputs.iter().filter(|input| !input.is_cut);
    let whole: Vec<&str> = whole.map(|input| input.name.as_str()).collect();
    if !whole.is_empty() {
        text.push_str("; whole with each bucket: ");
        text.push_str(&whole.join(", "));
    }
    text
}

/// Bytes of a row of these columns in memory, about.
fn width(schema: &Schema) -> u64 {
    let fields = schema.fields().iter();
    let bytes = fields.map(|field| match field.data_type() {
        DataType::Decimal128(..) => 16,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => 32,
        other if other.is_nested() => 64,
        _ => 8,
    });
    bytes.sum()
}
