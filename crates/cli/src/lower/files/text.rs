//! CSV and JSON lines as rows with types: cut at whole rows and read by the reader that stars have.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use lakeseed_sink::messages::{Piece, Pieces};
use lakeseed_sink::{BoxedReader, Error, Store};
use lakeseed_star_schema::{BatchReader, Files, FilesOptions, Source, TextOptions, column_type};

use crate::error::Failure;
use crate::lower::star::files::Place;

/// About how much of a file is a piece: it is sent and proven alone.
const PIECE_BYTES: u64 = 16 << 20;

/// The text files of a table.
pub(super) struct TypedPieces {
    files: Files,
    pieces: Vec<Piece>,
    columns: Vec<usize>,
}

impl TypedPieces {
    /// Tells the types, and finds where the files can be cut.
    ///
    /// # Errors
    /// A type that is none, a column that is not there, files that cannot be read.
    pub(super) fn open(
        root: &Path,
        store: &Arc<dyn Store>,
        names: &[String],
        types: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let given = types.iter();
        let given = given.map(|(name, text)| Ok((name.clone(), type_of(name, text)?)));
        let options = FilesOptions {
            text: TextOptions {
                types: given.collect::<Result<_>>()?,
                piece_bytes: PIECE_BYTES,
                ..TextOptions::default()
            },
            ..FilesOptions::default()
        };
        let files = Place::new(root, store).files(names.iter().map(String::as_str));
        let files = Files::open_with(files, &options)?;
        let mut pieces = Vec::with_capacity(files.pieces().len());
        for (name, part) in names.iter().zip(files.parts()) {
            for at in 0..part.pieces.len() {
                pieces.push(Piece {
                    name: format!("{name}, piece {at}"),
                    identity: format!("{} piece {at}", part.identity),
                    first_row: None,
                    rows: None,
                });
            }
        }
        Ok(Self {
            columns: (0..files.schema().fields().len()).collect(),
            files,
            pieces,
        })
    }
}

/// The type of a column: as `--type` has it, or as a manifest does.
fn type_of(column: &str, text: &str) -> Result<DataType> {
    if let Some(known) = column_type(text) {
        return Ok(known);
    }
    match text.parse::<DataType>() {
        // How text was held while it was made is no matter here.
        Ok(DataType::Dictionary(_, values)) => Ok(*values),
        Ok(known) => Ok(known),
        Err(_) => {
            let expected = "text, i32, i64, f64, bool, date, timestamp, 'timestamp utc' or \
                            'decimal(P,S)'";
            let got = format!("--type {column}={text}");
            Err(Failure::usage(expected, got, "name one of these").into())
        }
    }
}

impl Pieces for TypedPieces {
    fn schema(&self) -> SchemaRef {
        self.files.schema()
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn open(&self, piece: usize, batch_rows: usize) -> lakeseed_sink::Result<BoxedReader> {
        let opened = self.files.read(piece, &self.columns, batch_rows);
        let reader = opened.map_err(|error| self.failed(piece, &error))?;
        Ok(Box::new(Reader {
            reader,
            path: self.pieces[piece].name.clone(),
        }))
    }

    fn open_bytes(&self) -> u64 {
        let all = 0..self.pieces.len();
        let held = all.map(|piece| self.files.held_bytes(piece, &self.columns));
        held.max().unwrap_or(0)
    }
}

impl TypedPieces {
    fn failed(&self, piece: usize, error: &lakeseed_star_schema::Error) -> Error {
        ours(&self.pieces[piece].name, error)
    }
}

/// Why rows cannot be read, as the sink says it: the file and the line, then the reason.
fn ours(path: &str, error: &lakeseed_star_schema::Error) -> Error {
    match error {
        lakeseed_star_schema::Error::Source { place, problem, .. } => Error::Input {
            path: place.clone(),
            reason: problem.clone(),
        },
        other => Error::Input {
            path: path.to_owned(),
            reason: other.to_string(),
        },
    }
}

/// Rows of a piece; errors are those of the sink.
struct Reader {
    reader: BatchReader,
    path: String,
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|error| match &error {
            ArrowError::ExternalError(cause) => match cause.downcast_ref() {
                Some(known) => ArrowError::ExternalError(Box::new(ours(&self.path, known))),
                None => error,
            },
            _ => error,
        }))
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }
}
