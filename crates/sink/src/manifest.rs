//! What a finished output says of itself: `_lakeseed/manifest-000001.json`.
//!
//! Its bytes follow from the plan and the receipts alone: no clock, no host, no thread count. An
//! output of ours without one is unfinished. The highest number counts; a lower one is an earlier
//! state, on its way out.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::plan::id;
use crate::totals::Totals;

/// The version of the manifest's own layout.
pub const MANIFEST_VERSION: u32 = 2;

/// A finished output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this layout.
    pub version: u32,
    /// The crate and version that wrote the output.
    pub written_by: String,
    /// Names this state of this output: a digest of its number and its plans.
    pub run_id: String,
    /// The manifest's own number: 1 for the first, one more each time the output changes.
    pub number: u64,
    /// The data id, as the caller gave it.
    pub data_id: String,
    /// The plans that made the output: the first, then those that were appended.
    pub plans: Vec<ManifestPlan>,
    /// The format, by name.
    pub format: String,
    /// The compression, with its level.
    pub compression: String,
    /// The tables, in the plan's order.
    pub tables: Vec<ManifestTable>,
    /// What the caller keeps beside the tables, and the manifest answers for nothing of: files, and
    /// folders with a slash behind their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
}

/// A plan of a finished output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestPlan {
    /// The plan's id; file names carry it.
    pub id: String,
    /// What the rows can be made from again: dataset, version, seed, parameters, scale, window,
    /// in the words of the caller.
    pub data: serde_json::Value,
}

/// A table of a finished output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestTable {
    /// The name.
    pub name: String,
    /// Rows in all parts.
    pub rows: u64,
    /// Bytes in all parts.
    pub bytes: u64,
    /// The columns of the files, in order.
    pub columns: Vec<ManifestColumn>,
    /// The columns that stand in the path instead of in the files.
    pub partition_columns: Vec<String>,
    /// Control totals of all rows, partition columns included; none where a column is of a type
    /// that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
    /// The parts, in row order.
    pub parts: Vec<ManifestPart>,
}

/// A column of a table's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestColumn {
    /// The name.
    pub name: String,
    /// The Arrow type, as Arrow writes it: `Int64`, `Decimal128(12, 2)`.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Whether it may hold nulls.
    pub nullable: bool,
}

/// A file of a finished output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestPart {
    /// The path from the output's root on, with forward slashes.
    pub path: String,
    /// The first row, counted from the table's first.
    pub first_row: u64,
    /// How many rows.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The BLAKE3 digest of the bytes, in hexadecimal.
    pub blake3: String,
    /// How many messages, in a file of messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Control totals of the rows, partition columns included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

impl Manifest {
    /// The manifest as it is stored.
    ///
    /// # Errors
    /// [`Error::Encode`] when it cannot be written as JSON, which its types exclude.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self).map_err(Error::encode("manifest"))?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Encode`] when the bytes are none.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).map_err(Error::encode("manifest"))
    }

    /// The plan that was written last, or the digest of several that make one output.
    pub fn plan_id(&self) -> &str {
        self.plans.last().map_or("", |plan| plan.id.as_str())
    }

    /// Whether a plan is part of this output.
    pub fn has_plan(&self, id: &str) -> bool {
        self.plans.iter().any(|plan| plan.id == id)
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }

    /// All parts of all tables.
    pub fn parts(&self) -> impl Iterator<Item = &ManifestPart> {
        self.tables.iter().flat_map(|table| &table.parts)
    }

    /// The name of a state: its number and its plans.
    pub(crate) fn run_id(number: u64, plans: &[ManifestPlan]) -> String {
        let mut parts = vec![number.to_string()];
        parts.extend(plans.iter().map(|plan| plan.id.clone()));
        id::joined(&parts)
    }
}

impl ManifestTable {
    /// Puts parts in row order and counts them anew.
    ///
    /// # Errors
    /// When the totals of the parts cannot be added up: they are of different columns.
    pub(crate) fn count(&mut self) -> Result<()> {
        self.parts.sort_by(|a, b| {
            let key = |part: &ManifestPart| (part.first_row, part.rows);
            key(a).cmp(&key(b)).then_with(|| a.path.cmp(&b.path))
        });
        self.rows = self.parts.iter().map(|part| part.rows).sum();
        self.bytes = self.parts.iter().map(|part| part.bytes).sum();
        let mut sum = Some(Totals::default());
        for part in &self.parts {
            match (&mut sum, &part.totals) {
                (Some(sum), Some(part)) => sum.merge(part)?,
                _ => sum = None,
            }
        }
        self.totals = sum;
        Ok(())
    }
}
