//! How many requests of a run come one after the other, each waiting for the answer to the one before:
//! on a server with some latency that is what a small run takes.

use std::time::Duration;

use lakeseed_sink::s3::S3Store;
use lakeseed_sink::{BatchSource, Csv, Layout, Mode, Plan, Run, TableSpec};
use lakeseed_test_s3::{Server, Settings};

use super::server::settings;
use crate::support::{numbers, small_chunks};

/// Longer than a run takes between an answer and its next request.
const LATENCY: Duration = Duration::from_millis(100);
/// Where a machine stands still for that long, rows become longer, and never shorter.
const TRIES: u32 = 3;

fn plan(tables: usize, files: u64) -> Plan<'static> {
    let builder = Plan::builder(Csv::plain())
        .data_id("rows of requests")
        .layout(Layout {
            files: Some(files),
            ..small_chunks()
        });
    let tables = ["owners", "pets", "vets", "visits"].iter().take(tables);
    let builder = tables.fold(builder, |builder, name| {
        let source = BatchSource::new(numbers(40));
        builder.table(TableSpec::new(*name, source, 0..40))
    });
    builder.build().unwrap()
}

/// The longest row of requests of a run into a new place, of the same run that finds it finished, and
/// of one that overwrites it; and all requests with their places in a row.
fn rows(plan: &Plan<'_>, threads: usize) -> ([u64; 3], String) {
    let server = Server::start(Settings::default().latency(LATENCY));
    let url = format!("s3://{}/out", server.bucket());
    let rows = [Mode::New, Mode::New, Mode::Overwrite].map(|mode| {
        let before = server.longest_row();
        let store = S3Store::open(&url, settings(&server)).unwrap();
        let run = Run::new(plan, &store).threads(threads).mode(mode);
        run.commit().unwrap();
        server.longest_row() - before
    });
    let requests = server.requests().into_iter().map(|request| {
        let (row, method) = (request.row, &request.method);
        format!("{row:>3} {method} {} {}\n", request.path, request.query)
    });
    (rows, requests.collect())
}

#[track_caller]
fn takes(tables: usize, files: u64, threads: usize, most: [u64; 3]) {
    let plan = plan(tables, files);
    let mut told = String::new();
    for _ in 0..TRIES {
        let (rows, requests) = rows(&plan, threads);
        if rows.iter().zip(most).all(|(row, most)| *row <= most) {
            return;
        }
        told = format!("{rows:?} in a row, expected at most {most:?}:\n{requests}");
    }
    panic!("{told}");
}

#[test]
fn one_file() {
    takes(1, 1, 1, [19, 5, 25]);
}

/// Each worker waits for two files and their lines in the journal.
#[test]
fn four_files_by_two_workers() {
    takes(1, 4, 2, [21, 5, 27]);
}

#[test]
fn four_tables_by_four_workers() {
    takes(4, 1, 4, [19, 5, 25]);
}
