//! The arguments of `lakeseed load`.

use clap::{Args, ValueEnum};

use super::{Choice, Logging, Means, Progress, Target, Voice};

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The dataset, or the one table of it, whose rows are made and loaded.
    #[arg(value_name = "DATASET[.TABLE]", value_parser = Target::parse)]
    pub(crate) target: Target,
    /// The database, as `postgres://USER@HOST:PORT/DATABASE` or `mysql://USER@HOST:PORT/DATABASE` (which
    /// is MariaDB too); the password is best left to PGPASSWORD or MYSQL_PWD.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: String,
    /// What becomes of tables that are there already.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = IfExists::Fail)]
    pub(crate) if_exists: IfExists,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) means: Means,
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
