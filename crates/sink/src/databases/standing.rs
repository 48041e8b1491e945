//! What stands in a database before a run, and what becomes of it: decided alike for every system.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::ledger::{Line, RunRecord};
use super::load::IfExists;
use super::plan::{LoadPlan, TableToLoad};
use crate::error::Error;

/// A run that may send rows.
#[derive(Debug)]
pub struct Begun {
    /// By table: whether this run, or the one that it continues, has made it.
    pub(super) is_made: Vec<bool>,
    /// Parts that stand.
    pub(super) lines: Vec<Line>,
    /// Whether an earlier run has begun it.
    pub(super) is_continued: bool,
    /// Whether nothing is left to do.
    pub(super) is_complete: bool,
    /// A line for each setting of the server that people should know of.
    pub(super) warnings: Vec<String>,
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// It goes on with what the ledger knows of its plan.
    GoOn,
    /// It makes the tables that are missing, and fills those that are there.
    Start,
    /// It drops the tables that are there, and makes all.
    Replace,
}

/// A column that is not as it must be: its name, what was found, and what was wanted where there was
/// anything.
#[derive(Debug)]
pub struct WrongColumn {
    pub(super) name: String,
    pub(super) found: String,
    pub(super) wanted: Option<String>,
}

/// What stands.
#[derive(Debug)]
pub(super) struct Standing<'d> {
    pub(super) address: &'d str,
    pub(super) plan: &'d LoadPlan<'d>,
    /// What the ledger knows of the plan.
    pub(super) known: Option<RunRecord>,
    /// What stands under names of the plan, and whether rows can go into it.
    pub(super) found: BTreeMap<String, bool>,
    /// Runs that have loaded into tables of the plan, and whether they are complete.
    pub(super) sharing: Vec<(String, bool)>,
}

impl Standing<'_> {
    /// What the run does.
    ///
    /// # Errors
    /// A refusal: tables that are there, the unfinished load of another plan.
    pub(super) fn course(&self, if_exists: IfExists) -> Result<Course, Failure> {
        if if_exists == IfExists::Replace {
            let other = self.found.iter().find(|(_, is_table)| !**is_table);
            return match other {
                Some((name, _)) => Err(self.no_table(name)),
                None => Ok(Course::Replace),
            };
        }
        if self.known.is_some() {
            return Ok(Course::GoOn);
        }
        // Its rows would be mixed with ours.
        if let Some((run_id, _)) = self.sharing.iter().find(|(_, is_complete)| !is_complete) {
            let found = format!("the unfinished plan {run_id} with tables of ours");
            return Err(self.other("no unfinished load", found));
        }
        if let (IfExists::Fail, Some(name)) = (if_exists, self.found.keys().next()) {
            return Err(self.other("no table of a name of ours", format!("table `{name}`")));
        }
        Ok(Course::Start)
    }

    /// By table of a run that goes on, whether it has made it.
    ///
    /// # Errors
    /// A refusal where one is not as the run has left it.
    pub(super) fn made_before(&self) -> Result<Vec<bool>, Failure> {
        let gone = |table: &&TableToLoad<'_>| self.found.get(table.name()) != Some(&true);
        match self.plan.tables().iter().find(gone) {
            Some(table) => Err(self.is_gone(table.name())),
            None => self.kept_before(),
        }
    }

    /// The same of a run whose tables need not all be there yet.
    ///
    /// # Errors
    /// A refusal where another run has taken one.
    pub(super) fn kept_before(&self) -> Result<Vec<bool>, Failure> {
        let known = self.known.iter().flat_map(|known| &known.tables);
        let kept: Vec<_> = known.filter(|table| table.is_kept).collect();
        let is_made = |table: &TableToLoad<'_>| {
            let name = table.name();
            let line = kept.iter().find(|known| known.name == name);
            line.map(|line| line.is_made)
                .ok_or_else(|| self.is_gone(name))
        };
        self.plan.tables().iter().map(is_made).collect()
    }

    /// By table of a run that begins, whether it makes it.
    pub(super) fn to_make(&self) -> Vec<bool> {
        let is_made = |table: &TableToLoad<'_>| !self.found.contains_key(table.name());
        self.plan.tables().iter().map(is_made).collect()
    }

    /// Refuses a table with other columns.
    pub(super) fn check(&self, name: &str, wrong: &[WrongColumn]) -> Result<(), Failure> {
        if self.found.get(name) == Some(&false) {
            return Err(self.no_table(name));
        }
        let Some(first) = wrong.first() else {
            return Ok(());
        };
        let more = match wrong.len() {
            1 => String::new(),
            more => format!(" (and {} more)", more - 1),
        };
        let (column, wanted) = (&first.name, first.wanted.as_deref().unwrap_or("nothing"));
        let expected = format!("table `{name}` with our columns, `{column}` as {wanted}");
        Err(self.other(expected, format!("{}{more}", first.found)))
    }

    pub(super) fn other(&self, expected: impl Into<String>, found: impl Into<String>) -> Failure {
        Failure::Whole(Error::OtherPlan {
            address: self.address.to_owned(),
            expected: expected.into(),
            found: found.into(),
        })
    }

    fn no_table(&self, name: &str) -> Failure {
        self.other("a table", format!("`{name}`, which is something else"))
    }

    fn is_gone(&self, name: &str) -> Failure {
        let expected = format!("table `{name}` as plan {} has left it", self.plan.id());
        self.other(expected, "it dropped or replaced")
    }
}

/// Somebody else is at a plan.
pub(super) fn in_use(address: &str, plan_id: &str) -> Failure {
    Failure::Whole(Error::InUse {
        address: address.to_owned(),
        by: format!("another process, which loads plan {plan_id}"),
    })
}

/// What of a table's columns is not as it must be. `found` are names and types of those that are
/// there, `wanted` is what the system calls a column's type, `fits` whether it holds all of ours.
pub(super) fn wrong_columns<T: std::fmt::Display>(
    table: &TableToLoad<'_>,
    found: &[(String, T)],
    wanted: impl Fn(&arrow_schema::DataType) -> Option<String>,
    fits: impl Fn(&arrow_schema::DataType, &T) -> bool,
) -> Vec<WrongColumn> {
    let mut wrong = Vec::new();
    for field in table.schema.fields() {
        let (name, data_type) = (field.name(), field.data_type());
        let text = match found.iter().find(|(found, _)| found == name) {
            None => "no such column".to_owned(),
            Some((_, theirs)) if !fits(data_type, theirs) => theirs.to_string(),
            Some(_) => continue,
        };
        wrong.push(WrongColumn {
            name: name.clone(),
            found: text,
            wanted: wanted(data_type),
        });
    }
    for (name, theirs) in found {
        if table.schema.field_with_name(name).is_err() {
            wrong.push(WrongColumn {
                name: name.clone(),
                found: format!("a column more, {theirs}"),
                wanted: None,
            });
        }
    }
    wrong
}
