//! The arguments of `lakeseed sql`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Choice, Logging, Means, Remote, Typed, partitions, shown_rows};

#[derive(Debug, Args)]
pub(crate) struct Sql {
    // The first: a field takes its values out of what was parsed.
    #[command(flatten)]
    pub(crate) typed: Typed,
    /// One SELECT; - reads it from stdin.
    #[arg(value_name = "QUERY")]
    pub(crate) query: String,
    /// Reads the tables of a finished output, or any folder or bucket of Parquet, CSV or JSON files, in
    /// place of generated tables.
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rows: SqlRows,
    #[command(flatten)]
    pub(crate) answer: Answer,
    /// Shows how the query would be answered. Reads nothing.
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) means: Means,
    /// Ranges that a table is cut into, each grouped on its own; as many as threads by default.
    #[arg(long, value_name = "N", value_parser = partitions, allow_negative_numbers = true)]
    pub(crate) partitions: Option<usize>,
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
    /// What was done as JSON on stdout: rows, time, memory. For answers that go to a file.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which rows the generated tables have.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which rows")]
pub(crate) struct SqlRows {
    /// Only this dataset: all its flags are then taken as `generate` takes them.
    #[arg(long, value_name = "DATASET")]
    pub(crate) dataset: Option<String>,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

/// What becomes of the answer.
#[derive(Debug, Args)]
#[command(next_help_heading = "The answer")]
pub(crate) struct Answer {
    /// Form of the answer; by the ending of --out, else a table.
    #[arg(short, long, value_enum)]
    pub(crate) format: Option<AnswerForm>,
    /// A new file for the answer; - is stdout.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
    /// Replaces the file of --out.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Rows that a table shows, 10,000 at most; the last line says how many there are. 40 by default.
    #[arg(long, value_name = "N", value_parser = shown_rows, allow_negative_numbers = true)]
    pub(crate) max_rows: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerForm {
    /// Aligned, for people.
    Table,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    Json,
    /// Apache Parquet.
    Parquet,
}
