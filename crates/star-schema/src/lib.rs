//! Star schemas from SQL models, in bounded memory and with checkpoints.
//!
//! A table of a star is one `SELECT ... GROUP BY` over one [`Source`]. The aggregate is that of
//! `DataFusion`; what is added is cutting its input so that it always fits:
//!
//! ```text
//!            direct    spans -> partial states ----------------------> one aggregate -> one unit
//! source ->  sorted    pieces between two keys ----------------------> an aggregate  -> a unit, each
//!            scatter   spans -> rows dealt by key into buckets on disk -> an aggregate -> a unit, each
//! ```
//!
//! Units go to the caller's [`Store`], which says what stands already: the same call again makes the
//! rest. What a unit holds depends on sources and statements alone, never on memory or threads.
//!
//! ```
//! use std::collections::HashMap;
//! use std::error::Error;
//! use std::sync::{Arc, Mutex};
//!
//! use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchIterator, RecordBatchReader};
//! use arrow_schema::SchemaRef;
//! use lakeseed_budget::{Budget, MIB};
//! use lakeseed_star_schema::{
//!     BatchReader, Piece, Result, Settings, Source, Star, Statement, Stop, Store, Unit,
//! };
//!
//! struct Sales(RecordBatch, [Piece; 1]);
//!
//! impl Source for Sales {
//!     fn schema(&self) -> SchemaRef {
//!         self.0.schema()
//!     }
//!     fn pieces(&self) -> &[Piece] {
//!         &self.1
//!     }
//!     fn read(&self, _: usize, columns: &[usize], _: usize) -> Result<BatchReader> {
//!         let batch = self.0.project(columns).unwrap();
//!         let schema = batch.schema();
//!         Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
//!     }
//!     fn identity(&self) -> &str {
//!         "sales of one morning"
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Kept(Mutex<Vec<RecordBatch>>);
//!
//! impl Store for Kept {
//!     fn is_done(&self, _: &Unit) -> bool {
//!         false
//!     }
//!     fn commit(
//!         &self,
//!         _: &Unit,
//!         rows: &mut dyn RecordBatchReader,
//!     ) -> Result<(), Box<dyn Error + Send + Sync>> {
//!         for batch in rows {
//!             self.0.lock().unwrap().push(batch?);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let columns = [
//!     ("product", Arc::new(Int64Array::from(vec![7, 8, 7])) as ArrayRef),
//!     ("price", Arc::new(Int64Array::from(vec![100, 30, 50]))),
//! ];
//! let batch = RecordBatch::try_from_iter(columns)?;
//! let sales: Arc<dyn Source> = Arc::new(Sales(batch, [Piece { rows: 3, exact: true, bytes: 48 }]));
//!
//! let statement = Statement {
//!     table: "by_product".to_owned(),
//!     place: "by_product.sql".to_owned(),
//!     sql: "SELECT product, sum(price) AS total FROM sales GROUP BY product".to_owned(),
//! };
//! let sources = HashMap::from([("sales".to_owned(), sales)]);
//! let settings = Settings::new(std::env::temp_dir());
//! let star = Star::try_new(&sources, &[statement], &settings)?;
//!
//! let (store, budget) = (Kept::default(), Budget::new(256 * MIB));
//! let report = star.run(&settings, &budget, &store, &(), &Stop::new())?;
//! assert_eq!(report.tables[0].rows, 2);
//! # Ok::<(), Box<dyn Error>>(())
//! ```
//!
//! Answers that are small or streamed need no star: [`query`] is SQL over generated tables and sources.
//! [`mod@bench`] measures such queries over a matrix of settings.
//!
//! # What it does not do
//! It writes no output of its own, prints nothing, and knows no dataset but in [`oracle`], which tells
//! what the stars of our own datasets must be.

mod answer;
mod ask;
mod batches;
pub mod bench;
mod choose;
mod cut;
mod engine;
mod error;
mod extend;
mod model;
mod observe;
mod of_model;
pub mod oracle;
mod page;
mod planned;
pub mod query;
mod rules;
mod run;
mod session;
mod source;
mod store;
mod temp;
mod together;
mod views;

pub use answer::{Answer, short};
pub use ask::Ask;
pub use choose::{Choice, Strategy};
pub use error::{Error, Result};
pub use extend::{Fate, Increment, Parts, Standing};
pub use model::{
    Chart, Duplicates, FOLDER_OF_INDICATORS, ForeignKey, IndicatorSpec, Kind, MODEL_FILE, Missing,
    Model, NumberFormat, SourceSpec, TableSpec,
};
pub use observe::{Observer, Progress, Step, Stop, UnitDone, Warning};
pub use page::{Origin, page};
pub use run::{KeyReport, Report, Settings, Star, Statement, TableReport};
pub use source::{
    BatchReader, Bounds, BytesRead, Calendar, File, FileFormat, Files, FilesOptions, LocalFile,
    Part, Piece, RejectedRow, Rejects, Source, Stamp, TextOptions, column_type,
};
pub use store::{Store, Unit};
pub use views::views;
