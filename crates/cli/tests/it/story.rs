//! The story that this program has to make impossible: a run on S3 that loses files and reports
//! the rate of what it has lost.

use std::collections::BTreeMap;

use lakeseed_test_s3::{Fault, Kind, Moment, Request, Server, Settings};
use serde_json::Value;

use crate::support::{ended, manifest, on, ran, start};

/// Eight files of about 10 MB: each one is uploaded in two parts.
const FILES: u64 = 8;
const ROWS: u64 = 320_000;
const WORK: &str = "generate predictions --rows 320k --files 8 -f parquet -c zstd -j 4 \
                    --memory 512MiB -o s3://lake/story --json";
/// One part is full, and sent before the file is finished, from this size on.
const PART_BYTES: u64 = 8 << 20;

#[test]
fn nothing_is_lost() {
    let server = Server::start(Settings::default());
    let folder = tempfile::tempdir().unwrap();
    let of_a_file = |request: &Request| request.key().contains("/part-");

    // One transient refusal, then the end of the process in the midst of the second round of
    // files: the first four have had two parts each, one of them twice.
    let is_piece = move |request: &Request| request.kind == Kind::UploadPart && of_a_file(request);
    server.faults().some(is_piece, 3, 1, Fault::AccessDenied);
    let of_the_check = 1;
    let paused = server.pause_at(Kind::UploadPart, of_the_check + 8 + 1 + 3, Moment::Before);
    let mut first = start(&mut on(&server, folder.path(), WORK));
    let held = paused.wait();
    assert!(is_piece(&held), "{held:?}");
    first.kill().unwrap();
    let first = ended(first);
    assert_eq!(
        (first.code, first.out.as_str()),
        (None, ""),
        "{}",
        first.err
    );
    paused.release();
    assert_eq!(server.faults().fired(), 1);
    // It landed in the midst of the work: readers are told so.
    assert!(!server.uploads().is_empty());
    let early = ran(&mut on(&server, folder.path(), "verify s3://lake/story"));
    assert_eq!(early.code, Some(3), "{}", early.err);

    // The same line again.
    let second = ran(&mut on(&server, folder.path(), WORK));
    assert_eq!(second.code, Some(0), "{}", second.err);
    let result: Value = serde_json::from_str(&second.out).unwrap();
    let found = result["parts_found"].as_u64().unwrap();
    assert!((1..FILES).contains(&found), "{found} files were finished");
    let line = second.err.lines().next().unwrap();
    assert!(
        line.starts_with(&format!("goes on: {found} file")),
        "{line}"
    );
    assert!(line.contains("ended without a word: killed"), "{line}");
    assert_eq!(result["last_run"]["end"], "vanished");

    // Every file is there, whole, and nothing else is.
    let manifest = manifest(&server.bucket_path().join("story"));
    let files = &manifest["tables"][0]["parts"].as_array().unwrap().clone();
    let listed = |file: &Value| {
        let path = file["path"].as_str().unwrap();
        (format!("story/{path}"), file["bytes"].as_u64().unwrap())
    };
    let listed: BTreeMap<String, u64> = files.iter().map(listed).collect();
    let stored: BTreeMap<String, u64> = server
        .objects()
        .into_iter()
        .filter(|object| object.key.contains("/part-"))
        .map(|object| (object.key, object.bytes))
        .collect();
    assert_eq!(stored, listed);
    assert_eq!(stored.len() as u64, FILES);
    assert!(
        stored.values().all(|&bytes| bytes > PART_BYTES),
        "{stored:?}"
    );
    let rows: u64 = files
        .iter()
        .map(|file| file["rows"].as_u64().unwrap())
        .sum();
    assert_eq!(rows, ROWS);
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
    let verified = ran(&mut on(&server, folder.path(), "verify s3://lake/story"));
    assert_eq!(
        (verified.code, verified.err.as_str()),
        (Some(0), ""),
        "{}",
        verified.out
    );
    let line = "s3://lake/story: nothing is wrong; 8 files, ";
    assert!(verified.out.starts_with(line), "{}", verified.out);
    assert!(
        verified.out.contains("320,000 rows made again"),
        "{}",
        verified.out
    );

    // The rate counts what this run has made and committed, and its means are those of the story.
    let table = &result["tables"][0];
    assert_eq!(result["rows"], ROWS);
    assert_eq!(result["threads"], 4);
    let made = ROWS - found * (ROWS / FILES);
    assert_eq!(table["made_rows"], made);
    let rate = made as f64 / table["seconds"].as_f64().unwrap();
    let told = table["rows_per_s"].as_f64().unwrap();
    assert!((told / rate - 1.0).abs() < 1e-6, "{told} is not {rate}");
    assert!(
        result["peak_memory_bytes"].as_u64().unwrap() <= 512 << 20,
        "{result}"
    );
    // Once more, it is finished.
    let third = ran(&mut on(&server, folder.path(), WORK));
    let third: Value = serde_json::from_str(&third.out).unwrap();
    assert_eq!(
        (&third["written"], &third["rows"]),
        (&false.into(), &ROWS.into())
    );
}
