//! What a run may do where something stands already, and its plan written down.

use super::names::{self, PLANS};
use super::records::{Mode, PlanRecord};
use super::session::Others;
use super::standing::{Standing, inspect, records};
use crate::error::{Error, Result};
use crate::fail;
use crate::manifest::Manifest;
use crate::store::{PutNew, Store};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Fresh,
    GoOn,
}

pub(super) enum Decision {
    Finished(Box<Manifest>),
    Start(Box<Standing>, Start),
}

/// What a run that wants this may do where something stands.
pub(super) fn decide(store: &dyn Store, wanted: &PlanRecord, others: Others) -> Result<Decision> {
    let (mode, shards) = (wanted.mode, wanted.shards);
    let standing = inspect(store)?;
    if let Some(found) = &standing.foreign {
        return Err(Error::Exists {
            path: store.address().into(),
            found: found.clone(),
        });
    }
    let refused = |expected: &str, found: String| Error::OtherPlan {
        address: store.address(),
        expected: expected.to_owned(),
        found,
    };
    let mine = standing
        .unfinished
        .iter()
        .find(|record| record.plan_id == wanted.plan_id);
    if let Some(mine) = mine {
        let number = standing.finished.as_ref().map_or(0, |state| state.number);
        let is_as_begun = mine.mode == mode && mine.shards == shards;
        if is_as_begun && mine.base == number {
            return Ok(Decision::Start(Box::new(standing), Start::GoOn));
        }
        if mode.takes_over() {
            return Ok(Decision::Start(Box::new(standing), Start::Fresh));
        }
        return Err(if is_as_begun {
            let expected = format!("state {} of the output, as when it began", mine.base);
            refused(&expected, format!("state {number}"))
        } else if mine.shards == shards {
            let found = format!("this plan, begun to {}", doing(mine.mode));
            refused("the run to go on as it began", found)
        } else {
            let asked = format!("{shards} shards");
            refused(&asked, format!("this plan, begun in {}", mine.shards))
        });
    }
    if let (Some(other), Others::Refuse, false) =
        (standing.unfinished.first(), others, mode.takes_over())
    {
        return Err(refused(
            "nothing else",
            format!("the unfinished plan {}", other.plan_id),
        ));
    }
    match (&standing.finished, mode) {
        (None, Mode::Extend) => {
            let expected = format!("state {} of the output", wanted.base);
            return Err(refused(&expected, "no finished one".to_owned()));
        }
        (None, _) | (_, Mode::Overwrite) => {}
        (Some(manifest), _) if manifest.has_plan(&wanted.plan_id) => {
            return Ok(Decision::Finished(Box::new(manifest.clone())));
        }
        (Some(_), Mode::Append) => {}
        (Some(manifest), Mode::Extend) if manifest.number == wanted.base => {}
        (Some(manifest), Mode::Extend) => {
            let expected = format!("state {} of the output", wanted.base);
            return Err(refused(&expected, format!("state {}", manifest.number)));
        }
        (Some(manifest), Mode::New) => {
            return Err(refused(
                "nothing else",
                format!("the finished plan {}", manifest.plan_id()),
            ));
        }
    }
    Ok(Decision::Start(Box::new(standing), Start::Fresh))
}

/// Writes the plan down. Of two plans that begin at the same moment, neither goes on.
pub(super) fn begin_plan(store: &dyn Store, record: &PlanRecord, others: Others) -> Result<()> {
    let name = names::plan(&record.plan_id);
    let refused = |found: String| Error::OtherPlan {
        address: store.address(),
        expected: "no other run at the same moment".to_owned(),
        found,
    };
    // An older state of the same plan may be part of what is overwritten.
    if record.mode == Mode::Overwrite && record.base > 0 {
        store.remove(&name)?;
        fail::point("begin.plan_removed");
    }
    if store.put_new(&name, &record.to_json()?)? == PutNew::Taken {
        return Err(refused("this plan, begun in another way".to_owned()));
    }
    if others == Others::Refuse {
        let standing = match beside(store, &name) {
            Ok(None) => return Ok(()),
            Ok(Some(standing)) => standing,
            Err(error) => {
                // A shard that has begun meanwhile relies on it.
                if record.shards == 1 {
                    let _ = store.remove(&name);
                }
                return Err(error);
            }
        };
        let other = standing
            .unfinished
            .iter()
            .find(|other| other.plan_id != record.plan_id);
        if let Some(other) = other {
            store.remove(&name)?;
            return Err(refused(format!("the plan {}", other.plan_id)));
        }
    }
    Ok(())
}

/// What stands there, where there is more than the plan of this name.
fn beside(store: &dyn Store, name: &str) -> Result<Option<Standing>> {
    if records(store, PLANS)?.iter().all(|found| found == name) {
        return Ok(None);
    }
    inspect(store).map(Some)
}

fn doing(mode: Mode) -> &'static str {
    match mode {
        Mode::New => "write where nothing was",
        Mode::Append => "append",
        Mode::Overwrite => "overwrite",
        Mode::Extend => "extend",
    }
}
