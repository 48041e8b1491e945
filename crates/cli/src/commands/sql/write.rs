//! An answer as a file, or as the same bytes to stdout: batches as they come, in the forms of `generate`.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Result;
use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::SchemaRef;
use lakeseed_sink::format::{Assembler, EncodeError, Encoder};
use lakeseed_sink::{Error as SinkError, FileFormat, FormatKind, PartWriter};
use lakeseed_star_schema::FileFormat as Ending;

use super::Taker;
use crate::args::{Answer, AnswerForm};
use crate::error::Failure;

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
        let out: Box<dyn PartWriter> = Box::new(Target::open(answer)?);
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

/// Where the bytes go: stdout, or a file that gets its name when it is whole.
pub(super) struct Target {
    out: Box<dyn Write + Send>,
    file: Option<Hidden>,
    bytes: u64,
}

/// A file under a name that nobody takes for finished; removed unless it is given its own.
struct Hidden {
    file: fs::File,
    path: PathBuf,
    name: PathBuf,
    overwrite: bool,
}

impl Hidden {
    fn create(name: &Path, overwrite: bool) -> Result<Self> {
        if name.to_string_lossy().contains("://") {
            let advice = "write a file and copy it, or pipe the answer";
            return Err(
                Failure::usage("a file or -", format!("'{}'", name.display()), advice).into(),
            );
        }
        match name.symlink_metadata() {
            Ok(_) if !overwrite => return Err(taken(name).into()),
            // A link would be cut off from its file, a pipe from its readers.
            Ok(found) if !found.is_file() => {
                let expected = format!("a regular file at {}", name.display());
                let got = kind_of(found.file_type());
                return Err(Failure::refused(expected, got, "choose another --out").into());
            }
            _ => {}
        }
        let (file, path) = create_beside(name).map_err(|error| {
            let expected = format!("a file that can be written at {}", name.display());
            Failure::refused(expected, error, "choose another --out")
        })?;
        Ok(Self {
            file,
            path,
            name: name.to_owned(),
            overwrite,
        })
    }

    /// Gives it its name.
    fn publish(&self) -> io::Result<()> {
        if self.overwrite {
            return fs::rename(&self.path, &self.name);
        }
        // A link, unlike a rename, never takes the place of something else.
        fs::hard_link(&self.path, &self.name).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            // A file system without hard links: the best that it can do.
            _ if self.name.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            _ => fs::rename(&self.path, &self.name),
        })
    }
}

/// A new file beside a name. A process that was killed may have left one under the first.
fn create_beside(name: &Path) -> io::Result<(fs::File, PathBuf)> {
    let own = name.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 0;
    loop {
        let hidden = format!(".{own}.lakeseed-{}-{number}", std::process::id());
        let path = folder_of(name).join(hidden);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 100 => {
                number += 1;
            }
            opened => return opened.map(|file| (file, path)),
        }
    }
}

/// What a name without `--overwrite` meets.
fn taken(name: &Path) -> Failure {
    let expected = format!("a free name at {}", name.display());
    let advice = "choose another --out, or replace it with --overwrite";
    Failure::refused(expected, "something that is there", advice)
}

fn kind_of(found: fs::FileType) -> &'static str {
    if found.is_dir() {
        "a folder"
    } else if found.is_symlink() {
        "a link"
    } else {
        "a pipe or a device"
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Renamed it is not there any more, and linked this name has served.
        let _ = fs::remove_file(&self.path);
    }
}

impl Target {
    pub(super) fn open(answer: &Answer) -> Result<Self> {
        if answer.out.as_os_str() == "-" {
            return Ok(Self {
                out: Box::new(io::stdout()),
                file: None,
                bytes: 0,
            });
        }
        let hidden = Hidden::create(&answer.out, answer.overwrite)?;
        Ok(Self {
            out: Box::new(BufWriter::with_capacity(1 << 18, hidden.file.try_clone()?)),
            file: Some(hidden),
            bytes: 0,
        })
    }

    /// All bytes are there: they become durable, then visible.
    fn close(&mut self) -> io::Result<()> {
        self.out.flush()?;
        let Some(hidden) = self.file.take() else {
            return Ok(());
        };
        hidden.file.sync_all()?;
        hidden.publish()?;
        // The name has to be durable too.
        fs::File::open(folder_of(&hidden.name))?.sync_all()
    }

    /// The system's error with its place.
    fn failed(&self) -> impl FnOnce(io::Error) -> SinkError + use<> {
        let name = self.file.as_ref().map(|file| file.name.clone());
        let path = name.unwrap_or_else(|| PathBuf::from("standard output"));
        move |source| SinkError::Io {
            action: "write to",
            path,
            source,
        }
    }
}

impl PartWriter for Target {
    fn write(&mut self, bytes: &[u8]) -> lakeseed_sink::Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(self.failed())
    }

    fn finish(mut self: Box<Self>) -> lakeseed_sink::Result<u64> {
        let failed = self.failed();
        self.close().map_err(failed)?;
        Ok(self.bytes)
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_taken_meanwhile_stays_its_takers() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("x.csv");
        let hidden = Hidden::create(&name, false).unwrap();
        fs::write(&name, "kept").unwrap();
        let error = hidden.publish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        drop(hidden);
        assert_eq!(fs::read_to_string(&name).unwrap(), "kept");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
