//! Making rows, without encoding or writing them: rows per second on one core.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot run should stop at once"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lakeseed_gen_core::assessments::Assessments;
use lakeseed_gen_core::predictions::Predictions;
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Settings, Table};

/// Reads rows in the middle of a table and drops them.
fn scan(bench: &mut Criterion, id: &str, table: &Table, columns: Option<&[&str]>) {
    const ROWS: u64 = 1 << 18;
    let first = table.row_range().start + table.row_count() / 3;
    let mut group = bench.benchmark_group("generate");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    group.bench_function(id, |bencher| {
        bencher.iter(|| {
            let mut scan = table.rows(first..first + ROWS);
            if let Some(columns) = columns {
                scan = scan
                    .columns(columns.iter().copied())
                    .expect("columns exist");
            }
            let rows: usize = scan
                .reader()
                .expect("rows exist")
                .map(|batch| batch.expect("making rows cannot fail").num_rows())
                .sum();
            assert_eq!(rows as u64, ROWS);
        });
    });
    group.finish();
}

fn generate(bench: &mut Criterion) {
    lakeseed_benches::as_the_binary();
    let retail = Retail::new(&Settings::new()).expect("defaults are valid");
    let items = retail.invoice_items();
    let plain = ["invoice_id", "line_number", "quantity", "issued_at", "day"];
    scan(bench, "invoice_items/plain", items, Some(&plain));
    let with_product = [
        "invoice_id",
        "line_number",
        "quantity",
        "issued_at",
        "day",
        "product_id",
    ];
    scan(
        bench,
        "invoice_items/with_product",
        items,
        Some(&with_product),
    );
    scan(bench, "invoice_items/all", items, None);
    scan(bench, "invoices/all", retail.invoices(), None);
    scan(
        bench,
        "invoices/net_total",
        retail.invoices(),
        Some(&["net_total"]),
    );
    scan(
        bench,
        "invoices/item_count",
        retail.invoices(),
        Some(&["item_count"]),
    );
    let ten = Settings::new().scale(10.0);
    scan(
        bench,
        "customers/all",
        Retail::new(&ten).expect("valid").customers(),
        None,
    );
    for mode in ["uniform", "simplex"] {
        let settings = Settings::new().parameter("mode", mode);
        let predictions = Predictions::new(&settings).expect("valid");
        scan(
            bench,
            &format!("predictions/{mode}"),
            predictions.predictions(),
            None,
        );
    }
    for (id, name, value) in [
        ("avaliacao/all", "shuffle", "off"),
        ("avaliacao/shuffled", "shuffle", "on"),
        ("avaliacao/dirty", "dirt", "on"),
    ] {
        let settings = Settings::new().scale(8.0).parameter(name, value);
        let assessments = Assessments::new(&settings).expect("valid");
        scan(bench, id, assessments.avaliacao(), None);
    }
}

criterion_group!(benches, generate);
criterion_main!(benches);
