//! Several plans to one output.

use super::claim::{Claim, HEARTBEAT};
use super::names::Shard;
use super::records::PlanRecord;
use super::seal::{self, Proven};
use super::session::claim_all;
use super::standing::inspect;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::store::Store;

/// A plan whose parts are proven and which waits for others, to be one output with them.
pub(crate) struct Parked {
    pub(super) record: PlanRecord,
    pub(super) proven: Proven,
}

impl Parked {
    /// Takes everything back that the plan has written, unless it is part of a finished output, or
    /// another process has gone on with it.
    pub(crate) fn withdraw(&self, store: &dyn Store) -> Result<()> {
        let _own = Claim::take(store, &self.record.plan_id, Shard::WHOLE)?;
        seal::withdraw(store, &self.record)
    }
}

/// Makes one output of several plans. Other plans that were begun in the same place are removed.
pub(crate) fn seal_all(store: &dyn Store, parked: &[Parked]) -> Result<Manifest> {
    let plans: Vec<_> = parked
        .iter()
        .map(|parked| (&parked.record, parked.proven.clone()))
        .collect();
    let is_own = |other: &PlanRecord| plans.iter().any(|(own, _)| own.plan_id == other.plan_id);
    let mut own = Vec::with_capacity(parked.len());
    for plan in parked {
        own.push(Claim::take(store, &plan.record.plan_id, Shard::WHOLE)?);
    }
    let standing = inspect(store)?;
    if let Some(manifest) = &standing.finished {
        return Err(Error::OtherPlan {
            address: store.address(),
            expected: "nothing".to_owned(),
            found: format!("the finished plan {}", manifest.plan_id()),
        });
    }
    let mut others = standing.unfinished;
    others.retain(|other| !is_own(other));
    let dead = claim_all(store, &others, &own.iter().collect::<Vec<_>>(), HEARTBEAT)?;
    for other in &others {
        seal::remove_plan(store, other, None)?;
    }
    drop(dead);
    let manifest = seal::publish(store, &plans, None)?;
    let own: Vec<_> = parked.iter().map(|plan| &plan.record).collect();
    seal::tidy(store, &manifest, &own)?;
    Ok(manifest)
}
