//! The engine's units into the commit of the output.

use std::collections::HashMap;

use arrow_array::RecordBatchReader;
use arrow_schema::ArrowError;
use lakeseed_sink::{UnitPlan, UnitWriter};
use lakeseed_star_schema::{Error, Store, Unit};

/// The writer of an output, as the engine knows it.
pub(super) struct Units<'w> {
    writer: &'w UnitWriter<'w>,
    /// Positions of the tables in the plan.
    tables: HashMap<String, usize>,
}

impl<'w> Units<'w> {
    pub(super) fn new(plan: &UnitPlan, writer: &'w UnitWriter<'w>) -> Self {
        let names = plan.tables().map(|table| table.name.clone());
        Self {
            writer,
            tables: names.enumerate().map(|(at, name)| (name, at)).collect(),
        }
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
        self.writer.write(self.position(unit), unit.part, rows)?;
        Ok(())
    }
}

/// The engine's error as one of the commit: its own errors come back as they were.
pub(super) fn as_sink(error: Error) -> lakeseed_sink::Error {
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
            table: "of the star".to_owned(),
            source: ArrowError::ExternalError(Box::new(other)),
        },
    }
}
