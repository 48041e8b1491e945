//! Rows of every type that all formats take, and short ways to an output and its findings.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema};
use lakeseed_sink::{
    BatchSource, Compression, FileFormat, Finding, FindingKind, Findings, FormatKind, Layout,
    Manifest, MemoryStore, Partition, Plan, Run, Source, Store, TableSpec, Verify, open_finished,
};

pub(crate) const ROWS: usize = 3_000;

/// Every format with every compression that it has.
pub(crate) fn formats() -> Vec<FileFormat> {
    let codecs = [
        Compression::None,
        Compression::Snappy,
        Compression::Zstd(1),
        Compression::Zstd(19),
        Compression::Gzip(6),
    ];
    FormatKind::ALL
        .into_iter()
        .flat_map(|kind| codecs.map(|codec| FileFormat::new(kind, codec)))
        .filter_map(Result::ok)
        .collect()
}

/// One format of each way of reading.
pub(crate) fn some_formats() -> Vec<FileFormat> {
    let new = |kind, codec| FileFormat::new(kind, codec).unwrap();
    vec![
        new(FormatKind::Parquet, Compression::Zstd(1)),
        new(FormatKind::Parquet, Compression::Gzip(1)),
        new(FormatKind::Parquet, Compression::Snappy),
        new(FormatKind::Parquet, Compression::None),
        new(FormatKind::Csv, Compression::None),
        new(FormatKind::Csv, Compression::Zstd(1)),
        new(FormatKind::Json, Compression::None),
        new(FormatKind::Json, Compression::Gzip(1)),
        new(FormatKind::Arrow, Compression::None),
        new(FormatKind::ArrowStream, Compression::None),
    ]
}

/// Rows with nulls, doubles, dictionaries, texts that need quotes; `year` is sorted.
pub(crate) fn pets(rows: usize) -> RecordBatch {
    let at = 0..rows as i64;
    let maybe = |row: i64, null: i64| row % null != 3;
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(at.clone()));
    let names: Vec<Option<String>> = at
        .clone()
        .map(|row| {
            let name = match row % 5 {
                0 => "Rex".to_owned(),
                1 => format!("say \"hi\", {row}"),
                2 => format!("two\nlines {row}"),
                3 => "São Paulo 🦀".to_owned(),
                _ => format!("pet-{row}"),
            };
            maybe(row, 11).then_some(name)
        })
        .collect();
    let weights: Vec<Option<f64>> = at
        .clone()
        .map(|row| maybe(row, 13).then_some(row as f64 / 8.0))
        .collect();
    let prices = Decimal128Array::from_iter_values(at.clone().map(|row| i128::from(row) * 101))
        .with_precision_and_scale(12, 2)
        .unwrap();
    let kinds = DictionaryArray::<Int32Type>::try_new(
        at.clone()
            .map(|row| maybe(row, 17).then_some(row as i32 % 3))
            .collect(),
        Arc::new(StringArray::from(vec!["dog", "a,b", "ç"])),
    )
    .unwrap();
    let years = Int32Array::from_iter_values(at.clone().map(|row| 2020 + (row / 1_000) as i32));
    let born = Date32Array::from_iter_values(at.clone().map(|row| 18_000 + row as i32));
    let seen = at
        .clone()
        .map(|row| row * 1_234_567 + 1_600_000_000_000_000);
    let seen = TimestampMicrosecondArray::from_iter_values(seen);
    let is_good: BooleanArray = at.map(|row| Some(row % 2 == 0)).collect();
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("id", ids, false),
        ("year", Arc::new(years), false),
        ("name", Arc::new(StringArray::from(names)), true),
        ("weight", Arc::new(Float64Array::from(weights)), true),
        ("price", Arc::new(prices), false),
        ("kind", Arc::new(kinds), true),
        ("born", Arc::new(born), false),
        ("seen", Arc::new(seen), false),
        ("is_good", Arc::new(is_good), false),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array, nullable)| {
            let field = Field::new(*name, array.data_type().clone(), *nullable);
            let hints = [("lakeseed:encoding".to_owned(), "delta".to_owned())];
            if *name == "id" {
                field.with_metadata(hints.into())
            } else {
                field
            }
        })
        .collect();
    let arrays = columns.into_iter().map(|(_, array, _)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// A batch with one column replaced.
pub(crate) fn with_column(batch: &RecordBatch, name: &str, array: ArrayRef) -> RecordBatch {
    let at = batch.schema().index_of(name).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[at] = array;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// The ids of a batch with one of them changed.
pub(crate) fn with_id(batch: &RecordBatch, row: usize, id: i64) -> RecordBatch {
    let ids = (0..batch.num_rows() as i64).map(|at| if at == row as i64 { id } else { at });
    with_column(batch, "id", Arc::new(Int64Array::from_iter_values(ids)))
}

pub(crate) fn layout(files: u64) -> Layout {
    Layout {
        files: Some(files),
        row_group_rows: 400,
        text_chunk_bytes: 20_000,
        ..Layout::default()
    }
}

/// An output of rows, and the source that they came from.
pub(crate) struct Output {
    pub(crate) store: MemoryStore,
    pub(crate) rows: RecordBatch,
}

impl Output {
    pub(crate) fn new(format: FileFormat, rows: &RecordBatch, files: u64) -> Self {
        Self::of(format, rows, files, false)
    }

    pub(crate) fn of(format: FileFormat, rows: &RecordBatch, files: u64, by_year: bool) -> Self {
        let store = MemoryStore::new();
        write(&store, format, rows, files, by_year);
        Self {
            store,
            rows: rows.clone(),
        }
    }

    pub(crate) fn verify(&self) -> Findings {
        verify(Arc::new(self.store.clone()), &self.rows)
    }

    pub(crate) fn quick(&self) -> Findings {
        let findings = Verify::new(Arc::new(self.store.clone())).quick(true).run();
        findings.unwrap()
    }

    pub(crate) fn manifest(&self) -> Manifest {
        open_finished(&self.store).unwrap()
    }

    pub(crate) fn set_manifest(&self, manifest: &Manifest) {
        let json = manifest.to_json().unwrap();
        let name = "_lakeseed/manifest-000001.json";
        self.store.replace(name, &json).unwrap();
    }

    pub(crate) fn path(&self, part: usize) -> String {
        self.manifest().parts().nth(part).unwrap().path.clone()
    }

    pub(crate) fn bytes(&self, part: usize) -> Vec<u8> {
        self.store.get(&self.path(part)).unwrap().unwrap()
    }

    /// Puts other bytes in a part's place.
    pub(crate) fn set(&self, part: usize, bytes: &[u8]) {
        self.store.replace(&self.path(part), bytes).unwrap();
    }

    /// Puts the same part of an output of other rows in a part's place.
    pub(crate) fn take_from(&self, other: &Self, part: usize) {
        self.set(part, &other.bytes(part));
    }
}

pub(crate) fn write(
    store: &dyn Store,
    format: FileFormat,
    rows: &RecordBatch,
    files: u64,
    by_year: bool,
) {
    let count = rows.num_rows() as u64;
    let mut table = TableSpec::new("pets", BatchSource::new(rows.clone()), 0..count);
    if by_year {
        let years = count.div_ceil(1_000);
        let partitions = (0..years).map(|year| Partition {
            values: vec![Some((2020 + year).to_string())],
            rows: year * 1_000..count.min((year + 1) * 1_000),
        });
        table = table.partitioned_by(["year"], partitions.collect());
    }
    let plan = Plan::builder(format)
        .data_id("pets v1")
        .layout(layout(files))
        .table(table)
        .build()
        .unwrap();
    Run::new(&plan, store).commit().unwrap();
}

pub(crate) fn verify(store: Arc<dyn Store>, rows: &RecordBatch) -> Findings {
    verify_with(store, rows, 1)
}

pub(crate) fn verify_with(store: Arc<dyn Store>, rows: &RecordBatch, threads: usize) -> Findings {
    let sources = |table: &str| {
        let source = Arc::new(BatchSource::new(rows.clone())) as Arc<dyn Source>;
        (table == "pets").then_some(source)
    };
    let verify = Verify::new(store).sources(&sources).threads(threads);
    verify.run().unwrap()
}

pub(crate) fn kinds(findings: &Findings) -> Vec<FindingKind> {
    findings
        .findings
        .iter()
        .map(|finding| finding.what)
        .collect()
}

pub(crate) fn of_kind(findings: &Findings, what: FindingKind) -> Vec<&Finding> {
    let all = findings.findings.iter();
    all.filter(|finding| finding.what == what).collect()
}

/// The schema of a file that differs in one column's type.
pub(crate) fn ids_as_text(batch: &RecordBatch) -> RecordBatch {
    let mut fields: Vec<Field> = Vec::new();
    for field in batch.schema().fields() {
        let field = field.as_ref().clone().with_metadata([].into());
        let is_id = field.name() == "id";
        fields.push(if is_id {
            field.with_data_type(DataType::Utf8)
        } else {
            field
        });
    }
    let mut columns = batch.columns().to_vec();
    let texts = (0..batch.num_rows()).map(|row| row.to_string());
    columns[0] = Arc::new(StringArray::from_iter_values(texts));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}
