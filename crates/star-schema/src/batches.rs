//! Cuts a table by a column that the user names: each of its values is a batch of its own.
//!
//! Right only where the column is a key of the table: then no group has rows in two batches.

use std::sync::Arc;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result as DfResult;
use lakeseed_budget::MIB;

use crate::cut::{Cut, Grouped};
use crate::engine::dictionary::Dictionary;
use crate::engine::direct::{Direct, DirectError};
use crate::engine::group::Grouping;
use crate::engine::partition::ByValue;
use crate::engine::rows::{Carrier, CarryError, Layout, Rows, Texts};
use crate::engine::scan::Scan;
use crate::planned::{Planner, Text};
use crate::{Error, Result, Statement};

/// More values than this are no batches any more.
const MOST_BATCHES: usize = 4_096;

/// The batches of a table; `None` where the column is no key of it.
pub(crate) fn batches(
    cut: &Cut,
    scan: &Scan,
    statement: &Statement,
    column: &str,
    planner: &Planner<'_>,
    threads: usize,
) -> Result<Option<Arc<ByValue>>> {
    let mut keys = cut.key_columns.iter();
    let Some(key) = keys.position(|key| key.as_deref() == Some(column)) else {
        return Ok(None);
    };
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (name, source) = (quote(column), quote(&cut.source));
    let sql = format!("SELECT {name} FROM {source} GROUP BY {name}");
    let of_values = Statement {
        sql,
        ..statement.clone()
    };
    let plan = planner.plan(&of_values)?;
    let grouped = Grouped::find(&plan);
    let grouped = grouped.map_err(|found| Text::of(statement).refuse("a column", found))?;
    let cut = Cut::try_new(&of_values, &cut.source, grouped, planner.state())?;
    let cut = Arc::new(cut);
    let values = Scan::new(&cut.below, &scan.source);
    let layout = Arc::new(Layout::new(Arc::clone(&cut.below.carried), 1, &[]));
    let dictionaries: Vec<Arc<Dictionary>> = (0..layout.dictionaries)
        .map(|_| Arc::new(Dictionary::new(MIB.as_usize(), 1)))
        .collect();
    let direct = Direct {
        cut: Arc::clone(&cut),
        scan: values.clone(),
        layout: Arc::clone(&layout),
        dictionaries: dictionaries.clone(),
        memory: 16 * MIB.as_usize(),
    };
    let too_many = || Error::Model {
        place: statement.place.clone(),
        expected: format!("at most {MOST_BATCHES} values of {column}, to cut by"),
        found: "more".to_owned(),
    };
    let groups = direct
        .run(threads, &|_| Ok(()))
        .map_err(|error| match error {
            DirectError::TooLarge => too_many(),
            DirectError::Failed(error) => error,
        })?;
    let grouping = Grouping {
        cut,
        layout: Arc::clone(&layout),
        texts: Arc::new(Texts::new(&dictionaries)),
        dictionaries: dictionaries.clone(),
        spill: None,
        spilled: Arc::default(),
    };
    let found = grouping.finish(groups.groups, &groups.packing)?;
    let counted = || -> DfResult<Vec<(String, u64)>> {
        let mut carrier = Carrier::try_new(&layout, &dictionaries)?;
        let options = FormatOptions::default().with_null("null");
        let (mut values_found, mut hashes) = (Vec::new(), Vec::new());
        for batch in found {
            let batch = batch?;
            let mut rows = Rows::new(&layout);
            carrier
                .append(&batch, &mut rows)
                .map_err(|error| match error {
                    CarryError::Engine(cause) => cause,
                    CarryError::Overflow { .. } => {
                        datafusion::error::DataFusionError::ResourcesExhausted(
                            "a dictionary".to_owned(),
                        )
                    }
                })?;
            carrier.hash(&rows, &mut hashes)?;
            let texts = ArrayFormatter::try_new(batch.column(0), &options)?;
            values_found
                .extend((0..rows.len).map(|row| (texts.value(row).to_string(), hashes[row])));
        }
        Ok(values_found)
    };
    let mut values_found = counted().map_err(|cause| values.failed(cause))?;
    if values_found.len() > MOST_BATCHES {
        return Err(too_many());
    }
    // The order of batches is that of their names, whoever came first.
    values_found.sort_unstable();
    if values_found.is_empty() {
        values_found.push(("null".to_owned(), 0));
    }
    let buckets = values_found
        .iter()
        .enumerate()
        .map(|(bucket, (_, hash))| (*hash, bucket))
        .collect();
    let shown = values_found.into_iter().map(|(name, _)| name).collect();
    Ok(Some(Arc::new(ByValue {
        column: key,
        buckets,
        names: shown,
    })))
}
