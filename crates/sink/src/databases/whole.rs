//! A small table of anybody's, read in whole: rows that are known already, for others to hang on.

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::database::Database;
use super::failure::Failure;
use super::plan::TableToLoad;
use crate::error::{Error, Result};
use crate::source::BatchSource;

/// The columns of a table as they can be read, or the first that cannot.
pub(super) fn schema_of<'c>(
    table: &str,
    columns: impl IntoIterator<Item = (&'c str, String, Option<DataType>)>,
) -> Result<SchemaRef, Failure> {
    let mut fields = Vec::new();
    for (name, found, data_type) in columns {
        let Some(data_type) = data_type else {
            return Err(Failure::Whole(Error::Value {
                table: table.to_owned(),
                column: name.to_owned(),
                row: 0,
                expected: "a type that Arrow has".to_owned(),
                found,
            }));
        };
        // Whether there are nulls, the rows say: a view promises nothing.
        fields.push(Field::new(name, data_type, true));
    }
    Ok(Schema::new(fields).into())
}

/// Reads a table or a view of the current schema, all columns and rows of it, in one statement.
///
/// # Memory
/// All of the rows are held, `most_bytes` at the most.
///
/// # Errors
/// [`Error::Invalid`] for a table that is not there and for a column of a type that is not read,
/// [`Error::Memory`] for more bytes than that, [`Error::Value`] for a value that its type in Arrow cannot
/// be, and [`Error::Remote`] when the database cannot be asked.
///
/// # Example
/// ```no_run
/// use lakeseed_sink::databases::postgres::{Postgres, PostgresOptions};
/// use lakeseed_sink::databases::read_table;
///
/// let shop = Postgres::new("postgres://ana@localhost/shop", &PostgresOptions::default())?;
/// for batch in read_table(&shop, "sellers", 64 << 20)? {
///     assert!(batch.num_rows() > 0);
/// }
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
pub fn read_table(from: &dyn Database, table: &str, most_bytes: u64) -> Result<Vec<RecordBatch>> {
    let refused = |failure: Failure| failure.into_error("read", from.address());
    let invalid = |expected: String, found: String| Error::Invalid {
        what: "table to be read",
        expected,
        found,
    };
    let mut session = from.open(&|| false).map_err(refused)?;
    let schema = match session.schema_of(table) {
        Ok(Some(schema)) => schema,
        Ok(None) => {
            let expected = format!("a table or view `{table}` at {}", from.address());
            return Err(invalid(expected, "none of that name".to_owned()));
        }
        Err(Failure::Whole(Error::Value { column, found, .. })) => {
            let expected = "booleans, whole numbers, floats, decimals of at most 38 digits, dates, \
                            timestamps or text in each column; a view can cast or leave out others";
            let found = format!("{found} in column `{column}` of `{table}`");
            return Err(invalid(expected.to_owned(), found));
        }
        Err(failure) => return Err(refused(failure)),
    };
    let rows = BatchSource::new(RecordBatch::new_empty(schema));
    let to_read = TableToLoad::new(table, rows, 0..0);
    let (mut batches, mut held) = (Vec::new(), 0);
    let read = session.read(&to_read, &mut |batch| {
        held += batch.get_array_memory_size() as u64;
        if held > most_bytes {
            let (needed, granted) = (held, most_bytes);
            return Err(Error::Memory { needed, granted });
        }
        batches.push(batch.clone());
        Ok(())
    });
    read.map_err(refused)?;
    Ok(batches)
}
