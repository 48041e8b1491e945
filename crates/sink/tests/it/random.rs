//! Random batches, cut at random, through every format and back.

use lakeseed_sink::{BatchSource, Csv, FileFormat, FormatKind, Json, Parquet};
use proptest::prelude::*;

use crate::readback::{read_csv, read_json, read_parquet};
use crate::support::{
    flat_batch, nested_batch, ragged, small_chunks, unpacked, with_short_texts,
    without_dictionaries, write,
};

fn one_file(format: FileFormat, batch: &arrow_array::RecordBatch, cut: u64) -> Vec<u8> {
    let rows = batch.num_rows() as u64;
    let files = write(format, small_chunks(), 2, ragged(batch, cut), rows);
    assert_eq!(files.len(), 1);
    files.into_values().next().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_read_back_the_same(
        seed in any::<u64>(),
        cut in any::<u64>(),
        rows in 1_usize..1_500,
        nulls in prop_oneof![Just(0_u64), 1..60_u64],
    ) {
        let batch = flat_batch(seed, rows, nulls);
        let plain = without_dictionaries(&batch);
        prop_assert_eq!(&read_parquet(&one_file(Parquet::zstd(1), &batch, cut)), &plain);
        let short = with_short_texts(&plain);
        prop_assert_eq!(&read_csv(&one_file(Csv::plain(), &batch, cut), &short), &short);
        let text = unpacked(Json::zstd(1), &one_file(Json::zstd(1), &batch, cut));
        prop_assert_eq!(&read_json(&text, &plain), &plain);
        let nested = nested_batch(seed, rows, nulls);
        prop_assert_eq!(&read_parquet(&one_file(Parquet::plain(), &nested, cut)), &nested);
        prop_assert_eq!(&read_json(&one_file(Json::plain(), &nested, cut), &nested), &nested);
    }

    #[test]
    fn bytes_do_not_depend_on_how_rows_are_cut_or_who_encodes(
        seed in any::<u64>(),
        cut in any::<u64>(),
        rows in 1_usize..1_500,
        threads in 1_usize..5,
    ) {
        let batch = flat_batch(seed, rows, 10);
        let source = BatchSource::new(batch.clone());
        for format in [Parquet::zstd(1), Csv::gzip(1), Json::plain(), FileFormat::from(FormatKind::Csv)] {
            let whole = write(format, small_chunks(), 1, source.clone(), rows as u64);
            let cut = write(format, small_chunks(), threads, ragged(&batch, cut), rows as u64);
            prop_assert_eq!(&whole, &cut);
        }
    }
}
