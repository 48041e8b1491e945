//! The memory grid of `lakeseed star`: limits, rows, groups, keys, skew and workers, each run a process
//! of its own under a bound of the same size that the kernel keeps, its result compared with counts
//! made a second way.
//!
//! The bound is a cgroup where one can be made, else `RLIMIT_DATA`; [`crate::hard`] says what they
//! count. Beside each run of two workers stands the control: the same statement by the engine with its
//! default settings under the same bound. It need not fail; what became of it is told.
//!
//! With `--nocapture` each cell is a line of a table. `LAKESEED_TEST_LONG=1` takes the larger sizes.

mod control;
pub(crate) mod data;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use lakeseed_gen_core::Settings;
use lakeseed_gen_core::assessments::Assessments;
use serde_json::Value;

use self::data::{Data, Groups, SQL, Skew, compare};
use crate::hard::Hard;
use crate::support::{binary, parts, ran, succeed};

const MIB: u64 = 1 << 20;
const LIMITS_MIB: [u64; 3] = [128, 256, 512];
const WORKERS: [u64; 2] = [1, 2];

/// A run.
struct Cell<'d> {
    data: &'d Data,
    /// A file for each state, as somebody cut the work who had one state only.
    by_state: bool,
    limit: u64,
    workers: u64,
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = if self.by_state { ", cut by it" } else { "" };
        let (data, limit, workers) = (self.data, self.limit, self.workers);
        write!(f, "| {data}{cut} | {limit} MiB | {workers} |")
    }
}

fn is_long() -> bool {
    std::env::var("LAKESEED_TEST_LONG").is_ok_and(|long| long == "1")
}

fn sizes() -> &'static [u64] {
    if is_long() {
        &[1_000_000, 4_000_000]
    } else {
        &[100_000, 600_000]
    }
}

/// A bound of so many MiB: the one that kills, where it can be had.
fn bound(limit: u64) -> Hard {
    let all = Hard::all(limit, "grid");
    all.into_iter().next_back().unwrap()
}

/// The command under a bound, and what it says of itself as JSON.
fn told(limit: u64, command: &Command, what: &str) -> Value {
    let hard = bound(limit);
    let ran = ran(&mut hard.bound(command));
    assert_eq!(ran.code, Some(0), "{what} under {hard}: {}", ran.err);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let peak = told["peak_bytes"].as_u64().unwrap();
    assert!(peak > MIB, "{what}: no peak");
    assert!(
        peak <= limit * MIB,
        "{what} under {hard}: held {} MiB",
        peak.div_ceil(MIB)
    );
    told
}

fn mib(told: &Value, field: &str) -> u64 {
    told[field].as_u64().unwrap().div_ceil(MIB)
}

impl Cell<'_> {
    /// Runs it; gives what it says of itself.
    fn run(&self, folder: &Path, expected: &Groups) -> Value {
        let by_state = if self.by_state {
            " --batch-by state"
        } else {
            ""
        };
        let args = format!(
            "star ./model --from in -o out --memory {}MiB -j {} --json --progress none \
             --temp-in-memory{by_state}",
            self.limit, self.workers
        );
        let mut command = binary(folder);
        command.args(args.split_whitespace());
        let told = told(self.limit, &command, &self.to_string());
        let out = folder.join("out");
        let files = parts(&out).into_iter().map(|(_, bytes)| bytes);
        compare(files, expected, &self.to_string());
        fs::remove_dir_all(out).unwrap();
        told
    }
}

/// The model's folder, beside an empty one for its table.
pub(crate) fn model(folder: &Path) {
    fs::create_dir(folder.join("in")).unwrap();
    fs::create_dir(folder.join("model")).unwrap();
    let toml = "name = \"grid\"\n[sources.t]\n[tables.fact_t]\nreads = [\"t\"]\n\
                grain = [\"state\", \"k\"]\n";
    fs::write(folder.join("model/star.toml"), toml).unwrap();
    fs::write(folder.join("model/fact_t.sql"), SQL).unwrap();
}

/// All cells of one kind of groups and keys.
#[expect(clippy::print_stdout, reason = "the table is what it is run for")]
fn grid(many: bool, text: bool, skews: &[Skew]) {
    let folder = tempfile::tempdir().unwrap();
    model(folder.path());
    let file = folder.path().join("in/t.parquet");
    let mut dealt = 0;
    for (&rows, &skew) in sizes()
        .iter()
        .flat_map(|rows| skews.iter().map(move |s| (rows, s)))
    {
        let data = Data {
            rows,
            many,
            text,
            skew,
        };
        data.write(&file);
        let expected = data.groups();
        let cuts: &[bool] = match skew {
            Skew::OneState => &[false, true],
            _ => &[false],
        };
        for limit in LIMITS_MIB {
            for (&by_state, &workers) in cuts
                .iter()
                .flat_map(|cut| WORKERS.iter().map(move |w| (cut, w)))
            {
                let cell = Cell {
                    data: &data,
                    by_state,
                    limit,
                    workers,
                };
                let told = cell.run(folder.path(), &expected);
                dealt += u64::from(mib(&told, "spilled_bytes") > 0);
                let way = told["tables"][0]["strategy"].as_str().unwrap();
                println!("{cell} {}, {way} |", figures(&told));
            }
            let outcome = control::outcome(&bound(limit), limit, &file, &expected);
            println!("| {data} | {limit} MiB | engine alone | {outcome} |");
        }
    }
    assert!(
        !many || dealt > 0,
        "no cell had more groups than fit: the grid shows nothing"
    );
}

/// Time, memory and disk, as a run tells them.
fn figures(told: &Value) -> String {
    format!(
        "done in {:.1} s with {} MiB, {} MiB on disk",
        told["seconds"].as_f64().unwrap(),
        mib(told, "peak_bytes"),
        mib(told, "spilled_bytes"),
    )
}

const SKEWS: [Skew; 3] = [Skew::None, Skew::HalfInOneKey, Skew::OneState];

#[test]
fn few_groups_of_integers() {
    grid(false, false, &SKEWS);
}

#[test]
fn few_groups_of_texts() {
    grid(false, true, &SKEWS);
}

#[test]
fn many_groups_of_integers() {
    grid(true, false, &SKEWS[..2]);
}

#[test]
fn many_groups_of_integers_in_one_state() {
    grid(true, false, &SKEWS[2..]);
}

#[test]
fn many_groups_of_texts() {
    grid(true, true, &SKEWS[..2]);
}

#[test]
fn many_groups_of_texts_in_one_state() {
    grid(true, true, &SKEWS[2..]);
}

/// The built-in star, of answers from one state in order and from all of them without any.
#[test]
fn assessments() {
    let scale = if is_long() { 0.5 } else { 0.02 };
    for (flags, parameters) in [
        ("", vec![]),
        (
            " --shuffle --states 27",
            vec![("shuffle", "on"), ("states", "27")],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let make = format!("generate assessments -s {scale} -o answers -q{flags}");
        succeed(folder.path(), &make);
        let settings = Settings::new().scale(scale);
        let settings = parameters.iter().fold(settings, |settings, (name, value)| {
            settings.parameter(name, *value)
        });
        let data = Assessments::new(&settings).unwrap();
        for limit in LIMITS_MIB {
            for workers in WORKERS {
                let args = format!(
                    "star assessments --from answers -o star --memory {limit}MiB -j {workers} \
                     --json --progress none --temp-in-memory"
                );
                let mut command = binary(folder.path());
                command.args(args.split_whitespace());
                let told = told(limit, &command, &args);
                let star = folder.path().join("star");
                let facts = crate::star::compare(&star, &data);
                println!(
                    "| {facts} facts of assessments{flags} | {limit} MiB | {workers} | {} |",
                    figures(&told)
                );
                fs::remove_dir_all(star).unwrap();
            }
        }
    }
}
