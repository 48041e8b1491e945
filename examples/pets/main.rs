//! A dataset of one's own in a dozen lines, written as Parquet and as JSON.
//!
//! `cargo run --example pets`

use lakeseed_gen_core::Table;
use lakeseed_gen_core::column::{distribution, foreign_key, parent, sequence, weighted};
use lakeseed_sink::{Json, Output, Parquet};

fn main() -> anyhow::Result<()> {
    let owners = Table::builder("owners", 20_000)
        .column("owner_id", sequence(1).key())
        .column(
            "city",
            weighted([
                ("Porto da Aurora", 6),
                ("Vila do Luar", 3),
                ("Serra da Prata", 1),
            ]),
        )
        .build()?;
    let pets = Table::builder("pets", 100_000)
        .column("pet_id", sequence(1).key())
        .column("name", weighted([("Rex", 5), ("Mia", 3), ("Bidu", 1)]))
        .column(
            "weight_kg",
            distribution(rand_distr::LogNormal::new(2.3, 0.4)?),
        )
        .column("owner_id", foreign_key(&owners).zipf(1.1))
        .column("owner_city", parent("owner_id", "city"))
        .build()?;

    let folder = std::env::temp_dir().join(format!("lakeseed-pets-{}", std::process::id()));
    for (name, format) in [("parquet", Parquet::zstd(1)), ("json", Json::plain())] {
        let mut out = Output::create(folder.join(name)).format(format).open()?;
        for table in [&owners, &pets] {
            out.write(table.name(), table.row_count(), |rows| {
                table.rows(rows).reader()
            })?;
        }
        let report = out.commit()?;
        say(&format!(
            "{name}: {} rows, {} bytes",
            report.rows(),
            report.bytes()
        ));
    }
    // Any row at once, without the rows before it.
    let one = pets.rows(99_999..100_000).batch()?;
    say(&format!("the last pet: {:?}", one.column(1)));
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn say(line: &str) {
    println!("{line}");
}
