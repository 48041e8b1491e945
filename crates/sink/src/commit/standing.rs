//! What stands in a store already, looked at without changing anything.

use std::collections::HashSet;

use super::names::{self, MANIFESTS, OWN, PLANS};
use super::records::PlanRecord;
use crate::error::{Error, Result};
use crate::manifest::{MANIFEST_VERSION, Manifest};
use crate::path::{PartPath, check_name};
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
    // A file in place of the root has no folder of ours within.
    let root = store.list("", 1);
    let manifests = match root.and_then(|_| manifests(store)) {
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
    for number in manifests {
        finished.extend(parsed(store, number)?);
    }
    let mut unfinished = Vec::new();
    for name in records(store, PLANS)? {
        let Some(json) = store.get(&name)? else {
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
    match manifests(store)?.last() {
        Some(number) => parsed(store, *number),
        None => Ok(None),
    }
}

/// The numbers of the manifests that stand, in order.
pub(super) fn manifests(store: &dyn Store) -> Result<Vec<u64>> {
    let names = records(store, MANIFESTS)?;
    let mut numbers: Vec<_> = names
        .iter()
        .filter_map(|name| names::manifest_number(name))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
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
