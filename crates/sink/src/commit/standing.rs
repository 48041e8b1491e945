//! What stands in a store already, looked at without changing anything.

use std::collections::HashSet;

use super::names::{self, MANIFESTS, OWN, PLANS};
use super::records::PlanRecord;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::store::{Store, is_unfinished};

/// The most of our own records that are looked at; there are a handful.
const MOST_RECORDS: usize = 10_000;
/// The most names that are looked at to find a stranger's among ours.
const MOST_NAMES: usize = 10_000_000;

/// What a store holds, as far as an output is concerned.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The state that readers may use, where there is one.
    pub finished: Option<Manifest>,
    /// Plans that were begun and did not come to their end.
    pub unfinished: Vec<PlanRecord>,
    /// A file that is not ours, where there is one, in words.
    pub foreign: Option<String>,
    /// States that a later one has replaced, whose files wait to be removed.
    pub(super) outdated: Vec<Manifest>,
}

impl Standing {
    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.finished.is_none() && self.unfinished.is_empty() && self.foreign.is_none()
    }
}

/// Looks at a store without changing it.
///
/// # Errors
/// When it cannot be read, or holds a manifest or a plan that is none.
pub fn inspect(store: &dyn Store) -> Result<Standing> {
    let manifests = match store.list(MANIFESTS, MOST_RECORDS) {
        Err(Error::Io { path, source, .. })
            if source.kind() == std::io::ErrorKind::NotADirectory && path.is_file() =>
        {
            return Ok(Standing {
                finished: None,
                unfinished: Vec::new(),
                outdated: Vec::new(),
                foreign: Some("a file of that name".to_owned()),
            });
        }
        other => other?,
    };
    let mut finished = Vec::with_capacity(manifests.len());
    for found in manifests {
        finished.extend(parsed(store, &found.name)?);
    }
    let mut unfinished = Vec::new();
    for found in store.list(PLANS, MOST_RECORDS)? {
        let Some(json) = store.get(&found.name)? else {
            continue;
        };
        let record = PlanRecord::from_json(&json).map_err(|_| unreadable(store, &found.name))?;
        let is_done = finished.last().is_some_and(|manifest| {
            manifest.number > record.base && manifest.has_plan(&record.plan_id)
        });
        if !is_done {
            unfinished.push(record);
        }
    }
    let foreign = foreign(store, &finished, &unfinished)?;
    Ok(Standing {
        finished: finished.pop(),
        unfinished,
        foreign,
        outdated: finished,
    })
}

/// The manifest that counts; `None` where there is none.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn latest(store: &dyn Store) -> Result<Option<Manifest>> {
    let manifests = store.list(MANIFESTS, MOST_RECORDS)?;
    let Some(found) = manifests.last() else {
        return Ok(None);
    };
    parsed(store, &found.name)
}

/// The finished output of a store, for readers.
///
/// # Errors
/// [`Error::Unfinished`] where an output was begun and has no manifest, [`Error::NoOutput`] where
/// there is none of ours.
pub fn open_finished(store: &dyn Store) -> Result<Manifest> {
    if let Some(manifest) = latest(store)? {
        return Ok(manifest);
    }
    let address = store.address();
    if store.list(OWN, 1)?.is_empty() {
        Err(Error::NoOutput { address })
    } else {
        Err(Error::Unfinished { address })
    }
}

fn parsed(store: &dyn Store, name: &str) -> Result<Option<Manifest>> {
    let json = store.get(name)?;
    json.map(|json| Manifest::from_json(&json).map_err(|_| unreadable(store, name)))
        .transpose()
}

fn unreadable(store: &dyn Store, name: &str) -> Error {
    Error::Exists {
        path: store.address().into(),
        found: format!("`{name}`, which cannot be read"),
    }
}

/// The first name that no run of ours has given.
fn foreign(
    store: &dyn Store,
    finished: &[Manifest],
    unfinished: &[PlanRecord],
) -> Result<Option<String>> {
    let mut ours = HashSet::new();
    let tables = finished.iter().flat_map(|manifest| &manifest.tables);
    for table in tables {
        ours.insert(names::success(&table.name));
        ours.extend(table.parts.iter().map(|part| part.path.clone()));
    }
    for table in unfinished.iter().flat_map(|plan| &plan.tables) {
        ours.insert(names::success(&table.name));
        ours.extend(table.parts.iter().map(|part| part.path.clone()));
    }
    // Where nothing is ours, one name is enough: a home folder is not to be walked to its end.
    let most = if ours.is_empty() { 1_000 } else { MOST_NAMES };
    let is_ours = |name: &str| {
        name.starts_with(OWN) || is_unfinished(name) || ours.contains(name) || is_mark(name)
    };
    let found = store.list("", most)?;
    Ok(found
        .into_iter()
        .map(|found| found.name)
        .find(|name| !is_ours(name))
        .map(|name| format!("`{name}`")))
}

/// A mark whose parts have gone already.
fn is_mark(name: &str) -> bool {
    name.rsplit_once('/')
        .is_some_and(|(_, file)| file == names::SUCCESS)
}
