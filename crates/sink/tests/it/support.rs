//! Random batches of every type, and short ways from rows to files.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeStringArray, RecordBatch,
    RecordBatchIterator, StringArray, StringViewArray, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Fields, Schema};
use lakeseed_sink::{
    BatchSource, BoxedReader, Compression, FileFormat, FnSource, Layout, MemoryStore, Plan, Run,
    Source, TableSpec,
};

/// A small generator, so that one number replays a case.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// An integer whose width is random too, so that small ones are as likely as large ones.
    pub(crate) fn integer(&mut self) -> i64 {
        let shift = self.below(64);
        (self.next() as i64) >> shift
    }

    pub(crate) fn double(&mut self) -> f64 {
        match self.below(6) {
            0 => self.below(1000) as f64,
            1 => (self.next() >> 11) as f64 / (1_u64 << 53) as f64,
            2 => -1e300 * (self.below(100) as f64),
            3 => f64::from_bits(self.next() >> 12),
            4 => self.integer() as f64 / 100.0,
            _ => Some(f64::from_bits(self.next()))
                .filter(|at| at.is_finite())
                .unwrap_or(-0.0),
        }
    }

    /// A text with all that needs a quote or an escape somewhere; never empty.
    pub(crate) fn text(&mut self) -> String {
        const PIECES: [&str; 16] = [
            "a",
            "Rex",
            "São Paulo",
            ",",
            "\"",
            "\n",
            "\r\n",
            "\\",
            "\t",
            "\u{1}",
            "日本",
            "🦀",
            " ",
            "null",
            "{}",
            "0123456789abcdef0123456789abcdef",
        ];
        (0..=self.below(5))
            .map(|_| PIECES[self.below(16) as usize])
            .collect()
    }
}

/// A column of `rows` values, some of them null.
fn nullable<T>(
    random: &mut Random,
    rows: usize,
    nulls: u64,
    mut make: impl FnMut(&mut Random) -> T,
) -> Vec<Option<T>> {
    (0..rows)
        .map(|_| (random.below(100) >= nulls).then(|| make(random)))
        .collect()
}

const DAY: i64 = 86_400_000_000;

/// A batch with a column of every flat type that all formats take; `nulls` in percent.
pub(crate) fn flat_batch(seed: u64, rows: usize, nulls: u64) -> RecordBatch {
    let random = &mut Random(seed);
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    macro_rules! column {
        ($name:literal, $array:ty, $make:expr) => {
            let values = nullable(random, rows, nulls, $make);
            columns.push(($name, Arc::new(<$array>::from(values))));
        };
    }
    column!("bool", BooleanArray, |random| random.below(2) == 0);
    column!("i8", Int8Array, |random| random.integer() as i8);
    column!("i16", Int16Array, |random| random.integer() as i16);
    column!("i32", Int32Array, |random| random.integer() as i32);
    column!("i64", Int64Array, Random::integer);
    column!("u8", UInt8Array, |random| random.integer() as u8);
    column!("u16", UInt16Array, |random| random.integer() as u16);
    column!("u32", UInt32Array, |random| random.integer() as u32);
    column!("u64", UInt64Array, |random| random.integer() as u64);
    column!("f32", Float32Array, |random| Some(random.double() as f32)
        .filter(|at| at.is_finite())
        .unwrap_or(0.5));
    column!("f64", Float64Array, Random::double);
    column!("text", StringArray, Random::text);
    column!("large_text", LargeStringArray, Random::text);
    column!("date", Date32Array, |random| random.below(60_000) as i32
        - 20_000);
    column!(
        "timestamp",
        TimestampMicrosecondArray,
        |random| (random.below(60_000) as i64 - 20_000) * DAY + random.below(DAY as u64) as i64
    );
    column!(
        "seconds",
        TimestampMicrosecondArray,
        |random| random.below(60_000) as i64 * DAY + random.below(86_400) as i64 * 1_000_000
    );
    column!("millis", TimestampMillisecondArray, |random| random
        .integer()
        % 10_000_000_000_000);
    for (name, precision, scale) in [
        ("money", 12, 2),
        ("rate", 5, 4),
        ("whole", 9, 0),
        ("wide", 38, 10),
    ] {
        let limit = 10_i128.pow(u32::from(precision).min(30)) - 1;
        let values = nullable(random, rows, nulls, |random| {
            (i128::from(random.integer()) * i128::from(random.integer() >> 1 | 1)) % limit
        });
        let array = Decimal128Array::from(values);
        columns.push((
            name,
            Arc::new(array.with_precision_and_scale(precision, scale).unwrap()),
        ));
    }
    let categories: ArrayRef = Arc::new(StringArray::from(vec![
        "SP",
        "a,b",
        "say \"hi\"",
        "two\nlines",
        "ç",
    ]));
    let keys = nullable(random, rows, nulls, |random| random.below(5) as i32);
    let dictionary =
        DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), categories.clone()).unwrap();
    columns.push(("category", Arc::new(dictionary)));
    let keys = nullable(random, rows, nulls, |random| random.below(5) as i8);
    let dictionary =
        DictionaryArray::<Int8Type>::try_new(Int8Array::from(keys), categories).unwrap();
    columns.push(("small_category", Arc::new(dictionary)));
    from_columns(columns, nulls > 0)
}

/// A batch with structs and lists besides.
pub(crate) fn nested_batch(seed: u64, rows: usize, nulls: u64) -> RecordBatch {
    let random = &mut Random(seed);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let inner_text: ArrayRef = Arc::new(StringArray::from(nullable(
        random,
        rows,
        nulls,
        Random::text,
    )));
    let inner_number: ArrayRef = Arc::new(Float64Array::from(nullable(
        random,
        rows,
        nulls,
        Random::double,
    )));
    let fields = Fields::from(vec![
        Field::new("text \"x\"", DataType::Utf8, true),
        Field::new("number", DataType::Float64, true),
    ]);
    let valid: Vec<bool> = (0..rows).map(|_| random.below(100) >= nulls).collect();
    let pair = StructArray::new(fields, vec![inner_text, inner_number], Some(valid.into()));
    let mut list = ListBuilder::new(StringBuilder::new());
    for _ in 0..rows {
        for _ in 0..random.below(4) {
            list.values()
                .append_option((random.below(100) >= nulls).then(|| random.text()));
        }
        list.append(random.below(100) >= nulls);
    }
    let view = StringViewArray::from(nullable(random, rows, nulls, Random::text));
    from_columns(
        vec![
            ("id", ids),
            ("pair", Arc::new(pair)),
            ("list", Arc::new(list.finish())),
            ("view", Arc::new(view)),
        ],
        true,
    )
}

pub(crate) fn from_columns(columns: Vec<(&str, ArrayRef)>, is_nullable: bool) -> RecordBatch {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), is_nullable))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// The batch with hints on some of its columns.
pub(crate) fn with_hints(batch: &RecordBatch, hints: &[(&str, &str, &str)]) -> RecordBatch {
    let fields: Vec<Field> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| {
            let metadata = hints
                .iter()
                .filter(|(column, ..)| column == field.name())
                .map(|(_, key, value)| (format!("lakeseed:{key}"), (*value).to_owned()))
                .collect();
            field.as_ref().clone().with_metadata(metadata)
        })
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.columns().to_vec()).unwrap()
}

/// The batch with dictionaries turned into what they stand for.
pub(crate) fn without_dictionaries(batch: &RecordBatch) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let plain = match array.as_any_dictionary_opt() {
            Some(dictionary) => {
                arrow_select::take::take(dictionary.values(), dictionary.keys(), None).unwrap()
            }
            None => array.clone(),
        };
        let field = field
            .as_ref()
            .clone()
            .with_data_type(plain.data_type().clone());
        fields.push(field.with_metadata(std::collections::HashMap::new()));
        arrays.push(plain);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// The batch with texts of 64-bit offsets turned into the usual ones, which the CSV reader knows.
pub(crate) fn with_short_texts(batch: &RecordBatch) -> RecordBatch {
    let mut columns = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let short = match array.as_string_opt::<i64>() {
            Some(texts) => Arc::new(texts.iter().collect::<StringArray>()),
            None => array.clone(),
        };
        columns.push((field.name().clone(), short));
    }
    let is_nullable = batch.schema().field(0).is_nullable();
    from_columns(
        columns
            .iter()
            .map(|(name, array)| (name.as_str(), array.clone()))
            .collect(),
        is_nullable,
    )
}

/// A source that cuts the rows of a batch into pieces of random sizes.
pub(crate) fn ragged(batch: &RecordBatch, seed: u64) -> impl Source + use<> {
    let batch = batch.clone();
    FnSource::new(batch.schema(), move |rows: Range<u64>, _| {
        let mut random = Random(seed ^ rows.start);
        let mut at = rows.start as usize;
        let mut pieces = Vec::new();
        while at < rows.end as usize {
            let len = (1 + random.below(700) as usize).min(rows.end as usize - at);
            pieces.push(Ok(batch.slice(at, len)));
            at += len;
        }
        let schema = batch.schema();
        Ok(Box::new(RecordBatchIterator::new(pieces, schema)) as BoxedReader)
    })
}

/// Writes a table into memory and returns its files.
pub(crate) fn write(
    format: FileFormat,
    layout: Layout,
    threads: usize,
    source: impl Source,
    rows: u64,
) -> BTreeMap<String, Vec<u8>> {
    let store = MemoryStore::new();
    let plan = Plan::builder(format)
        .data_id("test")
        .layout(layout)
        .table(TableSpec::new("pets", source, 0..rows))
        .build()
        .unwrap();
    let report = Run::new(&plan, &store).threads(threads).commit().unwrap();
    assert_eq!(report.rows(), rows);
    store.files()
}

/// Writes one file of several chunks and returns its bytes.
pub(crate) fn write_one(format: FileFormat, batch: &RecordBatch) -> Vec<u8> {
    let files = write(
        format,
        small_chunks(),
        2,
        BatchSource::new(batch.clone()),
        batch.num_rows() as u64,
    );
    assert_eq!(files.len(), 1);
    files.into_values().next().unwrap()
}

/// One file of chunks of a few hundred rows.
pub(crate) fn small_chunks() -> Layout {
    Layout {
        files: Some(1),
        row_group_rows: 300,
        text_chunk_bytes: 40_000,
        ..Layout::default()
    }
}

/// The text within a file of a text format, by another crate's decoder.
pub(crate) fn unpacked(format: FileFormat, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    match format.compression() {
        Compression::Gzip(_) => {
            flate2::read::MultiGzDecoder::new(bytes)
                .read_to_end(&mut text)
                .unwrap();
        }
        Compression::Zstd(_) => {
            zstd::stream::read::Decoder::new(bytes)
                .unwrap()
                .read_to_end(&mut text)
                .unwrap();
        }
        _ => {
            text.extend_from_slice(bytes);
        }
    }
    text
}

/// The bytes as a file that can be read from its end.
pub(crate) fn as_file(bytes: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    file
}

/// A column of the numbers of its rows.
pub(crate) fn numbers(rows: u64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let halves: ArrayRef = Arc::new(Float64Array::from_iter_values(
        (0..rows).map(|row| row as f64 / 2.0),
    ));
    from_columns(vec![("id", ids), ("half", halves)], false)
}
