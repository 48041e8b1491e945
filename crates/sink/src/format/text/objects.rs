//! Rows as JSON objects of which somebody else makes something larger: an array, a message.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::column::Nulls;
use super::lines::Lines;
pub(crate) use super::rows::Around;
use super::rows::Rows;
use super::{TextStyle, check};
use crate::error::Result;

/// Writes the rows of one schema as JSON objects, as the format JSON has them.
pub(crate) struct Objects(Rows);

impl Objects {
    /// Binds to the columns of a table; `keeps_nulls` tells whether a null is written as `null` or
    /// left out with its name. Within a list it is always written.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for a column that JSON cannot hold,
    /// [`Error::Invalid`](crate::Error::Invalid) for a name that comes twice.
    pub(crate) fn try_new(schema: &SchemaRef, keeps_nulls: bool) -> Result<Self> {
        check(schema, TextStyle::Json)?;
        let nulls = if keeps_nulls {
            Nulls::Kept
        } else {
            Nulls::LeftOut
        };
        Ok(Self(Rows::with_nulls(schema, TextStyle::Json, nulls)))
    }

    /// Writes all rows of a batch.
    ///
    /// # Errors
    /// What `around` fails with.
    pub(crate) fn write(
        &mut self,
        batch: &RecordBatch,
        text: &mut Lines,
        around: &mut impl Around,
    ) -> Result<()> {
        self.0.write(batch, text, around)
    }
}
