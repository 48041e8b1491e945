//! Proves a pipeline right: what it makes of the files against what the generator knows.
//!
//! The pipeline here is the usual one: read CSV files, take the month from a timestamp, sum money
//! by it. The truth takes another way: the generator's own columns, never the files.
//!
//! `cargo run --example known_answer`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type};
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Settings, Table};
use lakeseed_sink::{Csv, Output};

/// Net revenue in cents by month.
type Revenue = BTreeMap<u32, i128>;

fn main() -> anyhow::Result<()> {
    let retail = Retail::new(&Settings::new().scale(0.01))?;
    let invoices = retail.invoices();
    let folder = std::env::temp_dir().join(format!("lakeseed-known-{}", std::process::id()));
    let mut out = Output::create(&folder).format(Csv::plain()).open()?;
    out.write("invoices", invoices.row_count(), |rows| {
        invoices.rows(rows).reader()
    })?;
    out.commit()?;

    let found = pipeline(&folder.join("invoices"))?;
    let expected = truth(invoices)?;
    ensure!(
        found == expected,
        "the pipeline gives {found:?}, the truth is {expected:?}"
    );
    say(&format!("{} months agree to the cent", found.len()));
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The pipeline under test: knows nothing of the generator.
fn pipeline(folder: &Path) -> anyhow::Result<Revenue> {
    let mut revenue = Revenue::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "csv") {
            continue;
        }
        let mut reader = csv::Reader::from_path(&path)?;
        let header = reader.headers()?.clone();
        let column = |name| {
            header
                .iter()
                .position(|column| column == name)
                .context("a column")
        };
        let (issued_at, net_total) = (column("issued_at")?, column("net_total")?);
        for row in reader.records() {
            let row = row?;
            let month: u32 = row[issued_at].get(5..7).context("a month")?.parse()?;
            let cents: i128 = row[net_total].replace('.', "").parse()?;
            *revenue.entry(month).or_default() += cents;
        }
    }
    Ok(revenue)
}

/// What the generator knows, read from its columns.
fn truth(invoices: &Table) -> anyhow::Result<Revenue> {
    let mut revenue = Revenue::new();
    for batch in invoices
        .all_rows()
        .columns(["month", "net_total"])?
        .reader()?
    {
        let batch = batch?;
        let months = batch.column(0).as_primitive::<Int32Type>().values();
        let totals = batch.column(1).as_primitive::<Decimal128Type>().values();
        for (month, total) in months.iter().zip(totals) {
            *revenue.entry(u32::try_from(*month)?).or_default() += total;
        }
    }
    Ok(revenue)
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn say(line: &str) {
    println!("{line}");
}
