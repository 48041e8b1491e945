//! The end of an output: names, marks, the manifest last; then what it replaces goes.

use std::collections::{BTreeMap, BTreeSet};

use super::append;
use super::names::{self, MANIFESTS, Shard};
use super::records::{Mode, PlanRecord};
use crate::error::{Error, Result};
use crate::fail;
use crate::manifest::{MANIFEST_VERSION, Manifest, ManifestPart, ManifestPlan, ManifestTable};
use crate::path::PartPath;
use crate::store::{PutNew, Store};

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
    tidy(store, &manifest)?;
    Ok(manifest)
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
        for (at, table) in record.tables.iter().enumerate() {
            let parts = proven.range((at, 0)..=(at, usize::MAX));
            tables.push(ManifestTable {
                name: table.name.clone(),
                rows: 0,
                bytes: 0,
                columns: table.columns.clone(),
                partition_columns: table.partition_columns.clone(),
                totals: None,
                parts: parts.map(|(_, part)| part.clone()).collect(),
            });
        }
    }
    for path in tables.iter().flat_map(|table| &table.parts) {
        store.publish(&PartPath::parse(&path.path)?)?;
        fail::point("publish.part");
    }
    let mut all: Vec<ManifestPlan> = Vec::new();
    if let (Some(base), Mode::Append) = (base, first.mode) {
        all.extend(base.plans.iter().cloned());
        tables = append::merged(base, tables);
    }
    all.extend(plans.iter().map(|(record, _)| ManifestPlan {
        id: record.plan_id.clone(),
        data: record.data.clone(),
    }));
    for table in &mut tables {
        table.count()?;
        store.replace(&names::success(&table.name), b"")?;
    }
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

/// Removes what only the way to a finished output needed, and what a later state has replaced.
pub(super) fn tidy(store: &dyn Store, manifest: &Manifest) -> Result<()> {
    for found in store.list(MANIFESTS, usize::MAX)? {
        if found.name < names::manifest(manifest.number)
            && let Some(json) = store.get(&found.name)?
            && let Ok(old) = Manifest::from_json(&json)
        {
            remove_state(store, &old, manifest)?;
        }
    }
    for plan in &manifest.plans {
        let name = names::plan(&plan.id);
        let Some(json) = store.get(&name)? else {
            continue;
        };
        let Ok(record) = PlanRecord::from_json(&json) else {
            continue;
        };
        // A plan that is being made anew is none of the past.
        if record.base < manifest.number {
            remove_way(store, &record)?;
        }
    }
    store.settle()
}

/// Removes a state that `now` has replaced: files that are not part of `now`, then its manifest.
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
    for plan in &old.plans {
        if !now.has_plan(&plan.id) {
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
    remove_way(store, record)?;
    store.remove(&names::plan(&record.plan_id))?;
    Ok(())
}

/// Removes journals, shards' records and signs of life of a plan.
fn remove_way(store: &dyn Store, record: &PlanRecord) -> Result<()> {
    let id = &record.plan_id;
    for index in 1..=record.shards {
        let shard = Shard::new(index, record.shards)?;
        store.remove_log(&names::journal(id, shard))?;
        for name in [names::shard(id, shard), names::status(id, shard)] {
            store.remove(&name)?;
        }
    }
    Ok(())
}
