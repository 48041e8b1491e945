//! Kills at every step, and at random ones: nothing that is not whole looks whole, and the same run
//! again gives the tree of a run that was never stopped.
//!
//! The kills are those of child processes: this test binary starts itself with the name of the test
//! [`child`]. `LAKESEED_TEST_LONG=1` tries ten times as many random kills.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use lakeseed_sink::{
    Error, Manifest, Mode, Plan, Run, Shard, Store, combine, inspect, open_finished,
};

use crate::site::{self, PLACES, Place, Site};
use crate::support::Random;
use crate::trees::{files, large, two_tables, visible, window};

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
    /// A file of two pieces, where a store takes files in pieces.
    Large,
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

    fn named(name: &str) -> Self {
        let mut all = CASES.into_iter().chain([Self::Large]);
        all.find(|case| case.name() == name).unwrap()
    }

    /// The plan that is run, and then killed.
    fn plan(self) -> Plan<'static> {
        match self {
            Self::Append => window(lakeseed_sink::Csv::plain(), 700..1_300, 2),
            Self::Large => large(),
            _ => two_tables(700, 3),
        }
    }

    fn prepare(self, store: &dyn Store) {
        let before = match self {
            Self::New | Self::Shards | Self::Large => return,
            Self::Append => window(lakeseed_sink::Csv::plain(), 0..700, 2),
            Self::Overwrite => two_tables(500, 2),
            Self::OverwriteItself => self.plan(),
        };
        Run::new(&before, store).commit().unwrap();
    }

    fn run(self, store: &dyn Store, threads: usize) {
        let plan = self.plan();
        let run = Run::new(&plan, store).threads(threads);
        match self {
            Self::New | Self::Large => drop(run.commit().unwrap()),
            Self::Append => drop(run.mode(Mode::Append).commit().unwrap()),
            Self::Overwrite | Self::OverwriteItself => {
                drop(run.mode(Mode::Overwrite).commit().unwrap());
            }
            Self::Shards => {
                // What a scheduler does that starts everything anew: a finished one says so.
                if open_finished(store).is_err() {
                    for index in 1..=2 {
                        let shard = Shard::new(index, 2).unwrap();
                        run.shard(shard).commit().unwrap();
                    }
                }
                combine(store).unwrap();
            }
        }
    }
}

#[test]
fn child() {
    let (Some(store), Ok(case), Ok(threads)) = (site::named(), env::var(CASE), env::var(THREADS))
    else {
        return;
    };
    Case::named(&case).run(store.as_ref(), threads.parse().unwrap());
}

/// A place in which children work, and what it was before.
struct Trial {
    case: Case,
    threads: usize,
    site: Site,
    before: u64,
}

impl Trial {
    fn new(place: Place, case: Case, threads: usize) -> Self {
        let site = Site::new(place);
        let store = site.store();
        case.prepare(store.as_ref());
        let standing = inspect(store.as_ref()).unwrap();
        Self {
            case,
            threads,
            site,
            before: standing.finished.map_or(0, |manifest| manifest.number),
        }
    }

    fn command(&self, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "kill::child", "--nocapture", "--test-threads=1"])
            .envs(self.site.variables())
            .env(CASE, self.case.name())
            .env(THREADS, self.threads.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.envs(variables.iter().copied());
        command
    }

    fn child(&self, variables: &[(&str, &str)]) -> ExitStatus {
        self.command(variables).status().unwrap()
    }

    /// How often each point is hit by a run that nobody stops.
    fn points(&self) -> BTreeMap<String, u64> {
        let log = self.site.beside().join("points");
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
        open_finished(self.site.store().as_ref()).ok()
    }

    /// What must hold after a kill, whenever it came.
    fn check_killed(&self, ended: ExitStatus, signal: i32) -> Result<(), String> {
        if ended.signal() != Some(signal) {
            return Err(format!("the kill did not land: {ended}"));
        }
        let seen = match open_finished(self.site.store().as_ref()) {
            Ok(manifest) => Some(manifest),
            Err(Error::Unfinished { .. } | Error::NoOutput { .. }) => None,
            Err(other) => return Err(format!("a reader is told something else: {other}")),
        };
        // A bucket cannot hide a part that is whole: there readers rely on the manifest.
        if self.before == 0 && seen.is_none() && self.site.place == Place::Local {
            let root = &self.site.root;
            let names = files(root);
            // Names are given once every part is proven.
            let planned = self.case.plan().files();
            let hidden = names.iter().filter(|name| name.contains("/.part-")).count();
            if !visible(root).is_empty() && visible(root).len() + hidden < planned {
                return Err(format!("names before all is proven: {names:?}"));
            }
        }
        if self.before > 0 && seen.is_none() {
            return Err("the old output is not there any more".to_owned());
        }
        // Whichever state counts, it is whole.
        for part in seen.iter().flat_map(Manifest::parts) {
            let bytes =
                fs::read(self.site.root.join(&part.path)).map_err(|e| format!("{e} {part:?}"))?;
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
        let uploads = self.site.uploads();
        if !uploads.is_empty() {
            return Err(format!("uploads are left: {uploads:?}"));
        }
        Ok(())
    }

    /// Digests of all files; of our own the manifest and the plan, which alone may be left.
    fn digests(&self) -> BTreeMap<String, String> {
        let mut digests = BTreeMap::new();
        for name in files(&self.site.root) {
            let mut bytes = fs::read(self.site.root.join(&name)).unwrap();
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

fn sweep(place: Place, case: Case, threads: usize) {
    let unbroken = Trial::new(place, case, threads);
    let points = unbroken.points();
    assert!(points.len() > 8, "{points:?}");
    let mut tried = Vec::new();
    for (point, hits) in &points {
        let mut at = vec![1, 2.min(*hits), *hits];
        at.dedup();
        tried.extend(at.into_iter().map(|hit| (point, hit)));
    }
    let kills = AtomicUsize::new(0);
    let next = AtomicUsize::new(0);
    let trials = || {
        while let Some((point, hit)) = tried.get(next.fetch_add(1, Ordering::Relaxed)) {
            let trial = Trial::new(place, case, threads);
            let at = format!("{point}:{hit}");
            let ended = trial.child(&[("LAKESEED_FAIL_POINT", &at)]);
            // With several workers some points are hit less often than in the run before.
            if ended.success() && threads > 1 && *hit > 1 {
                continue;
            }
            if let Err(what) = trial.check_killed(ended, SIGABRT) {
                panic!("{place:?} {case:?} {at}: {what}");
            }
            kills.fetch_add(1, Ordering::Relaxed);
            assert!(
                trial.child(&[]).success(),
                "{place:?} {case:?} {at}: {:?}",
                files(&trial.site.root)
            );
            if let Err(what) = trial.check_whole(&unbroken) {
                panic!("{place:?} {case:?} {at}: {what}");
            }
        }
    };
    // Children mostly wait for their own start.
    thread::scope(|scope| {
        scope.spawn(trials);
        scope.spawn(trials);
    });
    let (kills, points) = (kills.into_inner(), points.len());
    println!("{place:?} {case:?} with {threads}: {kills} kills at {points} points");
    assert!(kills > 20, "{kills}");
}

#[test]
fn a_kill_at_any_step_of_a_new_output() {
    sweep(Place::Local, Case::New, 1);
    sweep(Place::Local, Case::New, 3);
}

#[test]
fn a_kill_at_any_step_of_appending() {
    sweep(Place::Local, Case::Append, 1);
    sweep(Place::Local, Case::Append, 3);
}

#[test]
fn a_kill_at_any_step_of_overwriting() {
    sweep(Place::Local, Case::Overwrite, 1);
    sweep(Place::Local, Case::Overwrite, 3);
}

#[test]
fn a_kill_at_any_step_of_overwriting_with_itself() {
    sweep(Place::Local, Case::OverwriteItself, 1);
    sweep(Place::Local, Case::OverwriteItself, 3);
}

#[test]
fn a_kill_at_any_step_of_shards_and_of_combining_them() {
    sweep(Place::Local, Case::Shards, 1);
    sweep(Place::Local, Case::Shards, 3);
}

#[cfg(feature = "s3")]
mod in_a_bucket {
    use lakeseed_test_s3::{Kind, Moment};

    use super::*;

    #[test]
    fn a_kill_at_any_step_of_a_new_output() {
        sweep(Place::S3, Case::New, 1);
    }

    #[test]
    fn a_kill_at_any_step_of_appending() {
        sweep(Place::S3, Case::Append, 1);
    }

    #[test]
    fn a_kill_at_any_step_of_overwriting() {
        sweep(Place::S3, Case::Overwrite, 1);
    }

    #[test]
    fn a_kill_at_any_step_of_overwriting_with_itself() {
        sweep(Place::S3, Case::OverwriteItself, 1);
    }

    #[test]
    fn a_kill_at_any_step_of_shards_and_of_combining_them() {
        sweep(Place::S3, Case::Shards, 1);
    }

    #[test]
    fn a_kill_at_any_step_of_an_upload() {
        sweep(Place::S3, Case::Large, 2);
    }

    /// Between its own steps a run waits for a server: killed there, its request may have taken
    /// effect or not.
    #[test]
    fn a_kill_while_a_request_is_under_way() {
        let unbroken = Trial::new(Place::S3, Case::Large, 2);
        let server = unbroken.site.server.as_ref().unwrap();
        let before = server.requests().len();
        assert!(unbroken.child(&[]).success());
        let requests = server.requests().split_off(before);
        let mut kills = 0;
        for kind in [
            Kind::PutObject,
            Kind::CreateMultipart,
            Kind::UploadPart,
            Kind::Complete,
            Kind::Abort,
            Kind::Delete,
            Kind::List,
        ] {
            let of_kind = requests.iter().filter(|request| request.kind == kind);
            let most = of_kind.count() as u64;
            assert!(most > 0, "{kind:?}");
            let mut tried = vec![1, 2.min(most), most];
            tried.dedup();
            for (nth, moment) in tried
                .iter()
                .flat_map(|nth| [Moment::Before, Moment::After].map(|moment| (*nth, moment)))
            {
                let trial = Trial::new(Place::S3, Case::Large, 2);
                let paused = trial.site.server.as_ref().unwrap();
                let paused = paused.pause_at(kind, nth, moment);
                let mut child = trial.command(&[]).spawn().unwrap();
                paused.wait();
                child.kill().unwrap();
                let ended = child.wait().unwrap();
                // Dropped it goes on, as a request does whose client is gone.
                if moment == Moment::Before && nth == 1 {
                    paused.discard();
                } else {
                    drop(paused);
                }
                let at = format!("{kind:?} {nth} {moment:?}");
                trial.check_killed(ended, SIGKILL).expect(&at);
                kills += 1;
                assert!(trial.child(&[]).success(), "{at}");
                if let Err(what) = trial.check_whole(&unbroken) {
                    panic!("{at}: {what}");
                }
            }
        }
        println!("S3: {kills} kills at requests under way");
        assert!(kills > 25, "{kills}");
    }
}

/// The checks can fail: without a kill, before the run has gone on, with a file too many.
#[test]
fn the_checks_see_what_they_are_for() {
    for place in PLACES.iter().copied() {
        let unbroken = Trial::new(place, Case::New, 1);
        let hits: u64 = unbroken.points().values().sum();
        let trial = Trial::new(place, Case::New, 1);
        let ended = trial.child(&[("LAKESEED_FAIL_POINT", "no.such.point:1")]);
        assert!(trial.check_killed(ended, SIGABRT).is_err());
        trial.check_whole(&unbroken).unwrap();

        let trial = Trial::new(place, Case::New, 1);
        let middle = format!("any:{}", hits / 2);
        let ended = trial.child(&[("LAKESEED_FAIL_POINT", &middle)]);
        trial.check_killed(ended, SIGABRT).unwrap();
        assert!(trial.check_whole(&unbroken).is_err());
        assert!(trial.manifest().is_none());
        assert!(trial.child(&[]).success());
        trial.check_whole(&unbroken).unwrap();
        let id = Case::New.plan().id().to_owned();
        let lock = trial.site.root.join(format!("_lakeseed/lock-{id}-1of1"));
        fs::write(lock, "").unwrap();
        assert!(trial.check_whole(&unbroken).is_err());
    }
}

#[test]
fn random_kills_one_after_the_other_until_the_end() {
    let is_long = env::var("LAKESEED_TEST_LONG").is_ok_and(|long| long == "1");
    let wanted = if is_long { 1_000 } else { 100 };
    let each = |place: &Place| CASES.map(|case| Trial::new(*place, case, 2));
    let unbroken: Vec<_> = PLACES.iter().flat_map(each).collect();
    let hits: Vec<u64> = unbroken
        .iter()
        .map(|it| it.points().values().sum())
        .collect();
    let mut by_place = BTreeMap::new();
    for seed in 1.. {
        if by_place.values().sum::<usize>() >= wanted {
            break;
        }
        let mut random = Random(seed);
        let at = random.below(unbroken.len() as u64) as usize;
        let place = unbroken[at].site.place;
        let trial = Trial::new(place, unbroken[at].case, 2);
        for _ in 0..4 {
            let point = format!("any:{}", 1 + random.below(hits[at]));
            let ended = trial.child(&[("LAKESEED_FAIL_POINT", &point)]);
            if ended.success() {
                break;
            }
            if let Err(what) = trial.check_killed(ended, SIGABRT) {
                panic!("seed {seed} {point}: {what}");
            }
            *by_place.entry(place).or_insert(0) += 1;
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
    println!("random kills: {by_place:?}");
    assert!(by_place.values().all(|landed| *landed > 20), "{by_place:?}");
}

/// A kill from outside, which no process sees coming: the child waits at a point for it.
#[test]
fn a_kill_from_outside_is_no_other() {
    let unbroken = Trial::new(Place::Local, Case::New, 2);
    let hits: u64 = unbroken.points().values().sum();
    for hit in [hits / 3, hits / 2, 2 * hits / 3] {
        let trial = Trial::new(Place::Local, Case::New, 2);
        let point = format!("any:{hit}");
        let variables = [
            ("LAKESEED_FAIL_POINT", point.as_str()),
            ("LAKESEED_FAIL_WAIT", "1"),
        ];
        let mut command = trial.command(&variables);
        let mut child = command
            .stdin(Stdio::piped())
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
