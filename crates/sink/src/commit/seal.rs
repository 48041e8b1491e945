//! The end of an output: names, marks, the manifest last; then what it replaces goes.

use std::collections::{BTreeMap, BTreeSet};

use super::append;
use super::beside::side_by_side;
use super::claim;
use super::kept;
use super::names::{self, OWN, Shard};
use super::records::{Mode, PlanRecord, TableRecord};
use super::standing::{inspect, latest, numbers};
use crate::error::{Error, Result};
use crate::fail;
use crate::manifest::{MANIFEST_VERSION, Manifest, ManifestPart, ManifestPlan, ManifestTable};
use crate::path::PartPath;
use crate::report::Report;
use crate::store::{Lock, PutNew, Store, is_unfinished};

/// Parts that are finished and recorded, by the positions of table and part in the plan.
pub(super) type Proven = BTreeMap<(usize, usize), ManifestPart>;

/// What a new state takes the place of.
#[derive(Default)]
pub(super) struct Outdated {
    /// States from before the last one, whose removal was interrupted.
    pub(super) manifests: Vec<Manifest>,
    /// Plans that were begun and are not gone on with.
    pub(super) plans: Vec<PlanRecord>,
}

/// Publishes all parts and writes the manifest.
pub(super) fn seal(
    store: &dyn Store,
    record: &PlanRecord,
    proven: Proven,
    base: Option<&Manifest>,
    outdated: &Outdated,
) -> Result<Manifest> {
    let manifest = publish(store, &[(record, proven)], base)?;
    for plan in &outdated.plans {
        remove_plan(store, plan, Some(&manifest))?;
    }
    for old in &outdated.manifests {
        remove_state(store, old, &manifest)?;
    }
    if let Some(base) = base {
        remove_state(store, base, &manifest)?;
    }
    tidy(store, &manifest, &[record])?;
    Ok(manifest)
}

/// What stands, where it is finished and nothing is on its way: the last run may have been killed before
/// it had removed what the output replaces, so that goes now.
///
/// # Errors
/// What the store fails with.
pub fn settle(store: &dyn Store) -> Result<Option<Report>> {
    let standing = inspect(store)?;
    match (standing.finished, standing.unfinished.is_empty()) {
        (Some(manifest), true) => {
            tidy(store, &manifest, &[])?;
            Ok(Some(Report::already_there(manifest.plan_id(), &manifest)))
        }
        _ => Ok(None),
    }
}

/// Gives the parts of some plans their names and writes the manifest of the whole.
pub(super) fn publish(
    store: &dyn Store,
    plans: &[(&PlanRecord, Proven)],
    base: Option<&Manifest>,
) -> Result<Manifest> {
    let Some((first, _)) = plans.first() else {
        return Err(Error::NoOutput {
            address: store.address(),
        });
    };
    let mut tables: Vec<ManifestTable> = Vec::new();
    for (record, proven) in plans {
        ensure_whole(store, record, proven, base)?;
        for (at, table) in record.tables.iter().enumerate() {
            let parts = proven.range((at, 0)..=(at, usize::MAX));
            tables.push(ManifestTable {
                name: table.name.clone(),
                rows: 0,
                bytes: 0,
                columns: table.columns.clone(),
                partition_columns: table.partition_columns.clone(),
                totals: None,
                parts: numbered(table, parts.map(|(_, part)| part.clone())),
            });
        }
    }
    for path in tables.iter().flat_map(|table| &table.parts) {
        store.publish(&PartPath::parse(&path.path)?)?;
        fail::point("publish.part");
    }
    let mut beside = first.beside.clone();
    if let (Some(base), Mode::Append | Mode::Extend) = (base, first.mode) {
        let older = base
            .beside
            .iter()
            .filter(|name| !first.beside.contains(name));
        beside.extend(older.cloned());
    }
    let (mut all, mut tables) = kept::merged(base, first, tables)?;
    all.extend(plans.iter().map(|(record, _)| ManifestPlan {
        id: record.plan_id.clone(),
        data: record.data.clone(),
    }));
    for table in &mut tables {
        table.count()?;
    }
    side_by_side(&tables, |table| {
        store.replace(&names::success(&table.name), b"")?;
        fail::point("success.written");
        Ok(())
    })?;
    store.settle()?;
    let number = base.map_or(0, |base| base.number) + 1;
    let manifest = Manifest {
        version: MANIFEST_VERSION,
        written_by: concat!("lakeseed ", env!("CARGO_PKG_VERSION")).to_owned(),
        run_id: Manifest::run_id(number, &all),
        number,
        data_id: first.data_id.clone(),
        plans: all,
        format: first.format.clone(),
        compression: first.compression.clone(),
        tables,
        beside,
    };
    fail::point("manifest.next");
    let name = names::manifest(number);
    if store.put_new(&name, &manifest.to_json()?)? == PutNew::Taken {
        return Err(Error::OtherPlan {
            address: store.address(),
            expected: format!("`{name}` to be free"),
            found: "another run's manifest of that name".to_owned(),
        });
    }
    fail::point("manifest.written");
    Ok(manifest)
}

/// The parts of a table; where nobody knew their rows in advance, each begins where the one before it
/// ends.
fn numbered(table: &TableRecord, parts: impl Iterator<Item = ManifestPart>) -> Vec<ManifestPart> {
    let mut parts: Vec<_> = parts.collect();
    if table.parts.iter().any(|part| part.rows.is_none()) {
        let mut next = 0;
        for part in &mut parts {
            part.first_row = next;
            next += part.rows;
        }
    }
    parts
}

/// Refuses to call an output whole that is not: every part of the plan is proven, or its table's
/// rows were there before.
fn ensure_whole(
    store: &dyn Store,
    record: &PlanRecord,
    proven: &Proven,
    base: Option<&Manifest>,
) -> Result<()> {
    let carried = match (base, record.mode) {
        (Some(base), Mode::Append) => append::carried(store, base, record)?,
        _ => BTreeSet::new(),
    };
    for (table, number, part) in record.parts() {
        let found = proven.get(&(table, number));
        let is_as_planned = found.is_some_and(|found| part.is_made_as(found));
        if !(is_as_planned || (found.is_none() && carried.contains(&table))) {
            return Err(Error::Promise {
                table: record.tables[table].name.clone(),
                expected: format!("{} to be finished and recorded", part.path),
                found: "no such record".to_owned(),
            });
        }
    }
    Ok(())
}

/// Removes what only the way to a finished output needed, and what a later state has replaced. The
/// caller has the claims of the plans `own`, which are part of it, and gives them back.
pub(super) fn tidy(store: &dyn Store, manifest: &Manifest, own: &[&PlanRecord]) -> Result<()> {
    let names = way(store)?;
    for number in numbers(&names) {
        if number < manifest.number
            && let Some(json) = store.get(&names::manifest(number))?
            && let Ok(old) = Manifest::from_json(&json)
        {
            remove_state(store, &old, manifest)?;
        }
    }
    let mut going = Vec::new();
    for plan in &manifest.plans {
        let is_own = own.iter().any(|own| own.plan_id == plan.id);
        // A plan that is being made anew is none of the past.
        if is_own || plan_record(store, &plan.id)?.is_none_or(|plan| plan.base < manifest.number) {
            let claim = is_own.then(|| names::claim(&plan.id, Shard::WHOLE));
            going.extend(way_of(store, &names, &plan.id, claim.as_deref())?);
        }
    }
    going.extend(names.into_iter().filter(|name| {
        // What somebody else is just beginning with stays.
        let is_others = [names::PLANS, names::STATUS, names::SHARDS, names::CLAIMS]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        // Of a process that was killed while it proved what it may do.
        let is_check = name.starts_with(names::CHECKS);
        is_check || (is_unfinished(name) && !is_others)
    }));
    store.remove_all(&going)?;
    fail::point("way.removed");
    store.settle()
}

pub(super) fn plan_record(store: &dyn Store, id: &str) -> Result<Option<PlanRecord>> {
    let json = store.get(&names::plan(id))?;
    Ok(json.and_then(|json| PlanRecord::from_json(&json).ok()))
}

/// The names of our own files.
fn way(store: &dyn Store) -> Result<Vec<String>> {
    let found = store.list(OWN, usize::MAX)?.into_iter();
    Ok(found.map(|found| found.name).collect())
}

/// Removes a state that `now` has replaced: files that are not part of `now` or beside it, then its
/// manifest.
fn remove_state(store: &dyn Store, old: &Manifest, now: &Manifest) -> Result<()> {
    let kept: BTreeSet<&str> = now.parts().map(|part| part.path.as_str()).collect();
    for part in old.parts() {
        if !kept.contains(part.path.as_str()) {
            store.remove(PartPath::parse(&part.path)?.as_str())?;
            fail::point("replaced.removed");
        }
    }
    for table in &old.tables {
        if !now.tables.iter().any(|kept| kept.name == table.name) {
            store.remove(&names::success(&table.name))?;
        }
    }
    // A folder belongs to whoever keeps it.
    let files = old.beside.iter().filter(|name| !name.ends_with('/'));
    for file in files.filter(|name| !now.beside.contains(name)) {
        store.remove(file)?;
    }
    for plan in &old.plans {
        if !now.has_plan(&plan.id) {
            // A plan whose end was interrupted has left its way too. One that is begun anew is none
            // of the past.
            if plan_record(store, &plan.id)?.is_some_and(|record| record.base >= now.number) {
                continue;
            }
            remove_way(store, &plan.id)?;
            store.remove(&names::report(&plan.id, Shard::WHOLE))?;
            store.remove(&names::plan(&plan.id))?;
        }
    }
    store.settle()?;
    store.remove(&names::manifest(old.number))?;
    fail::point("replaced.forgotten");
    Ok(())
}

/// Removes all that a plan has written, but what is part of a finished state; its record last, so
/// that an interrupted removal can go on.
pub(super) fn remove_plan(
    store: &dyn Store,
    record: &PlanRecord,
    finished: Option<&Manifest>,
) -> Result<()> {
    let kept: BTreeSet<&str> = finished
        .iter()
        .flat_map(|manifest| manifest.parts())
        .map(|part| part.path.as_str())
        .collect();
    let mut paths = record.paths()?;
    store.discard(&paths)?;
    fail::point("withdrawn.discarded");
    paths.retain(|path| !kept.contains(path.as_str()));
    let sizes = store.finished(&paths)?;
    for (path, size) in paths.iter().zip(sizes) {
        if size.is_some() {
            store.remove(path.as_str())?;
            fail::point("withdrawn.removed");
        }
    }
    for table in &record.tables {
        let is_kept = finished
            .is_some_and(|manifest| manifest.tables.iter().any(|kept| kept.name == table.name));
        if !is_kept {
            store.remove(&names::success(&table.name))?;
        }
    }
    store.settle()?;
    remove_way(store, &record.plan_id)?;
    store.remove(&names::plan(&record.plan_id))?;
    store.settle()
}

/// Takes everything back that a plan has written, unless it has become an output after all, or
/// somebody else goes on with it.
pub(super) fn withdraw(store: &dyn Store, record: &PlanRecord) -> Result<()> {
    // Data files go only where it is known that no manifest speaks of them.
    let finished = latest(store)?;
    let is_finished = finished.as_ref().is_some_and(|manifest| {
        manifest.number > record.base && manifest.has_plan(&record.plan_id)
    });
    if is_finished {
        return Ok(());
    }
    remove_plan(store, record, finished.as_ref())
}

/// Removes what was only on the way of a plan.
fn remove_way(store: &dyn Store, id: &str) -> Result<()> {
    let going = way_of(store, &way(store)?, id, None)?;
    store.remove_all(&going)
}

/// Which of these names are journals, shards' records and signs of life of a plan, and what was on the
/// way to any of them. Claims of the dead go at once; `own` is the caller's.
fn way_of(store: &dyn Store, names: &[String], id: &str, own: Option<&str>) -> Result<Vec<String>> {
    let mut going = Vec::new();
    for name in names {
        let Some(kind) = names::kind_of(name, id) else {
            continue;
        };
        fail::point("way.next");
        match kind {
            names::Kind::Plan => {}
            // Whoever holds it removes it; a dead one's is free.
            names::Kind::Lock => {
                if let Lock::Held(_held) = store.lock(name)? {
                    store.remove(name)?;
                }
            }
            names::Kind::Claim if own == Some(name.as_str()) => {}
            names::Kind::Claim => claim::remove_dead(store, name)?,
            names::Kind::Other => going.push(name.clone()),
        }
    }
    Ok(going)
}
