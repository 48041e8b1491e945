//! The arguments of `lakeseed bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lakeseed_budget::Bytes;

use super::values::{Cell, cell};
use super::{Logging, Remote, partitions, positive_count, size};

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Measures questions in SQL over memory, threads and partitions, and recommends a setting.
    Queries(Box<BenchQueries>),
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct BenchQueries {
    /// Where the tables are: an output of lakeseed's, or any folder or bucket of Parquet, CSV or JSON
    /// files.
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: PathBuf,
    /// Where the tables of a star are, for questions to both.
    #[arg(long, value_name = "PLACE")]
    pub(crate) star: Option<PathBuf>,
    /// Asks the files *.sql of this folder, a question each; those that are built in by default.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) sql: Option<PathBuf>,
    /// Asks only these, by the names of their files.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// How often each question is measured in each setting.
    #[arg(long, value_name = "N", value_parser = positive_count, default_value = "3", allow_negative_numbers = true)]
    pub(crate) repeat: u64,
    #[command(flatten)]
    pub(crate) matrix: Matrix,
    /// A folder for results.json, results.csv and index.html; without it they are printed only.
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Replaces results that are there.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Where rows are kept that do not fit into memory; the system's folder by default, if on a disk.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) temp_dir: Option<PathBuf>,
    /// Takes a temporary folder that lives in memory, too.
    #[arg(long)]
    pub(crate) temp_in_memory: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) logging: Logging,
    /// The results as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
    /// No progress; errors only.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    // For the processes that this command starts: they answer one question, which stdin has, in one
    // setting.
    #[arg(long, value_name = "MEMORY,THREADS,PARTITIONS", value_parser = cell, hide = true)]
    pub(crate) one: Option<Cell>,
}

/// The settings: all combinations of these.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Matrix {
    /// Memory of the process that answers.
    #[arg(
        long,
        value_name = "SIZE,...",
        value_parser = size,
        value_delimiter = ',',
        default_value = "256MiB,512MiB,1GiB",
        allow_negative_numbers = true
    )]
    pub(crate) memory: Vec<Bytes>,
    /// Its threads; 1 and as many as there are cores by default.
    #[arg(
        short = 'j',
        long,
        value_name = "N,...",
        value_parser = positive_count,
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) threads: Vec<u64>,
    /// Ranges that a table is cut into; 1, the number of cores and four times that by default.
    #[arg(
        long,
        value_name = "N,...",
        value_parser = partitions,
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) partitions: Vec<usize>,
}
