//! Files of one table as a source: Parquet, CSV or JSON lines.

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};

use super::folders::Folders;
use super::parquet::ParquetFiles;
use super::text::{CsvFiles, JsonFiles};
use super::{BatchReader, Bounds, File, Part, Piece, Source, Stamp, TextOptions};
use crate::{Error, Result};

/// How a file's bytes become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFormat {
    /// `.parquet`
    Parquet,
    /// `.csv`, `.csv.gz`, `.csv.zst`: a line of names, then rows after RFC 4180.
    Csv,
    /// `.json`, `.jsonl` or `.ndjson`, also packed: an object a line.
    Json,
}

impl FileFormat {
    /// What a path's ending tells.
    pub fn of_path(path: &str) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        let unpacked = [".gz", ".zst"]
            .iter()
            .find_map(|packed| path.strip_suffix(packed));
        let is = |ending: &str| unpacked.unwrap_or(&path).ends_with(ending);
        if path.ends_with(".parquet") {
            Some(Self::Parquet)
        } else if is(".csv") {
            Some(Self::Csv)
        } else if is(".json") || is(".jsonl") || is(".ndjson") {
            Some(Self::Json)
        } else {
            None
        }
    }
}

/// How files are opened. The default asks the files for everything.
#[derive(Clone, Default)]
pub struct FilesOptions {
    /// The format; by the ending of the paths where it is not given.
    pub format: Option<FileFormat>,
    /// The columns by which all rows are sorted, where the caller knows better than the files tell.
    pub sorted_by: Option<Vec<String>>,
    /// What pins the content of each file, in their order, where the caller has something better than
    /// sizes and versions: a manifest's digests.
    pub identities: Option<Vec<String>>,
    /// The path of each file below its table's folder, in their order, where columns stand in the names
    /// of folders, after Hive: `year=2023/month=1/part-0.parquet`.
    pub hive_paths: Option<Vec<String>>,
    /// How CSV and JSON are read.
    pub text: TextOptions,
}

/// The files of one table, in order, as one [`Source`].
///
/// **Types** are those that the files have; the files of a table have the same columns in the same
/// order. Text is `Utf8`, or `Dictionary(Int32, Utf8)` where Parquet files hold it as dictionaries
/// of few values, so that what follows works on codes.
///
/// **Columns in folders' names** ([`FilesOptions::hive_paths`]) come behind those of the files, which
/// keep theirs where they have one of that name. They are whole numbers (`Int64`) or days (`Date32`)
/// where all values are, or what [`TextOptions::types`] says, or else text. [`Source::bounds`] tells
/// them, so that nothing is read of files whose folders a condition excludes but what opening reads.
///
/// **Memory.** An open reader of Parquet holds one window of 256 KiB, one decoded page and one
/// dictionary a column, usually below 3 MiB a column; one of text two blocks of 1 MiB, the longest row
/// and some dictionaries. Of a file that says what is worth reading ahead ([`File::read_ahead`]) that
/// much is held in all. [`Source::held_bytes`] estimates it.
///
/// **Text.** In CSV an empty field is a null, an empty one in quotes an empty text. In JSON a missing
/// key is a null, and an object or array in a value is its text. Types are told by a sample of the
/// files' heads unless [`TextOptions::types`] gives them; a later value that does not fit is an error
/// with file, line and column, or a rejected row. Every column of a row is checked, whichever are
/// asked for.
///
/// **Changes.** Each file's size and version are kept when the table is opened. A file that has
/// another one when a piece of it is opened is [`Error::SourceChanged`].
///
/// ```no_run
/// use std::sync::Arc;
/// use lakeseed_star_schema::{Files, LocalFile, Source};
///
/// # fn main() -> lakeseed_star_schema::Result<()> {
/// let answers = Files::open(vec![
///     Arc::new(LocalFile::new("answers/part-0.parquet")),
///     Arc::new(LocalFile::new("answers/part-1.parquet")),
/// ])?;
/// for piece in 0..answers.pieces().len() {
///     for batch in answers.read(piece, &[0, 2], 8192)? { /* two columns */ }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Files {
    schema: SchemaRef,
    opened: Box<dyn Opened>,
    /// The columns behind those of the files.
    folders: Folders,
    pieces: Vec<Piece>,
    /// The file of each piece.
    file_of: Vec<usize>,
    sorted_by: Vec<String>,
    identity: String,
    parts: Vec<Part>,
}

/// Files of one format, opened.
pub(super) trait Opened: Send + Sync {
    /// The pieces of each file, in order.
    fn pieces(&self) -> Vec<Vec<Piece>>;

    /// The columns by which all rows are sorted, as the files say it and their statistics prove.
    fn sorted_by(&self) -> Vec<String>;

    fn held_bytes(&self, piece: usize, columns: &[usize]) -> u64;

    /// Between which values a column lies in each piece, where the files tell.
    fn bounds(&self, column: usize) -> Option<Bounds> {
        let _ = column;
        None
    }

    /// Reads a piece; the batches have `schema`, which is the table's, projected.
    fn read(
        &self,
        piece: usize,
        columns: &[usize],
        schema: SchemaRef,
        batch_rows: usize,
    ) -> Result<BatchReader>;
}

impl Files {
    /// Opens the files of a table; what they are is told by the ending of their paths.
    ///
    /// # Errors
    /// No file, unknown or mixed formats, a file that cannot be read, files that do not agree on
    /// their columns: [`Error::Source`], with the path.
    pub fn open(files: Vec<Arc<dyn File>>) -> Result<Self> {
        Self::open_with(files, &FilesOptions::default())
    }

    /// Opens the files of a table with options.
    ///
    /// # Errors
    /// As [`Files::open`]; also a column of [`FilesOptions::sorted_by`] that is not there.
    pub fn open_with(files: Vec<Arc<dyn File>>, options: &FilesOptions) -> Result<Self> {
        let format = one_format(&files, options)?;
        let pinned = files.into_iter().map(Pinned::now);
        let pinned = pinned.collect::<Result<Vec<_>>>()?;
        let identities = match &options.identities {
            Some(given) if given.len() == pinned.len() => given.clone(),
            Some(given) => {
                let problem = format!("{} identities for {} files", given.len(), pinned.len());
                return Err(wrong("table", problem));
            }
            None => pinned.iter().map(identity_of).collect(),
        };
        let mut text = options.text.clone();
        let mut folders = folders(&pinned, options)?;
        text.types.retain(|name, _| !folders.has(name));
        let (of_files, opened): (SchemaRef, Box<dyn Opened>) = match format {
            FileFormat::Parquet => {
                let (schema, files) = ParquetFiles::open(pinned)?;
                (schema, Box::new(files))
            }
            FileFormat::Csv => {
                let (schema, files) = CsvFiles::open(pinned, &text)?;
                (schema, Box::new(files))
            }
            FileFormat::Json => {
                let (schema, files) = JsonFiles::open(pinned, &text)?;
                (schema, Box::new(files))
            }
        };
        folders.without(&of_files);
        let fields = of_files.fields().iter().chain(folders.fields());
        let schema = Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()));
        let sorted_by = match &options.sorted_by {
            Some(given) => known_columns(given, &schema)?,
            None => opened.sorted_by(),
        };
        let (mut pieces, mut parts, mut file_of) = (Vec::new(), Vec::new(), Vec::new());
        let identity = digest(identities.iter().map(String::as_bytes));
        for (own, identity) in opened.pieces().into_iter().zip(identities) {
            let start = pieces.len();
            pieces.extend(own);
            let pieces = start..pieces.len();
            file_of.resize(pieces.end, parts.len());
            parts.push(Part { identity, pieces });
        }
        Ok(Self {
            schema,
            opened,
            folders,
            pieces,
            file_of,
            sorted_by,
            identity,
            parts,
        })
    }

    /// Some of the columns, in this order.
    fn columns(&self, columns: &[usize]) -> Result<SchemaRef> {
        let known = self.schema.fields();
        let fields = columns.iter().map(|column| {
            known.get(*column).cloned().ok_or_else(|| Error::Source {
                place: format!("column {column}"),
                problem: format!("there are {} columns", known.len()),
                cause: None,
            })
        });
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
    }

    /// How many columns the files have: those of the folders come behind.
    fn of_files(&self) -> usize {
        self.schema.fields().len() - self.folders.fields().len()
    }
}

impl Source for Files {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn read(&self, piece: usize, columns: &[usize], batch_rows: usize) -> Result<BatchReader> {
        let schema = self.columns(columns)?;
        let Some(&file) = self.file_of.get(piece) else {
            return Err(Error::Source {
                place: format!("piece {piece}"),
                problem: format!("there are {} pieces", self.pieces.len()),
                cause: None,
            });
        };
        let batch_rows = batch_rows.max(1);
        let of_files = self.of_files();
        let (own, of_folders): (Vec<usize>, Vec<usize>) =
            columns.iter().partition(|&&column| column < of_files);
        if of_folders.is_empty() {
            return self.opened.read(piece, columns, schema, batch_rows);
        }
        let own_schema = self.columns(&own)?;
        let reader = self.opened.read(piece, &own, own_schema, batch_rows)?;
        let places = columns.iter().map(|column| column.checked_sub(of_files));
        let places: Vec<Option<usize>> = places.collect();
        Ok(self.folders.among(reader, file, &places, schema))
    }

    fn held_bytes(&self, piece: usize, columns: &[usize]) -> u64 {
        let of_files = self.of_files();
        let own = columns.iter().copied().filter(|&column| column < of_files);
        self.opened.held_bytes(piece, &own.collect::<Vec<_>>())
    }

    fn sorted_by(&self) -> &[String] {
        &self.sorted_by
    }

    fn identity(&self) -> &str {
        &self.identity
    }

    fn parts(&self) -> Vec<Part> {
        self.parts.clone()
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        match column.checked_sub(self.of_files()) {
            Some(of_folders) => self.folders.bounds(of_folders, &self.file_of),
            None => self.opened.bounds(column),
        }
    }
}

/// A file, and what it was when its table was opened.
#[derive(Clone)]
pub(super) struct Pinned {
    pub(super) file: Arc<dyn File>,
    pub(super) stamp: Stamp,
}

impl Pinned {
    fn now(file: Arc<dyn File>) -> Result<Self> {
        let stamp = file
            .stamp()
            .map_err(|cause| unreadable(file.path(), "cannot be read", cause))?;
        Ok(Self { file, stamp })
    }

    pub(super) fn path(&self) -> &str {
        self.file.path()
    }

    /// Whether the file is still what it was.
    pub(super) fn check(&self) -> Result<()> {
        let now = self
            .file
            .stamp()
            .map_err(|cause| unreadable(self.path(), "cannot be read any more", cause))?;
        if now == self.stamp {
            return Ok(());
        }
        Err(Error::SourceChanged {
            place: self.path().to_owned(),
            before: self.stamp.to_string(),
            after: now.to_string(),
        })
    }
}

/// An error of this crate about a place, with what its reader said.
pub(super) fn unreadable(
    place: impl Into<String>,
    problem: impl Into<String>,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Source {
        place: place.into(),
        problem: problem.into(),
        cause: Some(cause.into()),
    }
}

/// An error of this crate about a place.
pub(super) fn wrong(place: impl Into<String>, problem: impl Into<String>) -> Error {
    Error::Source {
        place: place.into(),
        problem: problem.into(),
        cause: None,
    }
}

fn one_format(files: &[Arc<dyn File>], options: &FilesOptions) -> Result<FileFormat> {
    let Some(first) = files.first() else {
        return Err(wrong("table", "has no files"));
    };
    if let Some(given) = options.format {
        return Ok(given);
    }
    let format_of = |file: &Arc<dyn File>| {
        FileFormat::of_path(file.path()).ok_or_else(|| wrong(file.path(), UNKNOWN_ENDING))
    };
    let format = format_of(first)?;
    for file in &files[1..] {
        let other = format_of(file)?;
        if other != format {
            let problem = format!(
                "is {other:?}, but {} is {format:?}: the files of a table have one format",
                first.path()
            );
            return Err(wrong(file.path(), problem));
        }
    }
    Ok(format)
}

const UNKNOWN_ENDING: &str = "expected a name that ends in .parquet, .csv, .json, .jsonl or .ndjson, text \
     perhaps with .gz or .zst behind it";

/// The columns that stand in the names of the files' folders.
fn folders(files: &[Pinned], options: &FilesOptions) -> Result<Folders> {
    let paths = options.hive_paths.as_deref().unwrap_or_default();
    if options.hive_paths.is_some() && paths.len() != files.len() {
        let problem = format!("{} paths for {} files", paths.len(), files.len());
        return Err(wrong("table", problem));
    }
    Folders::of_paths(paths, &options.text.types)
}

/// A digest of a file's path and stamp.
fn identity_of(pinned: &Pinned) -> String {
    let Stamp { bytes, version } = &pinned.stamp;
    let texts = [pinned.path().as_bytes(), version.as_bytes()];
    digest(texts.into_iter().chain([&bytes.to_le_bytes()[..]]))
}

/// Texts go in with their length, so that no two lists of texts look alike.
fn digest<'t>(texts: impl Iterator<Item = &'t [u8]>) -> String {
    let mut digest = blake3::Hasher::new();
    for text in texts {
        digest.update(&(text.len() as u64).to_le_bytes());
        digest.update(text);
    }
    format!("files:{}", digest.finalize().to_hex())
}

fn known_columns(given: &[String], schema: &Schema) -> Result<Vec<String>> {
    for name in given {
        if schema.column_with_name(name).is_none() {
            let problem = format!(
                "said to be sorted by it, but the columns are {}",
                names(schema)
            );
            return Err(wrong(format!("column {name}"), problem));
        }
    }
    Ok(given.to_vec())
}

/// The names of columns, for people.
pub(super) fn names(schema: &Schema) -> String {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    names.collect::<Vec<_>>().join(", ")
}

/// Whether a file's columns are those of the first file of the table: names and types, in order.
/// Gives the columns that both have, nullable where one of them is.
pub(super) fn agree(first: &str, one: &Schema, path: &str, other: &Schema) -> Result<Schema> {
    let (ours, theirs) = (one.fields(), other.fields());
    let mut both = Vec::with_capacity(ours.len());
    for (position, (our, their)) in ours.iter().zip(theirs).enumerate() {
        if our.name() != their.name() || our.data_type() != their.data_type() {
            let problem = format!(
                "column {} is {} {}, but in {first} it is {} {}",
                position + 1,
                their.name(),
                their.data_type(),
                our.name(),
                our.data_type()
            );
            return Err(wrong(path, problem));
        }
        let is_nullable = our.is_nullable() || their.is_nullable();
        both.push(Field::new(our.name(), our.data_type().clone(), is_nullable));
    }
    if ours.len() != theirs.len() {
        let problem = format!(
            "has {} columns, but {first} has {}: {}",
            theirs.len(),
            ours.len(),
            names(one)
        );
        return Err(wrong(path, problem));
    }
    Ok(Schema::new(both))
}
