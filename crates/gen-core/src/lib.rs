//! Believable, perfectly repeatable relational data as Arrow record batches.
//!
//! Every value is a pure function of the dataset's settings, the table's name, the column's name
//! and the row number. Any row costs the same to reach, row counts are known before the first row
//! is made, children find their parents by arithmetic, and nothing is ever materialised:
//!
//! ```
//! use lakeseed_gen_core::{Settings, retail::Retail};
//!
//! let retail = Retail::new(&Settings::new().scale(3.0).seed(42))?;
//! let invoices = retail.invoices();
//! assert_eq!(invoices.row_count(), 9_000_000);
//! for batch in invoices.rows(7_000_000..7_000_010).columns(["invoice_id", "net_total"])?.reader()? {
//!     assert_eq!(batch?.num_rows(), 10); // an Arrow RecordBatch
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A table of one's own keeps the same promises:
//!
//! ```
//! use lakeseed_gen_core::column::{distribution, foreign_key, parent, sequence, weighted};
//! use lakeseed_gen_core::{Settings, Table, retail::Retail};
//!
//! let retail = Retail::new(&Settings::new())?;
//! let pets = Table::builder("pets", 1_000_000)
//!     .column("id", sequence(1))
//!     .column("name", weighted([("Rex", 5), ("Mia", 3)]))
//!     .column("weight_kg", distribution(rand_distr::LogNormal::new(2.3, 0.4)?))
//!     .column("owner", foreign_key(retail.customers()).zipf(1.1))
//!     .column("owner_state", parent("owner", "state"))
//!     .build()?;
//! assert_eq!(pets.rows(999_990..1_000_000).batch()?.num_rows(), 10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Contents
//! - [`Dataset`], [`Settings`], [`datasets`]: what is built in: [`retail`], [`predictions`],
//!   [`assessments`].
//! - [`Table`]: rows as Arrow batches; [`mod@column`] and [`builder`] for tables of one's own.
//! - [`seed`], [`permute`], [`dist`], [`calendar`], [`slices`]: what values are made of.
//! - [`own`]: rows of one's own in place of a table's.
//! - [`hints`]: what the generator knows of a column, for writers.
//! - [`views`]: the star and its indicators as SQL, for databases that hold the tables.
//!
//! # Features
//! - `rand_distr` (default): any distribution of that crate as a column.
//!
//! # What it does not do
//! It opens no file, starts no thread, reads no clock and no environment. Writing is the task of
//! `lakeseed-sink`, or of anything else that takes Arrow batches.

pub mod assessments;
mod brazil;
pub mod builder;
pub mod calendar;
pub mod column;
pub mod dataset;
pub mod date;
pub mod dist;
mod error;
pub mod hints;
mod names;
pub mod own;
pub mod permute;
pub mod predictions;
pub mod retail;
pub mod rows;
pub mod seed;
pub mod slices;
pub mod table;
pub mod views;
mod wide;

pub use dataset::{Dataset, DatasetInfo, Settings, datasets, find};
pub use date::Date;
pub use error::{Error, Result};
pub use table::{Partition, Planted, Scan, Table, TableReader};
