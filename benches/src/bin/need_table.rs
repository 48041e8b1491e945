//! What a plan says that one worker needs, beside what workers really took: one line a case.
//!
//! Usage: `need_table` runs all cases, each in a process of its own so that no case inherits
//! another one's memory; `need_table FORMAT TABLE CHUNK_MIB` runs one.
//!
//! The resident anonymous memory is read over and over while several workers encode to nowhere;
//! its growth since the plan was made is divided by their number. A plan is honest if `need` is
//! never less than `took`.

use std::error::Error;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use arrow_schema::ArrowError;
use lakeseed_budget::{Bytes, Peak};
use lakeseed_gen_core::predictions::Predictions;
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Settings, Table};
use lakeseed_sink::{
    Csv, FileFormat, FnSource, FormatKind, Json, Layout, Parquet, Plan, Run, Stream, TableSpec,
};

const TABLES: [&str; 8] = [
    "customers",
    "sellers",
    "products",
    "stock",
    "invoices",
    "invoice_items",
    "simplex",
    "uniform",
];
/// Formats, and sizes of their chunks in MiB.
const FORMATS: [(&str, &[u64]); 5] = [
    ("parquet-zstd", &[64, 16, 8, 2]),
    ("parquet-none", &[16]),
    ("csv", &[2]),
    ("json", &[2]),
    ("csv-zstd", &[2]),
];
const ARROW: (&str, &[u64]) = ("arrow", &[2]);
/// Workers side by side, and how many chunks there are for each.
const WORKERS: u64 = 6;
const CHUNKS_EACH: u64 = 3;

#[expect(clippy::print_stdout, reason = "the lines are what the program is for")]
fn main() -> Result<(), Box<dyn Error>> {
    lakeseed_benches::as_the_binary();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => {
            let own = std::env::current_exe()?;
            println!(
                "format        table          chunk   rows a chunk  workers     need     took  ratio"
            );
            for (format, sizes) in FORMATS.into_iter().chain([ARROW]) {
                for size in sizes {
                    for table in TABLES {
                        let case = [format, table, &size.to_string()];
                        let ended = Command::new(&own).args(case).status()?;
                        if !ended.success() {
                            return Err(format!("{case:?} ended with {ended}").into());
                        }
                    }
                }
            }
            Ok(())
        }
        [format, table, size] => {
            println!("{}", measure(format, table, size.parse()?)?);
            Ok(())
        }
        _ => Err("usage: need_table [FORMAT TABLE CHUNK_MIB]".into()),
    }
}

/// Runs one case and describes it in a line.
fn measure(format_name: &str, table_name: &str, size_mib: u64) -> Result<String, Box<dyn Error>> {
    let table = table(table_name)?;
    let format = format(format_name)?;
    let layout = Layout {
        files: Some(1),
        row_group_bytes: size_mib << 20,
        text_chunk_bytes: size_mib << 20,
        ..Layout::default()
    };
    let all = table.row_range();
    let chunk_rows = plan(&table, all.end, format, layout)?.tables()[0].parts()[0].chunk_rows;
    let end = all.end.min(all.start + chunk_rows * WORKERS * CHUNKS_EACH);
    let plan = plan(&table, end, format, layout)?;
    let before = lakeseed_budget::resident_anonymous().unwrap_or(Bytes::new(0));
    let (peak, is_over) = (Peak::new(), AtomicBool::new(false));
    let nowhere = Stream::new("nowhere", io::sink());
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                peak.tick();
                thread::yield_now();
            }
        });
        let report = Run::to_stream(&plan, &nowhere)
            .threads(WORKERS as usize)
            .commit();
        is_over.store(true, Ordering::Relaxed);
        report
    })?;
    let took = (peak.get() - before).get() as f64 / report.workers as f64;
    let need = plan.need_per_worker() as f64;
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    Ok(format!(
        "{format_name:<13} {table_name:<13} {size_mib:>2} MiB {:>14} {:>8} {:>8.1} {:>8.1} {:>6.2}",
        plan.tables()[0].parts()[0].chunk_rows,
        report.workers,
        mib(need),
        mib(took),
        need / took,
    ))
}

fn plan(
    table: &Table,
    end: u64,
    format: FileFormat,
    layout: Layout,
) -> lakeseed_sink::Result<Plan<'static>> {
    let (schema, rows) = (table.schema().clone(), table.row_range().start..end);
    let table = table.clone();
    let name = table.name().to_owned();
    let source = FnSource::new(schema, move |rows, batch_rows| {
        let scan = table.rows(rows).batch_rows(batch_rows);
        let reader = scan
            .reader()
            .map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        Ok(Box::new(reader) as _)
    });
    let spec = TableSpec::new(name, source, rows);
    Plan::builder(format).layout(layout).table(spec).build()
}

fn format(name: &str) -> Result<FileFormat, Box<dyn Error>> {
    Ok(match name {
        "parquet-zstd" => Parquet::zstd(1),
        "parquet-none" => Parquet::plain(),
        "csv" => Csv::plain(),
        "csv-zstd" => Csv::zstd(1),
        "json" => Json::plain(),
        "arrow" => FileFormat::new(FormatKind::Arrow, FormatKind::Arrow.default_compression())?,
        other => return Err(format!("no format {other}").into()),
    })
}

fn table(name: &str) -> Result<Table, Box<dyn Error>> {
    if let "simplex" | "uniform" = name {
        let settings = Settings::new().parameter("mode", name);
        return Ok(Predictions::new(&settings)?.predictions().clone());
    }
    let retail = Retail::new(&Settings::new().scale(10.0))?;
    Ok(match name {
        "customers" => retail.customers(),
        "sellers" => retail.sellers(),
        "products" => retail.products(),
        "stock" => retail.stock(),
        "invoices" => retail.invoices(),
        "invoice_items" => retail.invoice_items(),
        other => return Err(format!("no table {other}").into()),
    }
    .clone())
}
