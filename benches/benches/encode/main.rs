//! Batches in memory to bytes that go nowhere, on one core: ours beside the writers of the arrow
//! crates, and the values of both read back and compared first.
//!
//! Three shapes: eight columns of an invoice at random, with nothing to gain from their order; a key
//! with thirty doubles; the lines of invoices, in order.

// A bench fails loudly.
#![allow(clippy::expect_used, reason = "a bench may fail loudly")]

mod shapes;

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::{DataType, Field, Schema};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lakeseed_sink::format::{Encoder, Format};
use lakeseed_sink::{Csv, FileFormat, Json, Parquet, PartWriter, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Rows of a chunk of text: about two megabytes.
const TEXT_BATCHES: usize = 4;

/// Counts what is written.
struct Nowhere(u64);

impl PartWriter for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0 += bytes.len() as u64;
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<u64> {
        Ok(self.0)
    }
}

/// A bound format with its encoder, as one worker has it.
struct Ours {
    format: Arc<dyn Format>,
    encoder: Box<dyn Encoder>,
    chunk_batches: usize,
}

impl Ours {
    fn new(format: FileFormat, schema: &Arc<Schema>) -> Self {
        let is_text = format.extension() != "parquet";
        let bound = format.bind(schema).expect("the format takes the columns");
        let encoder = bound.encoder().expect("the codec can be set up");
        Self {
            format: bound,
            encoder,
            chunk_batches: if is_text { TEXT_BATCHES } else { usize::MAX },
        }
    }

    /// Writes all batches and returns the size of the file.
    fn write(
        &mut self,
        schema: &Arc<Schema>,
        batches: &[RecordBatch],
        out: Box<dyn PartWriter>,
    ) -> u64 {
        let mut file = self.format.assemble(out).expect("nothing is written");
        for chunk in batches.chunks(self.chunk_batches.min(batches.len())) {
            let batches = chunk.iter().map(|batch| Ok(batch.clone()));
            let mut reader = RecordBatchIterator::new(batches, schema.clone());
            let chunk = self
                .encoder
                .encode(&mut reader)
                .expect("rows can be encoded");
            file.append(&chunk).expect("nothing is written");
            self.encoder.recycle(chunk);
        }
        file.finish().expect("nothing is written")
    }
}

fn arrow_csv(batches: &[RecordBatch], out: &mut Vec<u8>) {
    let mut writer = arrow_csv::Writer::new(out);
    for batch in batches {
        writer.write(batch).expect("rows can be encoded");
    }
}

fn arrow_json(batches: &[RecordBatch], out: &mut Vec<u8>) {
    let mut writer = arrow_json::LineDelimitedWriter::new(out);
    for batch in batches {
        writer.write(batch).expect("rows can be encoded");
    }
    writer.finish().expect("rows can be encoded");
}

fn arrow_parquet(batches: &[RecordBatch], out: &mut Vec<u8>) {
    let level = ZstdLevel::try_new(1).expect("a level of zstd");
    let settings = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .build();
    let mut writer = ArrowWriter::try_new(out, batches[0].schema(), Some(settings))
        .expect("the format takes the columns");
    for batch in batches {
        writer.write(batch).expect("rows can be encoded");
    }
    writer.close().expect("rows can be encoded");
}

/// Keeps what is written.
struct Kept(Arc<std::sync::Mutex<Vec<u8>>>);

impl PartWriter for Kept {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<u64> {
        Ok(0)
    }
}

fn kept(format: FileFormat, schema: &Arc<Schema>, batches: &[RecordBatch]) -> Vec<u8> {
    let bytes = Arc::new(std::sync::Mutex::new(Vec::new()));
    Ours::new(format, schema).write(schema, batches, Box::new(Kept(bytes.clone())));
    std::mem::take(&mut *bytes.lock().expect("one thread"))
}

/// Reads the texts of both writers back, and compares the values.
fn check_equal(schema: &Arc<Schema>, batches: &[RecordBatch]) {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Dictionary(_, values) => Field::new(field.name(), (**values).clone(), false),
            other => Field::new(field.name(), other.clone(), false),
        })
        .collect();
    let plain = Arc::new(Schema::new(fields));
    let from_csv = |text: &[u8]| -> Vec<RecordBatch> {
        let builder = arrow_csv::ReaderBuilder::new(plain.clone()).with_header(true);
        let reader = builder
            .build(std::io::Cursor::new(text))
            .expect("text of the schema");
        reader
            .map(|batch| batch.expect("text of the schema"))
            .collect()
    };
    let from_json = |text: &[u8]| -> Vec<RecordBatch> {
        let builder = arrow_json::ReaderBuilder::new(plain.clone());
        let reader = builder
            .build(std::io::Cursor::new(text))
            .expect("text of the schema");
        reader
            .map(|batch| batch.expect("text of the schema"))
            .collect()
    };
    let batches = &batches[..TEXT_BATCHES.min(batches.len())];
    let (mut csv, mut json) = (Vec::new(), Vec::new());
    arrow_csv(batches, &mut csv);
    arrow_json(batches, &mut json);
    assert_eq!(
        from_csv(&kept(Csv::plain(), schema, batches)),
        from_csv(&csv)
    );
    assert_eq!(
        from_json(&kept(Json::plain(), schema, batches)),
        from_json(&json)
    );
}

fn case(bench: &mut Criterion, name: &str, data: &(Arc<Schema>, Vec<RecordBatch>)) {
    type Peer = fn(&[RecordBatch], &mut Vec<u8>);
    let (schema, batches) = data;
    check_equal(schema, batches);
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut group = bench.benchmark_group(format!("encode/{name}"));
    group
        .throughput(Throughput::Elements(rows as u64))
        .sample_size(10);
    let formats = [
        ("parquet_zstd", Parquet::zstd(1)),
        ("csv", Csv::plain()),
        ("json", Json::plain()),
        ("csv_zstd", Csv::zstd(1)),
        ("csv_gzip", Csv::gzip(1)),
    ];
    for (id, format) in formats {
        let mut ours = Ours::new(format, schema);
        let bytes = ours.write(schema, batches, Box::new(Nowhere(0)));
        let row_bytes = bytes as f64 / rows as f64;
        group.bench_function(format!("{id} ({row_bytes:.1} bytes a row)"), |bencher| {
            bencher.iter(|| ours.write(schema, batches, Box::new(Nowhere(0))));
        });
    }
    let peers: [(&str, Peer, usize); 3] = [
        (
            "parquet_zstd of the parquet crate",
            arrow_parquet,
            usize::MAX,
        ),
        ("csv of the arrow crate", arrow_csv, TEXT_BATCHES),
        ("json of the arrow crate", arrow_json, TEXT_BATCHES),
    ];
    for (id, write, chunk_batches) in peers {
        let mut out = Vec::new();
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                for chunk in batches.chunks(chunk_batches.min(batches.len())) {
                    out.clear();
                    write(black_box(chunk), &mut out);
                }
                out.len()
            });
        });
    }
    group.finish();
}

fn encode(bench: &mut Criterion) {
    lakeseed_benches::as_the_binary();
    case(bench, "random_invoices", &shapes::invoices(1 << 20));
    case(bench, "predictions", &shapes::predictions(1 << 17));
    case(bench, "items", &shapes::items(1 << 20));
}

criterion_group!(benches, encode);
criterion_main!(benches);
