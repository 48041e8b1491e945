//! A star from a model: what the description says of a table is what its statement does.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::choose::column_name;
use crate::cut::Cut;
use crate::{Error, Model, Result, Settings, Source, Star, Statement, TableSpec};

impl Star {
    /// The tables of a model over these sources, by name; looks at samples.
    ///
    /// # Errors
    /// Those of [`Star::try_new`]; [`Error::Model`] where a statement reads another source than its
    /// entry says, or where the grain is not all of the statement's group keys.
    pub fn of_model(
        model: &Model,
        sources: &HashMap<String, Arc<dyn Source>>,
        settings: &Settings,
    ) -> Result<Self> {
        let statements = model.tables.iter().map(|table| Statement {
            table: table.name.clone(),
            place: table.place.clone(),
            sql: table.sql.clone(),
        });
        let star = Self::try_new(sources, &statements.collect::<Vec<_>>(), settings)?;
        for table in &model.tables {
            if let Some(cut) = star.cut(&table.name) {
                check(table, cut)?;
            }
        }
        Ok(star)
    }
}

fn check(table: &TableSpec, cut: &Cut) -> Result<()> {
    if cut.source != table.reads {
        return Err(Error::Model {
            place: table.place.clone(),
            expected: format!("a statement over {}, as reads says", table.reads),
            found: cut.source.clone(),
        });
    }
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
