//! Rows of the user's own in place of generated ones.

use clap::Args;

/// Tables that are known already.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which rows")]
pub(crate) struct Own {
    /// Rows of your own in place of a table's, as customers=clientes.csv; may be repeated. A file, a
    /// folder, `s3://` or an output of lakeseed's with Parquet, CSV or JSON lines, or a table of a
    /// database as `mysql://USER@HOST/DATABASE/TABLE`.
    // A text: an address may hold a password, which no error of an argument may show.
    #[arg(long = "use", value_name = "TABLE=PLACE")]
    pub(crate) own: Vec<String>,
}
