//! Every format, read back by another reader, holds exactly the rows of the table.

use std::fs::File;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{RecordBatch, RecordBatchReader};
use lakeseed_gen_core::{Dataset, Settings};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{parts, succeed};

const ROWS: u64 = 5_000;

/// A row: the key and three probabilities, whose bits have to survive.
type Row = (String, [u64; 3]);

fn expected() -> Vec<Row> {
    let settings = Settings::new().only_rows(ROWS).parameter("classes", "3");
    let dataset = Dataset::new("predictions", &settings).unwrap();
    rows_of(&dataset.tables()[0].all_rows().batch().unwrap())
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let ids = batch.column(0).as_string::<i32>();
    let class = |class: usize| batch.column(class + 1).as_primitive::<Float64Type>();
    let row = |at: usize| {
        (
            ids.value(at).to_owned(),
            [0, 1, 2].map(|number| class(number).value(at).to_bits()),
        )
    };
    (0..batch.num_rows()).map(row).collect()
}

fn rows_of_all(batches: impl RecordBatchReader) -> Vec<Row> {
    batches.flat_map(|batch| rows_of(&batch.unwrap())).collect()
}

/// Writes with these flags and gives all files, in row order.
fn written(folder: &Path, flags: &str) -> Vec<PathBuf> {
    succeed(
        folder,
        &format!("generate predictions --rows 5k --classes 3 -o out {flags}"),
    );
    let out = folder.join("out");
    parts(&out)
        .into_iter()
        .map(|(name, _)| out.join(name))
        .collect()
}

#[test]
fn parquet() {
    for flags in [
        "",
        "-c none",
        "-c snappy",
        "-c gzip:3",
        "--files 3 --row-group-rows 700",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = Vec::new();
        for file in written(folder.path(), flags) {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap());
            rows.extend(rows_of_all(reader.unwrap().build().unwrap()));
        }
        assert!(rows == expected(), "parquet {flags}");
    }
}

#[test]
fn csv() {
    for flags in ["", "--files 2", "-c gzip", "-c zstd:3"] {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = Vec::new();
        for file in written(folder.path(), &format!("-f csv {flags}")) {
            let text = unpacked(&file, flags);
            for record in csv::Reader::from_reader(text.as_slice()).records() {
                let record = record.unwrap();
                let class = |at: usize| record[at + 1].parse::<f64>().unwrap().to_bits();
                rows.push((record[0].to_owned(), [0, 1, 2].map(class)));
            }
        }
        assert!(rows == expected(), "csv {flags}");
    }
}

#[test]
fn json() {
    for flags in ["", "--files 2", "-c gzip", "-c zstd:3"] {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = Vec::new();
        for file in written(folder.path(), &format!("-f json {flags}")) {
            for line in unpacked(&file, flags).lines() {
                let object: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
                let class = |at: usize| object[format!("class_{at}")].as_f64().unwrap().to_bits();
                let id = object["id_client"].as_str().unwrap().to_owned();
                rows.push((id, [0, 1, 2].map(class)));
            }
        }
        assert!(rows == expected(), "json {flags}");
    }
}

#[test]
fn arrow() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    for file in written(folder.path(), "-f arrow --files 2") {
        let reader = arrow_ipc::reader::FileReader::try_new(File::open(file).unwrap(), None);
        rows.extend(rows_of_all(reader.unwrap()));
    }
    assert!(rows == expected());
}

fn unpacked(file: &Path, flags: &str) -> Vec<u8> {
    let mut file = File::open(file).unwrap();
    let mut text = Vec::new();
    if flags.contains("gzip") {
        flate2::read::MultiGzDecoder::new(file)
            .read_to_end(&mut text)
            .unwrap();
    } else if flags.contains("zstd") {
        text = zstd::decode_all(file).unwrap();
    } else {
        file.read_to_end(&mut text).unwrap();
    }
    text
}
