//! Queries over generated tables, measured: rows that were made a second, as a Markdown table.
//!
//! Usage: `query_table [THREADS [SCALE]]`: two threads and scale 3 unless told otherwise; built with
//! `--features star`. Each query runs three times, and the fastest counts.

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

use lakeseed_gen_core::{Dataset, Settings};
use lakeseed_star_schema::Stop;
use lakeseed_star_schema::query::{Queries, QuerySettings};

const QUERIES: [&str; 9] = [
    "SELECT sum(item_count) FROM retail.invoices",
    "SELECT sum(net_total) FROM retail.invoices",
    "SELECT state, count(*), sum(item_count) FROM retail.invoices GROUP BY state",
    "SELECT year, month, sum(item_count) FROM retail.invoices GROUP BY year, month",
    "SELECT customer_id, count(*) AS n FROM retail.invoices GROUP BY customer_id ORDER BY n DESC LIMIT 10",
    "SELECT s.region, count(*) FROM retail.invoices i JOIN retail.sellers s ON i.seller_id = s.seller_id GROUP BY s.region",
    "SELECT invoice_id, net_total FROM retail.invoices WHERE item_count > 9",
    "SELECT sum(quantity) FROM retail.invoice_items",
    "SELECT sum(customer_id) FROM retail.invoices WHERE issued_at::date = '2023-03-05'",
];

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() -> Result<(), Box<dyn Error>> {
    lakeseed_benches::as_the_binary();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let threads = arguments.first().map_or(Ok(2), |text| text.parse())?;
    let scale = arguments.get(1).map_or(Ok(3.0), |text| text.parse())?;
    let mut queries = Queries::new(&QuerySettings {
        threads,
        ..QuerySettings::default()
    })?;
    queries.register(
        "retail",
        &Dataset::new("retail", &Settings::new().scale(scale))?,
    )?;
    println!("{threads} threads, scale {scale}\n");
    println!("| query | rows made | rows | seconds | million rows/s | engine, MiB |");
    println!("|---|---:|---:|---:|---:|---:|");
    for sql in QUERIES {
        let query = queries.prepare(sql)?;
        let mut best: Option<(f64, _)> = None;
        for _ in 0..3 {
            let started = Instant::now();
            let report = query.run(&Stop::new(), |_| ControlFlow::Continue(()))?;
            let seconds = started.elapsed().as_secs_f64();
            if best.as_ref().is_none_or(|(fastest, _)| seconds < *fastest) {
                best = Some((seconds, report));
            }
        }
        let Some((seconds, report)) = best else {
            continue;
        };
        let made = report.rows_read.values().sum::<u64>();
        println!(
            "| `{sql}` | {made} | {} | {seconds:.3} | {:.1} | {} |",
            report.rows,
            made as f64 / seconds / 1e6,
            report.memory_peak.get() >> 20
        );
    }
    Ok(())
}
