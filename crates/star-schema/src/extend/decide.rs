//! What becomes of one table: which of its increments stay, and what the next one is made of.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;

use super::ranges::{Known, Ranges, are_apart};
use super::ways::{Way, names_of, ways};
use super::{Fate, Increment, Parts, Standing};
use crate::planned::{Planner, Text};
use crate::source::Subset;
use crate::together::keys::common_type;
use crate::{Result, Source, Statement};

/// Sources by name.
type Sources = HashMap<String, Arc<dyn Source>>;

/// What all tables are decided with.
pub(crate) struct Deciding<'a> {
    pub(crate) planner: &'a Planner<'a>,
    pub(crate) sources: &'a Sources,
    pub(crate) standing: &'a Standing,
    /// Why no table can be extended, where none can.
    pub(crate) never: Option<&'a str>,
}

/// What becomes of a table, and what its new files are made of.
pub(crate) struct Decided {
    pub(crate) fate: Fate,
    /// What its statement reads now.
    pub(crate) sources: Sources,
    /// The parts of these.
    pub(crate) parts: Parts,
    /// The columns of which one has to tell the new rows from those that stand.
    pub(crate) told_by: Vec<String>,
    /// The rows of the increments that stay.
    pub(crate) stands: Vec<Arc<dyn Source>>,
    /// The rows of those that go.
    pub(crate) gone: Vec<Arc<dyn Source>>,
}

impl Deciding<'_> {
    /// `own_member` says that the table has a member that is in no source: it stands in one file only.
    pub(crate) fn table(
        &self,
        statement: &Statement,
        plan: &LogicalPlan,
        grain: &[String],
        own_member: bool,
    ) -> Result<Decided> {
        let text = Text::of(statement);
        let names = names_of(plan).map_err(|cause| text.engine(cause))?;
        let now: Parts = names
            .iter()
            .filter_map(|name| Some((name.clone(), parts_of(self.sources.get(name)?))))
            .collect();
        let none = Vec::new();
        let increments = self.standing.tables.get(&statement.table);
        let increments = increments.unwrap_or(&none);
        let table = OfTable {
            increments,
            now: &now,
            sources: self.sources,
        };
        let why = match self.standing.anew.get(&statement.table) {
            Some(why) => why.clone(),
            None if increments.is_empty() => "nothing of it stands".to_owned(),
            None if table.is_as_it_was() => return Ok(self.kept(&now, increments)),
            None => match self.never {
                Some(why) => why.to_owned(),
                None if own_member => "it has a member that is in no source".to_owned(),
                None => {
                    let ways = ways(plan, grain, self.planner);
                    match table.first(&ways.map_err(|cause| text.engine(cause))?) {
                        Ok(found) => return Ok(self.extended(&found, &now, increments)),
                        Err(why) => why,
                    }
                }
            },
        };
        Ok(Decided {
            fate: Fate::Anew { why },
            sources: self.sources.clone(),
            parts: now,
            told_by: Vec::new(),
            stands: Vec::new(),
            gone: rows_of(increments, |_| true),
        })
    }

    /// Nothing is read: the statement is planned over sources without rows.
    fn kept(&self, now: &Parts, increments: &[Increment]) -> Decided {
        Decided {
            fate: Fate::Kept,
            sources: self.only(now.keys(), &Parts::new()),
            parts: Parts::new(),
            told_by: Vec::new(),
            stands: rows_of(increments, |_| true),
            gone: Vec::new(),
        }
    }

    fn extended(&self, found: &Found<'_>, now: &Parts, increments: &[Increment]) -> Decided {
        let Found { way, kept, added } = found;
        let is_more = added.values().any(|parts| !parts.is_empty());
        let sources = if is_more {
            self.only(way.cut.keys(), added)
        } else {
            self.only(now.keys(), added)
        };
        let whole = now.iter().filter(|(name, _)| !way.cut.contains_key(*name));
        let whole = whole.map(|(name, parts)| (name.clone(), parts.clone()));
        Decided {
            fate: Fate::Extended {
                kept: kept.clone(),
                parts: added.values().map(BTreeSet::len).sum(),
            },
            sources,
            parts: added.clone().into_iter().chain(whole).collect(),
            told_by: way.told_by.clone(),
            stands: rows_of(increments, |at| kept.contains(&at)),
            gone: rows_of(increments, |at| !kept.contains(&at)),
        }
    }

    /// All sources, of these only some parts.
    fn only<'n>(&self, names: impl Iterator<Item = &'n String>, parts: &Parts) -> Sources {
        let mut sources = self.sources.clone();
        for name in names {
            if let Some(source) = sources.get_mut(name) {
                let of = parts.get(name);
                let is_in = |part: &str| of.is_some_and(|of| of.contains(part));
                *source = Arc::new(Subset::new(source, is_in));
            }
        }
        sources
    }
}

/// A table that stands.
struct OfTable<'a> {
    increments: &'a [Increment],
    /// The parts of all that it reads.
    now: &'a Parts,
    sources: &'a Sources,
}

/// A way that is shown to be right.
struct Found<'a> {
    way: &'a Way,
    kept: Vec<usize>,
    /// For each source of the way the parts that no increment has read.
    added: Parts,
}

impl OfTable<'_> {
    fn is_as_it_was(&self) -> bool {
        self.now.iter().all(|(name, now)| {
            let read = self.increments.iter();
            let read: BTreeSet<&String> = read.flat_map(|one| read_of(one, name)).collect();
            read.into_iter().eq(now)
        })
    }

    /// The first of some ways that is right; why the first of them is not, otherwise.
    fn first<'w>(&self, ways: &'w [Way]) -> Result<Found<'w>, String> {
        let mut why = None;
        for way in ways {
            match self.try_way(way) {
                Ok(found) => return Ok(found),
                Err(not) => why.get_or_insert(not),
            };
        }
        Err(why.unwrap_or_else(|| "its statement has rows of all sources in one".to_owned()))
    }

    fn try_way<'w>(&self, way: &'w Way) -> Result<Found<'w>, String> {
        let kept: Vec<usize> = (0..self.increments.len())
            .filter(|&at| self.stays(&self.increments[at], way))
            .collect();
        if kept.is_empty() {
            return Err(self.what_changed(way));
        }
        let mut added = Parts::new();
        for name in way.cut.keys() {
            let mut left = self.now.get(name).cloned().unwrap_or_default();
            for part in kept
                .iter()
                .flat_map(|&at| read_of(&self.increments[at], name))
            {
                if !left.remove(part) {
                    return Err(format!("files of {name} were read for it twice"));
                }
            }
            added.insert(name.clone(), left);
        }
        self.show(way, &kept)?;
        Ok(Found { way, kept, added })
    }

    /// Whether all that was read for an increment is there, and would be read for it again.
    fn stays(&self, increment: &Increment, way: &Way) -> bool {
        self.now.iter().all(|(name, now)| {
            let mut read = read_of(increment, name);
            if way.cut.contains_key(name) {
                read.all(|part| now.contains(part))
            } else {
                read.eq(now)
            }
        })
    }

    /// Rows that meet are all of one increment: their sources' keys are.
    fn show(&self, way: &Way, kept: &[usize]) -> Result<(), String> {
        let mut columns = Vec::new();
        for (name, key) in &way.cut {
            let Some(key) = key else {
                // Rows of this source never meet.
                continue;
            };
            let unknown = || format!("nobody knows which {key} the files of {name} have");
            let source = self.sources.get(name).ok_or_else(unknown)?;
            let at = source.schema().index_of(key).map_err(|_| unknown())?;
            columns.push((name, key, source, at));
        }
        if columns.is_empty() {
            return Ok(());
        }
        let schemas: Vec<_> = columns
            .iter()
            .map(|(_, _, source, _)| source.schema())
            .collect();
        let types = schemas.iter().zip(&columns);
        let types = types.map(|(schema, (.., at))| schema.field(*at).data_type());
        let shared = common_type(types);
        let shared = shared.ok_or("its keys are of types that have no order in common")?;
        let mut all = vec![Ranges::default(); kept.len() + 1];
        for (name, key, source, at) in columns {
            let unknown = || format!("nobody knows which {key} the files of {name} have");
            let bounds = source.bounds(at).ok_or_else(unknown)?;
            let known = Known::new(&bounds, &shared).ok_or_else(unknown)?;
            for part in source.parts() {
                let read = kept.iter().position(|&at| {
                    let read = self.increments[at].parts.get(name);
                    read.is_some_and(|read| read.contains(&part.identity))
                });
                // What no increment has read is read for the next one.
                all[read.unwrap_or(kept.len())].add(&known, part.pieces);
            }
        }
        if are_apart(&all) {
            return Ok(());
        }
        let keys = way.cut.iter();
        let keys = keys.filter_map(|(name, key)| Some(format!("{name}.{}", key.as_ref()?)));
        let keys = keys.collect::<Vec<_>>().join(" and ");
        Err(format!("new files and old ones share values of {keys}"))
    }

    /// What keeps every increment from staying.
    fn what_changed(&self, way: &Way) -> String {
        let differs = |cut: bool| {
            let mut sources = self.now.iter();
            sources.find(|(name, now)| {
                let read = self.increments.iter().flat_map(|one| read_of(one, name));
                let read: BTreeSet<&String> = read.collect();
                let gone = read.iter().any(|part| !now.contains(*part));
                cut == way.cut.contains_key(*name) && (gone || (!cut && !read.into_iter().eq(*now)))
            })
        };
        match (differs(true), differs(false)) {
            (_, Some((name, _))) => format!("{name}, which it reads whole, has changed"),
            (Some((name, _)), _) => format!("files of {name} that it was made from have changed"),
            (None, None) => "its increments do not stand alone".to_owned(),
        }
    }
}

/// The rows of some increments.
fn rows_of(increments: &[Increment], is_one: impl Fn(usize) -> bool) -> Vec<Arc<dyn Source>> {
    let numbered = increments.iter().enumerate();
    let some = numbered.filter(|(at, _)| is_one(*at));
    some.map(|(_, one)| Arc::clone(&one.rows)).collect()
}

/// What was read of a source for an increment, in order.
fn read_of<'i>(increment: &'i Increment, source: &str) -> impl Iterator<Item = &'i String> {
    increment.parts.get(source).into_iter().flatten()
}

fn parts_of(source: &Arc<dyn Source>) -> BTreeSet<String> {
    source
        .parts()
        .into_iter()
        .map(|part| part.identity)
        .collect()
}
