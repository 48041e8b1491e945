//! The arguments of `lakeseed load`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    Choice, Logging, Means, Own, Progress, Remote, Target, Typed, Voice, column_of_type,
    positive_count,
};

#[derive(Debug, Args)]
pub(crate) struct Load {
    // The first: a field takes its values out of what was parsed.
    #[command(flatten)]
    pub(crate) typed: Typed,
    /// The dataset, or the one table of it, whose rows are made and loaded; not with --from.
    #[arg(value_name = "DATASET[.TABLE]", value_parser = Target::parse)]
    pub(crate) target: Option<Target>,
    /// Loads the rows of files in place of generated ones: a file, a folder or `s3://` prefix of
    /// Parquet, CSV or JSON lines, a folder with a folder a table, or a finished output of lakeseed's.
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: Option<PathBuf>,
    /// Of an output of lakeseed's only this table; the name of the table that other files become.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// The type of a column of CSV or JSON lines, as `id=text` or `price=decimal(12,2)`, where a sample
    /// of the rows does not tell it; may be repeated. One of text, i32, i64, f64, bool, date,
    /// timestamp, `timestamp utc`, `decimal(P,S)`.
    #[arg(long = "type", value_name = "COLUMN=TYPE", value_parser = column_of_type)]
    pub(crate) types: Vec<(String, String)>,
    /// The database, as `postgres://USER@HOST:PORT/DATABASE` or `mysql://USER@HOST:PORT/DATABASE` (which
    /// is MariaDB too); the password is best left to PGPASSWORD or `MYSQL_PWD`.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: String,
    /// What becomes of tables that are there already.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = IfExists::Fail)]
    pub(crate) if_exists: IfExists,
    /// Loads the rows of the window in so many equal rounds, one after the other, and tells the time of
    /// each; tables that do not grow stand before the first.
    #[arg(long, value_name = "N", value_parser = positive_count, allow_negative_numbers = true)]
    pub(crate) rounds: Option<u64>,
    /// Draws the times of the rounds into this file, as SVG.
    #[arg(long, value_name = "FILE", requires = "rounds")]
    pub(crate) chart: Option<PathBuf>,
    /// Also makes views over the tables: the star and the indicators of the dataset, as `lakeseed schema
    /// DATASET --as views` prints them. A load that is complete gets them when it is repeated so.
    #[arg(long)]
    pub(crate) views: bool,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) own: Own,
    #[command(flatten)]
    pub(crate) means: Means,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IfExists {
    /// They are refused, unless this very load has begun them: then it goes on.
    Fail,
    /// Rows are added, where the columns are ours; this very load goes on.
    Append,
    /// They are dropped, and all begins anew.
    Replace,
}
