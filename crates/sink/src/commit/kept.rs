//! What of a finished output is part of the next one: nothing, all of it, or the parts that a plan names.

use std::collections::BTreeSet;

use super::records::{Mode, PlanRecord};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, ManifestPlan, ManifestTable};

/// The plans and tables of an output with those that are added to what stays of another.
///
/// # Errors
/// [`Error::Promise`] where a part that is to stay is not there, or is of other columns.
pub(super) fn merged(
    base: Option<&Manifest>,
    record: &PlanRecord,
    added: Vec<ManifestTable>,
) -> Result<(Vec<ManifestPlan>, Vec<ManifestTable>)> {
    match (base, record.mode) {
        (Some(base), Mode::Append) => Ok((base.plans.clone(), appended(base, added))),
        (Some(base), Mode::Extend) => extended(base, record, added),
        (_, Mode::New | Mode::Overwrite) | (None, _) => Ok((Vec::new(), added)),
    }
}

/// All of the output stays.
fn appended(base: &Manifest, added: Vec<ManifestTable>) -> Vec<ManifestTable> {
    let mut tables = base.tables.clone();
    for table in added {
        match tables.iter_mut().find(|there| there.name == table.name) {
            Some(there) => there.parts.extend(table.parts),
            None => tables.push(table),
        }
    }
    tables
}

/// Of each table the parts that the plan names stay, before those that are added.
fn extended(
    base: &Manifest,
    record: &PlanRecord,
    mut added: Vec<ManifestTable>,
) -> Result<(Vec<ManifestPlan>, Vec<ManifestTable>)> {
    let mut stay = BTreeSet::new();
    for (table, said) in added.iter_mut().zip(&record.tables) {
        let there = base.tables.iter().find(|there| there.name == table.name);
        let promise = |expected: String, found: &str| Error::Promise {
            table: table.name.clone(),
            expected,
            found: found.to_owned(),
        };
        if let Some(there) = there
            && there.columns != table.columns
            && !said.kept.is_empty()
        {
            let expected = "the columns of the parts that stay".to_owned();
            return Err(promise(expected, "other columns"));
        }
        let mut parts = Vec::with_capacity(said.kept.len() + table.parts.len());
        for path in &said.kept {
            let mut known = there.into_iter().flat_map(|there| &there.parts);
            let part = known.find(|part| part.path == *path);
            let part = part.ok_or_else(|| promise(format!("{path} to stay"), "no such part"))?;
            stay.insert(part.path.as_str());
            parts.push(part.clone());
        }
        parts.append(&mut table.parts);
        // Rows of units are counted when all are there.
        let mut next = 0;
        for part in &mut parts {
            part.first_row = next;
            next += part.rows;
        }
        table.parts = parts;
    }
    let has_made = |plan: &&ManifestPlan| {
        let of_plan = format!("-{}.", plan.id);
        stay.iter().any(|path| path.contains(&of_plan))
    };
    let plans = base.plans.iter().filter(has_made);
    // What the new plan says of its data is about all of the output.
    let plans = plans.map(|plan| ManifestPlan {
        id: plan.id.clone(),
        data: serde_json::Value::Null,
    });
    Ok((plans.collect(), added))
}
