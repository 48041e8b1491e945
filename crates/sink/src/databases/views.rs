//! Views over the tables of a load: what is asked for, and what becomes of those that are there. They
//! come when the rows and keys stand, and go with the tables.
//!
//! `lakeseed_views` has a line for each that a load has made, written before it: a view of its name is
//! ours then, and any other one is not touched.

use std::collections::BTreeMap;

use super::ddl::ViewDdl;
use super::failure::Failure;
use super::load::IfExists;
use super::standing::Standing;

/// A view that a load makes over its tables.
///
/// ```
/// use lakeseed_sink::databases::ViewToMake;
///
/// let dear = ViewToMake::new("dear_pets", "SELECT name FROM pets WHERE price > 100");
/// assert_eq!(dear.about("What costs more than a hundred.").name(), "dear_pets");
/// ```
#[derive(Debug, Clone)]
pub struct ViewToMake {
    name: String,
    about: String,
    query: String,
}

impl ViewToMake {
    /// A view called `name` of what `query` answers: a `SELECT` over tables of the load and views that
    /// are made before it. Names in it may stand in double quotes, for every system.
    pub fn new(name: impl Into<String>, query: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            about: String::new(),
            query: query.into(),
        }
    }

    /// Says what the view tells, for people; it becomes its comment where the system has such.
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// The view's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn ddl(&self) -> ViewDdl<'_> {
        ViewDdl {
            name: &self.name,
            about: &self.about,
            query: &self.query,
        }
    }

    /// By which a statement is known again.
    pub(super) fn hash(&self) -> String {
        blake3::hash(self.query.as_bytes()).to_hex()[..32].to_owned()
    }
}

/// A line of `lakeseed_views`.
#[derive(Debug, Clone)]
pub(super) struct MadeView {
    pub(super) name: String,
    /// The run that has made it.
    pub(super) run_id: String,
    /// Of its statement.
    pub(super) hash: String,
}

/// What stands under names of views.
#[derive(Debug, Default)]
pub(super) struct StandingViews {
    /// Views that loads have made, or were about to.
    pub(super) made: Vec<MadeView>,
    /// What is there under their names and under those of the plan's views, and whether it is a view.
    pub(super) found: BTreeMap<String, bool>,
}

impl StandingViews {
    /// Refuses what is in the way of the plan's views.
    pub(super) fn check(
        &self,
        standing: &Standing<'_>,
        if_exists: IfExists,
    ) -> Result<(), Failure> {
        for view in standing.plan.views() {
            let name = view.name();
            let Some(is_view) = self.found.get(name) else {
                continue;
            };
            let made = self.made.iter().find(|made| made.name == name);
            let Some(made) = made.filter(|_| *is_view) else {
                let expected = format!("no table or view `{name}` that no load has made");
                return Err(standing.other(expected, "one"));
            };
            if if_exists != IfExists::Replace && made.hash != view.hash() {
                let expected = format!("view `{name}` by this statement, or none");
                let found = format!("one by another statement, of plan {}", made.run_id);
                return Err(standing.other(expected, found));
            }
        }
        Ok(())
    }

    /// Views that go when the plan's tables are replaced: those of runs that have loaded into them, and
    /// those that the plan makes anew.
    pub(super) fn to_drop(&self, standing: &Standing<'_>) -> Vec<&str> {
        let goes = |made: &&MadeView| {
            let mut sharing = standing.sharing.iter();
            made.run_id == standing.plan.id()
                || sharing.any(|(run_id, _)| *run_id == made.run_id)
                || standing
                    .plan
                    .views()
                    .iter()
                    .any(|view| view.name() == made.name)
        };
        let made = self.made.iter().filter(goes);
        let made = made.filter(|made| self.found.get(&made.name) == Some(&true));
        made.map(|made| made.name.as_str()).collect()
    }

    /// Whether a view of the plan is there, as it must be.
    pub(super) fn stands(&self, view: &ViewToMake) -> bool {
        let is_it = |made: &MadeView| made.name == view.name && made.hash == view.hash();
        self.found.get(&view.name) == Some(&true) && self.made.iter().any(is_it)
    }
}

/// A line for views that went with their tables and do not come again.
pub(super) fn dropped(standing: &Standing<'_>, names: &[&str]) -> Option<String> {
    let comes = |name: &&&str| {
        !standing
            .plan
            .views()
            .iter()
            .any(|view| view.name() == **name)
    };
    let gone: Vec<&str> = names.iter().filter(comes).copied().collect();
    let more = gone.len().checked_sub(1)?;
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("view `{}`{more} went with the tables", gone[0]))
}
