//! A whole job: which rows, in which files, where, with what means.

mod size;

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Result;
use lakeseed_gen_core::Table;
use lakeseed_sink::{Compression, FileFormat, FormatKind, Layout, Plan, PlanBuilder, TableSpec};

use super::memory::Memory;
use super::own::OwnRows;
use super::place::Destination;
use super::recipe::Recipe;
use super::selection::{Selection, select_at};
use super::tables;
use crate::args::{self, Format, Source};
use crate::error::{self, Failure};

/// Everything that a plan is made of, and the means of a run.
pub(crate) struct Job {
    pub(crate) selection: Selection,
    pub(crate) destination: Destination,
    pub(crate) format: FileFormat,
    pub(crate) layout: Layout,
    pub(crate) threads: usize,
    pub(crate) memory: Memory,
    /// Whether the size of row groups is free to be proposed.
    pub(crate) has_row_groups: bool,
    /// The scale, as it was asked for.
    pub(crate) scale: Option<f64>,
    specs: Vec<TableSpec<'static>>,
}

/// Fixes what the arguments ask for; nothing is made yet.
pub(crate) fn job(source: &Source, own: &OwnRows, output: &args::Layout) -> Result<Job> {
    match output.size {
        Some(size) => size::job(source, own, output, size),
        None => job_at(source, own, output, source.scale),
    }
}

/// The same at a scale of its own.
fn job_at(
    source: &Source,
    own: &OwnRows,
    output: &args::Layout,
    scale: Option<f64>,
) -> Result<Job> {
    let selection = select_at(source, own, scale)?;
    let destination = destination(&selection, output)?;
    let format = format(output, &destination)?;
    let specs = tables::specs(&selection, &output.columns, &output.partition_by)?;
    let threads = super::threads(output.means.threads);
    Ok(Job {
        layout: layout(output, &destination)?,
        // After the tables, which hold memory of their own.
        memory: Memory::of(output.means.memory),
        has_row_groups: format.kind() == FormatKind::Parquet,
        scale,
        selection,
        destination,
        format,
        threads,
        specs,
    })
}

impl Job {
    /// Encodes samples and fixes every file.
    pub(crate) fn plan(&self) -> Result<Plan<'static>> {
        self.plan_with(self.layout)
    }

    /// The same with other sizes.
    pub(crate) fn plan_with(&self, layout: Layout) -> Result<Plan<'static>> {
        let recipe = Recipe::of(&self.selection.dataset, self.scale);
        let builder = Plan::builder(self.format)
            .data_id(self.selection.dataset.id())
            .data(serde_json::to_value(recipe)?);
        let builder = self
            .specs
            .iter()
            .cloned()
            .fold(builder.layout(layout), PlanBuilder::table);
        Ok(builder.build()?)
    }

    /// A single file of some rows from the middle of a table: for measuring.
    pub(crate) fn sample(&self, table: &Table, most_rows: u64) -> Result<Plan<'static>> {
        let rows = table.row_range();
        let taken = (rows.end - rows.start).min(most_rows);
        let start = rows.start + (rows.end - rows.start - taken) / 2;
        let spec = tables::unpartitioned(table, start..start + taken);
        let layout = Layout {
            files: Some(1),
            ..self.layout
        };
        Ok(Plan::builder(self.format)
            .layout(layout)
            .table(spec)
            .build()?)
    }
}

fn destination(selection: &Selection, output: &args::Layout) -> Result<Destination> {
    let Some(out) = &output.out else {
        return Ok(Destination::Folder(PathBuf::from(
            selection.dataset.info().name,
        )));
    };
    let destination = Destination::parse(out)?;
    if destination != Destination::Stdout {
        return Ok(destination);
    }
    if selection.tables.len() != 1 {
        let names: Vec<String> = selection
            .tables
            .iter()
            .map(|table| format!("{}.{}", selection.dataset.info().name, table.name()))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let got = format!("{} with {} tables", selection.target, names.len());
        let advice = format!("choose {}", error::list(&names));
        return Err(Failure::usage("one table for --out -", got, &advice).into());
    }
    let cut = [
        ("--partition-by", !output.partition_by.is_empty()),
        ("--files", output.files.is_some_and(|files| files != 1)),
        ("--file-size", output.file_size.is_some()),
    ];
    if let Some((flag, _)) = cut.into_iter().find(|(_, given)| *given) {
        return Err(Failure::usage("one file for --out -", flag, "leave it out").into());
    }
    let is_binary = matches!(output.format, Format::Parquet | Format::Arrow);
    if is_binary && std::io::stdout().is_terminal() {
        let expected = "a file or a pipe for this format on stdout";
        let advice = "add > FILE, or -f csv";
        return Err(Failure::usage(expected, "a terminal", advice).into());
    }
    Ok(Destination::Stdout)
}

fn format(output: &args::Layout, destination: &Destination) -> Result<FileFormat> {
    let kind = match (output.format, destination) {
        (Format::Parquet, _) => FormatKind::Parquet,
        (Format::Csv, _) => FormatKind::Csv,
        (Format::Json, _) => FormatKind::Json,
        (Format::Arrow, Destination::Folder(_) | Destination::Bucket(_)) => FormatKind::Arrow,
        (Format::Arrow, Destination::Stdout) => FormatKind::ArrowStream,
    };
    let compression = output.compression.unwrap_or(kind.default_compression());
    FileFormat::new(kind, compression).map_err(|_| {
        let codecs = match kind {
            FormatKind::Arrow | FormatKind::ArrowStream => "no compression",
            _ => "none, zstd or gzip",
        };
        let expected = format!("{codecs} for --format {}", name(output.format));
        let advice = match compression {
            Compression::Snappy => "change --compression, or use --format parquet",
            _ => "leave --compression out",
        };
        Failure::usage(expected, format!("'{compression}'"), advice).into()
    })
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Parquet => "parquet",
        Format::Csv => "csv",
        Format::Json => "json",
        Format::Arrow => "arrow",
    }
}

fn layout(output: &args::Layout, destination: &Destination) -> Result<Layout> {
    let groups = [
        ("--row-group-rows", output.row_group_rows.is_some()),
        ("--row-group-size", output.row_group_size.is_some()),
    ];
    if output.format != Format::Parquet
        && let Some((flag, _)) = groups.into_iter().find(|(_, given)| *given)
    {
        let expected = format!("--format parquet with {flag}");
        return Err(Failure::usage(expected, name(output.format), "leave it out").into());
    }
    let mut layout = Layout::default();
    if let Some(size) = output.file_size {
        layout.file_bytes = size.get();
    }
    if let Some(rows) = output.row_group_rows {
        layout.row_group_rows = rows;
    }
    if let Some(size) = output.row_group_size {
        layout.row_group_bytes = size.get();
    }
    layout.files = match destination {
        Destination::Stdout => Some(1),
        Destination::Folder(_) | Destination::Bucket(_) => output.files,
    };
    Ok(layout)
}
