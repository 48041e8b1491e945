//! What concerns no single part: the manifest's own sums, and files that it does not name.

use std::collections::HashSet;

use super::findings::{Finding, FindingKind, clip};
use crate::commit::{OWN, SUCCESS, manifest_name};
use crate::manifest::{Manifest, ManifestPart, ManifestTable};
use crate::path::is_beside;
use crate::store::{Found, is_unfinished};

/// How many files that are none of the output are named.
const MOST_STRANGERS: usize = 100;
/// What names of manifests begin with, after the folder.
const MANIFEST: &str = "manifest-";

/// A table's sums, and the order of its parts.
pub(super) fn table(table: &ManifestTable) -> Vec<Finding> {
    let mut findings = Vec::new();
    let sum =
        |of: fn(&ManifestPart) -> u64| table.parts.iter().map(|part| u128::from(of(part))).sum();
    let sums: [(&str, u64, u128); 2] = [
        ("rows", table.rows, sum(|part| part.rows)),
        ("bytes", table.bytes, sum(|part| part.bytes)),
    ];
    for (what, named, summed) in sums {
        if u128::from(named) != summed {
            findings.push(Finding::new(
                FindingKind::Sums,
                &table.name,
                format!("{summed} {what}, the sum of the parts"),
                format!("{named} {what}"),
            ));
        }
    }
    let mut paths = HashSet::new();
    for part in &table.parts {
        if !paths.insert(part.path.as_str()) {
            let finding = Finding::new(
                FindingKind::Path,
                &table.name,
                "one part",
                "two of this path",
            );
            findings.push(finding.part(&part.path));
        }
    }
    let mut before: Option<&ManifestPart> = None;
    for part in &table.parts {
        if let Some(before) = before {
            findings.extend(seam(table, before, part));
        }
        before = Some(part);
    }
    findings
}

/// What is wrong between a part and the next.
fn seam(table: &ManifestTable, before: &ManifestPart, part: &ManifestPart) -> Option<Finding> {
    let end = u128::from(before.first_row) + u128::from(before.rows);
    let start = u128::from(part.first_row);
    let what = if start < end {
        FindingKind::Overlap
    } else if start > end && plan_of(before) == plan_of(part) {
        FindingKind::Gap
    } else {
        // Rows that were appended may lie anywhere behind.
        return None;
    };
    let finding = Finding::new(
        what,
        &table.name,
        format!("rows from {end} on"),
        format!("rows from {start} on"),
    );
    Some(finding.part(&part.path).row(part.first_row))
}

/// The plan that a part's name carries: `part-00000-PLAN.parquet`.
fn plan_of(part: &ManifestPart) -> &str {
    let file = part.path.rsplit('/').next().unwrap_or_default();
    let plan = file.splitn(3, '-').nth(2).unwrap_or_default();
    plan.split('.').next().unwrap_or_default()
}

/// Marks that are missing, and files that are none of the output's.
pub(super) fn store(manifest: &Manifest, listed: &[Found]) -> Vec<Finding> {
    let mut named: HashSet<String> = manifest.parts().map(|part| part.path.clone()).collect();
    named.insert(manifest_name(manifest.number));
    let mut findings = Vec::new();
    let there: HashSet<&str> = listed.iter().map(|found| found.name.as_str()).collect();
    for table in &manifest.tables {
        let mark = format!("{}/{SUCCESS}", table.name);
        if !there.contains(mark.as_str()) {
            findings.push(Finding::new(
                FindingKind::NoMark,
                &table.name,
                &mark,
                "no file",
            ));
        }
        named.insert(mark);
    }
    let is_unnamed = |found: &&Found| {
        let name = &found.name;
        !named.contains(name) && !is_record(name) && !is_beside(&manifest.beside, name)
    };
    let unnamed = listed.iter().filter(is_unnamed);
    for found in unnamed.clone().take(MOST_STRANGERS) {
        findings.push(stranger(found, manifest));
    }
    let more = unnamed.count().saturating_sub(MOST_STRANGERS);
    if more > 0 {
        let found = format!("{more} more files");
        findings.push(Finding::new(
            FindingKind::Stranger,
            "",
            "no other files",
            found,
        ));
    }
    findings
}

/// A record of our own that may stay beside a manifest: plans, journals, signs of life.
fn is_record(name: &str) -> bool {
    let own = name.strip_prefix(OWN);
    own.is_some_and(|own| !own.starts_with(MANIFEST) && !is_unfinished(name))
}

fn stranger(found: &Found, manifest: &Manifest) -> Finding {
    let name = &found.name;
    let file = name.rsplit('/').next().unwrap_or_default();
    let is_left = name.starts_with(OWN) || is_unfinished(name) || file == SUCCESS;
    let what = if is_left {
        FindingKind::Leftover
    } else {
        FindingKind::Stranger
    };
    let folder = name.split('/').next().unwrap_or_default();
    let table = manifest.tables.iter().find(|table| table.name == folder);
    let table = table.map_or("", |table| table.name.as_str());
    let size = format!("{} bytes", found.bytes);
    Finding::new(what, table, "no such file", size).part(&clip(name))
}
