//! Kills at every step, and at random ones: nothing that is not whole looks whole, and the same run
//! again gives the tree of a run that was never stopped.
//!
//! The kills are those of child processes: this test binary starts itself with the name of the test
//! [`child`]. `LAKESEED_TEST_LONG=1` tries ten times as many random kills.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use lakeseed_sink::{
    LocalStore, Manifest, Mode, Plan, Run, Shard, combine, inspect, open_finished,
};

use crate::support::Random;
use crate::trees::{files, quick, two_tables, visible, window};

const FOLDER: &str = "LAKESEED_TEST_FOLDER";
const CASE: &str = "LAKESEED_TEST_CASE";
const THREADS: &str = "LAKESEED_TEST_THREADS";
/// The signal with which a process ends itself, and the one that nothing can catch.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// What stands in the folder before, and what the child does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    New,
    Append,
    Overwrite,
    OverwriteItself,
    /// Two shards, then the whole of them.
    Shards,
}

const CASES: [Case; 5] = [
    Case::New,
    Case::Append,
    Case::Overwrite,
    Case::OverwriteItself,
    Case::Shards,
];

impl Case {
    fn name(self) -> String {
        format!("{self:?}")
    }

    /// The plan that is run, and then killed.
    fn plan(self) -> Plan<'static> {
        match self {
            Self::Append => window(lakeseed_sink::Csv::plain(), 700..1_300, 2),
            _ => two_tables(700, 3),
        }
    }

    fn prepare(self, root: &Path) {
        let before = match self {
            Self::New | Self::Shards => return,
            Self::Append => window(lakeseed_sink::Csv::plain(), 0..700, 2),
            Self::Overwrite => two_tables(500, 2),
            Self::OverwriteItself => self.plan(),
        };
        Run::new(&before, &LocalStore::new(root)).commit().unwrap();
    }

    fn run(self, root: &Path, threads: usize) {
        let store = LocalStore::new(root);
        let plan = self.plan();
        let run = Run::new(&plan, &store).threads(threads);
        match self {
            Self::New => drop(run.commit().unwrap()),
            Self::Append => drop(run.mode(Mode::Append).commit().unwrap()),
            Self::Overwrite | Self::OverwriteItself => {
                drop(run.mode(Mode::Overwrite).commit().unwrap());
            }
            Self::Shards => {
                // What a scheduler does that starts everything anew: a finished one says so.
                if open_finished(&store).is_err() {
                    for index in 1..=2 {
                        let shard = Shard::new(index, 2).unwrap();
                        run.shard(shard).commit().unwrap();
                    }
                }
                combine(&store).unwrap();
            }
        }
    }
}

#[test]
fn child() {
    let (Ok(root), Ok(case), Ok(threads)) = (env::var(FOLDER), env::var(CASE), env::var(THREADS))
    else {
        return;
    };
    let case = CASES.into_iter().find(|it| it.name() == case).unwrap();
    case.run(Path::new(&root), threads.parse().unwrap());
}

/// A folder in which children work, and what it was before.
struct Trial {
    case: Case,
    threads: usize,
    parent: tempfile::TempDir,
    root: PathBuf,
    before: u64,
}

impl Trial {
    fn new(case: Case, threads: usize) -> Self {
        let parent = quick();
        let root = parent.path().join("out");
        case.prepare(&root);
        let standing = inspect(&LocalStore::new(&root)).unwrap();
        Self {
            case,
            threads,
            parent,
            root,
            before: standing.finished.map_or(0, |manifest| manifest.number),
        }
    }

    fn child(&self, variables: &[(&str, &str)]) -> ExitStatus {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "kill::child", "--nocapture", "--test-threads=1"])
            .env(FOLDER, &self.root)
            .env(CASE, self.case.name())
            .env(THREADS, self.threads.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.envs(variables.iter().copied());
        command.status().unwrap()
    }

    /// How often each point is hit by a run that nobody stops.
    fn points(&self) -> BTreeMap<String, u64> {
        let log = self.parent.path().join("points");
        assert!(
            self.child(&[("LAKESEED_FAIL_LOG", log.to_str().unwrap())])
                .success()
        );
        let mut points = BTreeMap::new();
        for name in fs::read_to_string(log).unwrap().lines() {
            *points.entry(name.to_owned()).or_insert(0) += 1;
        }
        points
    }

    fn manifest(&self) -> Option<Manifest> {
        open_finished(&LocalStore::new(&self.root)).ok()
    }

    /// What must hold after a kill, whenever it came.
    fn check_killed(&self, ended: ExitStatus, signal: i32) -> Result<(), String> {
        if ended.signal() != Some(signal) {
            return Err(format!("the kill did not land: {ended}"));
        }
        let seen = self.manifest();
        if self.before == 0 && seen.is_none() {
            let names = files(&self.root);
            // Names are given once every part is proven.
            let planned = self.case.plan().files();
            let hidden = names.iter().filter(|name| name.contains("/.part-")).count();
            if !visible(&self.root).is_empty() && visible(&self.root).len() + hidden < planned {
                return Err(format!("names before all is proven: {names:?}"));
            }
        }
        if self.before > 0 && seen.is_none() {
            return Err("the old output is not there any more".to_owned());
        }
        // Whichever state counts, it is whole.
        for part in seen.iter().flat_map(Manifest::parts) {
            let bytes =
                fs::read(self.root.join(&part.path)).map_err(|e| format!("{e} {part:?}"))?;
            if blake3::hash(&bytes).to_hex().to_string() != part.blake3 {
                return Err(format!("{} has other bytes", part.path));
            }
        }
        Ok(())
    }

    /// Whether the tree is that of a run that was never stopped, and nothing else.
    fn check_whole(&self, unbroken: &Trial) -> Result<(), String> {
        let (own, other) = (self.digests(), unbroken.digests());
        if own != other {
            return Err(format!("{own:#?}\nis not\n{other:#?}"));
        }
        Ok(())
    }

    /// Digests of all files; of our own the manifest and the plan, which alone may be left.
    fn digests(&self) -> BTreeMap<String, String> {
        let mut digests = BTreeMap::new();
        for name in files(&self.root) {
            let mut bytes = fs::read(self.root.join(&name)).unwrap();
            let mut name = name;
            // To overwrite again is a new state each time: a kill behind the manifest, and the same
            // run again, counts one further.
            if matches!(self.case, Case::Overwrite | Case::OverwriteItself) {
                if name.starts_with("_lakeseed/manifest-") {
                    let mut manifest = Manifest::from_json(&bytes).unwrap();
                    assert!(manifest.number == 2 || manifest.number == 3);
                    manifest.number = 2;
                    manifest.run_id = String::new();
                    bytes = manifest.to_json().unwrap();
                    "_lakeseed/manifest-000002.json".clone_into(&mut name);
                } else if name.starts_with("_lakeseed/plan-") {
                    bytes = String::from_utf8(bytes)
                        .unwrap()
                        .replace("\"base\":2", "\"base\":1")
                        .into();
                }
            }
            digests.insert(name, blake3::hash(&bytes).to_hex().to_string());
        }
        digests
    }
}

fn sweep(case: Case, threads: usize) {
    let unbroken = Trial::new(case, threads);
    let points = unbroken.points();
    assert!(points.len() > 8, "{points:?}");
    let mut kills = 0;
    for (point, hits) in &points {
        let mut tried = vec![1, 2.min(*hits), *hits];
        tried.dedup();
        for hit in tried {
            let trial = Trial::new(case, threads);
            let at = format!("{point}:{hit}");
            let ended = trial.child(&[("LAKESEED_FAIL_POINT", &at)]);
            // With several workers some points are hit less often than in the run before.
            if ended.success() && threads > 1 && hit > 1 {
                continue;
            }
            if let Err(what) = trial.check_killed(ended, SIGABRT) {
                panic!("{case:?} {at}: {what}");
            }
            kills += 1;
            assert!(
                trial.child(&[]).success(),
                "{case:?} {at}: {:?}",
                files(&trial.root)
            );
            if let Err(what) = trial.check_whole(&unbroken) {
                panic!("{case:?} {at}: {what}");
            }
        }
    }
    assert!(kills > 20, "{kills}");
}

#[test]
fn a_kill_at_any_step_of_a_new_output() {
    sweep(Case::New, 1);
    sweep(Case::New, 3);
}

#[test]
fn a_kill_at_any_step_of_appending() {
    sweep(Case::Append, 1);
    sweep(Case::Append, 3);
}

#[test]
fn a_kill_at_any_step_of_overwriting() {
    sweep(Case::Overwrite, 1);
    sweep(Case::Overwrite, 3);
}

#[test]
fn a_kill_at_any_step_of_overwriting_with_itself() {
    sweep(Case::OverwriteItself, 1);
    sweep(Case::OverwriteItself, 3);
}

#[test]
fn a_kill_at_any_step_of_shards_and_of_combining_them() {
    sweep(Case::Shards, 1);
    sweep(Case::Shards, 3);
}

/// The checks can fail: without a kill, before the run has gone on, with a file too many.
#[test]
fn the_checks_see_what_they_are_for() {
    let unbroken = Trial::new(Case::New, 1);
    let hits: u64 = unbroken.points().values().sum();
    let trial = Trial::new(Case::New, 1);
    let ended = trial.child(&[("LAKESEED_FAIL_POINT", "no.such.point:1")]);
    assert!(trial.check_killed(ended, SIGABRT).is_err());
    trial.check_whole(&unbroken).unwrap();

    let trial = Trial::new(Case::New, 1);
    let middle = format!("any:{}", hits / 2);
    let ended = trial.child(&[("LAKESEED_FAIL_POINT", &middle)]);
    trial.check_killed(ended, SIGABRT).unwrap();
    assert!(trial.check_whole(&unbroken).is_err());
    assert!(trial.manifest().is_none());
    assert!(trial.child(&[]).success());
    trial.check_whole(&unbroken).unwrap();
    let id = Case::New.plan().id().to_owned();
    fs::write(trial.root.join(format!("_lakeseed/lock-{id}-1of1")), "").unwrap();
    assert!(trial.check_whole(&unbroken).is_err());
}

#[test]
fn random_kills_one_after_the_other_until_the_end() {
    let is_long = env::var("LAKESEED_TEST_LONG").is_ok_and(|long| long == "1");
    let wanted = if is_long { 1_000 } else { 100 };
    let unbroken: Vec<_> = CASES.map(|case| Trial::new(case, 2)).into();
    let hits: Vec<u64> = unbroken
        .iter()
        .map(|it| it.points().values().sum())
        .collect();
    let mut landed = 0;
    for seed in 1.. {
        if landed >= wanted {
            break;
        }
        let mut random = Random(seed);
        let at = random.below(CASES.len() as u64) as usize;
        let trial = Trial::new(CASES[at], 2);
        for _ in 0..4 {
            let point = format!("any:{}", 1 + random.below(hits[at]));
            let ended = trial.child(&[("LAKESEED_FAIL_POINT", &point)]);
            if ended.success() {
                break;
            }
            if let Err(what) = trial.check_killed(ended, SIGABRT) {
                panic!("seed {seed} {point}: {what}");
            }
            landed += 1;
            // Once overwritten, overwriting begins anew.
            if trial
                .manifest()
                .is_some_and(|manifest| manifest.number > trial.before)
            {
                break;
            }
        }
        assert!(trial.child(&[]).success(), "seed {seed}");
        if let Err(what) = trial.check_whole(&unbroken[at]) {
            panic!("seed {seed}: {what}");
        }
    }
}

/// A kill from outside, which no process sees coming: the child waits at a point for it.
#[test]
fn a_kill_from_outside_is_no_other() {
    let unbroken = Trial::new(Case::New, 2);
    let hits: u64 = unbroken.points().values().sum();
    for hit in [hits / 3, hits / 2, 2 * hits / 3] {
        let trial = Trial::new(Case::New, 2);
        let mut command = Command::new(env::current_exe().unwrap());
        let mut child = command
            .args(["--exact", "kill::child", "--nocapture", "--test-threads=1"])
            .env(FOLDER, &trial.root)
            .env(CASE, trial.case.name())
            .env(THREADS, "2")
            .env("LAKESEED_FAIL_POINT", format!("any:{hit}"))
            .env("LAKESEED_FAIL_WAIT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It says that it waits.
        let mut said = String::new();
        let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
        while !said.contains("waits at a point") {
            said.clear();
            let read = std::io::BufRead::read_line(&mut lines, &mut said).unwrap();
            assert!(read > 0, "the child ended");
        }
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        trial.check_killed(ended, SIGKILL).unwrap();
        assert!(trial.child(&[]).success());
        trial.check_whole(&unbroken).unwrap();
    }
}
