//! Our side of `benches/peers/invoices.py`: the same eight columns with the same entropy, made and
//! written; prints one JSON line as the peers' scripts do.
//!
//! Usage: `bench_table FORMAT ROWS OUT [THREADS]`, FORMAT one of parquet-zstd, parquet-snappy, csv,
//! json; OUT is a folder that does not exist or is empty.

use std::error::Error;
use std::time::Instant;

use lakeseed_gen_core::Table;
use lakeseed_gen_core::column::{decimal, int32, sequence, timestamp, uniform, weighted};
use lakeseed_gen_core::dataset::EPOCH;
use lakeseed_sink::{Csv, FileFormat, Json, Output, Parquet};

/// Minutes of the year over which the sales spread.
const MINUTES: i64 = 525_600;

#[expect(
    clippy::print_stdout,
    reason = "the result line is what the program is for"
)]
fn main() -> Result<(), Box<dyn Error>> {
    lakeseed_benches::as_the_binary();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [format, rows, out, rest @ ..] = arguments.as_slice() else {
        return Err("usage: bench_table FORMAT ROWS OUT [THREADS]".into());
    };
    let threads: usize = rest.first().map_or(Ok(2), |threads| threads.parse())?;
    let start = Instant::now();
    let table = invoices(rows.parse()?)?;
    let mut output = Output::create(out)
        .format(file_format(format)?)
        .threads(threads)
        .open()?;
    output.write("invoices", table.row_count(), |rows| {
        table.rows(rows).reader()
    })?;
    let report = output.commit()?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = lakeseed_budget::peak_resident().map_or(0, |peak| peak.get() >> 20);
    println!(
        "{{\"peer\": \"lakeseed\", \"work\": \"invoices {format}\", \"rows\": {}, \"seconds\": {seconds:.3}, \
         \"rows_per_s\": {:.0}, \"bytes\": {}, \"peak_mb\": {peak}}}",
        report.rows(),
        report.rows() as f64 / seconds,
        report.bytes(),
    );
    Ok(())
}

fn file_format(name: &str) -> Result<FileFormat, Box<dyn Error>> {
    match name {
        "parquet-zstd" => Ok(Parquet::zstd(1)),
        "parquet-snappy" => Ok(Parquet::snappy()),
        "csv" => Ok(Csv::plain()),
        "json" => Ok(Json::plain()),
        other => {
            Err(format!("no format {other}; take parquet-zstd, parquet-snappy, csv or json").into())
        }
    }
}

/// The columns of the peers' query; like theirs, nothing in it depends on anything else.
fn invoices(rows: u64) -> lakeseed_gen_core::Result<Table> {
    Table::builder("invoices", rows)
        .column("invoice_id", sequence(0))
        .column("customer_id", uniform(1, 100_000))
        .column(
            "seller_id",
            int32(|stream, row| stream.between(row, 1, 1_000) as i32),
        )
        .column(
            "product_id",
            int32(|stream, row| stream.between(row, 1, 10_000) as i32),
        )
        .column(
            "quantity",
            int32(|stream, row| stream.between(row, 1, 10) as i32),
        )
        .column(
            "unit_price",
            decimal(10, 2, |stream, row| stream.between(row, 100, 100_000)),
        )
        .column(
            "issued_at",
            timestamp(|stream, row| EPOCH.micros() + stream.between(row, 0, MINUTES) * 60_000_000),
        )
        .column("state", weighted([("SP", 5), ("RJ", 2), ("MG", 1)]))
        .build()
}
