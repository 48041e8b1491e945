//! `lakeseed peek`: one row, its parents, and where its values come from.

mod value;

use std::fmt::Write;

use anyhow::Result;
use lakeseed_gen_core::{Dataset, Table, hints};
use serde::Serialize;

use self::value::{Row, row};
use crate::args::Peek;
use crate::error::{self, Failure};
use crate::log::Log;
use crate::lower::{self, OwnRows, Selection};
use crate::report::{self, Align, Grid, units};

pub(super) fn run(args: &Peek) -> Result<()> {
    let own = OwnRows::read(
        &args.own,
        lower::own::Means {
            remote: &args.remote,
            log: &Log::none(),
            memory: None,
        },
    )?;
    own.refuse_rest(&args.remote)?;
    let selection = lower::select(&args.source, &own)?;
    let table = one_table(&selection)?;
    let peeked = Peeked::new(&selection.dataset, table, args.row, args.source.seed)?;
    if args.json {
        report::json(&peeked)
    } else {
        report::print(&peeked.text())
    }
}

fn one_table(selection: &Selection) -> Result<&Table> {
    if let [one] = selection.tables.as_slice() {
        return Ok(one);
    }
    let names: Vec<&str> = selection.tables.iter().map(Table::name).collect();
    let advice = format!("choose {}", error::list(&names));
    let got = format!("'{}'", selection.target);
    Err(Failure::usage("one table, as DATASET.TABLE", got, &advice).into())
}

#[derive(Debug, Serialize)]
struct Peeked {
    dataset: &'static str,
    table: String,
    row_number: u64,
    row: Row,
    /// The rows that its foreign keys point to, and those that theirs point to.
    parents: Vec<Parent>,
    origin: Origin,
}

#[derive(Debug, Serialize)]
struct Parent {
    table: String,
    row_number: u64,
    /// `invoices.customer_id`: the foreign key that led here.
    by: String,
    row: Row,
}

/// What fixes the values: the same words give the same row anywhere.
#[derive(Debug, Serialize)]
struct Origin {
    data_id: String,
    data_version: u32,
    seed: u64,
    table: String,
    row_number: u64,
    /// The first row and the one past the last.
    rows: (u64, u64),
    /// The streams are named, one a column: dataset, table, column.
    streams: Vec<String>,
}

impl Peeked {
    fn new(dataset: &Dataset, table: &Table, number: u64, seed: u64) -> Result<Self> {
        let name = dataset.info().name;
        let own = row(table, number)?;
        let parents = parents(dataset, table, number, &own)?;
        let rows = table.row_range();
        let fields = table.schema().fields();
        let stream = |column: &str| format!("{name}/{}/{column}", table.name());
        let origin = Origin {
            data_id: dataset.id().to_owned(),
            data_version: dataset.info().data_version,
            seed,
            table: table.name().to_owned(),
            row_number: number,
            rows: (rows.start, rows.end),
            streams: fields.iter().map(|field| stream(field.name())).collect(),
        };
        let table = table.name().to_owned();
        Ok(Self {
            dataset: name,
            table,
            row_number: number,
            row: own,
            parents,
            origin,
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        section(
            &mut text,
            &format!("{}.{}", self.dataset, self.table),
            self.row_number,
            &self.row,
        );
        for parent in &self.parents {
            text.push('\n');
            let title = format!("{}.{} by {}", self.dataset, parent.table, parent.by);
            section(&mut text, &title, parent.row_number, &parent.row);
        }
        let origin = &self.origin;
        let (first, end) = origin.rows;
        let streams = match origin.streams.as_slice() {
            [first, .., last] => format!("{first} to {last}, one a column"),
            all => all.join(", "),
        };
        let _ = write!(
            text,
            "\nwhere the values come from\n  data id  {}\n  streams  {streams}\n  \
             row      {} of {first}..{end}\n",
            origin.data_id, origin.row_number,
        );
        text
    }
}

fn section(text: &mut String, title: &str, number: u64, row: &Row) {
    let _ = writeln!(text, "{title}, row {}", units::grouped(number));
    let mut grid = Grid::new([("", Align::Left), ("", Align::Left)]);
    for (name, cell) in row.cells() {
        grid.row([name.clone(), cell.to_string()]);
    }
    text.push_str(&grid.body("  "));
}

/// Follows foreign keys breadth first, each parent row once.
fn parents(dataset: &Dataset, table: &Table, number: u64, own: &Row) -> Result<Vec<Parent>> {
    let mut found: Vec<Parent> = Vec::new();
    let mut open = vec![(table.clone(), own.clone())];
    let mut seen = vec![(table.name().to_owned(), number)];
    while !open.is_empty() {
        let mut next = Vec::new();
        for (child, child_row) in &open {
            for field in child.schema().fields() {
                let Some(reference) = hints::of(field, hints::PARENT) else {
                    continue;
                };
                let parent_name = reference
                    .split_once('.')
                    .map_or(reference, |(name, _)| name);
                let Some(key) = child_row.integer(field.name()) else {
                    continue;
                };
                let parent = dataset.table(parent_name)?;
                let Some(at) = parent.row_of_key(key) else {
                    continue;
                };
                let place = (parent.name().to_owned(), at);
                if seen.contains(&place) {
                    continue;
                }
                seen.push(place);
                let row = row(parent, at)?;
                next.push((parent.clone(), row.clone()));
                found.push(Parent {
                    table: parent.name().to_owned(),
                    row_number: at,
                    by: format!("{}.{}", child.name(), field.name()),
                    row,
                });
            }
        }
        open = next;
    }
    Ok(found)
}
