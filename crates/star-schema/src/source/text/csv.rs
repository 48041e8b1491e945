//! CSV files: a header, rows after RFC 4180, types given or told by a sample.

use std::io;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::build::Build;
use super::columns::Column;
use super::cuts::CsvCuts;
use super::input::{self, Packing};
use super::reader::{Lines, TextReader, Wrong};
use super::rows::{Fault, Row, Rows, without_line_end};
use super::split::Splitter;
use super::values::Guess;
use super::{SAMPLE_BYTES, TextFile, TextOptions, shown};
use crate::Result;
use crate::source::files::{Opened, Pinned, names, unreadable, wrong};
use crate::source::{BatchReader, Piece};

/// What dictionaries of a reader hold, about.
const CODES_BYTES: u64 = 4 * 1024 * 1024;

/// The CSV files of a table.
pub(in crate::source) struct CsvFiles {
    files: Vec<Arc<TextFile>>,
    /// The file and its piece of each piece.
    places: Vec<(usize, usize)>,
    /// All columns.
    schema: SchemaRef,
    options: TextOptions,
}

/// What the head of a file tells.
struct Head {
    columns: Vec<String>,
    /// Bytes before the first row.
    bytes: u64,
    row_bytes: f64,
}

impl CsvFiles {
    /// Reads the heads and cuts the files. Gives the table's columns beside the files.
    pub(in crate::source) fn open(
        pinned: Vec<Pinned>,
        options: &TextOptions,
    ) -> Result<(SchemaRef, Self)> {
        let sample_bytes = (SAMPLE_BYTES / pinned.len().max(1)).max(16 * 1024) as u64;
        let mut guesses: Vec<Guess> = Vec::new();
        let mut first: Option<(String, Vec<String>)> = None;
        let mut files = Vec::with_capacity(pinned.len());
        for pinned in pinned {
            let head = read_head(&pinned, options, sample_bytes, &mut guesses)?;
            match &first {
                None => first = Some((pinned.path().to_owned(), head.columns.clone())),
                Some((path, columns)) => same_columns(path, columns, pinned.path(), &head.columns)?,
            }
            files.push(Arc::new(cut(pinned, &head, options)?));
        }
        let (path, columns) = first.unwrap_or_default();
        let schema = schema_of(&path, &columns, &guesses, options)?;
        let places = files.iter().enumerate();
        let places = places.flat_map(|(at, file)| (0..file.ranges.len()).map(move |p| (at, p)));
        let places = places.collect();
        let files = Self {
            files,
            places,
            schema: Arc::clone(&schema),
            options: options.clone(),
        };
        Ok((schema, files))
    }
}

impl Opened for CsvFiles {
    fn pieces(&self) -> Vec<Vec<Piece>> {
        let files = self.files.iter();
        files.map(|file| file.pieces().collect()).collect()
    }

    fn sorted_by(&self) -> Vec<String> {
        Vec::new()
    }

    fn held_bytes(&self, piece: usize, _: &[usize]) -> u64 {
        let Some((file, _)) = self.places.get(piece) else {
            return 0;
        };
        let read = self.files[*file].held_bytes();
        read + self.options.max_row_bytes as u64 + CODES_BYTES
    }

    fn read(
        &self,
        piece: usize,
        columns: &[usize],
        schema: SchemaRef,
        batch_rows: usize,
    ) -> Result<BatchReader> {
        let (file, piece) = self.places[piece];
        let file = Arc::clone(&self.files[file]);
        let input = file.open(piece)?;
        let rows = Rows::new(input, self.options.delimiter, self.options.max_row_bytes);
        Ok(Box::new(TextReader::new(
            (rows, CsvLines::default()),
            (file, piece),
            Build::new(&self.schema, columns, schema)?,
            batch_rows,
            self.options.clone(),
        )))
    }
}

/// Lines of CSV.
#[derive(Default)]
struct CsvLines {
    /// A value whose quotes were taken out.
    spare: Vec<u8>,
}

impl Lines for CsvLines {
    /// The header.
    fn pass_head(&self, rows: &mut Rows) -> io::Result<()> {
        rows.skip_mark()?;
        match rows.find()? {
            Some(header) => rows.pass(&header),
            None => Ok(()),
        }
    }

    /// A blank line is a null where there is one column, and nothing where there are more.
    fn is_blank(&self, line: &[u8], columns: usize) -> bool {
        columns != 1 && without_line_end(line).is_empty()
    }

    fn take(&mut self, row: &[u8], splitter: &Splitter, build: &mut Build) -> Result<(), Wrong> {
        let fields = splitter.fields();
        let all = Arc::clone(build.all());
        let known = all.fields();
        if fields.len() != known.len() {
            let (expected, found) = (known.len(), fields.len());
            return Err(Wrong::row(format!(
                "expected {expected} columns, found {found}"
            )));
        }
        let mut wrong = None;
        for (at, field) in fields.iter().enumerate() {
            let value = field.value(row, &mut self.spare);
            let of = known[at].data_type();
            let is_text = matches!(of, DataType::Utf8 | DataType::Dictionary(..));
            let is_null = value.is_empty() && !(field.is_quoted() && is_text);
            let is_right = build.push(at, (!is_null).then_some(value));
            if !is_right && wrong.is_none() {
                wrong = Some(Wrong::value(at, of, &shown(value)));
            }
        }
        build.end_row(wrong.is_none());
        wrong.map_or(Ok(()), Err)
    }
}

/// Reads the header and as many rows as the sample takes.
fn read_head(
    pinned: &Pinned,
    options: &TextOptions,
    sample_bytes: u64,
    guesses: &mut Vec<Guess>,
) -> Result<Head> {
    let failed = |cause: io::Error| unreadable(pinned.path(), "cannot be read", cause);
    let packing = Packing::of_path(pinned.path());
    let input = input::open(&pinned.file, packing, 0, pinned.stamp.bytes).map_err(failed)?;
    let mut rows = Rows::new(input, options.delimiter, options.max_row_bytes);
    rows.skip_mark().map_err(failed)?;
    let Some(header) = rows.find().map_err(failed)? else {
        return Err(wrong(
            pinned.path(),
            "expected a line of column names, found nothing",
        ));
    };
    let columns = header_of(pinned.path(), &rows, &header)?;
    rows.pass(&header).map_err(failed)?;
    let head_bytes = rows.offset;
    guesses.resize(columns.len().max(guesses.len()), Guess::new());
    let mut spare = Vec::new();
    let mut count = 0_u64;
    while rows.offset - head_bytes < sample_bytes {
        let Some(row) = rows.find().map_err(failed)? else {
            break;
        };
        let (bytes, splitter) = rows.row(&row);
        // Bad rows are told when they are read.
        if row.fault.is_none() && splitter.fields().len() == columns.len() {
            for (guess, field) in guesses.iter_mut().zip(splitter.fields()) {
                let value = field.value(bytes, &mut spare);
                if !value.is_empty() {
                    guess.see(value);
                }
            }
        }
        if row.is_cut {
            break;
        }
        rows.pass(&row).map_err(failed)?;
        count += 1;
    }
    let sampled = (rows.offset - head_bytes) as f64;
    // Text packs to a quarter, about.
    let packed = if packing == Packing::None { 1.0 } else { 0.25 };
    Ok(Head {
        columns,
        bytes: head_bytes,
        row_bytes: sampled / count.max(1) as f64 * packed,
    })
}

fn header_of(path: &str, rows: &Rows, header: &Row) -> Result<Vec<String>> {
    let place = format!("{path}, line 1");
    let (bytes, splitter) = rows.row(header);
    match &header.fault {
        Some(Fault::Broken(_, problem)) => return Err(wrong(place, problem.to_string())),
        Some(Fault::TooLong) => return Err(wrong(place, "the line of column names is too long")),
        None => {}
    }
    let mut columns: Vec<String> = Vec::with_capacity(splitter.fields().len());
    let mut spare = Vec::new();
    for (at, field) in splitter.fields().iter().enumerate() {
        let name = std::str::from_utf8(field.value(bytes, &mut spare));
        let name = name.map_err(|cause| unreadable(&place, "is not UTF-8", cause))?;
        if name.is_empty() {
            let problem = format!("expected a name of column {}, found nothing", at + 1);
            return Err(wrong(place, problem));
        }
        if columns.iter().any(|other| other == name) {
            return Err(wrong(place, format!("two columns are called {name}")));
        }
        columns.push(name.to_owned());
    }
    Ok(columns)
}

fn same_columns(first: &str, ours: &[String], path: &str, theirs: &[String]) -> Result<()> {
    if ours == theirs {
        return Ok(());
    }
    let problem = format!(
        "the columns are {}, but in {first} they are {}",
        theirs.join(", "),
        ours.join(", ")
    );
    Err(wrong(path, problem))
}

/// Types by name where they are given, by the sample where not. Text files promise no value, so every
/// column may be null.
fn schema_of(
    path: &str,
    columns: &[String],
    guesses: &[Guess],
    options: &TextOptions,
) -> Result<SchemaRef> {
    let fields = columns.iter().zip(guesses).map(|(name, guess)| {
        let given = options.types.get(name).cloned();
        Field::new(name, given.unwrap_or_else(|| guess.column_type()), true)
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    for (name, given) in &options.types {
        if schema.column_with_name(name).is_none() {
            let problem = format!(
                "a type is given for column {name}, but the columns are {}",
                names(&schema)
            );
            return Err(wrong(path, problem));
        }
        if Column::new(given).is_none() {
            return Err(wrong(
                path,
                format!("column {name}: text files have no {given}"),
            ));
        }
    }
    Ok(Arc::new(schema))
}

fn cut(pinned: Pinned, head: &Head, options: &TextOptions) -> Result<TextFile> {
    let size = pinned.stamp.bytes;
    if Packing::of_path(pinned.path()) != Packing::None {
        return Ok(TextFile::new(pinned, vec![(0, size)], head.row_bytes));
    }
    let cuts = CsvCuts {
        file: &pinned.file,
        size,
        start: head.bytes,
        piece_bytes: options.piece_bytes.max(1),
        columns: head.columns.len(),
        delimiter: options.delimiter,
        max_row_bytes: options.max_row_bytes,
    };
    let mut ranges = cuts
        .ranges()
        .map_err(|cause| unreadable(pinned.path(), "cannot be read", cause))?;
    match ranges.first_mut() {
        // The header is the first piece's, so that lines are counted from the file's first.
        Some((start, _)) => *start = 0,
        None => ranges.push((0, size)),
    }
    Ok(TextFile::new(pinned, ranges, head.row_bytes))
}
