//! Kills of a child of the tests: at every step that it comes to, and at random ones.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::Random;

const SIGABRT: i32 = 6;

/// A child that does a job: a test of this binary that finds in variables what it is to do.
pub(crate) struct Child {
    pub(crate) test: &'static str,
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Child {
    fn command(&self) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", self.test, "--nocapture"])
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Runs it to its end; then names where it can be killed: the first, middle and last time that it
    /// comes to each point, those of `ours` among them, and at `more` steps of any kind.
    #[track_caller]
    pub(crate) fn trials(&self, folder: &Path, ours: &[&str], more: u64) -> Vec<String> {
        let log = folder.join("points");
        let ended = self.command().env("LAKESEED_FAIL_LOG", &log).status();
        assert!(ended.unwrap().success());
        let mut points: BTreeMap<String, u64> = BTreeMap::new();
        for name in fs::read_to_string(log).unwrap().lines() {
            *points.entry(name.to_owned()).or_default() += 1;
        }
        assert!(
            ours.iter().all(|point| points.contains_key(*point)),
            "{points:?}"
        );
        let mut trials = Vec::new();
        for (point, hits) in &points {
            let mut at = vec![1, hits.div_ceil(2), *hits];
            at.dedup();
            trials.extend(at.into_iter().map(|hit| format!("{point}:{hit}")));
        }
        let (random, all) = (&mut Random(50), points.values().sum());
        trials.extend((0..more).map(|_| format!("any:{}", 1 + random.below(all))));
        trials
    }

    /// Runs it until it is killed where `at` says.
    #[track_caller]
    pub(crate) fn killed(&self, at: &str) {
        let ended = self.command().env("LAKESEED_FAIL_POINT", at).status();
        let signal = ended.unwrap().signal();
        assert_eq!(signal, Some(SIGABRT), "{at} was not reached");
    }
}
