//! JSON lines: an object a line.

use std::io;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use datafusion::common::HashMap;

use super::build::Build;
use super::columns::Column;
use super::cuts::line_ranges;
use super::input::{self, Packing};
use super::object::{Value, not_json, parse};
use super::reader::{Lines, TextReader, Wrong};
use super::rows::Rows;
use super::split::Splitter;
use super::values::Guess;
use super::{SAMPLE_BYTES, TextFile, TextOptions, shown};
use crate::Result;
use crate::source::files::{Opened, Pinned, names, unreadable, wrong};
use crate::source::{BatchReader, Piece};

/// What dictionaries of a reader hold, about.
const CODES_BYTES: u64 = 4 * 1024 * 1024;

/// The JSON files of a table.
pub(in crate::source) struct JsonFiles {
    files: Vec<Arc<TextFile>>,
    places: Vec<(usize, usize)>,
    schema: SchemaRef,
    options: TextOptions,
}

impl JsonFiles {
    /// Samples the heads and cuts the files. Gives the table's columns beside the files.
    pub(in crate::source) fn open(
        pinned: Vec<Pinned>,
        options: &TextOptions,
    ) -> Result<(SchemaRef, Self)> {
        let sample_bytes = (SAMPLE_BYTES / pinned.len().max(1)).max(16 * 1024) as u64;
        let mut sample = Sample::default();
        let mut files = Vec::with_capacity(pinned.len());
        let mut first = String::new();
        for pinned in pinned {
            if first.is_empty() {
                pinned.path().clone_into(&mut first);
            }
            let row_bytes = read_head(&pinned, options, sample_bytes, &mut sample)?;
            let size = pinned.stamp.bytes;
            let ranges = match Packing::of_path(pinned.path()) {
                Packing::None => line_ranges(&pinned.file, size, options.piece_bytes.max(1))
                    .map_err(|cause| unreadable(pinned.path(), "cannot be read", cause))?,
                _ => vec![(0, size)],
            };
            files.push(Arc::new(TextFile::new(pinned, ranges, row_bytes)));
        }
        let schema = sample.schema(&first, options)?;
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

impl Opened for JsonFiles {
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
        // A row beside its values.
        read + 2 * self.options.max_row_bytes as u64 + CODES_BYTES
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
        let rows = Rows::of_lines(file.open(piece)?, self.options.max_row_bytes);
        let fields = self.schema.fields().iter().enumerate();
        let place_of = fields.map(|(at, field)| (field.name().clone(), at));
        let lines = JsonLines {
            place_of: place_of.collect(),
        };
        Ok(Box::new(TextReader::new(
            (rows, lines),
            (file, piece),
            Build::new(&self.schema, columns, schema)?,
            batch_rows,
            self.options.clone(),
        )))
    }
}

/// Lines of JSON.
struct JsonLines {
    place_of: HashMap<String, usize>,
}

impl Lines for JsonLines {
    fn pass_head(&self, rows: &mut Rows) -> io::Result<()> {
        rows.skip_mark()
    }

    fn is_blank(&self, line: &[u8], _: usize) -> bool {
        line.trim_ascii().is_empty()
    }

    fn take(&mut self, row: &[u8], _: &Splitter, build: &mut Build) -> Result<(), Wrong> {
        let all = Arc::clone(build.all());
        let known = all.fields();
        let mut values: Vec<Option<Value<'_>>> = Vec::new();
        values.resize_with(known.len(), || None);
        let mut unknown = None;
        let parsed = parse(row, |key, value| match self.place_of.get(key) {
            Some(at) if values[*at].is_none() => {
                values[*at] = Some(value);
                Ok(())
            }
            Some(_) => Err(format!("the key {key} stands there twice")),
            None => {
                unknown = Some(key.to_owned());
                Ok(())
            }
        });
        parsed.map_err(|error| Wrong::row(not_json(&error)))?;
        if let Some(key) = unknown {
            return Err(Wrong::row(format!(
                "the key {} is none of {}; give its type if it belongs to the table",
                shown(key.as_bytes()),
                names(&all)
            )));
        }
        let mut wrong = None;
        let mut spare = String::new();
        for (at, value) in values.iter().enumerate() {
            let of = known[at].data_type();
            let text = value.as_ref().and_then(|value| value.text(&mut spare));
            let fits = match value {
                Some(value) if text.is_some() => value.fits(of),
                _ => true,
            };
            let is_right = build.push(at, text.filter(|_| fits)) && fits;
            if !is_right && wrong.is_none() {
                wrong = Some(Wrong::value(at, of, &shown(text.unwrap_or_default())));
            }
        }
        build.end_row(wrong.is_none());
        wrong.map_or(Ok(()), Err)
    }
}

/// The keys of the heads, in the order in which they came, and what their values look like.
#[derive(Default)]
struct Sample {
    columns: Vec<(String, Guess)>,
}

impl Sample {
    fn see(&mut self, key: &str, value: &Value<'_>) {
        let place = self.columns.iter().position(|(name, _)| name == key);
        let place = place.unwrap_or_else(|| {
            self.columns.push((key.to_owned(), Guess::new()));
            self.columns.len() - 1
        });
        let guess = &mut self.columns[place].1;
        let mut spare = String::new();
        match (value, value.text(&mut spare)) {
            (Value::Text(_) | Value::Nested(_), Some(text)) => guess.see_text(text),
            (_, Some(text)) => guess.see(text),
            (_, None) => {}
        }
    }

    /// A column whose type is given may be missing in the sample.
    fn schema(&self, path: &str, options: &TextOptions) -> Result<SchemaRef> {
        let known = self.columns.iter().map(|(name, guess)| {
            let given = options.types.get(name).cloned();
            Field::new(name, given.unwrap_or_else(|| guess.column_type()), true)
        });
        let mut fields: Vec<Field> = known.collect();
        for (name, given) in &options.types {
            if Column::new(given).is_none() {
                return Err(wrong(
                    path,
                    format!("column {name}: text files have no {given}"),
                ));
            }
            if !fields.iter().any(|field| field.name() == name) {
                fields.push(Field::new(name, given.clone(), true));
            }
        }
        if fields.is_empty() {
            return Err(wrong(path, "expected an object of JSON a line, found none"));
        }
        Ok(Arc::new(Schema::new(fields)))
    }
}

/// Samples a file; gives what a row takes as it is stored.
fn read_head(
    pinned: &Pinned,
    options: &TextOptions,
    sample_bytes: u64,
    sample: &mut Sample,
) -> Result<f64> {
    let failed = |cause: io::Error| unreadable(pinned.path(), "cannot be read", cause);
    let packing = Packing::of_path(pinned.path());
    let input = input::open(&pinned.file, packing, 0, pinned.stamp.bytes).map_err(failed)?;
    let mut rows = Rows::of_lines(input, options.max_row_bytes);
    rows.skip_mark().map_err(failed)?;
    let mut count = 0_u64;
    while rows.offset < sample_bytes {
        let Some(row) = rows.find().map_err(failed)? else {
            break;
        };
        if row.is_cut {
            break;
        }
        let (bytes, _) = rows.row(&row);
        let mut entries = Vec::new();
        let parsed = parse(bytes, |key, value| {
            entries.push((key.to_owned(), value));
            Ok(())
        });
        // Bad rows are told when they are read.
        if parsed.is_ok() {
            for (key, value) in &entries {
                sample.see(key, value);
            }
        }
        rows.pass(&row).map_err(failed)?;
        count += 1;
    }
    let packed = if packing == Packing::None { 1.0 } else { 0.25 };
    Ok(rows.offset as f64 / count.max(1) as f64 * packed)
}
