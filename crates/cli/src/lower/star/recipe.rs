//! What a star is made from: written into its manifest, compared with what stands there, read back by
//! `verify` and by who extends the star.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow_schema::{DataType, Schema};
use lakeseed_sink::Manifest;
use lakeseed_star_schema::{Fate, IndicatorSpec, Model, Source, Star};
use serde::{Deserialize, Serialize};

use super::From;
use crate::lower::Recipe;

/// The state that parts belong to where no other stood before.
const FIRST_STATE: u64 = 1;
/// Hexadecimal digits that name a part: 64 bits.
const PART_DIGITS: usize = 16;

/// All that decides the rows of a star, in digests, and what can be made again of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StarRecipe {
    /// The model's name.
    pub(crate) star: String,
    /// A digest of its statements, grains and unknown members, and of the types that it gives to its
    /// sources.
    pub(crate) statements: String,
    /// Where the sources were, as it was said; for people.
    pub(crate) from: String,
    pub(crate) sources: BTreeMap<String, Pinned>,
    /// The column that tables are cut by, where one was named.
    pub(crate) batch_by: Option<String>,
    /// What the sources were generated from; nothing where somebody else has written them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) generated: Vec<Recipe>,
    /// The increments that each table consists of, the oldest first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tables: BTreeMap<String, Vec<Made>>,
    /// Tables that could not be extended, as was seen when that was tried, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) anew: BTreeMap<String, String>,
}

/// A source as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pinned {
    /// A digest of what tells it from another state of itself.
    pub(crate) digest: String,
    /// Its rows, as the manifest of an output of ours has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u64>,
    /// Its parts, in digests, by the number of the state of the star that read them first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parts: BTreeMap<u64, Vec<String>>,
}

/// An increment of a table: the files that one plan has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// The plan; the one that says this, where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<String>,
    /// What was read for it: the numbers under which [`Pinned::parts`] has it.
    pub(crate) of: BTreeMap<String, Vec<u64>>,
}

impl StarRecipe {
    pub(crate) fn new(model: &Model, place: &Path, from: &From, batch_by: Option<&str>) -> Self {
        let manifest = from.manifest.as_ref();
        let rows = |name: &str| {
            let tables = &manifest?.tables;
            tables
                .iter()
                .find(|table| table.name == name)
                .map(|table| table.rows)
        };
        let pinned = |(name, source): (&String, &super::AnySource)| {
            let parts = parts(source.as_ref());
            let pinned = Pinned {
                digest: digest([source.identity(), &columns(&source.schema())]),
                rows: rows(name),
                parts: [(FIRST_STATE, parts.into_keys().collect())].into(),
            };
            (name.clone(), pinned)
        };
        Self {
            star: model.name.clone(),
            statements: statements(model),
            from: place.to_string_lossy().into_owned(),
            sources: from.sources.iter().map(pinned).collect(),
            batch_by: batch_by.map(str::to_owned),
            generated: manifest.and_then(recipes).unwrap_or_default(),
            tables: BTreeMap::new(),
            anew: BTreeMap::new(),
        }
    }

    /// Parts that another recipe knows are under its numbers, those that are new under this one.
    pub(crate) fn number_after(&mut self, then: &Self, number: u64) {
        for (name, pinned) in &mut self.sources {
            let known = then.sources.get(name).into_iter();
            let known = known.flat_map(|then| &then.parts);
            let known =
                known.flat_map(|(state, parts)| parts.iter().map(move |part| (part, *state)));
            let known: BTreeMap<&String, u64> = known.collect();
            let mut parts: BTreeMap<u64, Vec<String>> = BTreeMap::new();
            for part in std::mem::take(&mut pinned.parts).into_values().flatten() {
                let state = known.get(&part).copied().unwrap_or(number);
                parts.entry(state).or_default().push(part);
            }
            pinned.parts = parts;
        }
    }

    /// Says what the tables of a star consist of. `base` is what stands, and what its tables consist of,
    /// by their plans.
    pub(crate) fn consists_of(
        &mut self,
        star: &Star,
        from: &From,
        base: &BTreeMap<String, Vec<Made>>,
    ) {
        let tables: Vec<&str> = star.choices().map(|(table, _)| table).collect();
        for table in tables {
            let none = Vec::new();
            let stood = base.get(table).unwrap_or(&none);
            let mut made = match star.fate(table) {
                Some(Fate::Kept) => stood.clone(),
                Some(Fate::Extended { kept, .. }) => {
                    kept.iter().map(|&at| stood[at].clone()).collect()
                }
                Some(Fate::Anew { .. }) | None => Vec::new(),
            };
            if star.units().iter().any(|unit| unit.table == table) {
                let of = star.parts(table).into_iter().flatten();
                let of = of.map(|(name, read)| (name.clone(), self.states_of(from, name, read)));
                made.push(Made {
                    plan: None,
                    of: of.collect(),
                });
            }
            self.tables.insert(table.to_owned(), made);
        }
    }

    /// The states whose parts these are.
    fn states_of(&self, from: &From, name: &str, read: &BTreeSet<String>) -> Vec<u64> {
        let (Some(source), Some(pinned)) = (from.sources.get(name), self.sources.get(name)) else {
            return Vec::new();
        };
        let identities = parts(source.as_ref());
        let is_read = |part: &String| identities.get(part).is_some_and(|one| read.contains(one));
        let states = pinned.parts.iter();
        let states = states.filter(|(_, parts)| parts.iter().any(is_read));
        states.map(|(state, _)| *state).collect()
    }

    /// Names the rows of the star: its model, and a digest of everything else.
    pub(crate) fn data_id(&self) -> String {
        let mut texts = vec![self.statements.as_str()];
        for (name, source) in &self.sources {
            texts.extend([name.as_str(), source.digest.as_str()]);
        }
        texts.extend(self.batch_by.as_deref());
        format!("star {} {}", self.star, digest(texts))
    }

    /// Whether it is of the same model and the same options: only sources may differ.
    pub(crate) fn is_of_the_same(&self, other: &Self) -> bool {
        let of = |one: &Self| {
            (
                one.star.clone(),
                one.statements.clone(),
                one.batch_by.clone(),
            )
        };
        of(self) == of(other)
    }

    /// Whether all sources are what they were.
    pub(crate) fn has_sources_of(&self, other: &Self) -> bool {
        let digests = |one: &Self| -> Vec<(String, String)> {
            let sources = one.sources.iter();
            sources
                .map(|(name, pinned)| (name.clone(), pinned.digest.clone()))
                .collect()
        };
        digests(self) == digests(other)
    }

    /// In what it differs from the star that is asked for now, in words; nothing where it does not.
    pub(crate) fn difference(&self, now: &Self) -> Option<String> {
        let mut changed = Vec::new();
        if self.star != now.star {
            changed.push(format!("it is a star of the model {}", self.star));
        } else if self.statements != now.statements {
            changed.push("the statements of the model have changed".to_owned());
        }
        for (name, source) in &now.sources {
            match self.sources.get(name) {
                Some(then) if then.digest == source.digest => {}
                Some(_) => changed.push(format!("the source {name} has changed")),
                None => changed.push(format!("it has no source {name}")),
            }
        }
        if self.batch_by != now.batch_by {
            let column = self.batch_by.as_deref();
            let by = column.map_or("no column".to_owned(), |column| format!("column {column}"));
            changed.push(format!("it is cut by {by}"));
        }
        (!changed.is_empty()).then(|| changed.join(", "))
    }
}

/// What answers follow from: written into the manifest of indicators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndicatorsRecipe {
    /// The model's name.
    pub(crate) indicators: String,
    /// The star's run, as its manifest names it.
    pub(crate) run_id: String,
    /// A digest of the files of the star.
    pub(crate) tables: String,
    /// A digest of each statement, by the indicator's name.
    pub(crate) statements: BTreeMap<String, String>,
}

impl IndicatorsRecipe {
    pub(crate) fn new<'i>(
        model: &Model,
        star: &Manifest,
        indicators: impl Iterator<Item = &'i IndicatorSpec>,
    ) -> Self {
        Self {
            indicators: model.name.clone(),
            run_id: star.run_id.clone(),
            tables: digest(star.parts().map(|part| part.blake3.as_str())),
            statements: indicators
                .map(|spec| (spec.name.clone(), digest([spec.sql.as_str()])))
                .collect(),
        }
    }

    /// Names the answers: the model, and a digest of everything else.
    pub(crate) fn data_id(&self) -> String {
        let mut texts = vec![self.run_id.as_str(), self.tables.as_str()];
        for (name, statement) in &self.statements {
            texts.extend([name.as_str(), statement.as_str()]);
        }
        format!("indicators {} {}", self.indicators, digest(texts))
    }
}

/// A digest of what a model's tables are made by. Days of a calendar are pinned as its identity.
pub(crate) fn statements(model: &Model) -> String {
    let mut texts = Vec::new();
    for table in &model.tables {
        texts.extend([table.name.clone(), table.sql.clone()]);
        // Rows are sorted by the grain where no aggregate has made it.
        texts.extend(table.grain.iter().cloned());
        let member = table.unknown.iter();
        texts.extend(member.map(|(column, value)| format!("{column} = {value}")));
    }
    for source in &model.sources {
        texts.push(source.name.clone());
        let types = source.types.iter();
        texts.extend(types.map(|(column, data_type)| format!("{column} {data_type}")));
    }
    digest(texts.iter().map(String::as_str))
}

/// The parts of a source: digests for manifests, and what the source calls them. A part is another one
/// where its source has other columns: texts may be read as other types by then.
pub(super) fn parts(source: &dyn Source) -> BTreeMap<String, String> {
    let columns = columns(&source.schema());
    let parts = source.parts().into_iter().map(|part| {
        let mut name = digest([part.identity.as_str(), &columns]);
        name.truncate(PART_DIGITS);
        (name, part.identity)
    });
    parts.collect()
}

/// Names and types of columns; how texts are stored is no part of them.
fn columns(schema: &Schema) -> String {
    let column = |field: &arrow_schema::FieldRef| {
        let data_type = match field.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        digest([field.name().as_str(), &data_type.to_string()])
    };
    let columns = schema.fields().iter().map(column);
    columns.collect::<Vec<_>>().join(" ")
}

/// The recipes of an output that `generate` has written.
fn recipes(manifest: &Manifest) -> Option<Vec<Recipe>> {
    let plans = manifest.plans.iter();
    let recipes = plans.map(|plan| serde_json::from_value(plan.data.clone()));
    recipes.collect::<Result<_, _>>().ok()
}

/// Texts go in with their length, so that no two lists of texts look alike.
fn digest<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut digest = blake3::Hasher::new();
    for text in texts {
        digest.update(&(text.len() as u64).to_le_bytes());
        digest.update(text.as_bytes());
    }
    digest.finalize().to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> StarRecipe {
        let pinned = |digest: &str| Pinned {
            digest: digest.to_owned(),
            rows: None,
            parts: [(1, vec![format!("{digest}1"), format!("{digest}2")])].into(),
        };
        StarRecipe {
            star: "shops".to_owned(),
            statements: "a".to_owned(),
            from: "in".to_owned(),
            sources: [("sales", "b"), ("stock", "c")]
                .map(|(name, digest)| (name.to_owned(), pinned(digest)))
                .into(),
            batch_by: None,
            generated: Vec::new(),
            tables: BTreeMap::new(),
            anew: BTreeMap::new(),
        }
    }

    #[test]
    fn parts_keep_the_number_of_the_state_that_read_them_first() {
        let then = recipe();
        let mut now = recipe();
        let sales = now.sources.get_mut("sales").unwrap();
        sales.parts = [(1, ["b0", "b2", "b3"].map(str::to_owned).into())].into();
        now.number_after(&then, 7);
        let texts = |parts: &[&str]| {
            parts
                .iter()
                .map(|&part| part.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            now.sources["sales"].parts,
            [(1, texts(&["b2"])), (7, texts(&["b0", "b3"]))].into()
        );
        assert_eq!(now.sources["stock"].parts, then.sources["stock"].parts);
    }

    #[test]
    fn whatever_decides_the_rows_is_named_and_changes_the_id() {
        let then = recipe();
        assert_eq!(then.difference(&recipe()), None);
        assert_eq!(then.data_id(), recipe().data_id());
        let change = |change: &dyn Fn(&mut StarRecipe), said: &str| {
            let mut now = recipe();
            change(&mut now);
            assert_eq!(then.difference(&now).as_deref(), Some(said));
            assert_ne!(then.data_id(), now.data_id(), "{said}");
        };
        change(
            &|now| now.sources.get_mut("stock").unwrap().digest.push('x'),
            "the source stock has changed",
        );
        change(
            &|now| now.statements.push('x'),
            "the statements of the model have changed",
        );
        change(
            &|now| now.batch_by = Some("town".to_owned()),
            "it is cut by no column",
        );
        change(&|now| now.star.push('x'), "it is a star of the model shops");
        let mut elsewhere = recipe();
        elsewhere.from.push('x');
        assert_eq!(then.data_id(), elsewhere.data_id());
    }
}
