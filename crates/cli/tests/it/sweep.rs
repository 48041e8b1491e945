//! Requests at random, killed at random steps: in whatever format, sizes, shards and place, the same
//! line again finishes the output, it verifies, and its totals are those of one plain run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use lakeseed_test_s3::{Server, Settings};
use serde_json::Value;

use crate::support::{binary, files, manifest, on, ran};

/// Requests, and how many with `LAKESEED_TEST_LONG=1`.
const ROUNDS: u64 = 40;
const LONG_ROUNDS: u64 = 1_000;
/// Kills of one command, before it is left in peace.
const MOST_KILLS: u64 = 3;
/// Steps of which one is a kill's: more than the smallest runs have, so that some end in peace.
const STEPS: u64 = 60;

const DATA: [&str; 5] = [
    "retail --scale 0.002",
    "retail.invoice_items --rows invoices=4k",
    "predictions --rows 20k",
    "predictions --rows 1",
    "assessments --scale 0.0005",
];
const FORMATS: [&str; 9] = [
    "-f parquet",
    "-f parquet -c zstd --row-group-rows 500",
    "-f parquet -c snappy",
    "-f csv",
    "-f csv -c gzip",
    "-f json",
    "-f json -c zstd",
    "-f arrow",
    "-f parquet --row-group-size 64KiB",
];
const SIZES: [&str; 4] = ["", "--files 1", "--files 13", "--file-size 100KB"];
const WORK: [&str; 4] = [
    "-j 1 --memory 256MiB",
    "-j 2",
    "-j 16 --memory 384MiB",
    "-j 5 --memory 1GiB",
];

/// The same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len() as u64) as usize]
    }
}

/// Where a round writes: a folder, or a bucket of the server.
struct Place<'s> {
    folder: &'s Path,
    server: Option<&'s Server>,
    name: String,
}

impl Place<'_> {
    fn address(&self) -> String {
        match self.server {
            Some(server) => format!("s3://{}/{}", server.bucket(), self.name),
            None => self.name.clone(),
        }
    }

    /// Where its files stand.
    fn path(&self) -> PathBuf {
        match self.server {
            Some(server) => server.bucket_path().join(&self.name),
            None => self.folder.join(&self.name),
        }
    }

    fn command(&self, line: &str) -> Command {
        if let Some(server) = self.server {
            return on(server, self.folder, line);
        }
        let mut command = binary(self.folder);
        command.args(line.split_whitespace());
        command
    }

    #[track_caller]
    fn succeed(&self, line: &str, what: &str) {
        let ran = ran(&mut self.command(line));
        assert_eq!(ran.code, Some(0), "{what}: {line}: {}{}", ran.out, ran.err);
    }

    /// Repeats a command until nobody kills it any more. Returns how many kills landed.
    fn finish(&self, line: &str, random: &mut Random) -> u64 {
        for kills in 0..=MOST_KILLS {
            let line = format!("{line} {}", random.of(&WORK));
            let mut command = self.command(&line);
            if kills < MOST_KILLS {
                let at = format!("any:{}", 1 + random.below(STEPS));
                command.env("LAKESEED_FAIL_POINT", at);
            }
            let ended = ran(&mut command);
            match ended.code {
                None => {}
                code => {
                    assert_eq!(code, Some(0), "{line}: {}", ended.err);
                    return kills;
                }
            }
        }
        panic!("killed without a kill: {line}");
    }
}

/// Rows and totals, by table.
fn totals(folder: &Path) -> BTreeMap<String, (Value, Value)> {
    let manifest = manifest(folder);
    let tables = manifest["tables"].as_array().unwrap().iter();
    let totals = tables.map(|table| {
        let name = table["name"].as_str().unwrap().to_owned();
        (name, (table["rows"].clone(), table["totals"].clone()))
    });
    totals.collect()
}

/// Files that are neither parts nor what stays beside them.
fn strangers(folder: &Path) -> Vec<String> {
    let manifest = manifest(folder);
    let tables = manifest["tables"].as_array().unwrap().iter();
    let parts: Vec<&str> = tables
        .flat_map(|table| table["parts"].as_array().unwrap())
        .map(|part| part["path"].as_str().unwrap())
        .collect();
    let stay = [
        "_lakeseed/manifest-",
        "_lakeseed/plan-",
        "_lakeseed/report-",
    ];
    let mut names: Vec<String> = files(folder).into_keys().collect();
    names.retain(|name| {
        let is_ours = stay.iter().any(|start| name.starts_with(start));
        !is_ours && !name.ends_with("_SUCCESS") && !parts.contains(&name.as_str())
    });
    names
}

#[test]
fn whatever_is_asked_and_wherever_it_is_killed() {
    let is_long = std::env::var("LAKESEED_TEST_LONG").is_ok_and(|long| long == "1");
    let rounds = if is_long { LONG_ROUNDS } else { ROUNDS };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Settings::default());
    let mut plain = BTreeMap::new();
    let mut landed = 0;
    for seed in 0..rounds {
        let random = &mut Random(seed);
        let data = random.of(&DATA);
        let expected = plain.entry(data).or_insert_with(|| {
            let name = format!("plain-{seed}");
            let args = format!("generate {data} -f csv -o {name} -q");
            let made = ran(binary(folder.path()).args(args.split_whitespace()));
            assert_eq!(made.code, Some(0), "{}", made.err);
            totals(&folder.path().join(name))
        });
        let place = Place {
            folder: folder.path(),
            server: Some(&server).filter(|_| random.below(2) == 0),
            name: format!("round-{seed}"),
        };
        let address = place.address();
        let (format, sizes) = (random.of(&FORMATS), random.of(&SIZES));
        let line = format!("generate {data} {format} {sizes} -o {address} -q");
        let shards = [1, 1, 2, 3][random.below(4) as usize];
        let what = format!("round {seed}: {line}, {shards} shards");
        if shards == 1 {
            landed += place.finish(&line, random);
        } else {
            for shard in 1..=shards {
                let line = format!("{line} --shard {shard}/{shards}");
                landed += place.finish(&line, random);
            }
            place.succeed(&format!("combine {address}"), &what);
        }
        place.succeed(&format!("verify {address}"), &what);
        assert_eq!(totals(&place.path()), *expected, "{what}");
        assert_eq!(strangers(&place.path()), Vec::<String>::new(), "{what}");
        std::fs::remove_dir_all(place.path()).unwrap();
    }
    assert!(server.uploads().is_empty());
    println!("{rounds} requests, {landed} kills");
    assert!(landed >= rounds, "only {landed} kills in {rounds} requests");
}
