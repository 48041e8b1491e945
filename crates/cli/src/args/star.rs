//! The arguments of `lakeseed star`.

use std::path::PathBuf;

use clap::Args;
use lakeseed_sink::Compression;

use super::{Logging, Means, Progress, Remote, Voice, compression};

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct Star {
    /// The model: one that is built in (assessments, retail), or a folder with star.toml.
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Where the tables are that the model reads: an output of lakeseed's, or any folder or bucket of
    /// Parquet, CSV or JSON files.
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: PathBuf,
    /// Folder, or `s3://lake/star`, to write into; ./MODEL-star by default.
    #[arg(short, long, value_name = "PLACE")]
    pub(crate) out: Option<PathBuf>,
    /// none, snappy, zstd or gzip of the Parquet files, with a level as zstd:3; zstd:1 by default.
    #[arg(short, long, value_name = "CODEC", value_parser = compression)]
    pub(crate) compression: Option<Compression>,
    /// Shows how each table would be made, why, and how large things become. Writes nothing.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Cuts the tables that have this column among their keys by its values: a file each, with its rows
    /// and its time.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) batch_by: Option<String>,
    /// Keeps rows of CSV and JSON that cannot be read in this file, and goes on without them.
    #[arg(long, value_name = "FILE")]
    pub(crate) reject_to: Option<PathBuf>,
    /// Puts only these indicators of the model to the star, by their names.
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        conflicts_with = "no_indicators"
    )]
    pub(crate) indicators: Vec<String>,
    /// Puts none of the model's indicators to the star; all, without these two flags.
    #[arg(long)]
    pub(crate) no_indicators: bool,
    /// Starts over: what lakeseed wrote there goes, once the new star is whole.
    #[arg(long)]
    pub(crate) overwrite: bool,
    #[command(flatten)]
    pub(crate) means: Means,
    /// Where rows are kept on the way; in the output's folder by default.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) temp_dir: Option<PathBuf>,
    /// Takes a temporary folder that lives in memory, too.
    #[arg(long)]
    pub(crate) temp_in_memory: bool,
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
