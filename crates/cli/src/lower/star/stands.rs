//! What stands of a star, as the engine takes it: the increments of its tables, from its manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use lakeseed_sink::{Error, FileFormat, Manifest, ManifestPart, Mode, PartPath, Store, inspect};
use lakeseed_star_schema::{Fate, Files, Increment, Parts, Standing, Star};

use super::files::Place;
use super::recipe::parts;
use super::{From, Made, StarRecipe};
use crate::lower::Destination;

/// What a run of another version would have made may be another thing.
const WRITTEN_BY: &str = concat!("lakeseed ", env!("CARGO_PKG_VERSION"));

/// A finished star of the same model and options.
pub(crate) struct Stands {
    pub(crate) manifest: Manifest,
    /// Whether its sources are what they are now, and all of its files are there.
    pub(crate) is_up_to_date: bool,
    /// Its tables, and what is known not to be extended.
    pub(crate) standing: Standing,
    /// What its tables consist of, each increment with its plan.
    made: BTreeMap<String, Vec<Made>>,
    recipe: StarRecipe,
}

impl Stands {
    /// Looks whether a star that can be extended stands. Nothing is changed.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub(crate) fn look(
        store: &Arc<dyn Store>,
        out: &Destination,
        from: &From,
        now: &StarRecipe,
        format: FileFormat,
    ) -> Result<Option<Self>> {
        let found = inspect(store.as_ref())?;
        let Some(manifest) = found.finished else {
            return Ok(None);
        };
        let data = manifest.plans.last().map(|plan| plan.data.clone());
        let recipe = data.and_then(|data| serde_json::from_value::<StarRecipe>(data).ok());
        let is_alike = manifest.written_by == WRITTEN_BY
            && manifest.format == format.kind().to_string()
            && manifest.compression == format.compression().to_string();
        let Some(recipe) = recipe.filter(|then| is_alike && then.is_of_the_same(now)) else {
            return Ok(None);
        };
        let is_up_to_date = found.unfinished.is_empty() && recipe.has_sources_of(now);
        let mut standing = Standing::default();
        // What an interrupted run has found out is not tried again.
        for begun in &found.unfinished {
            let its = serde_json::from_value::<StarRecipe>(begun.data.clone()).ok();
            let its = its.filter(|its| its.is_of_the_same(now) && its.has_sources_of(now));
            if begun.mode == Mode::Extend && begun.base == manifest.number {
                standing
                    .anew
                    .extend(its.into_iter().flat_map(|its| its.anew));
            }
        }
        let mut stands = Self {
            made: made_by(&recipe, &manifest),
            manifest,
            is_up_to_date,
            standing,
            recipe,
        };
        stands.open(store, out, from)?;
        // Files that are gone are made again.
        stands.is_up_to_date &= stands.standing.anew.is_empty();
        Ok(Some(stands))
    }

    /// Opens the files of all increments.
    fn open(&mut self, store: &Arc<dyn Store>, out: &Destination, from: &From) -> Result<()> {
        let root = PathBuf::from(out.to_string());
        let place = Place::new(&root, store);
        let known = from.sources.iter();
        let known: BTreeMap<&String, BTreeMap<String, String>> = known
            .map(|(name, source)| (name, parts(source.as_ref())))
            .collect();
        for (table, made) in &self.made {
            let mut increments = Vec::with_capacity(made.len());
            for one in made {
                let files: Vec<&ManifestPart> = self.files_of(table, one).collect();
                let Some(rows) = standing_rows(&place, store.as_ref(), &files)? else {
                    let why = "files of it are gone, or are other ones".to_owned();
                    self.standing.anew.insert(table.clone(), why);
                    continue;
                };
                let read = one.of.iter();
                let read = read.map(|(name, states)| {
                    let pinned = self.recipe.sources.get(name).into_iter();
                    let parts =
                        pinned.flat_map(|pinned| states.iter().map(|at| pinned.parts.get(at)));
                    let parts = parts.flatten().flatten();
                    let now = known.get(name);
                    // What is not there any more has no other name.
                    let named =
                        |part: &String| now.and_then(|now| now.get(part)).unwrap_or(part).clone();
                    (name.clone(), parts.map(named).collect::<BTreeSet<String>>())
                });
                let parts: Parts = read.collect();
                let rows = Arc::new(rows);
                increments.push(Increment { parts, rows });
            }
            self.standing.tables.insert(table.clone(), increments);
        }
        Ok(())
    }

    fn files_of(&self, table: &str, made: &Made) -> impl Iterator<Item = &ManifestPart> {
        let mut tables = self.manifest.tables.iter();
        let found = tables.find(|known| known.name == table);
        let parts = found.into_iter().flat_map(|found| &found.parts);
        let of_plan = made.plan.as_ref().map(|plan| format!("-{plan}."));
        parts.filter(move |part| of_plan.as_ref().is_some_and(|of| part.path.contains(of)))
    }

    /// What is to be made anew because its columns are of other types than those of the files that would
    /// stay; the first that was not known.
    pub(crate) fn other_columns(&self, star: &Star) -> Option<String> {
        let table = self.manifest.tables.iter().find(|table| {
            let is_anew = |fate: &Fate| matches!(fate, Fate::Anew { .. });
            let Some(schema) = star.schema(&table.name) else {
                return false;
            };
            let mut columns = schema.fields().iter().zip(&table.columns);
            let is_same = schema.fields().len() == table.columns.len()
                && columns.all(|(field, column)| {
                    *field.name() == column.name
                        && field.data_type().to_string() == column.data_type
                        && field.is_nullable() == column.nullable
                });
            !star.fate(&table.name).is_none_or(is_anew) && !is_same
        })?;
        Some(table.name.clone())
    }

    /// Completes the recipe of what a star will be, on top of this.
    pub(crate) fn complete(&self, recipe: &mut StarRecipe, star: &Star, from: &From) {
        recipe.number_after(&self.recipe, self.manifest.number + 1);
        recipe.consists_of(star, from, &self.made);
        recipe.anew.clone_from(&self.standing.anew);
    }

    /// Whether a file of a table stays.
    pub(crate) fn stays(&self, star: &Star, table: &str, part: &ManifestPart) -> bool {
        let none = Vec::new();
        let made = self.made.get(table).unwrap_or(&none);
        let is_of = |one: &Made| self.files_of(table, one).any(|file| file.path == part.path);
        match star.fate(table) {
            Some(Fate::Kept) => true,
            Some(Fate::Extended { kept, .. }) => kept.iter().any(|&at| is_of(&made[at])),
            Some(Fate::Anew { .. }) | None => false,
        }
    }
}

/// What tables consist of, each increment with its plan.
fn made_by(recipe: &StarRecipe, manifest: &Manifest) -> BTreeMap<String, Vec<Made>> {
    let last = manifest.plan_id();
    let tables = recipe.tables.iter().map(|(table, made)| {
        let made = made.iter().map(|one| Made {
            plan: one.plan.clone().or_else(|| Some(last.to_owned())),
            of: one.of.clone(),
        });
        (table.clone(), made.collect())
    });
    tables.collect()
}

/// The rows of files of ours; `None` where one is not what it was.
fn standing_rows(
    place: &Place<'_>,
    store: &dyn Store,
    files: &[&ManifestPart],
) -> Result<Option<Files>, Error> {
    let paths = files.iter().map(|file| PartPath::parse(&file.path));
    let sizes = store.finished(&paths.collect::<Result<Vec<_>, _>>()?)?;
    let mut both = files.iter().zip(sizes);
    if !both.all(|(file, size)| size == Some(file.bytes)) {
        return Ok(None);
    }
    let names = files.iter().map(|file| file.path.as_str());
    Ok(Files::open(place.files(names)).ok())
}
