//! Kills at every step of a ledger, and at random ones: the same run again sends what is not proven,
//! and every message is there once.
//!
//! The kills are those of child processes: this test binary starts itself with the name of the test
//! [`child`]. `LAKESEED_TEST_LONG=1` tries ten times as many random kills.

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;

use lakeseed_sink::messages::{
    Before, Block, LedgerState, MessagePlan, MessageSettings, PIECE_ROWS, PartToSend, Publish,
    Queue, Receipt, Sender, VerifyMessages,
};
use lakeseed_sink::{LocalStore, Result, open_finished};

use super::{all_of, plan_of};
use crate::support::{Random, numbers};
use crate::trees::quick;

const FOLDER: &str = "LAKESEED_TEST_FOLDER";
const CASE: &str = "LAKESEED_TEST_CASE";
/// The signal with which a process ends itself.
const SIGABRT: i32 = 6;

fn plan() -> MessagePlan<'static> {
    let settings = MessageSettings {
        max_rows: 4_000,
        ..MessageSettings::default()
    };
    plan_of(&numbers(2 * PIECE_ROWS + 30_000), 3, settings).unwrap()
}

/// A queue that outlives its process: a file with a line a message.
struct Shelf {
    path: PathBuf,
    /// Whether messages that are there already are known by their names.
    knows_names: bool,
    file: Mutex<()>,
}

impl Shelf {
    /// What was there before, without a message that a killed process has written in part: a queue has
    /// messages whole or not at all.
    fn new(folder: &Path, knows_names: bool) -> Self {
        let path = folder.join("shelf");
        if let Ok(text) = fs::read(&path) {
            let whole = text.iter().rposition(|byte| *byte == b'\n');
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(whole.map_or(0, |end| end + 1) as u64).unwrap();
        }
        Self {
            path,
            knows_names,
            file: Mutex::new(()),
        }
    }

    /// Names and bodies, in the order in which they came.
    fn held(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        lines
            .map(|(id, body)| (id.to_owned(), body.to_owned()))
            .collect()
    }
}

impl Queue for Shelf {
    fn address(&self) -> String {
        "shelf".to_owned()
    }

    fn prepare(&self, _plan: &MessagePlan<'_>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn position(&self) -> Result<Option<String>> {
        let _one = self.file.lock().unwrap();
        Ok(Some(self.held().len().to_string()))
    }

    fn open<'q>(&'q self, part: PartToSend<'q>) -> Result<Box<dyn Sender + 'q>> {
        let known = match part.before {
            Before::Begun {
                position: Some(position),
            } if self.knows_names => {
                let _one = self.file.lock().unwrap();
                // Nothing of the part is before the place where the queue stood.
                let before: usize = position.parse().unwrap();
                let held = self.held();
                let prefix = format!("{}-{}-", part.plan.id(), part.part);
                let is_its = |id: &&String| id.starts_with(&prefix);
                assert!(!held[..before].iter().any(|(id, _)| is_its(&id)));
                held.into_iter().map(|(id, _)| id).collect()
            }
            _ => HashSet::new(),
        };
        Ok(Box::new(Hand {
            shelf: self,
            known,
            receipt: Receipt::default(),
        }))
    }
}

struct Hand<'s> {
    shelf: &'s Shelf,
    known: HashSet<String>,
    receipt: Receipt,
}

impl Sender for Hand<'_> {
    fn send(&mut self, block: &Block) -> Result<()> {
        let _one = self.shelf.file.lock().unwrap();
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.shelf.path)
            .unwrap();
        for message in block.messages() {
            let id = message.id().to_string();
            if self.known.contains(&id) {
                self.receipt.found += 1;
                continue;
            }
            let body = std::str::from_utf8(message.body()).unwrap();
            file.write_all(format!("{id}\t{body}\n").as_bytes())
                .unwrap();
        }
        self.receipt.add(block);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Receipt> {
        Ok(self.receipt)
    }

    fn abort(self: Box<Self>) {}
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Queue,
    /// One that cannot tell what it holds.
    Forgetful,
    Files,
}

impl Case {
    fn run(self, folder: &Path) {
        let plan = plan();
        if self == Self::Files {
            let store = LocalStore::new(folder.join("out"));
            Publish::to_files(&plan, &store).threads(2).run().unwrap();
            return;
        }
        let queue = Shelf::new(folder, self == Self::Queue);
        let publish = Publish::with_ledger(&plan, &queue, folder.join("ledger"));
        publish.threads(2).run().unwrap();
    }
}

#[test]
fn child() {
    let (Ok(folder), Ok(case)) = (env::var(FOLDER), env::var(CASE)) else {
        return;
    };
    let all = [Case::Queue, Case::Forgetful, Case::Files];
    let case = all
        .into_iter()
        .find(|at| format!("{at:?}") == case)
        .unwrap();
    case.run(Path::new(&folder));
}

fn run(case: Case, folder: &Path, variables: &[(&str, &str)]) -> ExitStatus {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "messages::kill::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(FOLDER, folder)
        .env(CASE, format!("{case:?}"))
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

/// How often each point is hit by a run that nobody stops.
fn points(case: Case) -> BTreeMap<String, u64> {
    let folder = quick();
    let log = folder.path().join("points");
    let ended = run(
        case,
        folder.path(),
        &[("LAKESEED_FAIL_LOG", log.to_str().unwrap())],
    );
    assert!(ended.success());
    let mut points = BTreeMap::new();
    for name in fs::read_to_string(log).unwrap().lines() {
        *points.entry(name.to_owned()).or_insert(0) += 1;
    }
    points
}

/// Kills at the first, second and last hit of each point, and at random ones.
fn trials(case: Case) -> Vec<String> {
    let points = points(case);
    let mut trials = Vec::new();
    for (point, hits) in &points {
        let mut at = vec![1, 2.min(*hits), *hits];
        at.dedup();
        trials.extend(at.into_iter().map(|hit| format!("{point}:{hit}")));
    }
    let all: u64 = points.values().sum();
    let long = env::var_os("LAKESEED_TEST_LONG").is_some();
    let random = &mut Random(11);
    let more = if long { 100 } else { 10 };
    trials.extend((0..more).map(|_| format!("any:{}", 1 + random.below(all))));
    trials
}

fn killed(case: Case, at: &str) -> tempfile::TempDir {
    let folder = quick();
    let ended = run(case, folder.path(), &[("LAKESEED_FAIL_POINT", at)]);
    assert_eq!(
        ended.signal(),
        Some(SIGABRT),
        "the kill did not land at {at}: {ended}"
    );
    folder
}

#[test]
fn a_killed_run_is_gone_on_with() {
    let whole = all_of(&plan()).unwrap();
    let whole: BTreeMap<String, Vec<u8>> = whole.into_iter().map(|at| (at.id, at.body)).collect();
    let trials = trials(Case::Queue);
    assert!(
        trials.iter().any(|at| at.starts_with("ledger.begun")),
        "{trials:?}"
    );
    assert!(
        trials
            .iter()
            .any(|at| at.starts_with("ledger.acknowledged"))
    );
    assert!(trials.iter().any(|at| at.starts_with("ledger.done")));
    assert!(trials.iter().any(|at| at.starts_with("ledger.planned")));
    let mut went_on = 0;
    for at in &trials {
        let folder = killed(Case::Queue, at);
        let ledger = folder.path().join("ledger");
        let before = LedgerState::read(&ledger).unwrap();
        let shelf = Shelf::new(folder.path(), true);
        let there: Vec<String> = shelf.held().into_iter().map(|(id, _)| id).collect();
        assert!(run(Case::Queue, folder.path(), &[]).success(), "{at}");
        let held = shelf.held();
        assert_eq!(held.len(), whole.len(), "{at}: lost, or there twice");
        for (id, body) in &held {
            assert_eq!(
                whole.get(id).map(Vec::as_slice),
                Some(body.as_bytes()),
                "{at}"
            );
        }
        let state = LedgerState::read(&ledger).unwrap().unwrap();
        assert!(state.is_finished(), "{at}");
        // A part that was proven is not sent again: nothing was added to what stood.
        let done = before.map_or(0, |before| before.done.len());
        went_on += usize::from(done > 0 || !there.is_empty());
        assert_eq!(
            &held.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>()[..there.len()],
            there
        );
    }
    assert!(went_on > 5, "no kill came late enough to mean something");
}

/// The control: where a queue cannot tell what it holds, a kill within a part leaves doubles.
#[test]
fn without_names_a_kill_leaves_doubles() {
    let folder = killed(Case::Forgetful, "ledger.acknowledged:1");
    assert!(run(Case::Forgetful, folder.path(), &[]).success());
    let held = Shelf::new(folder.path(), false).held();
    let names: HashSet<&String> = held.iter().map(|(id, _)| id).collect();
    let whole = all_of(&plan()).unwrap().len();
    assert_eq!(names.len(), whole, "at least once");
    assert!(
        held.len() > whole,
        "the kill came too early to show anything"
    );
}

#[test]
fn killed_files_are_gone_on_with() {
    let plan = plan();
    for at in trials(Case::Files) {
        let folder = killed(Case::Files, &at);
        let store = LocalStore::new(folder.path().join("out"));
        let is_whole = open_finished(&store).is_ok();
        assert!(
            !is_whole
                || VerifyMessages::new(&store, &plan)
                    .run()
                    .unwrap()
                    .findings
                    .is_clean()
        );
        assert!(run(Case::Files, folder.path(), &[]).success(), "{at}");
        let found = VerifyMessages::new(&store, &plan).run().unwrap();
        assert!(found.findings.is_clean(), "{at}: {:?}", found.findings);
        assert_eq!(found.findings.rows_compared, 2 * PIECE_ROWS + 30_000);
    }
}
