//! The engine's units into the commit of the output.

use std::collections::HashMap;
use std::sync::OnceLock;

use arrow_array::RecordBatchReader;
use arrow_schema::ArrowError;
use lakeseed_sink::{UnitPlan, UnitWriter, inspect};
use lakeseed_star_schema::{Error, Store, Unit};

use super::rejects::RejectFile;
use crate::lower::star::StarRecipe;

/// The writer of an output, as the engine knows it.
pub(super) struct Units<'w> {
    writer: &'w UnitWriter<'w>,
    /// Positions of the tables in the plan.
    tables: HashMap<String, usize>,
    store: &'w dyn lakeseed_sink::Store,
    plan_id: &'w str,
    rejects: Option<&'w RejectFile>,
    is_marked: OnceLock<()>,
}

impl<'w> Units<'w> {
    pub(super) fn new(
        plan: &'w UnitPlan,
        writer: &'w UnitWriter<'w>,
        store: &'w dyn lakeseed_sink::Store,
        rejects: Option<&'w RejectFile>,
    ) -> Self {
        let names = plan.tables().map(|table| table.name.clone());
        Self {
            writer,
            tables: names.enumerate().map(|(at, name)| (name, at)).collect(),
            store,
            plan_id: plan.id(),
            rejects,
            is_marked: OnceLock::new(),
        }
    }

    /// Notes that the star is not of all rows, before the first unit that may lack one.
    fn mark_rejects(&self) -> lakeseed_sink::Result<()> {
        let some = self.rejects.is_some_and(|rejects| rejects.rows() > 0);
        if some && self.is_marked.get().is_none() {
            let text = b"Rows of the sources could not be read and were left out.\n";
            self.store.replace(&rejected_mark(self.plan_id), text)?;
            self.is_marked.get_or_init(|| ());
        }
        Ok(())
    }

    fn position(&self, unit: &Unit) -> usize {
        // A table that the plan has not is refused by the writer.
        self.tables.get(&unit.table).copied().unwrap_or(usize::MAX)
    }
}

impl Store for Units<'_> {
    fn is_done(&self, unit: &Unit) -> bool {
        self.writer.is_done(self.position(unit), unit.part)
    }

    fn commit(
        &self,
        unit: &Unit,
        rows: &mut dyn RecordBatchReader,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.mark_rejects()?;
        self.writer.write(self.position(unit), unit.part, rows)?;
        Ok(())
    }
}

/// The file that stands beside a star whose sources had rows that could not be read.
pub(in crate::commands) fn rejected_mark(plan_id: &str) -> String {
    format!("_lakeseed/rejected-{plan_id}")
}

/// The refusal of a place where another star stands, with what is other about it.
pub(super) fn what_has_changed(
    error: lakeseed_sink::Error,
    store: &dyn lakeseed_sink::Store,
    now: &StarRecipe,
) -> lakeseed_sink::Error {
    let lakeseed_sink::Error::OtherPlan {
        address,
        expected,
        found,
    } = error
    else {
        return error;
    };
    let standing = inspect(store).ok();
    let data = standing.and_then(|standing| {
        let unfinished = standing.unfinished.into_iter().next().map(|plan| plan.data);
        let finished = standing
            .finished
            .and_then(|mut manifest| manifest.plans.pop());
        unfinished.or(finished.map(|plan| plan.data))
    });
    let then = data.and_then(|data| serde_json::from_value::<StarRecipe>(data).ok());
    let found = match then.and_then(|then| then.difference(now)) {
        Some(difference) => format!("{found}: {difference}"),
        None => found,
    };
    lakeseed_sink::Error::OtherPlan {
        address,
        expected,
        found,
    }
}

/// The engine's error as one of the commit: its own errors come back as they were. What is of no table
/// goes by the model's name.
pub(super) fn as_sink(error: Error, model: &str) -> lakeseed_sink::Error {
    match error {
        Error::Stopped => lakeseed_sink::Error::Stopped,
        Error::Store { unit, cause } => match cause.downcast::<lakeseed_sink::Error>() {
            Ok(own) => *own,
            Err(cause) => lakeseed_sink::Error::Source {
                table: unit,
                source: ArrowError::ExternalError(cause),
            },
        },
        other => lakeseed_sink::Error::Source {
            table: model.to_owned(),
            source: ArrowError::ExternalError(Box::new(other)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_no_table_goes_by_the_models_name() {
        let error = Error::Model {
            place: "shops/star.toml".to_owned(),
            expected: "a table".to_owned(),
            found: "none".to_owned(),
        };
        let error = as_sink(error, "shops");
        let lakeseed_sink::Error::Source { table, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(table, "shops");
    }
}
