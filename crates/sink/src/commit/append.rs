//! Rows that are added to a finished output.

use std::collections::BTreeSet;
use std::ops::Range;

use super::records::{PlanRecord, TableRecord};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, ManifestTable};
use crate::store::Store;

/// The tables of a plan whose rows the output has already, all of them.
///
/// # Errors
/// [`Error::OtherPlan`] when the plan's data, format or columns are not those of the output, or a
/// table's rows are there in part.
pub(super) fn carried(
    store: &dyn Store,
    base: &Manifest,
    record: &PlanRecord,
) -> Result<BTreeSet<usize>> {
    let refused = |expected: String, found: String| Error::OtherPlan {
        address: store.address(),
        expected,
        found,
    };
    let same = [
        ("data", &base.data_id, &record.data_id),
        ("format", &base.format, &record.format),
        ("compression", &base.compression, &record.compression),
    ];
    for (what, there, asked) in same {
        if there != asked {
            return Err(refused(
                format!("{what} {asked} to append to"),
                there.clone(),
            ));
        }
    }
    let mut carried = BTreeSet::new();
    for (at, table) in record.tables.iter().enumerate() {
        let Some(there) = base.tables.iter().find(|there| there.name == table.name) else {
            continue;
        };
        if there.columns != table.columns || there.partition_columns != table.partition_columns {
            return Err(refused(
                format!("table {} with the same columns", table.name),
                "other columns or partitions".to_owned(),
            ));
        }
        let there = covered(there);
        let asked = asked(table);
        let is_inside = |part: &Range<u64>| {
            there
                .iter()
                .any(|range| range.start <= part.start && part.end <= range.end)
        };
        let touches = |part: &Range<u64>| {
            there
                .iter()
                .any(|range| range.start < part.end && part.start < range.end)
        };
        if asked.iter().all(is_inside) {
            carried.insert(at);
        } else if let Some(part) = asked.iter().find(|part| touches(part)) {
            return Err(refused(
                format!("rows of {} that are not there yet", table.name),
                format!("some of the rows {}..{}", part.start, part.end),
            ));
        }
    }
    Ok(carried)
}

/// The rows that a table has, joined where they follow one another.
fn covered(table: &ManifestTable) -> Vec<Range<u64>> {
    let parts = table.parts.iter();
    joined(parts.map(|part| part.first_row..part.first_row.saturating_add(part.rows)))
}

/// The rows that a plan has of a table.
fn asked(table: &TableRecord) -> Vec<Range<u64>> {
    let parts = table.parts.iter().filter_map(|part| part.rows);
    joined(parts.map(|part| part.first_row..part.first_row.saturating_add(part.rows)))
}

fn joined(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut ranges: Vec<_> = ranges.filter(|range| !range.is_empty()).collect();
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}
