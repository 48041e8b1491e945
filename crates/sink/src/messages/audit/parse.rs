//! Messages read back by other crates' JSON parsers, as rows of the table's types: nothing here knows
//! how they were written.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use serde_json::value::RawValue;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 1024;

/// The rows of a message, as texts; in words, why it is none.
pub(super) fn rows_of(body: &[u8]) -> Result<Vec<&RawValue>, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Rows that wait to be decoded together.
pub(super) struct Decoder {
    schema: SchemaRef,
    /// Rows as texts, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Decoder {
    /// For the columns of a table.
    pub(super) fn new(schema: &Schema) -> Self {
        let fields: Vec<FieldRef> = schema.fields().iter().map(as_read).collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// The types that come out: everything may be null, nothing is a dictionary.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Takes a row. Returns whether it is time to decode.
    pub(super) fn push(&mut self, row: &RawValue) -> bool {
        self.text.extend_from_slice(row.get().as_bytes());
        self.text.push(b'\n');
        self.ends.push(self.text.len());
        self.ends.len() >= BATCH_ROWS
    }

    /// Gives the rows so far to `each`: a batch, or nothing for a row that cannot be one of the table.
    pub(super) fn decode<E>(
        &mut self,
        each: &mut dyn FnMut(Option<RecordBatch>) -> Result<(), E>,
    ) -> Result<(), E> {
        let count = self.ends.len();
        if count == 0 {
            return Ok(());
        }
        if let Ok(batch) = decoded(&self.schema, &self.text, count) {
            each(Some(batch))?;
        } else {
            // One of them is wrong: each alone shows which.
            let mut start = 0;
            for end in &self.ends {
                each(decoded(&self.schema, &self.text[start..*end], 1).ok())?;
                start = *end;
            }
        }
        self.text.clear();
        self.ends.clear();
        Ok(())
    }
}

/// Rows of a text. Members that are no columns are refused.
fn decoded(schema: &SchemaRef, text: &[u8], rows: usize) -> Result<RecordBatch, ArrowError> {
    let mut decoder = ReaderBuilder::new(schema.clone())
        .with_strict_mode(true)
        .with_batch_size(rows)
        .build_decoder()?;
    let taken = decoder.decode(text)?;
    let batch = decoder.flush()?;
    match batch {
        // A row that is no object would take others with it.
        Some(batch) if batch.num_rows() == rows && text[taken..].trim_ascii().is_empty() => {
            Ok(batch)
        }
        _ => Err(ArrowError::JsonError("other rows than lines".to_owned())),
    }
}

/// A field as it is read back.
fn as_read(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(as_read).collect()),
        DataType::List(child) => DataType::List(as_read(child)),
        other => other.clone(),
    };
    let plain = Field::new(field.name(), data_type, true);
    Arc::new(plain.with_metadata(field.metadata().clone()))
}
