//! The shards of a plan to one output.

use std::collections::BTreeMap;

use super::claim::Claim;
use super::names::{self, SHARDS, Shard};
use super::records::{PlanRecord, ShardRecord};
use super::seal::{self, Outdated};
use super::standing::inspect;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::store::Store;

/// Makes one output of what the shards of a plan have written. Doing it again says the same.
///
/// # Errors
/// [`Error::ShardsMissing`] with those that have not come to their end, [`Error::OtherPlan`] where
/// shards of more than one plan are there, [`Error::NoOutput`] where there is none at all,
/// [`Error::InUse`] while another process is combining.
pub fn combine(store: &dyn Store) -> Result<Manifest> {
    let standing = inspect(store)?;
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
        (None, _, Some(manifest)) => {
            seal::tidy(store, manifest)?;
            return Ok(manifest.clone());
        }
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
    let stranger = strange_shard(store, record)?;
    if let Some(found) = stranger {
        return Err(Error::OtherPlan {
            address: store.address(),
            expected: format!("shards of plan {} in {}", record.plan_id, record.shards),
            found,
        });
    }
    // One process combines at a time; it takes the place of the plan's only shard.
    let _claim = Claim::take(store, &record.plan_id, Shard::WHOLE)?;
    let mut proven = BTreeMap::new();
    let mut missing = Vec::new();
    for index in 1..=record.shards {
        let shard = Shard::new(index, record.shards)?;
        match store.get(&names::shard(&record.plan_id, shard))? {
            Some(json) => {
                let done: ShardRecord =
                    serde_json::from_slice(&json).map_err(Error::encode("shard"))?;
                let lines = done.lines.into_iter();
                proven.extend(lines.map(|line| ((line.table, line.number), line.part)));
            }
            None => missing.push(index),
        }
    }
    if !missing.is_empty() {
        return Err(Error::ShardsMissing {
            address: store.address(),
            missing,
            of: record.shards,
        });
    }
    seal::seal(
        store,
        record,
        proven,
        standing.finished.as_ref(),
        &Outdated::default(),
    )
}

/// A shard's record that does not belong to the plan.
fn strange_shard(store: &dyn Store, record: &PlanRecord) -> Result<Option<String>> {
    let own = format!("{SHARDS}{}-", record.plan_id);
    let end = format!("of{}.json", record.shards);
    let found = store.list(SHARDS, usize::MAX)?.into_iter();
    let strange = found
        .map(|found| found.name)
        .find(|name| !(name.starts_with(&own) && name.ends_with(&end)));
    Ok(strange.map(|name| format!("`{name}`")))
}
