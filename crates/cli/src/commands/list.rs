//! `lakeseed list`: what there is.

use std::fmt::Write;

use anyhow::Result;
use lakeseed_gen_core::{Dataset, DatasetInfo, Settings, datasets, find};
use serde::Serialize;

use crate::args::List;
use crate::report::{self, Align, Grid, units};

pub(super) fn run(args: &List) -> Result<()> {
    let infos = match &args.dataset {
        Some(name) => vec![find(name)?],
        None => datasets().to_vec(),
    };
    let listed = infos
        .into_iter()
        .map(DatasetEntry::new)
        .collect::<Result<Vec<_>>>()?;
    if args.json {
        return report::json(&listed);
    }
    let mut text: String = listed.iter().map(DatasetEntry::text).collect();
    if let Some(first) = listed.first() {
        let name = first.name;
        let _ = writeln!(text, "try: lakeseed generate {name} -s 0.01");
        let _ = writeln!(text, "     lakeseed schema {name}");
    }
    report::print(&text)
}

#[derive(Debug, Serialize)]
struct DatasetEntry {
    name: &'static str,
    about: &'static str,
    data_version: u32,
    has_window: bool,
    tables: Vec<TableEntry>,
    counts: Vec<CountEntry>,
    replaceable: Vec<ReplaceableEntry>,
    parameters: Vec<ParameterEntry>,
}

#[derive(Debug, Serialize)]
struct TableEntry {
    name: String,
    about: String,
    /// At scale 1, in the default window.
    rows: u64,
    columns: usize,
    /// Whether `--rows` can set its count.
    root: bool,
}

/// What `--rows` can set and is no table: what rows are made from.
#[derive(Debug, Serialize)]
struct CountEntry {
    name: &'static str,
    /// At scale 1.
    count: u64,
}

/// A table that `--use` can put the user's own rows in the place of.
#[derive(Debug, Serialize)]
struct ReplaceableEntry {
    table: &'static str,
    columns: Vec<WantedEntry>,
}

/// A column that others' rows follow from.
#[derive(Debug, Serialize)]
struct WantedEntry {
    name: &'static str,
    required: bool,
}

#[derive(Debug, Serialize)]
struct ParameterEntry {
    name: &'static str,
    about: &'static str,
    takes: String,
    default: &'static str,
}

impl DatasetEntry {
    fn new(info: &'static DatasetInfo) -> Result<Self> {
        let dataset: Dataset = info.dataset(&Settings::new())?;
        let tables = dataset.tables().iter().map(|table| TableEntry {
            name: table.name().to_owned(),
            about: table.about().to_owned(),
            rows: table.row_count(),
            columns: table.schema().fields().len(),
            root: info.roots.iter().any(|root| root.table == table.name()),
        });
        let counts = dataset.root_rows().iter();
        let counts = counts.filter(|(name, _)| info.tables.iter().all(|table| table.0 != **name));
        let parameters = info.parameters.iter().map(|parameter| ParameterEntry {
            name: parameter.name,
            about: parameter.about,
            takes: parameter.kind.to_string(),
            default: parameter.default,
        });
        Ok(Self {
            name: info.name,
            about: info.about,
            data_version: info.data_version,
            has_window: info.has_window,
            tables: tables.collect(),
            counts: counts
                .map(|(name, count)| CountEntry {
                    name,
                    count: *count,
                })
                .collect(),
            replaceable: info
                .replaceable
                .iter()
                .map(|at| ReplaceableEntry {
                    table: at.table,
                    columns: at
                        .columns
                        .iter()
                        .map(|column| WantedEntry {
                            name: column.name,
                            required: column.missing.is_none(),
                        })
                        .collect(),
                })
                .collect(),
            parameters: parameters.collect(),
        })
    }

    fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.name, self.about);
        let mut tables = Grid::new([
            ("table", Align::Left),
            ("rows at scale 1", Align::Right),
            ("columns", Align::Right),
            ("what a row is", Align::Left),
        ]);
        for table in &self.tables {
            let name = if table.root {
                format!("{} *", table.name)
            } else {
                table.name.clone()
            };
            let rows = units::grouped(table.rows);
            tables.row([name, rows, table.columns.to_string(), table.about.clone()]);
        }
        text.push_str(&tables.text("  "));
        let roots: Vec<&TableEntry> = self.tables.iter().filter(|table| table.root).collect();
        if let Some(root) = roots.last() {
            let _ = writeln!(
                text,
                "  * its count can be set: --rows {}={}",
                root.name, root.rows
            );
        }
        for CountEntry { name, count } in &self.counts {
            let _ = writeln!(
                text,
                "  --rows {name}={count} sets how many {name} there are"
            );
        }
        for ReplaceableEntry { table, columns } in &self.replaceable {
            let required = columns.iter().filter(|column| column.required);
            let required: Vec<&str> = required.map(|column| column.name).collect();
            let _ = writeln!(
                text,
                "  --use {table}=PLACE takes rows of your own, with {} at least",
                required.join(" and ")
            );
        }
        if self.has_window {
            text.push_str("  --start 2023-01-01 --end 2023-12-31 choose the days\n");
        }
        if !self.parameters.is_empty() {
            let mut parameters = Grid::new([
                ("parameter", Align::Left),
                ("", Align::Left),
                ("", Align::Left),
            ]);
            for parameter in &self.parameters {
                let takes = format!("{}; default {}", parameter.takes, parameter.default);
                parameters.row([
                    format!("--{}", parameter.name),
                    parameter.about.to_owned(),
                    format!("({takes})"),
                ]);
            }
            text.push_str(&parameters.body("  "));
        }
        text.push('\n');
        text
    }
}
