//! Control totals of batches in memory, on one core: rows per second.
//!
//! Real tables in batches as generators hand them over, and what makes up the cost beside them: a
//! key alone, decimals alone, doubles alone.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot run should stop at once"
)]

use std::hint::black_box;

use arrow_array::RecordBatch;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lakeseed_gen_core::predictions::Predictions;
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Settings, Table};
use lakeseed_sink::Tally;

fn tally(bench: &mut Criterion, id: &str, table: &Table, columns: Option<&[&str]>) {
    // Few enough to stay in the cache, as a batch does between its maker and its encoder.
    const ROWS: u64 = 4 * 8192;
    let first = table.row_range().start + table.row_count() / 3;
    let mut scan = table.rows(first..first + ROWS);
    if let Some(columns) = columns {
        scan = scan
            .columns(columns.iter().copied())
            .expect("columns exist");
    }
    let batches: Vec<RecordBatch> = scan
        .reader()
        .expect("rows exist")
        .map(|batch| batch.expect("making rows cannot fail"))
        .collect();
    let mut tally = Tally::try_new(&batches[0].schema()).expect("types with totals");
    let mut group = bench.benchmark_group("totals");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    group.bench_function(id, |bencher| {
        bencher.iter(|| {
            for batch in &batches {
                tally.add(black_box(batch)).expect("columns of the schema");
            }
            let totals = tally.take();
            assert_eq!(totals.rows, ROWS);
            totals
        });
    });
    group.finish();
}

fn totals(bench: &mut Criterion) {
    lakeseed_benches::as_the_binary();
    let retail = Retail::new(&Settings::new()).expect("defaults are valid");
    let items = retail.invoice_items();
    tally(bench, "invoice_items/all", items, None);
    let eight = [
        "invoice_id",
        "line_number",
        "product_id",
        "quantity",
        "unit_price",
        "discount",
        "line_total",
        "issued_at",
    ];
    tally(bench, "invoice_items/eight", items, Some(&eight));
    tally(bench, "invoices/all", retail.invoices(), None);
    let mixed = [
        "invoice_id",
        "customer_id",
        "issued_at",
        "state",
        "payment_method",
        "item_count",
        "net_total",
        "status",
    ];
    tally(bench, "invoices/eight", retail.invoices(), Some(&mixed));
    tally(bench, "customers/all", retail.customers(), None);
    let money = ["discount", "line_total"];
    tally(bench, "invoice_items/decimals", items, Some(&money));
    let predictions = Predictions::new(&Settings::new()).expect("defaults are valid");
    let predictions = predictions.predictions();
    tally(bench, "predictions/all", predictions, None);
    tally(bench, "predictions/key", predictions, Some(&["id_client"]));
    let doubles = ["class_0", "class_1", "class_2", "class_3"];
    tally(bench, "predictions/doubles", predictions, Some(&doubles));
}

criterion_group!(benches, totals);
criterion_main!(benches);
