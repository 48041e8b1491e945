//! Files as sources: what is read is what was written, and what is wrong is said.

mod csv;
mod folders;
mod json;
mod parquet;

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use lakeseed_star_schema::{Error, File, LocalFile, Source};

/// Local files as the crate wants them.
fn files(paths: &[&Path]) -> Vec<Arc<dyn File>> {
    let file = |path: &&Path| Arc::new(LocalFile::new(*path)) as Arc<dyn File>;
    paths.iter().map(file).collect()
}

/// All rows of all pieces, these columns.
fn read(source: &dyn Source, columns: &[usize], batch_rows: usize) -> Result<RecordBatch, String> {
    let mut batches = Vec::new();
    let mut schema = None;
    for piece in 0..source.pieces().len() {
        let reader = source
            .read(piece, columns, batch_rows)
            .map_err(|error| chain(&error))?;
        schema = Some(reader.schema());
        for batch in reader {
            let batch = batch.map_err(|error| chain(&error))?;
            assert!(batch.num_rows() <= batch_rows);
            batches.push(batch);
        }
    }
    let schema = schema.expect("a piece");
    for batch in &batches {
        assert_eq!(batch.schema(), schema);
    }
    Ok(concat_batches(&schema, &batches).unwrap())
}

/// An error and all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// What an attempt to open said.
fn refusal<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("it was taken"),
        Err(error) => {
            let _ = error.source();
            chain(&error)
        }
    }
}
