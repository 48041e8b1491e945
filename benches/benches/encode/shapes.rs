//! The rows that are encoded, made once.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema};

/// SplitMix64: the same rows every time.
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
    let whole = RecordBatch::try_new(schema.clone(), arrays).expect("valid columns");
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
    Arc::new(
        array
            .with_precision_and_scale(precision, 2)
            .expect("valid columns"),
    )
}

fn timestamp() -> DataType {
    DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, None)
}

/// Eight columns of an invoice at random: nothing is to be gained from their order.
pub(crate) fn invoices(rows: usize) -> (Arc<Schema>, Vec<RecordBatch>) {
    let mut random = Random(42);
    let start = 1_672_531_200_000_000_i64;
    let keys = Int32Array::from_iter_values((0..rows).map(|_| match random.below(5) {
        0..3 => 0,
        3 => 1,
        _ => 2,
    }));
    let dictionary = DictionaryArray::<Int32Type>::try_new(keys, states()).expect("valid columns");
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
                field(
                    "issued_at",
                    timestamp(),
                    &[("encoding", "byte_stream_split")],
                ),
                Arc::new(TimestampMicrosecondArray::from_iter_values(issued)),
            ),
            (field("state", dict, &[]), Arc::new(dictionary)),
        ],
    )
}

/// A key and thirty doubles of noise.
pub(crate) fn predictions(rows: usize) -> (Arc<Schema>, Vec<RecordBatch>) {
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

/// The lines of invoices, in time order.
pub(crate) fn items(rows: usize) -> (Arc<Schema>, Vec<RecordBatch>) {
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
