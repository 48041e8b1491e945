//! An answer as a file, or as the same bytes to stdout: batches as they come, in the forms of `generate`.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::SchemaRef;
use lakeseed_sink::format::{Assembler, EncodeError, Encoder};
use lakeseed_sink::{FileFormat, FormatKind, PartWriter};
use lakeseed_star_schema::FileFormat as Ending;

use super::Taker;
use crate::args::{Answer, AnswerForm};
use crate::error::Failure;
use crate::whole::Target;

/// Rows of a row group of Parquet: they wait in memory until there are so many.
const GROUP_ROWS: usize = 1 << 17;

/// Endings of packed files.
const PACKED: [&str; 9] = ["gz", "gzip", "zst", "zstd", "bz2", "xz", "lz4", "br", "zip"];

/// What the answer becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Table,
    File(FileFormat),
}

impl Form {
    /// As it was asked for, or as the file's name ends.
    pub(super) fn of(answer: &Answer) -> Result<Self> {
        let name = answer.out.to_string_lossy();
        let is_file = name != "-";
        if is_file && is_packed(&name) {
            let expected = "a file that is not packed for --out";
            let advice = "leave out its last ending, or pipe the answer into a packer";
            return Err(Failure::usage(expected, format!("'{name}'"), advice).into());
        }
        let form = match (answer.format, Ending::of_path(&name)) {
            (Some(form), _) => form,
            (None, Some(Ending::Parquet)) => AnswerForm::Parquet,
            (None, Some(Ending::Csv)) => AnswerForm::Csv,
            (None, Some(Ending::Json)) => AnswerForm::Json,
            // An address is refused where the file is made.
            (None, _) if is_file && !name.contains("://") => {
                let expected = ".csv, .json or .parquet at the end of --out";
                let advice = "choose another name, or give --format";
                return Err(Failure::usage(expected, format!("'{name}'"), advice).into());
            }
            (None, _) => AnswerForm::Table,
        };
        Ok(match form {
            AnswerForm::Table => Self::Table,
            AnswerForm::Csv => Self::File(FormatKind::Csv.into()),
            AnswerForm::Json => Self::File(FormatKind::Json.into()),
            AnswerForm::Parquet => Self::File(FormatKind::Parquet.into()),
        })
    }
}

/// Whether a file of that name is taken for a packed one, which no answer is.
fn is_packed(name: &str) -> bool {
    let ending = Path::new(name).extension().unwrap_or_default();
    let ending = ending.to_string_lossy().to_ascii_lowercase();
    PACKED.contains(&ending.as_str())
}

/// An answer on its way into a format.
pub(super) struct File {
    schema: SchemaRef,
    encoder: Box<dyn Encoder>,
    whole: Box<dyn Assembler>,
    /// Rows that wait for their row group.
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    chunk_rows: usize,
}

impl File {
    pub(super) fn create(format: FileFormat, schema: &SchemaRef, answer: &Answer) -> Result<Self> {
        one_name_each(format, schema)?;
        let bound = format.bind(schema)?;
        let out: Box<dyn PartWriter> = Box::new(Target::open(&answer.out, answer.overwrite)?);
        Ok(Self {
            schema: SchemaRef::clone(schema),
            encoder: bound.encoder()?,
            whole: bound.assemble(out)?,
            waiting: Vec::new(),
            waiting_rows: 0,
            chunk_rows: match format.kind() {
                FormatKind::Parquet => GROUP_ROWS,
                _ => 1,
            },
        })
    }

    fn write(&mut self) -> Result<()> {
        self.waiting_rows = 0;
        let batches = std::mem::take(&mut self.waiting).into_iter().map(Ok);
        let mut rows = RecordBatchIterator::new(batches, SchemaRef::clone(&self.schema));
        let chunk = self
            .encoder
            .encode(&mut rows)
            .map_err(|error| match error {
                EncodeError::Rows(error) => error.into(),
                EncodeError::Format(error) => anyhow::Error::from(error),
            })?;
        self.whole.append(&chunk)?;
        self.encoder.recycle(chunk);
        Ok(())
    }
}

impl Taker for File {
    fn take(&mut self, batch: RecordBatch) -> Result<ControlFlow<()>> {
        if batch.num_rows() > 0 {
            self.waiting_rows += batch.num_rows();
            // Nodes of a plan do not always agree with its schema on where there may be nulls.
            let schema = SchemaRef::clone(&self.schema);
            let batch = RecordBatch::try_new(schema, batch.columns().to_vec())?;
            self.waiting.push(batch);
        }
        if self.waiting_rows >= self.chunk_rows {
            self.write()?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.waiting_rows > 0 {
            self.write()?;
        }
        self.whole.finish()?;
        Ok(())
    }
}

/// Refuses two columns of one name where names have to tell them apart.
fn one_name_each(format: FileFormat, schema: &SchemaRef) -> Result<()> {
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let mut at = names.iter().enumerate();
    match at.find(|(at, name)| names[..*at].contains(name)) {
        Some((_, twice)) if format.kind() != FormatKind::Csv => {
            let expected = format!("columns with names of their own for {format}");
            Err(Failure::usage(expected, format!("'{twice}' twice"), "name one with AS").into())
        }
        _ => Ok(()),
    }
}
