//! `--from`: rows of files in place of generated ones, and the flags that then say nothing.

use std::path::Path;

use anyhow::Result;

use crate::args::{Choice, Remote, Target, Typed};
use crate::error::Failure;

/// Flags that choose generated rows.
const OF_GENERATED: [&str; 5] = ["scale", "rows", "start", "end", "seed"];

/// What a command line says of where its rows come from.
pub(super) struct Given<'a> {
    pub(super) typed: &'a Typed,
    pub(super) target: Option<&'a Target>,
    pub(super) from: Option<&'a Path>,
    /// Types of columns.
    pub(super) types: &'a [(String, String)],
    pub(super) choice: &'a Choice,
}

impl<'a> Given<'a> {
    /// Where the files are, where rows come from files: a variable does not take the place of a dataset
    /// that was named.
    pub(super) fn place(&self) -> Option<&'a Path> {
        self.from
            .filter(|_| self.target.is_none() || self.typed.has("from"))
    }

    /// Refuses flags that say nothing about what was asked for. A variable is set for a whole shell, and
    /// concerns the commands that it fits.
    pub(super) fn check(&self) -> Result<()> {
        let refused = |expected: &str, got: &str| -> Result<()> {
            Err(Failure::usage(expected, got, "leave one out").into())
        };
        if let (Some(target), true) = (self.target, self.typed.has("from")) {
            return refused("DATASET[.TABLE] or --from", &format!("{target} and --from"));
        }
        let is_from = self.place().is_some();
        if let (Some((column, _)), false) = (self.types.first(), is_from) {
            let expected = format!("--from CSV with --type {column}=...");
            return Err(Failure::usage(expected, "generated rows", "leave it out").into());
        }
        if is_from {
            if let Some(flag) = self.typed.first_of(&OF_GENERATED) {
                return refused(&format!("DATASET[.TABLE] with --{flag}"), "--from");
            }
            let mut given = self.choice.parameters.0.iter();
            if let Some(given) = given.find(|given| !given.by_environment) {
                return refused(&format!("DATASET[.TABLE] with --{}", given.name), "--from");
            }
        }
        Ok(())
    }

    /// The dataset, where there are no files.
    pub(super) fn dataset(&self) -> Result<&'a Target> {
        self.target.ok_or_else(|| {
            let expected = "DATASET[.TABLE] whose rows are made, or --from PLACE";
            Failure::usage(expected, "neither", "name one of them").into()
        })
    }
}

pub(super) fn is_bucket(place: &Path) -> bool {
    place.to_string_lossy().contains("://")
}

/// Flags of a bucket concern the place that is one.
pub(super) fn remote_of(remote: &Remote, is_bucket: bool) -> Remote {
    Remote {
        given: remote.given.clone().filter(|_| is_bucket),
        ..remote.clone()
    }
}
