//! What chooses the rows of generated tables, where a dataset is not always named.

use clap::Args;
use lakeseed_gen_core::Date;
use lakeseed_gen_core::dataset::DEFAULT_SEED;

use super::{Parameters, Rows, Source, Target, count, date, scale};

/// Counts, window, seed and parameters of a dataset.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which rows")]
pub(crate) struct Choice {
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
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) parameters: Parameters,
}

impl Choice {
    /// The same as said of a dataset, or of one of its tables.
    pub(crate) fn of(&self, target: Target) -> Source {
        Source {
            target,
            scale: self.scale,
            rows: self.rows.clone(),
            start: self.start,
            end: self.end,
            seed: self.seed.unwrap_or(DEFAULT_SEED),
            parameters: self.parameters.clone(),
        }
    }
}
