//! What a run may do where something stands already.

use super::records::{Mode, PlanRecord};
use super::session::Others;
use super::standing::{Standing, inspect};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::store::Store;

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
        if mode == Mode::Overwrite {
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
        (standing.unfinished.first(), others, mode == Mode::Overwrite)
    {
        return Err(refused(
            "nothing else",
            format!("the unfinished plan {}", other.plan_id),
        ));
    }
    match (&standing.finished, mode) {
        (None, _) | (_, Mode::Overwrite) => {}
        (Some(manifest), _) if manifest.has_plan(&wanted.plan_id) => {
            return Ok(Decision::Finished(Box::new(manifest.clone())));
        }
        (Some(_), Mode::Append) => {}
        (Some(manifest), Mode::New) => {
            return Err(refused(
                "nothing else",
                format!("the finished plan {}", manifest.plan_id()),
            ));
        }
    }
    Ok(Decision::Start(Box::new(standing), Start::Fresh))
}

fn doing(mode: Mode) -> &'static str {
    match mode {
        Mode::New => "write where nothing was",
        Mode::Append => "append",
        Mode::Overwrite => "overwrite",
    }
}
