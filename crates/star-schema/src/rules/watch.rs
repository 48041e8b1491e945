//! Rows on their way to the store, watched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use datafusion::arrow::compute::cast;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{DataFusionError, Result as DfResult};
use lakeseed_budget::Budget;
use twox_hash::XxHash3_128;

use super::{KeyRule, Members, Rules};
use crate::engine::stream::Batches;
use crate::{Duplicates, Error, Missing};

/// Keys that are shown of those that are wrong.
const EXAMPLES: usize = 5;

/// What was found to be wrong, of one table.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Rows that share their grain with the row before, and some of these grains.
    pub(crate) duplicates: (u64, Vec<String>),
    /// For each key: rows whose key the other table does not have, and some of these keys.
    pub(crate) missing: Vec<(u64, Vec<String>)>,
    /// For each key: whether somebody knew.
    pub(crate) is_unknown: Vec<bool>,
}

impl Seen {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            duplicates: (0, Vec::new()),
            missing: vec![(0, Vec::new()); rules.keys.len()],
            is_unknown: vec![false; rules.keys.len()],
        }
    }
}

/// Watches the rows of a table's units.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) table: String,
    pub(crate) schema: SchemaRef,
    pub(crate) rules: Arc<Rules>,
    /// The keys of all tables that others point to.
    pub(crate) members: Arc<HashMap<String, Members>>,
    pub(crate) seen: Arc<Mutex<Seen>>,
    pub(crate) budget: Budget,
}

impl Watch {
    /// The rows of a unit, with the unknown member before those of the first.
    pub(crate) fn rows(&self, part: usize, batches: Batches) -> Batches {
        let rules = &self.rules;
        let batches = match rules.unknown.clone().filter(|_| part == 0) {
            Some(row) => Box::new(std::iter::once(Ok(row)).chain(batches)),
            None => batches,
        };
        if rules.unique.is_none() && rules.keys.is_empty() && rules.members.is_none() {
            return batches;
        }
        let this = self.clone();
        let mut last = None;
        Box::new(batches.map(move |batch| {
            let batch = batch?;
            this.look(&batch, &mut last)?;
            Ok(batch)
        }))
    }

    fn look(&self, batch: &RecordBatch, last: &mut Option<Vec<u8>>) -> DfResult<()> {
        if let Some(columns) = &self.rules.members
            && let Some(members) = self.members.get(&self.table)
        {
            let keys = self.keys(batch, columns)?;
            members.add(&self.budget, &self.table, keys.into_iter().flatten());
        }
        if let Some((columns, rule)) = &self.rules.unique {
            self.unique(batch, columns, *rule, last)?;
        }
        for (number, rule) in self.rules.keys.iter().enumerate() {
            self.look_up(batch, number, rule)?;
        }
        Ok(())
    }

    /// Rows are sorted by their grain: equal ones stand side by side.
    fn unique(
        &self,
        batch: &RecordBatch,
        columns: &[usize],
        rule: Duplicates,
        last: &mut Option<Vec<u8>>,
    ) -> DfResult<()> {
        let arrays: Vec<ArrayRef> = columns
            .iter()
            .map(|&at| Arc::clone(batch.column(at)))
            .collect();
        let rows = converter(&arrays)?.convert_columns(&arrays)?;
        for (row, bytes) in rows.iter().enumerate() {
            if last.as_deref() == Some(bytes.as_ref()) {
                let key = shown(batch, columns, row)?;
                if rule == Duplicates::Refuse {
                    return Err(DataFusionError::External(Box::new(Error::Key {
                        table: self.table.clone(),
                        problem: format!("two rows have the grain {key}"),
                        advice: "mend the source or the statement, or say duplicates = \"keep\""
                            .to_owned(),
                    })));
                }
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                note(&mut seen.duplicates, key);
            }
            match last {
                Some(last) => {
                    last.clear();
                    last.extend_from_slice(bytes.as_ref());
                }
                None => *last = Some(bytes.as_ref().to_vec()),
            }
        }
        Ok(())
    }

    fn look_up(&self, batch: &RecordBatch, number: usize, rule: &KeyRule) -> DfResult<()> {
        let Some(members) = self.members.get(&rule.parent) else {
            return Ok(());
        };
        // A key with a null in it points nowhere, and says so.
        let keys = self.keys(batch, &rule.columns)?;
        let whole: Vec<usize> = (0..keys.len()).filter(|&row| keys[row].is_some()).collect();
        let hashes: Vec<u128> = keys.into_iter().flatten().collect();
        let Some(have) = members.have(&hashes) else {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.is_unknown[number] = true;
            return Ok(());
        };
        for (&row, _) in whole.iter().zip(have).filter(|(_, has)| !has) {
            let key = shown(batch, &rule.columns, row)?;
            if rule.missing == Missing::Refuse {
                return Err(DataFusionError::External(Box::new(Error::Key {
                    table: self.table.clone(),
                    problem: format!(
                        "{} has no row for {} = {key}",
                        rule.parent,
                        rule.names.join(", ")
                    ),
                    advice: "mend the source, point to an unknown member in the statement, or say \
                             missing = \"keep\""
                        .to_owned(),
                })));
            }
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            note(&mut seen.missing[number], key);
        }
        Ok(())
    }

    /// The hash of each row's key, in types that both sides of a foreign key share; `None` where there
    /// is a null in it.
    fn keys(&self, batch: &RecordBatch, columns: &[usize]) -> DfResult<Vec<Option<u128>>> {
        let arrays = columns.iter().map(|&at| {
            let data_type = self.schema.field(at).data_type();
            let shared = if data_type.is_integer() {
                DataType::Int64
            } else if matches!(data_type, DataType::Dictionary(..)) {
                DataType::Utf8
            } else {
                data_type.clone()
            };
            Ok(cast(batch.column(at), &shared)?)
        });
        let arrays: Vec<ArrayRef> = arrays.collect::<DfResult<_>>()?;
        let rows = converter(&arrays)?.convert_columns(&arrays)?;
        let is_whole = |row: usize| arrays.iter().all(|array| !array.is_null(row));
        let hashes = rows.iter().enumerate();
        Ok(hashes
            .map(|(row, bytes)| is_whole(row).then(|| XxHash3_128::oneshot(bytes.as_ref())))
            .collect())
    }
}

fn converter(arrays: &[ArrayRef]) -> DfResult<RowConverter> {
    let fields = arrays
        .iter()
        .map(|array| SortField::new(array.data_type().clone()));
    Ok(RowConverter::new(fields.collect())?)
}

fn note(noted: &mut (u64, Vec<String>), key: String) {
    noted.0 += 1;
    if noted.1.len() < EXAMPLES && !noted.1.contains(&key) {
        noted.1.push(key);
    }
}

/// A row's key for people.
fn shown(batch: &RecordBatch, columns: &[usize], row: usize) -> DfResult<String> {
    let options = FormatOptions::default().with_null("null");
    let cells = columns.iter().map(|&at| {
        let formatter = ArrayFormatter::try_new(batch.column(at), &options)?;
        Ok(formatter.value(row).to_string())
    });
    Ok(cells.collect::<DfResult<Vec<_>>>()?.join(", "))
}
