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
use crate::engine::scan::engine_error;
use crate::engine::stream::Batches;
use crate::extend::Told;
use crate::session::BATCH_ROWS;
use crate::{Duplicates, Error, Missing, Result, Source};

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
    /// Who tells these rows from those that stand.
    pub(crate) told: Option<Arc<Told>>,
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
        let is_looked_at = rules.unique.is_some()
            || !rules.keys.is_empty()
            || rules.members.is_some()
            || self.told.is_some();
        if !is_looked_at {
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
        if let Some(told) = &self.told {
            told.look(batch);
        }
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

    /// Whether somebody wants to know the keys of this table.
    pub(crate) fn collects(&self) -> bool {
        self.rules.members.is_some() && self.members.contains_key(&self.table)
    }

    /// Takes in the keys of rows that stand.
    pub(crate) fn add_standing(&self, stands: &[Arc<dyn Source>]) -> Result<()> {
        self.standing(stands, |members, keys| {
            members.add(&self.budget, &self.table, keys.into_iter());
            true
        })?;
        Ok(())
    }

    /// Whether the keys of rows that stand are all there; also where nobody knows.
    pub(crate) fn has_standing(&self, stands: &[Arc<dyn Source>]) -> Result<bool> {
        self.standing(stands, |members, keys| {
            let have = members.have(&keys);
            have.is_none_or(|have| have.into_iter().all(|has| has))
        })
    }

    /// Does something with the keys of rows that stand, until it gives false.
    fn standing(
        &self,
        stands: &[Arc<dyn Source>],
        each: impl Fn(&Members, Vec<u128>) -> bool,
    ) -> Result<bool> {
        let both = self
            .rules
            .members
            .as_ref()
            .zip(self.members.get(&self.table));
        let Some((columns, members)) = both else {
            return Ok(true);
        };
        let engine = |cause: DataFusionError| engine_error(&self.table, cause);
        for rows in stands {
            let schema = rows.schema();
            let at = columns
                .iter()
                .map(|&at| schema.index_of(self.schema.field(at).name()));
            let at: Vec<usize> = at
                .collect::<Result<_, _>>()
                .map_err(|cause| engine(cause.into()))?;
            for piece in 0..rows.pieces().len() {
                for batch in rows.read(piece, &at, BATCH_ROWS)? {
                    let batch = batch.map_err(|cause| engine(cause.into()))?;
                    let keys = self.hashes(batch.columns(), columns).map_err(engine)?;
                    if !each(members, keys.into_iter().flatten().collect()) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// The hash of each row's key; `None` where there is a null in it.
    fn keys(&self, batch: &RecordBatch, columns: &[usize]) -> DfResult<Vec<Option<u128>>> {
        let arrays = columns.iter().map(|&at| Arc::clone(batch.column(at)));
        self.hashes(&arrays.collect::<Vec<_>>(), columns)
    }

    /// The hash of each row's key, from its arrays, in types that both sides of a foreign key share.
    fn hashes(&self, arrays: &[ArrayRef], columns: &[usize]) -> DfResult<Vec<Option<u128>>> {
        let arrays = columns.iter().zip(arrays).map(|(&at, array)| {
            let data_type = self.schema.field(at).data_type();
            let shared = if data_type.is_integer() {
                DataType::Int64
            } else if matches!(data_type, DataType::Dictionary(..)) {
                DataType::Utf8
            } else {
                data_type.clone()
            };
            Ok(cast(array, &shared)?)
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
