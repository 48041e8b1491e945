//! `lakeseed plan`: what `generate` would write. Writes nothing.

use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::{Run, Store, Stream, TablePlan, inspect};
use serde::Serialize;

use crate::args;
use crate::disk;
use crate::log::Log;
use crate::lower::{self, Destination, Job, OwnRows};
use crate::report::{self, Align, Grid, units};

/// Rows of each table that are made and thrown away to learn how long the others will take.
const TIMED_ROWS: u64 = 131_072;

pub(super) fn run(args: &args::Plan) -> Result<()> {
    let own = OwnRows::read(
        &args.own,
        lower::own::Means {
            remote: &args.remote,
            log: &Log::none(),
            memory: args.layout.means.memory,
        },
    )?;
    let job = lower::job(&args.source, &own, &args.layout)?;
    let planned = Planned::new(&job, &own.rest_of(&args.remote))?;
    if args.json {
        report::json(&planned)
    } else {
        report::print(&planned.text())
    }
}

#[derive(Debug, Serialize)]
struct Planned {
    dataset: &'static str,
    data_id: String,
    plan_id: String,
    out: String,
    /// What stands there now, in words.
    out_holds: String,
    /// Bytes that can still be written there.
    free_bytes: Option<u64>,
    format: String,
    compression: String,
    tables: Vec<TablePlanned>,
    rows: u64,
    files: usize,
    chunks: u64,
    estimated_bytes: u64,
    estimated_seconds: f64,
    /// 0 where the memory carries not even one.
    workers: usize,
    bytes_per_worker: u64,
    program_bytes: u64,
    memory_bytes: Option<u64>,
    memory_by: String,
}

#[derive(Debug, Serialize)]
struct TablePlanned {
    table: String,
    rows: u64,
    estimated_bytes: u64,
    files: usize,
    /// Row groups, or blocks of lines.
    chunks: u64,
    estimated_seconds_of_one_worker: f64,
    partition_by: Vec<String>,
}

impl Planned {
    fn new(job: &Job, remote: &args::Remote) -> Result<Self> {
        let plan = job.plan()?;
        let mut tables = Vec::with_capacity(plan.tables().len());
        for (table, planned) in job.selection.tables.iter().zip(plan.tables()) {
            let seconds_a_row = time_of_a_row(job, table)?;
            tables.push(TablePlanned::new(planned, seconds_a_row));
        }
        let nowhere = Stream::new("nowhere", io::sink());
        let store = job.destination.store(remote, &Log::none())?;
        let run = match &store {
            Some(store) => Run::new(&plan, store.as_ref()),
            None => Run::to_stream(&plan, &nowhere),
        };
        let mut run = run.threads(job.threads);
        let budget = job.memory.budget();
        if let Some(budget) = &budget {
            run = run.budget(budget);
        }
        let workers = run.workers().unwrap_or(0);
        let work: f64 = tables
            .iter()
            .map(|table| table.estimated_seconds_of_one_worker)
            .sum();
        let out_holds = holds(store.as_deref(), plan.id())?;
        Ok(Self {
            dataset: job.selection.dataset.info().name,
            data_id: plan.data_id().to_owned(),
            plan_id: plan.id().to_owned(),
            out: job.destination.to_string(),
            out_holds,
            free_bytes: match &job.destination {
                Destination::Folder(folder) => disk::free(folder).map(Bytes::get),
                Destination::Stdout | Destination::Bucket(_) => None,
            },
            format: job.format.kind().to_string(),
            compression: job.format.compression().to_string(),
            rows: plan.rows(),
            files: plan.files(),
            chunks: tables.iter().map(|table| table.chunks).sum(),
            estimated_bytes: plan.estimated_bytes(),
            estimated_seconds: work / workers.max(1) as f64,
            workers,
            bytes_per_worker: run.need_per_worker(),
            program_bytes: job.memory.program.get(),
            memory_bytes: job.memory.total.map(Bytes::get),
            memory_by: job.memory.by.clone(),
            tables,
        })
    }

    fn text(&self) -> String {
        let mut grid = Grid::new([
            ("table", Align::Left),
            ("rows", Align::Right),
            ("bytes, about", Align::Right),
            ("files", Align::Right),
            (self.chunk_name(), Align::Right),
            ("partitions", Align::Left),
        ]);
        for table in &self.tables {
            grid.row([
                table.table.clone(),
                units::grouped(table.rows),
                Bytes::new(table.estimated_bytes).to_string(),
                units::grouped(table.files as u64),
                units::grouped(table.chunks),
                table.partition_by.join(","),
            ]);
        }
        if self.tables.len() > 1 {
            grid.row([
                "all".to_owned(),
                units::grouped(self.rows),
                Bytes::new(self.estimated_bytes).to_string(),
                units::grouped(self.files as u64),
                units::grouped(self.chunks),
                String::new(),
            ]);
        }
        let mut text = grid.text("");
        let (worker, program) = (
            Bytes::new(self.bytes_per_worker),
            Bytes::new(self.program_bytes),
        );
        let sum = program + self.workers.max(1) as u64 * worker;
        let limit = self.memory_bytes.map_or_else(String::new, |limit| {
            format!(" of {} ({})", Bytes::new(limit), self.memory_by)
        });
        let time = units::time(Duration::from_secs_f64(self.estimated_seconds));
        let _ = writeln!(text, "\nformat  {} {}", self.format, self.compression);
        let _ = writeln!(text, "out     {}: {}", self.out, self.out_holds);
        if let Some(free) = self.free_bytes {
            let (needed, free) = (Bytes::new(self.estimated_bytes), Bytes::new(free));
            let _ = writeln!(text, "disk    about {needed} of {free} free");
        }
        let _ = match self.workers {
            0 => writeln!(text, "memory  {sum} for one worker is too much{limit}"),
            workers => writeln!(
                text,
                "memory  {sum} = program {program} + {workers} workers x {worker},{limit}"
            ),
        };
        let _ = writeln!(text, "time    about {time}, without waiting for the disk");
        let _ = writeln!(text, "data    {}", self.data_id);
        let _ = writeln!(text, "plan    {}", self.plan_id);
        text
    }

    fn chunk_name(&self) -> &'static str {
        match self.format.as_str() {
            "parquet" => "row groups",
            _ => "blocks",
        }
    }
}

impl TablePlanned {
    fn new(planned: &TablePlan<'_>, seconds_a_row: f64) -> Self {
        Self {
            table: planned.name().to_owned(),
            rows: planned.rows(),
            estimated_bytes: planned.estimated_bytes(),
            files: planned.parts().len(),
            chunks: planned
                .parts()
                .iter()
                .map(lakeseed_sink::Part::chunks)
                .sum(),
            estimated_seconds_of_one_worker: seconds_a_row * planned.rows() as f64,
            partition_by: planned.partition_columns().to_vec(),
        }
    }
}

/// Makes and encodes some rows on one thread, to nowhere.
fn time_of_a_row(job: &Job, table: &lakeseed_gen_core::Table) -> Result<f64> {
    let sample = job.sample(table, TIMED_ROWS)?;
    let nowhere = Stream::new("nowhere", io::sink());
    let started = Instant::now();
    let report = Run::to_stream(&sample, &nowhere).commit()?;
    Ok(started.elapsed().as_secs_f64() / report.rows().max(1) as f64)
}

/// What stands in a store, for whoever wants to write there.
fn holds(store: Option<&dyn Store>, plan_id: &str) -> Result<String> {
    let Some(store) = store else {
        return Ok("standard output".to_owned());
    };
    let standing = inspect(store)?;
    let there = standing.unfinished.first();
    Ok(match (&standing.foreign, there, &standing.finished) {
        (Some(found), ..) => format!("{found} is there, generate would refuse"),
        (None, Some(there), _) if there.plan_id == plan_id => {
            "an unfinished run of this is there, generate would go on with it".to_owned()
        }
        (None, Some(there), _) => format!(
            "the unfinished plan {} is there; generate needs --overwrite",
            there.plan_id
        ),
        (None, None, Some(there)) if there.has_plan(plan_id) => {
            "finished already, generate would write nothing".to_owned()
        }
        (None, None, Some(there)) => format!(
            "another output is there, plan {}; generate needs --overwrite or --append",
            there.plan_id()
        ),
        (None, None, None) => "nothing there yet".to_owned(),
    })
}
