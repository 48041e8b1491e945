//! `--memory` bounds the process: every format, place and number of threads under small limits.
//!
//! What is compared with the limit is the kernel's own peak of all resident memory, which takes in
//! the program's mapped files besides what `--memory` speaks of: nothing slips through between two
//! looks, and whoever stays below with it stays below without it.

use std::fmt;

use lakeseed_test_s3::{Server, Settings};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ran, on, ran, run};

const MIB: u64 = 1 << 20;
const LIMITS_MIB: [u64; 3] = [128, 256, 512];
const THREADS: [u64; 3] = [1, 2, 16];
/// Of a run without a limit that binds.
const FREE_THREADS: u64 = 64;

/// Where the bytes go: a folder, or a bucket of a server.
struct Place {
    folder: TempDir,
    server: Option<Server>,
}

impl Place {
    fn all() -> [Self; 2] {
        [None, Some(Server::start(Settings::default()))].map(|server| Self {
            folder: tempfile::tempdir().unwrap(),
            server,
        })
    }

    fn run(&self, args: &str, name: &str) -> Ran {
        let args = match &self.server {
            None => format!("{args} --out {name}"),
            Some(_) => format!("{args} --out s3://lake/{name}"),
        };
        let Some(server) = &self.server else {
            return run(self.folder.path(), &args);
        };
        ran(&mut on(server, self.folder.path(), &args))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.server {
            None => "a folder",
            Some(_) => "a bucket",
        })
    }
}

/// What each format writes: enough chunks that forty-eight threads could all hold one.
fn work(format: &str) -> &'static str {
    match format {
        // Row groups of several megabytes each, in as many files.
        "parquet" => "predictions --rows 480k --classes 30 --files 48",
        "json" => "predictions --rows 200k --classes 30",
        _ => "retail --scale 0.2",
    }
}

fn peak(result: &Value) -> u64 {
    result["peak_memory_bytes"].as_u64().unwrap()
}

fn generate(place: &Place, format: &str, work: &str, threads: u64, memory: &str) -> Value {
    let flags = format!("--format {format} --threads {threads} --memory {memory} --json");
    let name = format!("{format}-{threads}-{memory}");
    let ran = place.run(&format!("generate {work} {flags}"), &name);
    assert_eq!(ran.code, Some(0), "{work} {flags} to {place}: {}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[track_caller]
fn is_inside(result: &Value, limit: u64, what: &str, place: &Place) {
    let (peak, workers) = (peak(result), &result["threads"]);
    assert!(
        peak <= limit * MIB,
        "{what} to {place} with {workers} workers: {} MiB of {limit}",
        peak.div_ceil(MIB),
    );
}

/// Runs the grid for one format. Every limit carries a worker, or the run would be refused.
fn stays_inside(format: &str) {
    for place in Place::all() {
        for limit in LIMITS_MIB {
            for threads in THREADS {
                let memory = format!("{limit}MiB");
                let result = generate(&place, format, work(format), threads, &memory);
                is_inside(&result, limit, format, &place);
            }
        }
        // Without a limit that binds, the same work takes more: the grid has shown something.
        let free = generate(&place, format, work(format), FREE_THREADS, "64GiB");
        assert!(
            free["threads"].as_u64().unwrap() >= 48,
            "{format}: not enough work for so many threads"
        );
        assert!(
            peak(&free) > LIMITS_MIB[0] * MIB,
            "{format} takes only {} MiB without a limit: the grid shows nothing",
            peak(&free) / MIB,
        );
    }
}

/// Row groups as they are by default, full: the largest chunk that there is.
#[test]
fn retail_with_full_row_groups_fits_into_256_mib() {
    let work = "retail.invoice_items --rows invoices=1M --files 1";
    for place in Place::all() {
        let result = generate(&place, "parquet", work, 16, "256MiB");
        is_inside(&result, 256, work, &place);
    }
}

fn text_fits(limit: u64, codec: &str) {
    for place in Place::all() {
        for format in ["csv", "json"] {
            for work in ["retail --scale 0.05", "predictions --rows 60k"] {
                let args = format!("{work} {codec} --overwrite");
                let result = generate(&place, format, &args, 16, &format!("{limit}MiB"));
                is_inside(&result, limit, &format!("{format} of {args}"), &place);
            }
        }
    }
}

#[test]
fn text_of_every_dataset_fits_into_128_mib() {
    text_fits(128, "");
}

#[test]
fn packed_text_of_every_dataset_fits_into_128_mib() {
    text_fits(128, "-c zstd");
    text_fits(128, "-c zstd:9");
    text_fits(128, "-c gzip");
}

#[test]
fn csv_stays_inside_its_memory() {
    stays_inside("csv");
}

#[test]
fn json_stays_inside_its_memory() {
    stays_inside("json");
}

#[test]
fn arrow_stays_inside_its_memory() {
    stays_inside("arrow");
}

#[test]
fn parquet_stays_inside_its_memory() {
    stays_inside("parquet");
}

/// Looks at the process while it waits for somebody to read what it has made.
#[cfg(target_os = "linux")]
#[test]
fn huge_pages_are_switched_off() {
    use std::io::Read as _;

    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::support::binary(folder.path());
    command.args("generate predictions --rows 1M -f csv -o -".split_whitespace());
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 1000]).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(out);
    assert!(child.wait().unwrap().success());
    // Kernels before 5.0 do not say.
    let enabled = status.lines().find(|line| line.starts_with("THP_enabled"));
    assert!(enabled.is_none_or(|line| line.ends_with('0')), "{status}");
}

/// A size that nobody has: what is given counts, and who gave it is warned.
#[cfg(target_os = "linux")]
#[test]
fn more_than_the_system_gives_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), "generate retail -s 0.001 --memory 900TiB");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let told = "warning: --memory 900 TiB is more than the ";
    assert!(ran.err.starts_with(told), "{}", ran.err);
    let ran = run(
        folder.path(),
        "generate retail -s 0.001 --memory 64MiB -o less -f csv -q",
    );
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn what_carries_no_worker_is_refused() {
    for place in Place::all() {
        for format in ["parquet", "csv", "json", "arrow"] {
            let args = format!("generate {} --format {format} --memory 16MiB", work(format));
            let ran = place.run(&args, "refused");
            assert_eq!(ran.code, Some(3), "{format}: {}", ran.err);
            assert!(ran.err.contains("memory for one worker"), "{}", ran.err);
        }
    }
}

/// The footer of a Parquet file tells of every row group, so an open file keeps them all in mind: many
/// small ones in one file take more than the limits above, and are counted before the first is made.
#[test]
fn a_file_of_thousands_of_row_groups_stays_inside() {
    let work = "predictions --rows 300k --classes 30 --row-group-rows 100 --files 1";
    for place in Place::all() {
        let refused = place.run(&format!("generate {work} --memory 128MiB"), "refused");
        assert_eq!(refused.code, Some(3), "{}", refused.err);
        let advice = "MiB, or --row-group-rows 1048576";
        assert!(refused.err.contains(advice), "{}", refused.err);
        let result = generate(&place, "parquet", work, 16, "320MiB");
        is_inside(&result, 320, work, &place);
        assert!(peak(&result) > 128 * MIB, "{}", peak(&result) / MIB);
    }
    let place = &Place::all()[0];
    let long = "generate retail.invoices --rows invoices=6G --files 1";
    // Where no way out fits, one of those that are tried makes more row groups than a file can have.
    for (memory, way) in [("128MiB", Some("--file-size 128MiB\n")), ("40MiB", None)] {
        let refused = place.run(&format!("{long} --memory {memory}"), "refused");
        assert_eq!(refused.code, Some(3), "{}", refused.err);
        let told = refused.err.split_once("; give --memory ");
        let ways = told.and_then(|(_, advice)| advice.split_once("MiB, or "));
        assert_eq!(ways.map(|(_, ways)| ways), way, "{}", refused.err);
    }
    let ran = place.run(
        "generate predictions --rows 400k --row-group-rows 10 --files 1",
        "many",
    );
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let advice = "expected at most 32767 row groups in a file of table `predictions`, got 40000; larger \
                  row groups with --row-group-rows and --row-group-size, more --files, or smaller ones \
                  with --file-size";
    assert!(ran.err.contains(advice), "{}", ran.err);
}
