//! A star from a model: what the description says of a table is what its statement does.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

use crate::choose::column_name;
use crate::cut::Cut;
use crate::planned::Planner;
use crate::rules::{Rules, holds};
use crate::run::Promised;
use crate::{Error, Model, Result, Settings, Source, Standing, Star, Statement, TableSpec};

impl Star {
    /// The tables of a model over these sources, by name; looks at samples.
    ///
    /// # Errors
    /// Those of [`Star::try_new`]; [`Error::Model`] where a statement reads other tables than its entry
    /// says, or where the grain is not all of the statement's group keys, or no column of the table.
    pub fn of_model(
        model: &Model,
        sources: &HashMap<String, Arc<dyn Source>>,
        settings: &Settings,
    ) -> Result<Self> {
        Self::onto(model, sources, &Standing::default(), settings)
    }

    /// The tables of a model onto what stands of them, made from sources that may have been others: tables
    /// whose sources are as they were are kept, those where it is proven are extended, and the rest is
    /// made anew. [`Star::fate`] tells which. [`Star::run`] then makes what is missing.
    ///
    /// A table may turn out to share groups with what stands when its rows are made: the run ends with
    /// [`Error::Shared`], and the table has to be named in [`Standing::anew`].
    ///
    /// # Errors
    /// Those of [`Star::of_model`].
    pub fn onto(
        model: &Model,
        sources: &HashMap<String, Arc<dyn Source>>,
        standing: &Standing,
        settings: &Settings,
    ) -> Result<Self> {
        let statements = model.tables.iter().map(|table| Statement {
            table: table.name.clone(),
            place: table.place.clone(),
            sql: table.sql.clone(),
        });
        let statements: Vec<Statement> = statements.collect();
        let schemas: HashMap<String, SchemaRef> = sources
            .iter()
            .map(|(name, source)| (name.clone(), source.schema()))
            .collect();
        let planner = Planner::new(&schemas, &statements);
        for (table, statement) in model.tables.iter().zip(&statements) {
            reads(table, &planner.names(statement)?)?;
        }
        let promises = model.tables.iter().map(|table| Promised {
            grain: table.grain.clone(),
            has_own_member: !table.unknown.is_empty(),
        });
        let promises: Vec<Promised> = promises.collect();
        let mut star = Self::with_promises(sources, &statements, &promises, standing, settings)?;
        for table in &model.tables {
            match (star.cut(&table.name), star.schema(&table.name)) {
                (Some(cut), _) => keys(table, cut)?,
                (None, Some(schema)) => columns(table, &schema)?,
                (None, None) => {}
            }
        }
        let schemas = model.tables.iter().filter_map(|table| {
            let schema = star.schema(&table.name)?;
            Some((table.name.clone(), schema))
        });
        let mut schemas: HashMap<String, SchemaRef> = schemas.collect();
        let is_unique = |table: &TableSpec| star.cut(&table.name).is_some();
        let is_proven = |table: &TableSpec, number: usize| {
            let key = &table.foreign_keys[number];
            let cuts = star.cut(&table.name).zip(star.cut(&key.table));
            let parent = model.table(&key.table).zip(cuts);
            parent.is_some_and(|(parent, (cut, of))| holds(cut, &key.columns, of, &parent.grain))
        };
        let rules = Rules::of_model(model, &mut schemas, is_unique, is_proven)?;
        star.set_rules(rules, schemas);
        Ok(star)
    }
}

/// What a statement reads is what its entry says.
fn reads(table: &TableSpec, named: &[String]) -> Result<()> {
    let said: BTreeSet<&String> = table.reads.iter().collect();
    if said == named.iter().collect() {
        return Ok(());
    }
    Err(Error::Model {
        place: table.place.clone(),
        expected: format!("a statement over {}, as reads says", table.reads.join(", ")),
        found: named.join(", "),
    })
}

/// The grain of an aggregate is its group keys.
fn keys(table: &TableSpec, cut: &Cut) -> Result<()> {
    let key_of = |column: &String| {
        let at = cut.schema.index_of(column).ok()?;
        cut.shown_keys[at]
    };
    // Each key by one column, and nothing else: rows are then unique by construction.
    let keys: Option<BTreeSet<usize>> = table.grain.iter().map(key_of).collect();
    if keys.is_some_and(|keys| keys.len() == cut.below.keys) && table.grain.len() == cut.below.keys
    {
        return Ok(());
    }
    let expected = (0..cut.below.keys).map(|key| {
        let at = cut.shown_keys.iter().position(|shown| *shown == Some(key));
        match at {
            Some(at) => cut.schema.field(at).name().clone(),
            None => format!("{} (which is not selected)", column_name(cut, key)),
        }
    });
    let expected = expected.collect::<Vec<_>>().join(", ");
    Err(Error::Model {
        place: table.place.clone(),
        expected: format!("a grain of all group keys: {expected}"),
        found: table.grain.join(", "),
    })
}

/// The grain of any other statement is columns of its table; that no two rows share it is seen when they
/// are made.
fn columns(table: &TableSpec, schema: &Schema) -> Result<()> {
    let Some(wrong) = table
        .grain
        .iter()
        .find(|name| schema.index_of(name).is_err())
    else {
        return Ok(());
    };
    let names = schema.fields().iter().map(|field| field.name().as_str());
    Err(Error::Model {
        place: table.place.clone(),
        expected: format!(
            "a grain of columns of the table: {}",
            names.collect::<Vec<_>>().join(", ")
        ),
        found: wrong.clone(),
    })
}
