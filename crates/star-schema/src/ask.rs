//! Indicators put to a star: planned over its tables, answered in bounded memory.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::{Field, Schema, SchemaRef};

use crate::answer::{Answer, too_many};
use crate::model::IndicatorSpec;
use crate::query::{Family, Queries, Query, QuerySettings};
use crate::source::{BatchReader, Piece, Source};
use crate::{Error, Result, Star, Stop};

/// An indicator that is planned over the tables of a star.
///
/// ```
/// use std::sync::Arc;
/// use lakeseed_star_schema::query::{Queries, QuerySettings};
/// use lakeseed_star_schema::{Ask, Calendar, Model, Stop};
///
/// let mut spec = Model::builtin("retail")?.indicators.remove(0);
/// spec.sql = "SELECT COUNT(*) AS days FROM days WHERE is_holiday".to_owned();
/// spec.formats.clear();
/// let mut queries = Queries::new(&QuerySettings::default())?;
/// let year = Calendar::new("2024-01-01".parse()?, "2024-12-31".parse()?)?;
/// queries.register_source("days", Arc::new(year))?;
///
/// let ask = Ask::prepare(&queries, &spec)?;
/// assert_eq!(ask.schema().field(0).name(), "days");
/// let rows = ask.rows(&Stop::new())?;
/// assert_eq!(rows[0].num_rows(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ask<'i> {
    spec: &'i IndicatorSpec,
    query: Query,
    schema: SchemaRef,
}

impl<'i> Ask<'i> {
    /// Plans the statement.
    ///
    /// # Errors
    /// [`Error::Model`] with the statement's file: a table or column that is not there, types that do
    /// not fit, a description that does not fit the columns ([`Answer::check`]).
    pub fn prepare(queries: &Queries, spec: &'i IndicatorSpec) -> Result<Self> {
        let query = queries.prepare(&spec.sql).map_err(|error| match error {
            Error::Query {
                expected, found, ..
            } => Error::Model {
                place: spec.place.clone(),
                expected,
                found,
            },
            other => other,
        })?;
        // What a plan knows of its columns besides is of no use in a file.
        let planned = query.schema();
        let fields = planned
            .fields()
            .iter()
            .map(|field| Field::new(field.name(), field.data_type().clone(), field.is_nullable()));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Answer::check(spec, &schema)?;
        Ok(Self {
            spec,
            query,
            schema,
        })
    }

    /// Plans statements over a star that is still to be made, so that one that does not fit is refused
    /// before it.
    ///
    /// # Errors
    /// As [`Ask::prepare`].
    pub fn check(star: &Star, indicators: &[&IndicatorSpec]) -> Result<()> {
        if indicators.is_empty() {
            return Ok(());
        }
        let settings = QuerySettings {
            threads: 1,
            ..QuerySettings::default()
        };
        let mut queries = Queries::new(&settings)?;
        for (table, _) in star.choices() {
            if let Some(schema) = star.schema(table) {
                queries.register_source(table, Arc::new(Unmade(schema)))?;
            }
        }
        let mut all = indicators.iter();
        all.try_for_each(|spec| Ask::prepare(&queries, spec).map(drop))
    }

    /// The indicator's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// How many values it reads, as [`Query::values`].
    pub fn values(&self) -> u64 {
        self.query.values()
    }

    /// Finds what indicators have in common, as revenue by customer: each step of it is made once where
    /// those of a family are asked one after the other. All of them must be of the same [`Queries`].
    pub fn families(asks: &mut [Self]) -> Vec<Family> {
        let mut queries: Vec<&mut Query> = asks.iter_mut().map(|ask| &mut ask.query).collect();
        Family::of(&mut queries)
    }

    /// The columns of the answer.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The answer, in order. It is held whole: [`Answer::MOST_ROWS`] rows at most.
    ///
    /// # Errors
    /// As [`Query::run`], and [`Error::Model`] for more rows.
    pub fn rows(&self, stop: &Stop) -> Result<Vec<RecordBatch>> {
        let (mut batches, mut rows) = (Vec::new(), 0);
        let ran = self.query.run(stop, |batch| {
            rows += batch.num_rows();
            if rows > Answer::MOST_ROWS {
                return ControlFlow::Break(());
            }
            let columns = batch.columns().to_vec();
            batches.push(RecordBatch::try_new(Arc::clone(&self.schema), columns));
            ControlFlow::Continue(())
        });
        let told = |error| match error {
            // A query of no name is this one.
            Error::Engine { cause, .. } => Error::Engine {
                table: self.spec.name.clone(),
                cause,
            },
            other => other,
        };
        ran.map_err(told)?;
        if rows > Answer::MOST_ROWS {
            return Err(too_many(self.spec));
        }
        let batches: Result<Vec<RecordBatch>, _> = batches.into_iter().collect();
        batches.map_err(|error| Error::Engine {
            table: self.spec.name.clone(),
            cause: error.into(),
        })
    }
}

/// A table of a star that has no rows yet.
struct Unmade(SchemaRef);

impl Source for Unmade {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0)
    }

    fn pieces(&self) -> &[Piece] {
        &[]
    }

    fn read(&self, _: usize, columns: &[usize], _: usize) -> Result<BatchReader> {
        let schema = self.0.project(columns).map_err(|error| Error::Source {
            place: "a table that is not made yet".to_owned(),
            problem: "it has no such columns".to_owned(),
            cause: Some(Box::new(error)),
        })?;
        Ok(Box::new(RecordBatchIterator::new([], Arc::new(schema))))
    }

    fn identity(&self) -> &'static str {
        "a table that is not made yet"
    }
}
