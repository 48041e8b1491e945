//! The shards of a plan to one output.

use std::collections::BTreeSet;

use super::claim::Claim;
use super::names::{self, SHARDS, Shard};
use super::records::{JournalLine, PlanRecord, ShardRecord};
use super::seal::{self, Outdated};
use super::standing::{Standing, inspect, records};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::path::PartPath;
use crate::store::Store;

/// Makes one output of what the shards of a plan have written. Doing it again says the same.
///
/// # Errors
/// [`Error::ShardsMissing`] with those that have not come to their end, or whose files are not all
/// there any more, [`Error::OtherPlan`] where
/// shards of more than one plan are there, [`Error::NoOutput`] where there is none at all,
/// [`Error::InUse`] while another process is combining, [`Error::Exists`] for a stranger's files.
pub fn combine(store: &dyn Store) -> Result<Manifest> {
    let first = match look(store)? {
        Combining::Done(manifest) => {
            seal::tidy(store, &manifest, &[])?;
            return Ok(*manifest);
        }
        Combining::Open(record, _) => record,
    };
    // One process combines at a time; it takes the place of the plan's only shard.
    let _claim = Claim::take(store, &first.plan_id, Shard::WHOLE)?;
    // Whoever had the claim until now may have come to an end.
    let (record, standing) = match look(store)? {
        Combining::Done(manifest) => return Ok(*manifest),
        Combining::Open(record, standing) => (record, standing),
    };
    let mut lines = Vec::new();
    let mut missing = BTreeSet::new();
    for index in 1..=record.shards {
        let shard = Shard::new(index, record.shards)?;
        let name = names::shard(&record.plan_id, shard);
        let Some(json) = store.get(&name)? else {
            missing.insert(index);
            continue;
        };
        let done: ShardRecord = serde_json::from_slice(&json).map_err(Error::encode("shard"))?;
        if done.plan_id != record.plan_id || done.shard != shard {
            return Err(refused(
                store,
                &record,
                format!("`{name}`, which is another's"),
            ));
        }
        lines.extend(done.lines.into_iter().map(|line| (index, line)));
    }
    missing.extend(lost(store, &lines)?);
    if !missing.is_empty() {
        return Err(Error::ShardsMissing {
            address: store.address(),
            missing: missing.into_iter().collect(),
            of: record.shards,
        });
    }
    let proven = lines
        .into_iter()
        .map(|(_, line)| ((line.table, line.number), line.part))
        .collect();
    seal::seal(
        store,
        &record,
        proven,
        standing.finished.as_ref(),
        &Outdated::default(),
    )
}

/// The shards of which a file is not there any more, or not in its size: they were right when they were
/// written, and somebody may have cleaned up since.
fn lost(store: &dyn Store, lines: &[(u32, JournalLine)]) -> Result<BTreeSet<u32>> {
    let paths = lines
        .iter()
        .map(|(_, line)| PartPath::parse(&line.part.path));
    let sizes = store.finished(&paths.collect::<Result<Vec<_>>>()?)?;
    let both = lines.iter().zip(sizes);
    let lost = both.filter(|((_, line), size)| *size != Some(line.part.bytes));
    Ok(lost.map(|((index, _), _)| *index).collect())
}

/// What there is to combine.
enum Combining {
    Done(Box<Manifest>),
    Open(Box<PlanRecord>, Box<Standing>),
}

fn look(store: &dyn Store) -> Result<Combining> {
    let standing = inspect(store)?;
    if let Some(found) = &standing.foreign {
        return Err(Error::Exists {
            path: store.address().into(),
            found: found.clone(),
        });
    }
    let sharded = |record: &&PlanRecord| record.shards > 1;
    let mut plans = standing.unfinished.iter().filter(sharded);
    let record = match (plans.next(), plans.next(), standing.finished.as_ref()) {
        (Some(record), None, _) => record,
        (Some(first), Some(second), _) => {
            return Err(Error::OtherPlan {
                address: store.address(),
                expected: "shards of one plan".to_owned(),
                found: format!("those of {} and {}", first.plan_id, second.plan_id),
            });
        }
        (None, _, Some(manifest)) => return Ok(Combining::Done(Box::new(manifest.clone()))),
        (None, ..) => {
            return Err(match standing.unfinished.first() {
                Some(record) => Error::OtherPlan {
                    address: store.address(),
                    expected: "the shards of a plan".to_owned(),
                    found: format!("plan {}, which has none", record.plan_id),
                },
                None => Error::NoOutput {
                    address: store.address(),
                },
            });
        }
    };
    if let Some(found) = strange_shard(store, record)? {
        return Err(refused(store, record, found));
    }
    let record = Box::new(record.clone());
    Ok(Combining::Open(record, Box::new(standing)))
}

fn refused(store: &dyn Store, record: &PlanRecord, found: String) -> Error {
    Error::OtherPlan {
        address: store.address(),
        expected: format!("shards of plan {} in {}", record.plan_id, record.shards),
        found,
    }
}

/// A shard's record that does not belong to the plan.
fn strange_shard(store: &dyn Store, record: &PlanRecord) -> Result<Option<String>> {
    let own = format!("{SHARDS}{}-", record.plan_id);
    let end = format!("of{}.json", record.shards);
    let found = records(store, SHARDS)?.into_iter();
    let strange = found
        .into_iter()
        .find(|name| !(name.starts_with(&own) && name.ends_with(&end)));
    Ok(strange.map(|name| format!("`{name}`")))
}
