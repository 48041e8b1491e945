//! `--memory` bounds the process: every format, place and number of threads under small limits.
//!
//! What is compared with the limit is the kernel's own peak of all resident memory, which takes in
//! the program's mapped files besides what `--memory` speaks of: nothing slips through between two
//! looks, and whoever stays below with it stays below without it.

use std::path::Path;

use serde_json::Value;

use crate::support::{json, run};

const MIB: u64 = 1 << 20;
const LIMITS_MIB: [u64; 3] = [128, 256, 512];
const THREADS: [u64; 3] = [1, 2, 16];

/// Where the bytes go. A place to come is one more variant.
#[derive(Debug, Clone, Copy)]
enum Place {
    Folder,
}

impl Place {
    const ALL: [Self; 1] = [Self::Folder];

    /// The value of `--out`.
    fn out(self, name: &str) -> String {
        match self {
            Self::Folder => name.to_owned(),
        }
    }
}

/// What each format writes: enough chunks that sixteen threads could all hold one.
fn work(format: &str) -> &'static str {
    match format {
        // Row groups of several megabytes each, in as many files as there are threads.
        "parquet" => "predictions --rows 160k --classes 30 --files 16",
        "json" => "predictions --rows 100k --classes 30",
        _ => "retail --scale 0.1",
    }
}

fn peak(result: &Value) -> u64 {
    result["peak_memory_bytes"].as_u64().unwrap()
}

fn generate(folder: &Path, place: Place, format: &str, threads: u64, memory: &str) -> Value {
    let name = format!("{format}-{threads}-{memory}");
    let (work, out) = (work(format), place.out(&name));
    let flags = format!("--format {format} --threads {threads} --memory {memory} --out {out}");
    json(folder, &format!("generate {work} {flags}"))
}

/// Runs the grid for one format. Every limit carries a worker, or the run would be refused.
fn stays_inside(format: &str) {
    for place in Place::ALL {
        let folder = tempfile::tempdir().unwrap();
        for limit in LIMITS_MIB {
            for threads in THREADS {
                let memory = format!("{limit}MiB");
                let result = generate(folder.path(), place, format, threads, &memory);
                let (peak, workers) = (peak(&result), &result["threads"]);
                assert!(
                    peak <= limit * MIB,
                    "{format} to {place:?} with {workers} of {threads} threads: {} MiB of {limit}",
                    peak.div_ceil(MIB),
                );
            }
        }
        // Without a limit that binds, the same work takes more: the grid has shown something.
        let free = generate(folder.path(), place, format, 16, "64GiB");
        assert_eq!(
            free["threads"], 16,
            "{format}: not enough work for 16 threads"
        );
        assert!(
            peak(&free) > LIMITS_MIB[0] * MIB,
            "{format} takes only {} MiB without a limit: the grid shows nothing",
            peak(&free) / MIB,
        );
    }
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

#[test]
fn what_carries_no_worker_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["parquet", "csv", "json", "arrow"] {
        let flags = format!("--format {format} --memory 16MiB --out refused");
        let ran = run(folder.path(), &format!("generate {} {flags}", work(format)));
        assert_eq!(ran.code, Some(3), "{format}: {}", ran.err);
        assert!(ran.err.contains("memory for one worker"), "{}", ran.err);
    }
}
