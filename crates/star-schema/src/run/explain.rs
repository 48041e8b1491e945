//! How a star is going to be made, for people.

use std::fmt::Write as _;

use lakeseed_budget::{Budget, Bytes};

use super::{OfGroups, Settings, Star, Table, Way};
use crate::Fate;
use crate::choose::{LEAST_STATE, column_name, group_bytes};
use crate::together::Together;

impl Star {
    /// How each table is going to be made, and what it costs: a few lines a table.
    ///
    /// ```text
    /// fact: scatter and gather
    ///   about 11826042 groups, and no order of the source helps
    ///   26000000 rows of answers, about 26000000 of them pass; 128 units of about 203125 rows
    ///   keys: mun_uf, mun_nome, esc_inep; about 260 MiB of temporary files
    ///   an aggregate of one unit holds about 34 MiB; 512 MiB are free for 2 workers
    /// ```
    pub fn explain(&self, settings: &Settings, budget: &Budget) -> String {
        let mut text = String::new();
        for table in &self.tables {
            let workers = format!(
                "{} are free for {} workers",
                budget.free(),
                settings.threads
            );
            let lines = match &table.way {
                Way::Groups(of) => groups(table, of, &workers),
                Way::Together(together) => buckets(table, together, &workers),
            };
            let strategy = table.choice.strategy;
            let (what, lines) = match &table.extent.fate {
                Fate::Kept => (
                    "kept".to_owned(),
                    vec!["its sources are what they were".to_owned()],
                ),
                Fate::Extended { kept, parts } => {
                    let of = format!(
                        "{} of its increments stay, {parts} new files of its sources are read",
                        kept.len()
                    );
                    let lines = std::iter::once(of).chain(lines).collect();
                    (format!("extended, {strategy}"), lines)
                }
                Fate::Anew { why } if !table.extent.gone.is_empty() => {
                    let lines = std::iter::once(format!("because {why}"))
                        .chain(lines)
                        .collect();
                    (format!("made anew, {strategy}"), lines)
                }
                Fate::Anew { .. } => (strategy.to_string(), lines),
            };
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{}: {what}", table.name);
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }
}

fn groups(table: &Table, of: &OfGroups, workers: &str) -> Vec<String> {
    let (cut, choice) = (&of.cut, &table.choice);
    let units = choice.units.max(1) as u64;
    let keys: Vec<String> = (0..cut.below.keys)
        .map(|key| column_name(cut, key))
        .collect();
    let of_unit = choice.groups.div_ceil(units);
    let state = (of_unit * Bytes::new(group_bytes(cut))).max(LEAST_STATE);
    let source = match &of.under {
        Some(rows) => rows.together.names(),
        None => cut.source.clone(),
    };
    let mut lines = vec![
        choice.reason.clone(),
        format!(
            "{} rows of {source}, about {} of them pass; {units} units of about {} rows",
            choice.source_rows,
            choice.rows,
            choice.rows.div_ceil(units),
        ),
        format!(
            "keys: {}; about {} of temporary files",
            keys.join(", "),
            choice.spill
        ),
    ];
    if !choice.as_text.is_empty() {
        let names = choice.as_text.join(", ");
        lines.push(format!("too many texts for codes: {names}"));
    }
    lines.push(format!(
        "an aggregate of one unit holds about {state}; {workers}"
    ));
    lines
}

fn buckets(table: &Table, together: &Together, workers: &str) -> Vec<String> {
    let choice = &table.choice;
    let units = choice.units.max(1) as u64;
    let of_unit = choice.source_rows.div_ceil(units);
    let held = of_unit * Bytes::new(together.row_bytes());
    vec![
        choice.reason.clone(),
        format!(
            "{} rows of {}; {units} units of about {of_unit} of them",
            choice.source_rows,
            together.names(),
        ),
        format!(
            "about {} of temporary files; {} are held by all workers together",
            choice.spill,
            Bytes::new(together.whole_bytes()),
        ),
        format!("a unit holds about {held} while it is made; {workers}"),
    ]
}
