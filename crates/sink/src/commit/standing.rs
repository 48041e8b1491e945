//! What stands in a store already, looked at without changing anything.

use std::collections::HashSet;

use super::names::{self, MANIFESTS, OWN, PLANS};
use super::records::PlanRecord;
use crate::error::{Error, Result};
use crate::manifest::{MANIFEST_VERSION, Manifest};
use crate::path::{PartPath, check_beside, check_name, is_beside};
use crate::store::{Store, is_unfinished};

/// So many names are asked for at first, in one request: where that is all, it tells everything.
const FIRST_NAMES: usize = 1_000;
/// How often a store is looked at while others change it.
const MOST_LOOKS: usize = 5;
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
    for _ in 1..MOST_LOOKS {
        let (standing, is_moving) = look(store)?;
        if !is_moving {
            return Ok(standing);
        }
    }
    Ok(look(store)?.0)
}

/// One look, and whether a record that was listed had gone when it was to be read: then others may
/// have come.
fn look(store: &dyn Store) -> Result<(Standing, bool)> {
    let first = match store.list("", FIRST_NAMES) {
        // A file in place of the root has no folder of ours within.
        Err(Error::Io { path, source, .. })
            if source.kind() == std::io::ErrorKind::NotADirectory && path.is_file() =>
        {
            let standing = Standing {
                finished: None,
                unfinished: Vec::new(),
                outdated: Vec::new(),
                foreign: Some("a file of that name".to_owned()),
            };
            return Ok((standing, false));
        }
        found => found?,
    };
    let first: Vec<String> = first.into_iter().map(|found| found.name).collect();
    let is_all = first.len() < FIRST_NAMES;
    let (manifests, plans) = if is_all {
        let plans = first.iter().filter(|name| name.starts_with(PLANS));
        let plans = plans.filter(|name| !is_unfinished(name)).cloned();
        (numbers(&first), plans.collect())
    } else {
        (manifests(store)?, records(store, PLANS)?)
    };
    let mut is_moving = false;
    let mut finished = Vec::with_capacity(manifests.len());
    for number in manifests {
        let manifest = parsed(store, number)?;
        is_moving |= manifest.is_none();
        finished.extend(manifest);
    }
    let mut unfinished = Vec::new();
    for name in plans {
        let Some(json) = store.get(&name)? else {
            is_moving = true;
            continue;
        };
        let record = PlanRecord::from_json(&json)
            .ok()
            .filter(|record| record.is_sound() && names::plan(&record.plan_id) == name)
            .ok_or_else(|| unreadable(store, &name))?;
        let is_done = finished.last().is_some_and(|manifest| {
            manifest.number > record.base && manifest.has_plan(&record.plan_id)
        });
        if !is_done {
            unfinished.push(record);
        }
    }
    // Where nothing is ours, one name is enough: a home folder is not to be walked to its end.
    let is_strange = finished.is_empty() && unfinished.is_empty();
    let names = if is_all || is_strange {
        first
    } else {
        let found = store.list("", MOST_NAMES)?.into_iter();
        found.map(|found| found.name).collect()
    };
    let standing = Standing {
        foreign: foreign(&names, &finished, &unfinished),
        finished: finished.pop(),
        unfinished,
        outdated: finished,
    };
    Ok((standing, is_moving))
}

/// The manifest that counts; `None` where there is none.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn latest(store: &dyn Store) -> Result<Option<Manifest>> {
    match manifests(store)?.last() {
        Some(number) => parsed(store, *number),
        None => Ok(None),
    }
}

/// The numbers of the manifests that stand, in order.
pub(super) fn manifests(store: &dyn Store) -> Result<Vec<u64>> {
    Ok(numbers(&records(store, MANIFESTS)?))
}

/// The numbers of the manifests among some names, in order.
pub(super) fn numbers(names: &[String]) -> Vec<u64> {
    let numbers = names.iter().filter_map(|name| names::manifest_number(name));
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// The names of records of ours that begin with `prefix`: those on their way are none yet.
pub(super) fn records(store: &dyn Store, prefix: &str) -> Result<Vec<String>> {
    let found = store.list(prefix, MOST_RECORDS)?.into_iter();
    let names = found.map(|found| found.name);
    Ok(names.filter(|name| !is_unfinished(name)).collect())
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

fn parsed(store: &dyn Store, number: u64) -> Result<Option<Manifest>> {
    let name = names::manifest(number);
    let Some(json) = store.get(&name)? else {
        return Ok(None);
    };
    let manifest = Manifest::from_json(&json).ok();
    let sound = manifest.filter(|manifest| manifest.number == number && is_sound(manifest));
    sound.map(Some).ok_or_else(|| unreadable(store, &name))
}

/// Whether a manifest that was read is one that a run of ours may have written: its paths will be
/// read, and removed.
fn is_sound(manifest: &Manifest) -> bool {
    let mut tables = manifest.tables.iter();
    manifest.version == MANIFEST_VERSION
        && manifest
            .beside
            .iter()
            .all(|name| check_beside(name).is_ok())
        && tables.all(|table| {
            let mut parts = table.parts.iter();
            let is_ours = |path: PartPath| path.table() == table.name;
            check_name("table", &table.name).is_ok()
                && parts.all(|part| PartPath::parse(&part.path).is_ok_and(is_ours))
        })
}

fn unreadable(store: &dyn Store, name: &str) -> Error {
    Error::Exists {
        path: store.address().into(),
        found: format!("`{name}`, which cannot be read"),
    }
}

/// The first of some names that no run of ours has given.
fn foreign(names: &[String], finished: &[Manifest], unfinished: &[PlanRecord]) -> Option<String> {
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
    let beside = finished.iter().map(|manifest| &manifest.beside);
    let beside: Vec<_> = beside
        .chain(unfinished.iter().map(|plan| &plan.beside))
        .collect();
    let is_ours = |name: &str| {
        name.starts_with(OWN)
            || is_unfinished(name)
            || ours.contains(name)
            || is_mark(name)
            || beside.iter().any(|beside| is_beside(beside, name))
    };
    let strange = names.iter().find(|name| !is_ours(name));
    strange.map(|name| format!("`{name}`"))
}

/// A mark whose parts have gone already.
fn is_mark(name: &str) -> bool {
    name.rsplit_once('/')
        .is_some_and(|(_, file)| file == names::SUCCESS)
}
