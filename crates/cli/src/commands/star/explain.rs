//! `--explain`: how each table would be made.

use std::fmt::Write;

use anyhow::Result;
use lakeseed_budget::Budget;
use lakeseed_star_schema::{Fate, Settings, Star};
use serde::Serialize;

use crate::args;
use crate::report;

/// A table, for programs.
#[derive(Serialize)]
struct Explained {
    table: String,
    /// kept, extended, or made anew.
    fate: String,
    /// Why it is made anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    keys: Vec<String>,
    strategy: String,
    reason: String,
    source_rows: u64,
    rows: u64,
    groups: u64,
    units: usize,
    spill_bytes: u64,
    carried_as_text: Vec<String>,
}

pub(super) fn show(
    args: &args::Star,
    star: &Star,
    settings: &Settings,
    budget: &Budget,
) -> Result<()> {
    let tables: Vec<Explained> = star
        .choices()
        .map(|(table, choice)| Explained {
            table: table.to_owned(),
            fate: star
                .fate(table)
                .map_or_else(String::new, ToString::to_string),
            why: match star.fate(table) {
                Some(Fate::Anew { why }) => Some(why.clone()),
                _ => None,
            },
            keys: star.keys(table),
            strategy: choice.strategy.to_string(),
            reason: choice.reason.clone(),
            source_rows: choice.source_rows,
            rows: choice.rows,
            groups: choice.groups,
            units: choice.units,
            spill_bytes: choice.spill.get(),
            carried_as_text: choice.as_text.clone(),
        })
        .collect();
    if args.json {
        return report::json(&tables);
    }
    let mut text = star.explain(settings, budget);
    let _ = writeln!(text, "nothing was written");
    report::print(&text)
}
