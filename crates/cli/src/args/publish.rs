//! The arguments of `lakeseed publish`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lakeseed_budget::Bytes;

use super::{
    Choice, Logging, Means, Progress, Remote, Target, Typed, Voice, column_of_type, positive_count,
    rate, size,
};

#[derive(Debug, Args)]
pub(crate) struct Publish {
    // The first: a field takes its values out of what was parsed.
    #[command(flatten)]
    pub(crate) typed: Typed,
    /// The table whose rows are made and sent; not with --from.
    #[arg(value_name = "DATASET[.TABLE]", value_parser = Target::parse)]
    pub(crate) target: Option<Target>,
    /// Sends the rows of files in place of generated ones: a file, a folder or `s3://` prefix of
    /// Parquet, CSV or JSON lines, or one table of a finished output of lakeseed's.
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: Option<PathBuf>,
    /// The type of a column of CSV, as `id=text` or `price=decimal(12,2)`, where a sample of the rows
    /// does not tell it; may be repeated. One of text, i32, i64, f64, bool, date, timestamp,
    /// `timestamp utc`, `decimal(P,S)`.
    #[arg(long = "type", value_name = "COLUMN=TYPE", value_parser = column_of_type)]
    pub(crate) types: Vec<(String, String)>,
    /// Where the messages go: a folder or `s3://lake/messages` for files, - for stdout, or a queue's
    /// address.
    #[arg(long, value_name = "PLACE")]
    pub(crate) to: PathBuf,
    /// Makes the queue's stream, topic or queue where it is missing, with settings that keep what
    /// they are given.
    #[arg(long)]
    pub(crate) create: bool,
    #[command(flatten)]
    pub(crate) messages: Messages,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) means: Means,
    /// Folder in which it is written down what a queue has acknowledged; by default one below
    /// ./.lakeseed-ledger, named after plan and place.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) ledger: Option<PathBuf>,
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

/// How rows become messages.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How rows become messages")]
pub(crate) struct Messages {
    /// At most so many rows in a message; 10 by default.
    #[arg(long, value_name = "N", value_parser = positive_count, allow_negative_numbers = true)]
    pub(crate) max_rows: Option<u64>,
    /// At most so many bytes in a message; 256KiB by default, 255KiB to SQS, which counts
    /// names too.
    #[arg(long, value_name = "SIZE", value_parser = size, allow_negative_numbers = true)]
    pub(crate) max_bytes: Option<Bytes>,
    /// Which rows share a message.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Grouping::Neighbours)]
    pub(crate) grouping: Grouping,
    /// What becomes of nulls.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Nulls::Keep)]
    pub(crate) nulls: Nulls,
    /// At most so many messages a second, as 5000/s.
    #[arg(long, value_name = "N/s", value_parser = rate, allow_negative_numbers = true)]
    pub(crate) rate: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Grouping {
    /// Rows that follow each other; the first limit that is reached closes a message.
    Neighbours,
    /// Row n in group n mod G, where G is rows / --max-rows, rounded up; generated rows only.
    Modulo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Nulls {
    /// As "name":null.
    Keep,
    /// Left out with their names.
    Omit,
}
