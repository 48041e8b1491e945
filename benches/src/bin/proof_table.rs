//! What proofs cost: each table written with digests and control totals, and without.
//!
//! Usage: `proof_table [THREADS [FOLDER]]`. One file a table: into a folder, which is made for it, as
//! `generate` writes, or to nowhere, so that only making, encoding and proving take time. With and
//! without take turns, seven times; medians are compared. The targets, of the time of `generate`: at
//! most 12 % on retail Parquet, 30 % on predictions.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use arrow_schema::ArrowError;
use lakeseed_gen_core::predictions::Predictions;
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Settings, Table};
use lakeseed_sink::{
    FileFormat, FnSource, Found, Layout, LocalStore, Lock, Look, MemoryStore, Parquet, PartPath,
    PartWriter, Plan, PutNew, Run, Store, Stream, TableSpec,
};

const ROUNDS: usize = 7;

#[expect(clippy::print_stdout, reason = "the lines are what the program is for")]
fn main() -> Result<(), Box<dyn Error>> {
    lakeseed_benches::as_the_binary();
    let threads = std::env::args().nth(1).map_or(Ok(2), |text| text.parse())?;
    let folder = std::env::args().nth(2).map(PathBuf::from);
    let retail = Retail::new(&Settings::new())?;
    let predictions = Predictions::new(&Settings::new().only_rows(1_000_000))?;
    let tables = [
        retail.invoices(),
        retail.invoice_items(),
        retail.customers(),
        predictions.predictions(),
    ];
    println!("table            rows  without ns/row  with ns/row   cost");
    let mut sums = (0.0, 0.0);
    for table in tables {
        let plan = plan(table, Parquet::zstd(1))?;
        let (mut bare, mut proven) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (without, with) = match &folder {
                None => to_nowhere(&plan, threads)?,
                Some(folder) => to_folder(&plan, threads, folder)?,
            };
            bare.push(without);
            proven.push(with);
        }
        let (bare, proven) = (median(bare), median(proven));
        if table.name() != "predictions" {
            sums = (sums.0 + bare, sums.1 + proven);
        }
        line(table.name(), plan.rows(), bare, proven);
    }
    line("retail, these", 0, sums.0, sums.1);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the lines are what the program is for")]
fn line(name: &str, rows: u64, plain: f64, proven: f64) {
    let cost = (proven / plain - 1.0) * 100.0;
    let each = |seconds: f64| match rows {
        0 => String::new(),
        rows => format!("{:.1}", seconds * 1e9 / rows as f64),
    };
    let (plain, proven) = (each(plain), each(proven));
    println!("{name:<14}{rows:>9}{plain:>15}{proven:>13}{cost:>6.1} %");
}

fn plan(table: &Table, format: FileFormat) -> lakeseed_sink::Result<Plan<'static>> {
    let (rows, name, schema) = (
        table.row_range(),
        table.name().to_owned(),
        table.schema().clone(),
    );
    let table = table.clone();
    let source = FnSource::new(schema, move |rows: Range<u64>, batch_rows| {
        let scan = table.rows(rows).batch_rows(batch_rows).reader();
        match scan {
            Ok(reader) => Ok(Box::new(reader)),
            Err(error) => Err(ArrowError::ExternalError(Box::new(error))),
        }
    });
    let layout = Layout {
        files: Some(1),
        row_group_bytes: 2 << 20,
        ..Layout::default()
    };
    let spec = TableSpec::new(name, source, rows);
    Plan::builder(format).layout(layout).table(spec).build()
}

/// Seconds without proofs, and with them.
fn to_nowhere(plan: &Plan<'_>, threads: usize) -> lakeseed_sink::Result<(f64, f64)> {
    let stream = Stream::new("nowhere", io::sink());
    let without = time(Run::to_stream(plan, &stream), threads)?;
    let store = Nowhere::default();
    Ok((without, time(Run::new(plan, &store), threads)?))
}

/// The same with files, which are removed behind each run.
fn to_folder(plan: &Plan<'_>, threads: usize, folder: &Path) -> Result<(f64, f64), Box<dyn Error>> {
    fs::create_dir(folder)?;
    let file = File::create(folder.join("bare"))?;
    let without = time(Run::to_stream(plan, &Stream::new("bare", file)), threads)?;
    fs::remove_file(folder.join("bare"))?;
    let store = LocalStore::new(folder.join("proven"));
    let with = time(Run::new(plan, &store), threads)?;
    fs::remove_dir_all(folder)?;
    Ok((without, with))
}

fn time(run: Run<'_>, threads: usize) -> lakeseed_sink::Result<f64> {
    let started = Instant::now();
    run.threads(threads).commit()?;
    Ok(started.elapsed().as_secs_f64())
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// A store that keeps its small files, and of parts the size only.
#[derive(Debug, Default)]
struct Nowhere(MemoryStore);

struct Counted(u64);

impl PartWriter for Counted {
    fn write(&mut self, bytes: &[u8]) -> lakeseed_sink::Result<()> {
        self.0 += bytes.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>) -> lakeseed_sink::Result<u64> {
        Ok(self.0)
    }
}

impl Store for Nowhere {
    fn address(&self) -> String {
        "nowhere".to_owned()
    }
    fn check(&self) -> lakeseed_sink::Result<()> {
        Ok(())
    }
    fn create(&self, _: &PartPath, _: u64) -> lakeseed_sink::Result<Box<dyn PartWriter>> {
        Ok(Box::new(Counted(0)))
    }
    fn publish(&self, _: &PartPath) -> lakeseed_sink::Result<()> {
        Ok(())
    }
    fn settle(&self) -> lakeseed_sink::Result<()> {
        Ok(())
    }
    fn finished(&self, parts: &[PartPath]) -> lakeseed_sink::Result<Vec<Option<u64>>> {
        Ok(vec![None; parts.len()])
    }
    fn discard(&self, _: &[PartPath]) -> lakeseed_sink::Result<()> {
        Ok(())
    }
    fn get(&self, name: &str) -> lakeseed_sink::Result<Option<Vec<u8>>> {
        self.0.get(name)
    }
    fn look(&self, name: &str) -> lakeseed_sink::Result<Option<Look>> {
        self.0.look(name)
    }
    fn open(&self, name: &str) -> lakeseed_sink::Result<Option<Box<dyn Read + Send>>> {
        self.0.open(name)
    }
    fn read_range(&self, name: &str, range: Range<u64>) -> lakeseed_sink::Result<Option<Vec<u8>>> {
        self.0.read_range(name, range)
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> lakeseed_sink::Result<PutNew> {
        self.0.put_new(name, bytes)
    }
    fn replace(&self, name: &str, bytes: &[u8]) -> lakeseed_sink::Result<()> {
        self.0.replace(name, bytes)
    }
    fn log(&self, log: &str, key: &str, line: &[u8]) -> lakeseed_sink::Result<()> {
        self.0.log(log, key, line)
    }
    fn logged(&self, log: &str) -> lakeseed_sink::Result<Vec<Vec<u8>>> {
        self.0.logged(log)
    }
    fn remove_log(&self, log: &str) -> lakeseed_sink::Result<()> {
        self.0.remove_log(log)
    }
    fn remove(&self, name: &str) -> lakeseed_sink::Result<()> {
        self.0.remove(name)
    }
    fn remove_all(&self, names: &[String]) -> lakeseed_sink::Result<()> {
        self.0.remove_all(names)
    }
    fn lock(&self, name: &str) -> lakeseed_sink::Result<Lock> {
        self.0.lock(name)
    }
    fn list(&self, prefix: &str, most: usize) -> lakeseed_sink::Result<Vec<Found>> {
        self.0.list(prefix, most)
    }
}
