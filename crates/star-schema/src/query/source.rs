//! A source of files as a table of the engine.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result as DfResult, Statistics};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::prune;
use super::scan::{Rows, Scan, partitions};
use crate::engine::scan::{read_piece, source_rows};
use crate::engine::stream::Batches;
use crate::planned::plain;
use crate::{Piece, Source};

/// Fewer rows than this are not worth a thread of their own.
const LEAST_ROWS: u64 = 1 << 15;

/// A [`Source`] for SQL: files of any folder or bucket.
///
/// A scan reads the columns that it is asked for, and leaves out pieces before and behind those that may
/// hold a row, as far as [`Source::bounds`] tells. Where every piece knows its rows, `count(*)` reads
/// none. Rows come in the source's order.
///
/// **Memory**: beside the batches under way, what the readers hold ([`Source::held_bytes`]): one a
/// thread.
#[derive(Debug, Clone)]
pub struct SourceTable {
    read: Arc<Read>,
}

/// What a scan needs of it.
struct Read {
    name: String,
    source: Arc<dyn Source>,
    schema: SchemaRef,
}

impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read")
            .field("name", &self.name)
            .field("pieces", &self.source.pieces().len())
            .finish_non_exhaustive()
    }
}

impl SourceTable {
    /// `name` is what reports and plans call it.
    pub fn new(name: impl Into<String>, source: Arc<dyn Source>) -> Self {
        Self {
            read: Arc::new(Read {
                name: name.into(),
                schema: plain(&source.schema()),
                source,
            }),
        }
    }
}

#[async_trait]
impl TableProvider for SourceTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.read.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Conditions leave out pieces, and every row that is read is asked again.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DfResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let columns = match projection {
            Some(columns) => columns.clone(),
            None => (0..self.read.schema.fields().len()).collect(),
        };
        let source = self.read.source.as_ref();
        let mut wanted = prune::pieces(source, &self.read.schema, filters);
        // Of rows that conditions are still to be asked of nobody knows how many are enough.
        if let Some(limit) = limit.filter(|_| filters.is_empty()) {
            let pieces = &source.pieces()[wanted.clone()];
            wanted.end = wanted.start + pieces_for(pieces, limit as u64);
        }
        let pieces = &source.pieces()[wanted.clone()];
        let schema = Arc::new(self.read.schema.project(&columns)?);
        let asked = session.config().target_partitions();
        let count = partitions(source_rows(pieces), asked, LEAST_ROWS);
        let orders = self.read.orders(&columns);
        let units = wanted.start as u64..wanted.end as u64;
        let table = Arc::clone(&self.read) as Arc<dyn Rows>;
        let scan = Scan::new(table, schema, columns, units, orders, count);
        Ok(Arc::new(scan))
    }

    fn statistics(&self) -> Option<Statistics> {
        let all: Vec<usize> = (0..self.read.schema.fields().len()).collect();
        let pieces = 0..self.read.source.pieces().len() as u64;
        Some(self.read.statistics(&all, &pieces))
    }
}

/// How many pieces from the first on surely have so many rows.
fn pieces_for(pieces: &[Piece], rows: u64) -> usize {
    let mut found = 0;
    let enough = pieces.iter().position(|piece| {
        found += if piece.exact { piece.rows } else { 0 };
        found >= rows
    });
    enough.map_or(pieces.len(), |last| last + 1)
}

impl Read {
    fn pieces(&self, units: &Range<u64>) -> &[Piece] {
        &self.source.pieces()[units.start as usize..units.end as usize]
    }

    /// The order that rows of these columns are in, as positions among them. Where nulls stand is not
    /// known but for columns without any.
    fn orders(&self, columns: &[usize]) -> Vec<Vec<usize>> {
        let mut order = Vec::new();
        for name in self.source.sorted_by() {
            let known = self.schema.column_with_name(name);
            let Some((column, _)) = known.filter(|(_, field)| !field.is_nullable()) else {
                break;
            };
            let Some(at) = columns.iter().position(|&other| other == column) else {
                break;
            };
            order.push(at);
        }
        if order.is_empty() {
            Vec::new()
        } else {
            vec![order]
        }
    }
}

impl Rows for Read {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self, columns: &[usize], units: Range<u64>, batch_rows: usize) -> DfResult<Batches> {
        let source = Arc::clone(&self.source);
        let schema = Arc::new(self.schema.project(columns)?);
        let columns = columns.to_vec();
        Ok(Box::new(units.flat_map(move |piece| {
            let piece = piece as usize;
            read_piece(
                &source,
                piece,
                &columns,
                &schema,
                batch_rows,
                &Arc::default(),
            )
        })))
    }

    fn waits(&self) -> bool {
        true
    }

    fn cut(&self, units: Range<u64>, count: usize) -> Vec<Range<u64>> {
        let all = source_rows(self.pieces(&units));
        let enough = all.div_ceil(count.max(1) as u64).max(1);
        let (mut runs, mut start, mut rows) = (Vec::new(), units.start, 0);
        for unit in units.clone() {
            rows += self.source.pieces()[unit as usize].rows;
            if rows >= enough || unit + 1 == units.end {
                runs.push(start..unit + 1);
                (start, rows) = (unit + 1, 0);
            }
        }
        runs
    }

    fn rows(&self, units: &Range<u64>) -> u64 {
        source_rows(self.pieces(units))
    }

    fn statistics(&self, columns: &[usize], units: &Range<u64>) -> Statistics {
        let pieces = self.pieces(units);
        let rows = source_rows(pieces) as usize;
        let of_column = |&column: &usize| {
            let mut known = ColumnStatistics::new_unknown();
            if !self.schema.field(column).is_nullable() {
                known.null_count = Precision::Exact(0);
            }
            known
        };
        Statistics {
            num_rows: if pieces.iter().all(|piece| piece.exact) {
                Precision::Exact(rows)
            } else {
                Precision::Inexact(rows)
            },
            total_byte_size: Precision::Absent,
            column_statistics: columns.iter().map(of_column).collect(),
        }
    }
}
