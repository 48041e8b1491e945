//! CSV files: a header, rows after RFC 4180, types given or told by a sample.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::build::Build;
use super::columns::Column;
use super::cuts::CsvCuts;
use super::input::{self, BLOCK_BYTES, Packing};
use super::rows::{Fault, Row, Rows, without_line_end};
use super::split::Problem;
use super::values::{Guess, type_name};
use super::{BadRow, SAMPLE_BYTES, TextFile, TextOptions, shown};
use crate::source::files::{Opened, Pinned, names, unreadable, wrong};
use crate::source::{BatchReader, Piece};
use crate::{Error, Result};

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
    fn pieces(&self) -> Vec<Piece> {
        self.files.iter().flat_map(|file| file.pieces()).collect()
    }

    fn sorted_by(&self) -> Vec<String> {
        Vec::new()
    }

    fn held_bytes(&self, piece: usize, _: &[usize]) -> u64 {
        let packing = match self.places.get(piece) {
            Some((file, _)) => self.files[*file].packing.held_bytes(),
            None => return 0,
        };
        (2 * BLOCK_BYTES + self.options.max_row_bytes) as u64 + packing + CODES_BYTES
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
        Ok(Box::new(CsvReader {
            rows,
            // What stands before the first row belongs to the first piece of the file.
            is_at_head: piece == 0,
            file,
            piece,
            build: Build::new(&self.schema, columns, schema)?,
            batch_rows,
            options: self.options.clone(),
            spare: Vec::new(),
            is_done: false,
        }))
    }
}

/// Rows of a piece as batches.
struct CsvReader {
    rows: Rows,
    file: Arc<TextFile>,
    piece: usize,
    is_at_head: bool,
    build: Build,
    batch_rows: usize,
    options: TextOptions,
    /// A value whose quotes were taken out.
    spare: Vec<u8>,
    is_done: bool,
}

impl CsvReader {
    /// The next batch that has rows; `None` at the end.
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            while self.build.rows() < self.batch_rows {
                let Some(row) = self.find()? else {
                    self.is_done = true;
                    break;
                };
                self.take(&row)?;
                self.rows
                    .pass(&row)
                    .map_err(|cause| self.unreadable(cause))?;
            }
            let batch = self
                .build
                .finish()
                .map_err(|cause| unreadable(self.file.path(), "makes no batch", cause))?;
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
            if self.is_done {
                return Ok(None);
            }
        }
    }

    /// The next row behind the header that is not blank.
    fn find(&mut self) -> Result<Option<Row>> {
        if self.is_at_head {
            self.is_at_head = false;
            self.rows
                .skip_mark()
                .map_err(|cause| self.unreadable(cause))?;
            let header = self.rows.find().map_err(|cause| self.unreadable(cause))?;
            if let Some(header) = header {
                self.rows
                    .pass(&header)
                    .map_err(|cause| self.unreadable(cause))?;
            }
        }
        loop {
            let found = self.rows.find().map_err(|cause| self.unreadable(cause))?;
            let Some(row) = found else {
                return Ok(None);
            };
            let (bytes, _) = self.rows.row(&row);
            // A blank line is a null where there is one column, and nothing where there are more.
            let is_blank = row.fault.is_none() && without_line_end(bytes).is_empty();
            if !is_blank || self.build.all().fields().len() == 1 {
                return Ok(Some(row));
            }
            self.rows
                .pass(&row)
                .map_err(|cause| self.unreadable(cause))?;
        }
    }

    /// Puts a row into the columns, or refuses it.
    fn take(&mut self, row: &Row) -> Result<()> {
        let (bytes, splitter) = self.rows.row(row);
        let fields = splitter.fields();
        let all = Arc::clone(self.build.all());
        let known = all.fields();
        if row.fault.is_some() || fields.len() != known.len() {
            let (column, problem) = match &row.fault {
                Some(Fault::TooLong) => {
                    let most = self.options.max_row_bytes;
                    (None, format!("the row is longer than {most} bytes"))
                }
                Some(Fault::Broken(column, problem)) => {
                    (Some(*column), broken(*problem).to_owned())
                }
                None => {
                    let expected = known.len();
                    let problem = format!("expected {expected} columns, found {}", fields.len());
                    (None, problem)
                }
            };
            return self.refuse(row, column, &problem);
        }
        let mut fault = None;
        for (at, field) in fields.iter().enumerate() {
            let value = field.value(bytes, &mut self.spare);
            let of = known[at].data_type();
            let is_text = matches!(of, DataType::Utf8 | DataType::Dictionary(..));
            let is_null = value.is_empty() && !(field.is_quoted() && is_text);
            let is_right = self.build.push(at, (!is_null).then_some(value));
            if !is_right && fault.is_none() {
                fault = Some((at, shown(value)));
            }
        }
        self.build.end_row(fault.is_none());
        match fault {
            None => Ok(()),
            Some((at, found)) => {
                let expected = type_name(known[at].data_type());
                self.refuse(
                    row,
                    Some(at),
                    &format!("expected {expected}, found {found}"),
                )
            }
        }
    }

    fn refuse(&self, row: &Row, column: Option<usize>, problem: &str) -> Result<()> {
        let (bytes, _) = self.rows.row(row);
        let bytes = without_line_end(bytes);
        let most = bytes.len().min(self.options.max_row_bytes);
        let fields = self.build.all().fields();
        let name = |at: usize| {
            fields
                .get(at)
                .map_or("beyond the last", |f| f.name().as_str())
        };
        let bad = BadRow {
            offset: self.rows.offset,
            lines: self.rows.lines,
            column: column.map(|at| (at, name(at))),
            problem,
            bytes: &bytes[..most],
            is_cut: row.is_cut || most < bytes.len(),
        };
        self.file
            .refuse(self.piece, &bad, self.options.rejects.as_ref())
    }

    fn unreadable(&self, cause: std::io::Error) -> Error {
        let before = self.file.lines_before(self.piece).unwrap_or(0);
        let line = before + self.rows.lines + 1;
        let place = format!("{}, line {line}", self.file.path());
        unreadable(place, "cannot be read on", cause)
    }
}

impl Iterator for CsvReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let batch = self.batch().transpose()?;
        Some(batch.map_err(|error| {
            self.is_done = true;
            ArrowError::ExternalError(Box::new(error))
        }))
    }
}

impl RecordBatchReader for CsvReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.build.schema())
    }
}

fn broken(problem: Problem) -> &'static str {
    match problem {
        Problem::QuoteInside => {
            "a quote inside of a field that does not begin with one: expected the field in quotes, \
             with each inner quote doubled"
        }
        Problem::AfterQuote => "text behind a closing quote: expected inner quotes to be doubled",
        Problem::Unclosed => "a quote that is never closed",
    }
}

/// Reads the header and as many rows as the sample takes.
fn read_head(
    pinned: &Pinned,
    options: &TextOptions,
    sample_bytes: u64,
    guesses: &mut Vec<Guess>,
) -> Result<Head> {
    let failed = |cause: std::io::Error| unreadable(pinned.path(), "cannot be read", cause);
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
        Some(Fault::Broken(_, problem)) => return Err(wrong(place, broken(*problem))),
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
