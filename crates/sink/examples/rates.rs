//! Rows a second of each format on one thread, from batches in memory to nowhere.
//!
//! `cargo run --release -p lakeseed-sink --example rates -- [case] [seconds]`

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array,
    RecordBatch, RecordBatchIterator, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema};
use lakeseed_sink::format::{Encoder, Format};
use lakeseed_sink::{FileFormat, PartWriter, Result};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

struct Null(u64);

impl PartWriter for Null {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0 += bytes.len() as u64;
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<u64> {
        Ok(self.0)
    }
}

fn field(name: &str, data_type: DataType, hints: &[(&str, &str)]) -> Field {
    let metadata = hints
        .iter()
        .map(|(key, value)| (format!("lakeseed:{key}"), (*value).to_owned()))
        .collect();
    Field::new(name, data_type, false).with_metadata(metadata)
}

fn batches(
    rows: usize,
    batch_rows: usize,
    columns: Vec<(Field, ArrayRef)>,
) -> (Arc<Schema>, Vec<RecordBatch>) {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let whole = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let slices = (0..rows)
        .step_by(batch_rows)
        .map(|at| whole.slice(at, batch_rows.min(rows - at)))
        .collect();
    (schema, slices)
}

fn states() -> ArrayRef {
    Arc::new(StringArray::from(vec!["SP", "RJ", "MG"]))
}

fn decimal(values: impl Iterator<Item = i128>, precision: u8) -> ArrayRef {
    let array = Decimal128Array::from_iter_values(values);
    Arc::new(array.with_precision_and_scale(precision, 2).unwrap())
}

fn timestamp() -> DataType {
    DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, None)
}

fn invoices(rows: usize) -> (Arc<Schema>, Vec<RecordBatch>) {
    let mut random = Random(42);
    let start = 1_672_531_200_000_000_i64;
    let keys = Int32Array::from_iter_values((0..rows).map(|_| match random.below(5) {
        0..3 => 0,
        3 => 1,
        _ => 2,
    }));
    let dictionary = DictionaryArray::<Int32Type>::try_new(keys, states()).unwrap();
    let int = |values: Vec<i32>| Arc::new(Int32Array::from(values)) as ArrayRef;
    let mut below =
        |limit: u64| -> Vec<i32> { (0..rows).map(|_| 1 + random.below(limit) as i32).collect() };
    let customer = below(100_000)
        .into_iter()
        .map(i64::from)
        .collect::<Vec<_>>();
    let (seller, product, quantity) = (below(1_000), below(10_000), below(10));
    let price = below(99_901)
        .into_iter()
        .map(|cents| i128::from(cents) + 99)
        .collect::<Vec<_>>();
    let minute = below(525_600);
    let issued = minute
        .into_iter()
        .map(|minute| start + i64::from(minute) * 60_000_000);
    let dict = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let first = 7_000_000;
    batches(
        rows,
        8192,
        vec![
            (
                field(
                    "invoice_id",
                    DataType::Int64,
                    &[("encoding", "delta"), ("sorted", "asc")],
                ),
                Arc::new(Int64Array::from_iter_values(first..first + rows as i64)),
            ),
            (
                field("customer_id", DataType::Int64, &[("encoding", "delta")]),
                Arc::new(Int64Array::from(customer)),
            ),
            (
                field("seller_id", DataType::Int32, &[("encoding", "delta")]),
                int(seller),
            ),
            (
                field("product_id", DataType::Int32, &[("encoding", "delta")]),
                int(product),
            ),
            (
                field("quantity", DataType::Int32, &[("encoding", "delta")]),
                int(quantity),
            ),
            (
                field(
                    "unit_price",
                    DataType::Decimal128(10, 2),
                    &[("encoding", "delta")],
                ),
                decimal(price.into_iter(), 10),
            ),
            (
                field("issued_at", timestamp(), &[]),
                Arc::new(TimestampMicrosecondArray::from_iter_values(issued)),
            ),
            (field("state", dict, &[]), Arc::new(dictionary)),
        ],
    )
}

fn predictions(rows: usize) -> (Arc<Schema>, Vec<RecordBatch>) {
    let mut random = Random(7);
    let ids: Vec<String> = (0..rows)
        .map(|_| {
            let (a, b) = (random.next(), random.next());
            format!(
                "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
                a >> 32,
                (a >> 16) & 0xffff,
                a & 0xfff,
                0x8000 | (b & 0x3fff),
                b >> 16
            )
        })
        .collect();
    let mut columns = vec![(
        field("id_client", DataType::Utf8, &[]),
        Arc::new(StringArray::from(ids)) as ArrayRef,
    )];
    for class in 0..30 {
        let values = Float64Array::from_iter_values((0..rows).map(|_| random.unit()));
        columns.push((
            field(
                &format!("class_{class}"),
                DataType::Float64,
                &[("compress", "none"), ("encoding", "plain")],
            ),
            Arc::new(values),
        ));
    }
    batches(rows, 2048, columns)
}

fn items(rows: usize) -> (Arc<Schema>, Vec<RecordBatch>) {
    let mut random = Random(9);
    let (mut invoice, mut line, mut left) = (5_000_000_i64, 0, 0);
    let mut invoices = Vec::new();
    let mut lines = Vec::new();
    let mut times = Vec::new();
    let mut time = 1_672_531_200_000_000_i64;
    for _ in 0..rows {
        if left == 0 {
            invoice += 1;
            line = 0;
            left = 1;
            while left < 10 && random.below(10) < 6 {
                left += 1;
            }
            time += random.below(20_000_000) as i64;
        }
        left -= 1;
        line += 1;
        invoices.push(invoice);
        lines.push(line);
        times.push(time);
    }
    let product: Vec<i64> = (0..rows)
        .map(|_| (10_000_f64.powf(random.unit())) as i64)
        .collect();
    let quantity: Vec<i32> = (0..rows).map(|_| 1 + random.below(12) as i32).collect();
    let price: Vec<i128> = (0..rows)
        .map(|_| 281 + i128::from(random.below(3520)))
        .collect();
    let discount: Vec<i128> = (0..rows)
        .map(|row| {
            if random.below(4) == 0 {
                price[row] * i128::from(quantity[row]) / 20
            } else {
                0
            }
        })
        .collect();
    let total: Vec<i128> = (0..rows)
        .map(|row| price[row] * i128::from(quantity[row]) - discount[row])
        .collect();
    let day = |row: usize| ((times[row] - 1_672_531_200_000_000) / 86_400_000_000) as i32;
    let money = || DataType::Decimal128(12, 2);
    let delta = [("encoding", "delta")];
    let ints = |values: Vec<i32>| Arc::new(Int32Array::from(values)) as ArrayRef;
    let days: Vec<i32> = (0..rows).map(|row| day(row) % 31 + 1).collect();
    let months: Vec<i32> = (0..rows).map(|row| day(row) / 31 % 12 + 1).collect();
    let years = vec![2023; rows];
    batches(
        rows,
        8192,
        vec![
            (
                field(
                    "invoice_id",
                    DataType::Int64,
                    &[("encoding", "delta"), ("sorted", "asc")],
                ),
                Arc::new(Int64Array::from(invoices)) as ArrayRef,
            ),
            (field("line_number", DataType::Int32, &delta), ints(lines)),
            (
                field("product_id", DataType::Int64, &delta),
                Arc::new(Int64Array::from(product)),
            ),
            (field("quantity", DataType::Int32, &delta), ints(quantity)),
            (
                field("unit_price", money(), &delta),
                decimal(price.into_iter(), 12),
            ),
            (
                field("discount", money(), &delta),
                decimal(discount.into_iter(), 12),
            ),
            (
                field("line_total", money(), &delta),
                decimal(total.into_iter(), 12),
            ),
            (
                field("issued_at", timestamp(), &delta),
                Arc::new(TimestampMicrosecondArray::from(times)),
            ),
            (field("year", DataType::Int32, &delta), ints(years)),
            (field("month", DataType::Int32, &delta), ints(months)),
            (field("day", DataType::Int32, &delta), ints(days)),
        ],
    )
}

fn measure(case: &str, format: FileFormat, seconds: f64, data: &(Arc<Schema>, Vec<RecordBatch>)) {
    let (schema, batches) = data;
    let bound = format.bind(schema).unwrap();
    let chunk_batches = match format.extension() {
        "parquet" => batches.len(),
        _ => 4,
    };
    let mut encoder = bound.encoder().unwrap();
    run(
        bound.as_ref(),
        encoder.as_mut(),
        schema,
        batches,
        chunk_batches,
    );
    let started = Instant::now();
    let (mut rows, mut bytes, mut best) = (0, 0, f64::MAX);
    while started.elapsed().as_secs_f64() < seconds {
        let turn = Instant::now();
        let (turn_rows, turn_bytes) = run(
            bound.as_ref(),
            encoder.as_mut(),
            schema,
            batches,
            chunk_batches,
        );
        best = best.min(turn.elapsed().as_secs_f64() / turn_rows as f64);
        rows += turn_rows;
        bytes += turn_bytes;
    }
    let rate = rows as f64 / started.elapsed().as_secs_f64();
    println!(
        "{case:<22} {format:<16} {:>8.3} M rows/s (best {:.3})  {:>7.2} bytes/row  {:>7.1} MB/s",
        rate / 1e6,
        1e-6 / best,
        bytes as f64 / rows as f64,
        rate * bytes as f64 / rows as f64 / 1e6,
        format = format.to_string(),
    );
}

fn run(
    format: &dyn Format,
    encoder: &mut dyn Encoder,
    schema: &Arc<Schema>,
    batches: &[RecordBatch],
    chunk_batches: usize,
) -> (u64, u64) {
    let mut file = format.assemble(Box::new(Null(0))).unwrap();
    let mut rows = 0;
    for chunk in batches.chunks(chunk_batches) {
        let mut reader =
            RecordBatchIterator::new(chunk.iter().map(|batch| Ok(batch.clone())), schema.clone());
        let chunk = encoder.encode(&mut reader).unwrap();
        rows += chunk.rows();
        file.append(&chunk).unwrap();
        encoder.recycle(chunk);
    }
    (rows, file.finish().unwrap())
}

fn peer(case: &str, seconds: f64, data: &(Arc<Schema>, Vec<RecordBatch>), json: bool) {
    let started = Instant::now();
    let (mut rows, mut buffer) = (0, Vec::new());
    while started.elapsed().as_secs_f64() < seconds {
        for chunk in data.1.chunks(4) {
            buffer.clear();
            if json {
                let mut writer = arrow_json::LineDelimitedWriter::new(&mut buffer);
                for batch in chunk {
                    writer.write(batch).unwrap();
                }
                writer.finish().unwrap();
            } else {
                let mut writer = arrow_csv::Writer::new(&mut buffer);
                for batch in chunk {
                    writer.write(batch).unwrap();
                }
            }
            rows += chunk.iter().map(RecordBatch::num_rows).sum::<usize>();
        }
    }
    let name = if json { "arrow-json" } else { "arrow-csv" };
    let rate = rows as f64 / started.elapsed().as_secs_f64();
    println!("{case:<22} {name:<16} {:>8.3} M rows/s", rate / 1e6);
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let only = arguments.next().unwrap_or_default();
    let seconds = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2.0);
    let cases: [(&str, fn(usize) -> (Arc<Schema>, Vec<RecordBatch>), usize); 3] = [
        ("invoices", invoices, 1 << 20),
        ("predictions", predictions, 240 << 10),
        ("items", items, 1 << 20),
    ];
    let formats = [
        "parquet/zstd:1",
        "parquet/none",
        "csv/none",
        "json/none",
        "csv/zstd:1",
        "csv/gzip:1",
    ];
    for (case, make, rows) in cases {
        if !only.starts_with(case) && !only.is_empty() {
            continue;
        }
        let data = make(rows);
        assert!(data.1.iter().all(|batch| batch.column(0).null_count() == 0));
        for format in formats {
            let full = format!("{case}/{format}");
            let wanted = only.is_empty() || full.starts_with(&only);
            if wanted {
                let (kind, codec) = format.split_once('/').unwrap();
                let format =
                    FileFormat::new(kind.parse().unwrap(), codec.parse().unwrap()).unwrap();
                measure(case, format, seconds, &data);
            }
        }
        if only.is_empty() || only.ends_with("peer") || only == case {
            peer(case, seconds, &data, false);
            peer(case, seconds, &data, true);
        }
    }
}
