//! What the command line takes: argument types and nothing else.
//!
//! [`crate::lower`] turns them into the settings of the libraries. Every flag that is declared
//! here does something, and every flag has an environment variable (see [`command`]).

mod bench;
mod choice;
mod load;
mod own;
mod parameters;
mod publish;
mod remote;
mod sql;
mod star;
mod typed;
mod values;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use lakeseed_budget::Bytes;
use lakeseed_gen_core::Date;
use lakeseed_gen_core::dataset::DEFAULT_SEED;
use lakeseed_sink::{Compression, Shard};

use crate::log::LogLevel;
pub(crate) use bench::Bench;
#[cfg(feature = "star")]
pub(crate) use bench::BenchQueries;
pub(crate) use choice::Choice;
#[cfg(feature = "load")]
pub(crate) use load::IfExists;
pub(crate) use load::Load;
pub(crate) use own::Own;
pub(crate) use parameters::{Given, Parameters};
pub(crate) use publish::{Grouping, Messages, Nulls, Publish};
#[cfg(feature = "s3")]
pub(crate) use remote::Sse;
pub(crate) use remote::{Remote, RemoteFlags};
pub(crate) use sql::Sql;
#[cfg(feature = "star")]
pub(crate) use sql::{Answer, AnswerForm};
pub(crate) use star::Star;
pub(crate) use typed::Typed;
#[cfg(feature = "star")]
pub(crate) use values::Cell;
pub(crate) use values::{Expected, Rows, Target, count};
use values::{
    column_of_type, compression, date, partitions, positive_count, rate, scale, shard, shown_rows,
    size,
};

/// Large, believable, perfectly repeatable data: from one command to files.
#[derive(Debug, Parser)]
#[command(name = "lakeseed", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Every flag can be given as an environment variable too: --file-size as LAKESEED_FILE_SIZE.
Numbers take 60M, 1.5k, 60_000_000; sizes take 512MB, 512MiB.
Exit codes: 0 done, 1 failed, 2 usage, 3 refused before the start, 4 incomplete,
130 and 143 stopped by a signal.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows the datasets: what they model, their tables, row counts and parameters.
    List(List),
    /// Makes the rows of a dataset, or of one table, and writes them.
    Generate(Generate),
    /// Shows what `generate` would write: rows, bytes, files, memory, time. Writes nothing.
    Plan(Plan),
    /// Shows the columns of a dataset, or of one table, in the form that is asked for.
    Schema(Schema),
    /// Reads an output back, makes its rows again and compares: exit code 1 if anything differs.
    Verify(Verify),
    /// Sends rows as JSON messages: to a queue, to files, to stdout.
    Publish(Box<Publish>),
    /// Loads rows into tables of a database, at the speed of its bulk loader.
    Load(Box<Load>),
    /// Shows how far a run is, from a second terminal, or what a finished output holds.
    Status(Stored),
    /// Makes one output of what the shards of a run have written.
    Combine(Stored),
    /// Makes a star schema of tables: facts and dimensions from SQL, in bounded memory.
    Star(Box<Star>),
    /// Answers a query over generated tables, without files, or over the tables of any place.
    Sql(Box<Sql>),
    /// Measures what lakeseed does on this machine.
    #[command(subcommand)]
    Bench(Bench),
    /// Shows one row at once, with the parents that it points to and where its values come from.
    Peek(Peek),
    /// Prints the completion script of a shell.
    Completions(Completions),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this dataset, in full.
    pub(crate) dataset: Option<String>,
    /// The result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) own: Own,
    #[command(flatten)]
    pub(crate) layout: Layout,
    /// Adds a window to a finished output of the same data.
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) append: bool,
    /// Starts over: what lakeseed wrote there goes, once the new output is whole.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Makes one share of the files, as 3/16, beside other processes; then `lakeseed combine`.
    #[arg(long, value_name = "I/N", value_parser = shard, conflicts_with = "overwrite")]
    pub(crate) shard: Option<Shard>,
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) logging: Logging,
    /// How progress is shown on stderr.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
    /// The result as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) voice: Voice,
}

/// How much of the machine a command takes.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Means {
    /// Worker threads; as many as there are cores by default.
    #[arg(short = 'j', long, value_name = "N", value_parser = positive_count, allow_negative_numbers = true)]
    pub(crate) threads: Option<u64>,
    /// Memory of the whole process; four fifths of the cgroup's or host's by default.
    #[arg(long, value_name = "SIZE", value_parser = size, allow_negative_numbers = true)]
    pub(crate) memory: Option<Bytes>,
}

/// What is written down for later.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct Logging {
    /// Appends what happens to a file: steps, retries, errors. Credentials are never written.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// How much of it.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    pub(crate) log_level: LogLevel,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The output: a folder, a bucket's prefix as `s3://lake/demo`, a queue as
    /// `nats://HOST:PORT/SUBJECT` or `amqp://HOST:PORT/VHOST/QUEUE`, or a database that was loaded as
    /// `postgres://USER@HOST:PORT/DATABASE` or `mysql://USER@HOST:PORT/DATABASE`.
    #[arg(value_name = "URI")]
    pub(crate) place: PathBuf,
    /// The ledger of a queue's messages; by default the only one of this queue below
    /// ./.lakeseed-ledger.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) ledger: Option<PathBuf>,
    /// Reads a queue that can only be read by taking messages; they are given back at the end.
    #[arg(long)]
    pub(crate) take: bool,
    /// Only presence, sizes and footers: no bytes are digested, no rows made again.
    #[arg(long)]
    pub(crate) quick: bool,
    #[command(flatten)]
    pub(crate) own: Own,
    #[command(flatten)]
    pub(crate) means: Means,
    /// The result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) logging: Logging,
}

/// An output that stands somewhere.
#[derive(Debug, Args)]
pub(crate) struct Stored {
    /// The output: a folder, or a bucket's prefix as `s3://lake/demo`.
    #[arg(value_name = "URI")]
    pub(crate) place: PathBuf,
    /// The result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) logging: Logging,
}

/// How much is told on the way.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Voice {
    /// No progress and no summary; errors only.
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Tells the plan, the memory and each finished file as well.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) own: Own,
    #[command(flatten)]
    pub(crate) layout: Layout,
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// What to show.
    #[arg(value_name = "DATASET[.TABLE]", value_parser = Target::parse)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) parameters: Parameters,
    #[command(flatten)]
    pub(crate) own: Own,
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// In which form.
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = SchemaForm::Text)]
    pub(crate) form: SchemaForm,
    /// For which system the DDL or the views are; postgres unless told otherwise.
    #[arg(long, value_name = "SYSTEM", value_enum)]
    pub(crate) dialect: Option<Dialect>,
}

#[derive(Debug, Args)]
pub(crate) struct Peek {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) own: Own,
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The number of the row; the first of the epoch is 0.
    #[arg(value_name = "ROW", value_parser = count, allow_negative_numbers = true)]
    pub(crate) row: u64,
    /// The result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// Which rows: a dataset or one of its tables, with everything that its values depend on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which rows")]
pub(crate) struct Source {
    /// What to make, as `lakeseed list` names it.
    #[arg(value_name = "DATASET[.TABLE]", value_parser = Target::parse, help_heading = "Arguments")]
    pub(crate) target: Target,
    /// All row counts relative to scale 1, which is about 1 GB of CSV.
    #[arg(short, long, value_name = "F", value_parser = scale, allow_negative_numbers = true)]
    pub(crate) scale: Option<f64>,
    /// Row counts of root tables, as invoices=60M; a bare number where there is one root.
    #[arg(
        long,
        value_name = "[TABLE=]N",
        value_parser = Rows::parse,
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) rows: Vec<Rows>,
    /// First day of event tables; 2023-01-01 unless told otherwise.
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) start: Option<Date>,
    /// Last day of event tables, itself included; the last of the start's year by default.
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) end: Option<Date>,
    /// Another seed makes other values; the default is fixed.
    #[arg(long, value_name = "N", value_parser = count, default_value_t = DEFAULT_SEED, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) parameters: Parameters,
}

/// How the rows become files, and with what means.
#[derive(Debug, Args)]
#[command(next_help_heading = "How they are written")]
pub(crate) struct Layout {
    /// Folder, or `s3://lake/demo`, to write into; ./DATASET by default; - is stdout.
    #[arg(short, long, value_name = "PLACE")]
    pub(crate) out: Option<PathBuf>,
    /// File format.
    #[arg(short, long, value_enum, default_value_t = Format::Parquet)]
    pub(crate) format: Format,
    /// none, snappy, zstd or gzip, with a level as zstd:3; zstd:1 for Parquet, else none.
    #[arg(short, long, value_name = "CODEC", value_parser = compression)]
    pub(crate) compression: Option<Compression>,
    /// Only these columns, in this order; for one table.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// One folder a day, month or year: year,month,day. For event tables.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) partition_by: Vec<String>,
    /// So much in all files together, as 10GB: sets the scale, from samples.
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with_all = ["scale", "rows"], allow_negative_numbers = true)]
    pub(crate) size: Option<Bytes>,
    /// About how large a file becomes; 128MiB by default.
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "files", allow_negative_numbers = true)]
    pub(crate) file_size: Option<Bytes>,
    /// Exactly so many files a table (in each partition).
    #[arg(long, value_name = "N", value_parser = positive_count, allow_negative_numbers = true)]
    pub(crate) files: Option<u64>,
    /// At most so many rows in a row group of Parquet; 1,048,576 by default.
    #[arg(long, value_name = "N", value_parser = positive_count, allow_negative_numbers = true)]
    pub(crate) row_group_rows: Option<u64>,
    /// At most about so many bytes in a row group of Parquet; 8MiB by default.
    #[arg(long, value_name = "SIZE", value_parser = size, allow_negative_numbers = true)]
    pub(crate) row_group_size: Option<Bytes>,
    #[command(flatten)]
    pub(crate) means: Means,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    Json,
    /// Arrow IPC: files, and a stream on stdout.
    Arrow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// Bars on a terminal, else plain lines.
    Auto,
    /// A plain line now and then.
    Plain,
    /// Nothing.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaForm {
    /// A table for people.
    Text,
    /// Markdown tables.
    Markdown,
    /// An entity diagram.
    Mermaid,
    /// The Arrow schema as JSON, hints included.
    Arrow,
    /// `CREATE TABLE` statements.
    Ddl,
    /// `CREATE VIEW` statements: the star and its indicators over the tables in a database.
    Views,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// Postgres and what speaks its tongue.
    Postgres,
    /// `MySQL` and `MariaDB`.
    #[value(alias = "mariadb")]
    Mysql,
    /// DuckDB.
    Duckdb,
    /// Spark SQL.
    Spark,
}

/// The whole command line, with an environment variable for every flag.
pub(crate) fn command() -> clap::Command {
    Cli::command().mut_subcommands(with_variables)
}

fn with_variables(command: clap::Command) -> clap::Command {
    let command = command.mut_args(with_variable);
    command.mut_subcommands(with_variables)
}

fn with_variable(arg: clap::Arg) -> clap::Arg {
    let Some(name) = arg.get_long().map(variable).filter(|_| !arg.is_hide_set()) else {
        return arg;
    };
    let is_switch = !arg.get_action().takes_values();
    let arg = arg.env(name).hide_env(true);
    // `LAKESEED_JSON=0` and `LAKESEED_JSON=` leave a switch off.
    if is_switch {
        arg.value_parser(FalseyValueParser::new())
    } else {
        arg
    }
}

/// `file-size` becomes `LAKESEED_FILE_SIZE`.
fn variable(flag: &str) -> String {
    format!("LAKESEED_{}", flag.to_ascii_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_declarations_are_sound() {
        super::command().debug_assert();
    }
}
