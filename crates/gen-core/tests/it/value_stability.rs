//! Known answers: what a data version gives on every platform and with every compiler.
//!
//! A file of `known/` holds some rows as text, for people, and an order-dependent checksum of each
//! column over ranges near and far. See `main.rs` for how to write them again.

use std::fmt::Write as _;
use std::ops::Range;

use arrow_array::ArrayRef;
use lakeseed_gen_core::column::{
    boolean, date, decimal, float, foreign_key, int32, parent, sequence, text, timestamp, uniform,
    weighted,
};
use lakeseed_gen_core::dist::{Geometric, LogNormal, Normal, Softmax, Weighted, Zipf};
use lakeseed_gen_core::permute::Permutation;
use lakeseed_gen_core::seed::Stream;
use lakeseed_gen_core::{Dataset, Date, Settings, Table, calendar};

use crate::support::{self, Checksum, cells};

/// Compares with `known/NAME.txt`, or writes it when told to.
fn check(name: &str, found: &str) {
    let path = format!("{}/tests/it/known/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("LAKESEED_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let mut pairs = found.lines().zip(known.lines());
    if let Some((found, known)) = pairs.find(|(found, known)| found != known) {
        panic!("{name} changed: a new data version is needed\n known {known}\n found {found}");
    }
    assert_eq!(
        found.lines().count(),
        known.lines().count(),
        "{name} has other rows"
    );
}

/// Checksums of each column over these rows, and the first rows in full.
fn describe(out: &mut String, table: &Table, rows: Range<u64>, shown: u64) {
    let batch = table.rows(rows.clone()).batch().unwrap();
    writeln!(out, "{} {}..{}", table.name(), rows.start, rows.end).unwrap();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        writeln!(out, "  {:016x} {}", checksum(column), field.name()).unwrap();
    }
    for row in 0..shown.min(rows.end - rows.start) {
        let cell = |column: &ArrayRef| {
            let one = column.slice(row as usize, 1);
            support::text(cells(&one)[0], one.data_type())
        };
        let values: Vec<String> = batch.columns().iter().map(cell).collect();
        writeln!(out, "  {}: {}", rows.start + row, values.join(" | ")).unwrap();
    }
}

fn checksum(column: &ArrayRef) -> u64 {
    let mut sum = Checksum::START;
    for cell in cells(column) {
        sum.cell(cell);
    }
    sum.0
}

/// The first thousand rows, a thousand from the middle, and the last thousand.
fn near_and_far(table: &Table) -> Vec<Range<u64>> {
    let all = table.row_range();
    let middle = all.start + (all.end - all.start) / 2;
    if all.end - all.start <= 3000 {
        return std::iter::once(all.start..all.end.min(all.start + 1000)).collect();
    }
    let far = [middle..middle + 1000, all.end - 1000..all.end];
    std::iter::once(all.start..all.start + 1000)
        .chain(far)
        .collect()
}

fn check_dataset(file: &str, dataset: &str, settings: &[Settings], tables: &[&str]) {
    let mut out = String::new();
    for settings in settings {
        let dataset = Dataset::new(dataset, settings).unwrap();
        let (start, end) = dataset.window();
        writeln!(out, "{} from {start} to {end}", dataset.id()).unwrap();
        for name in tables {
            let table = dataset.table(name).unwrap();
            writeln!(out, "{name} has {:?}", table.row_range()).unwrap();
            for rows in near_and_far(table) {
                describe(&mut out, table, rows, 3);
            }
        }
    }
    check(file, &out);
}

const RETAIL: [&str; 6] = [
    "customers",
    "sellers",
    "products",
    "stock",
    "invoices",
    "invoice_items",
];

#[test]
fn value_stability_of_retail() {
    let usual = Settings::new();
    check_dataset("retail", "retail", &[usual], &RETAIL);
}

#[test]
fn value_stability_of_retail_at_other_settings() {
    let later = Settings::new()
        .start(Date::new(2024, 2, 1))
        .end(Date::new(2025, 3, 31));
    let other = Settings::new()
        .seed(7)
        .parameter("skew", "2")
        .parameter("items-per-invoice", "4");
    // Past the alias tables: customers and products are drawn by rejection.
    let large = Settings::new().scale(100.0);
    check_dataset(
        "retail_settings",
        "retail",
        &[later, other, large],
        &RETAIL[4..],
    );
}

#[test]
fn value_stability_of_predictions() {
    let rows = || Settings::new().only_rows(60_000_000);
    let settings = [
        rows(),
        rows().parameter("precision", "6"),
        rows().parameter("mode", "uniform"),
        rows()
            .parameter("mode", "uniform")
            .parameter("precision", "6"),
        rows().parameter("classes", "3").seed(7),
    ];
    check_dataset("predictions", "predictions", &settings, &["predictions"]);
}

#[test]
fn value_stability_of_assessments() {
    let settings = [
        Settings::new(),
        Settings::new()
            .parameter("dirt", "on")
            .parameter("states", "27"),
        Settings::new()
            .scale(8.0)
            .seed(7)
            .parameter("shuffle", "on"),
    ];
    check_dataset("assessments", "assessments", &settings, &["avaliacao"]);
}

/// A table with a column of each kind that promises equal values on every platform.
fn own_table() -> Table {
    let retail = lakeseed_gen_core::retail::Retail::new(&Settings::new()).unwrap();
    Table::builder("pets", 1_000_000)
        .seed(42)
        .column("id", sequence(1))
        .column("name", weighted([("Rex", 5), ("Mia", 3), ("Bidu", 0)]))
        .column(
            "owner",
            foreign_key(retail.customers()).zipf(1.1).nulls(0.1),
        )
        .column("owner_state", parent("owner", "state"))
        .column("vet", foreign_key(retail.sellers()))
        .column(
            "age",
            int32(|stream, row| stream.between(row, 0, 20) as i32),
        )
        .column("chip", uniform(-5, i64::MAX))
        .column(
            "weight_kg",
            float(|stream, row| LogNormal::new(2.3, 0.4).draw(stream.at(row))),
        )
        .column(
            "price",
            decimal(10, 2, |stream, row| stream.between(row, 100, 99_999)),
        )
        .column(
            "born",
            date(|stream, row| Date::new(2020, 1, 1).plus(stream.below(row, 900) as i32)),
        )
        .column(
            "seen",
            timestamp(|stream, row| stream.between(row, 0, 1 << 50)).nulls(0.5),
        )
        .column("good", boolean(|stream, row| stream.happens(row, 999)))
        .column(
            "note",
            text(|stream, row, out| write!(out, "n{}", stream.below(row, 100)).unwrap()),
        )
        .build()
        .unwrap()
}

#[test]
fn value_stability_of_a_table_of_ones_own() {
    let mut out = String::new();
    for rows in near_and_far(&own_table()) {
        describe(&mut out, &own_table(), rows, 3);
    }
    check("own_table", &out);
}

#[test]
fn value_stability_of_streams_and_distributions() {
    let mut out = String::new();
    let mut line = |name: &str, draw: &dyn Fn(u64) -> String| {
        let mut sum = Checksum::START;
        for row in 0..10_000 {
            sum.bytes(draw(row).as_bytes());
        }
        let first: Vec<String> = (0..4).map(draw).collect();
        writeln!(out, "{:016x} {name}: {}", sum.0, first.join(" ")).unwrap();
    };
    let stream = Stream::root("test", 1, 42).named("column");
    let bits = |row| stream.at(row);
    line("bits", &|row| format!("{:016x}", bits(row)));
    line("bits from the end", &|row| {
        format!("{:016x}", bits(u64::MAX - row))
    });
    line("fork", &|row| format!("{:016x}", stream.fork(row).at(3)));
    line("unit", &|row| format!("{:?}", stream.unit(row)));
    line("below 1000", &|row| stream.below(row, 1000).to_string());
    line("between -9 and 9", &|row| {
        stream.between(row, -9, 9).to_string()
    });
    for n in [1000, CPFS, (1 << 62) + 1] {
        let permutation = Permutation::new(stream, n);
        line(&format!("permutation of {n}"), &|row| {
            permutation.forward(row % n).to_string()
        });
    }
    let weighted = Weighted::new(&[42, 25, 13, 12, 8]);
    line("weighted", &|row| weighted.draw(bits(row)).to_string());
    for (n, s, q) in [
        (1000, 1.1, 0.0),
        (65_536, 1.05, 20.0),
        (65_537, 1.05, 20.0),
        (1 << 40, 1.0, 0.0),
        (1 << 40, 2.2, 0.5),
    ] {
        let zipf = Zipf::new(n, s, q);
        line(&format!("zipf {n} {s} {q}"), &|row| {
            zipf.draw(bits(row)).to_string()
        });
    }
    for (n, cap) in [(80_000, 0.001), (1_000, 0.005), (1 << 40, 0.001)] {
        let zipf = Zipf::with_first_at_most(n, 1.1, cap);
        line(&format!("zipf {n} with at most {cap}"), &|row| {
            zipf.draw(bits(row)).to_string()
        });
    }
    line("normal", &|row| {
        format!("{:?}", Normal::new(10.0, 2.0).draw(bits(row)))
    });
    line("log-normal", &|row| {
        format!("{:?}", LogNormal::new(2.3, 0.4).draw(bits(row)))
    });
    for (mean, cap) in [(2.5, 10), (1.3, 31), (9.0, 10)] {
        let counts = Geometric::multiset(1024, mean, cap).counts().to_vec();
        line(&format!("geometric {mean} {cap}"), &|row| {
            counts[row as usize % 1024].to_string()
        });
    }
    let softmax = Softmax::new(5);
    line("softmax", &|row| {
        let mut values = [0.0; 5];
        softmax.fill(stream.fork(row), &mut values);
        format!("{values:?}")
    });
    line("weight of a day", &|day| {
        calendar::weight(Date::new(2023, 1, 1).plus(day as i32)).to_string()
    });
    check("distributions", &out);
}

/// The free CPF codes of a fiscal region.
const CPFS: u64 = 99_999_990;
