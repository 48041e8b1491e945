//! From a model and what stands of its star to the files that will be written.

use std::sync::Arc;

use anyhow::Result;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use lakeseed_budget::Budget;
use lakeseed_sink::{FileFormat, UnitPlan, UnitTable, hints};
use lakeseed_star_schema::{FOLDER_OF_INDICATORS, Model, Settings, Standing, Star};

use crate::lower::star::{From, Stands, StarRecipe};

/// What decimals may have to be whole numbers of 64 bits in files.
const DIGITS_OF_64_BITS: u8 = 18;

/// What a star is made of.
pub(super) struct Job<'a> {
    pub(super) model: &'a Model,
    pub(super) from: &'a From,
    pub(super) format: FileFormat,
    /// What it is made from, without a word about what stands.
    pub(super) recipe: StarRecipe,
    pub(super) budget: &'a Budget,
}

/// A star that can be run.
pub(super) struct Planned {
    pub(super) star: Star,
    pub(super) recipe: StarRecipe,
    pub(super) plan: UnitPlan,
}

impl Job<'_> {
    /// Looks at samples and chooses; onto what stands, where something does.
    pub(super) fn planned(
        &self,
        mut stands: Option<&mut Stands>,
        settings: &Settings,
    ) -> Result<Planned> {
        let sample = self
            .budget
            .lease(
                "a sample of the sources",
                Star::SAMPLE_BYTES + settings.read_bytes,
            )
            .map_err(lakeseed_star_schema::Error::from)?;
        let nothing = Standing::default();
        let star = loop {
            let standing = stands.as_ref().map_or(&nothing, |stands| &stands.standing);
            let star = Star::onto(self.model, &self.from.sources, standing, settings)?;
            let other = stands
                .as_ref()
                .and_then(|stands| stands.other_columns(&star));
            let (Some(table), Some(stands)) = (other, &mut stands) else {
                break star;
            };
            let why = "its columns have other types".to_owned();
            stands.standing.anew.insert(table, why);
        };
        drop(sample);
        let mut recipe = self.recipe.clone();
        match &stands {
            Some(stands) => stands.complete(&mut recipe, &star, self.from),
            None => recipe.consists_of(&star, self.from, &std::collections::BTreeMap::new()),
        }
        let plan = self.plan(&star, &recipe, stands.as_deref())?;
        Ok(Planned { star, recipe, plan })
    }

    /// What will be written: a name for everything that decides the rows.
    fn plan(&self, star: &Star, recipe: &StarRecipe, stands: Option<&Stands>) -> Result<UnitPlan> {
        let units = star.units();
        let mut plan = UnitPlan::builder(self.format)
            .data_id(recipe.data_id())
            .data(serde_json::to_value(recipe)?);
        for table in &self.model.tables {
            let Some(schema) = star.schema(&table.name) else {
                continue;
            };
            plan = plan.table(UnitTable {
                name: table.name.clone(),
                schema: packed(&schema),
                units: units.iter().filter(|unit| unit.table == table.name).count(),
            });
        }
        if let Some(stands) = stands {
            plan = plan.onto(&stands.manifest, |table, part| {
                stands.stays(star, table, part)
            });
        }
        // What is made from a star stands in it, an output of its own.
        Ok(plan.beside(format!("{FOLDER_OF_INDICATORS}/")).build()?)
    }
}

/// The columns with a hint for writers: whole numbers as differences. Keys, counts and amounts are small
/// beside their types, and a reader is done with such pages several times as fast as with what a codec
/// makes of eight bytes a value.
fn packed(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let is_whole = match field.data_type() {
            DataType::Decimal128(precision, _) => *precision <= DIGITS_OF_64_BITS,
            other => other.is_integer() || other.is_temporal(),
        };
        let mut field = field.as_ref().clone();
        if is_whole {
            let hint = (hints::ENCODING.to_owned(), "delta".to_owned());
            field.metadata_mut().extend([hint]);
        }
        field
    });
    let fields: Vec<Field> = fields.collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}
