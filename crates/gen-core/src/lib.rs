//! Believable, perfectly repeatable relational data as Arrow record batches.
pub mod builder;
pub mod calendar;
pub mod column;
pub mod dataset;
pub mod date;
pub mod dist;
mod error;
pub mod hints;
pub mod permute;
pub mod predictions;
pub mod retail;
pub mod rows;
pub mod seed;
pub mod slices;
pub mod table;

pub use dataset::{Dataset, DatasetInfo, Settings, datasets, find};
pub use date::Date;
pub use error::{Error, Result};
pub use table::{Partition, Table};
