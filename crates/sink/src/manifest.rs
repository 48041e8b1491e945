//! What a finished output says of itself: `_lakeseed/manifest.json`.
//!
//! Its bytes follow from the plan and the receipts alone: no clock, no host, no thread count. A
//! folder of ours without it is unfinished.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::place::PartPath;

/// The version of the manifest's own layout.
pub const MANIFEST_VERSION: u32 = 1;

/// A finished output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this layout.
    pub version: u32,
    /// The crate and version that wrote the output.
    pub written_by: String,
    /// The plan.
    pub plan_id: String,
    /// The data id, as the caller gave it.
    pub data_id: String,
    /// The format, by name.
    pub format: String,
    /// The compression, with its level.
    pub compression: String,
    /// The tables, in the plan's order.
    pub tables: Vec<ManifestTable>,
}

/// A table of a finished output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestTable {
    /// The name.
    pub name: String,
    /// Rows in all parts.
    pub rows: u64,
    /// Bytes in all parts.
    pub bytes: u64,
    /// The columns that stand in the path instead of in the files.
    pub partition_columns: Vec<String>,
    /// The parts, in row order.
    pub parts: Vec<ManifestPart>,
}

/// A file of a finished output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPart {
    /// The path from the output's folder on, with forward slashes.
    pub path: String,
    /// The first row, counted from the table's first.
    pub first_row: u64,
    /// How many rows.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Manifest {
    /// The manifest as it stands on disk.
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

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }
}

/// What an output will be, recorded before the first part: `_lakeseed/plan.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PlanRecord {
    pub(crate) version: u32,
    pub(crate) plan_id: String,
    pub(crate) parts: Vec<String>,
}

impl PlanRecord {
    pub(crate) fn new(plan_id: &str, parts: &[PartPath]) -> Self {
        Self {
            version: MANIFEST_VERSION,
            plan_id: plan_id.to_owned(),
            parts: parts.iter().map(|part| part.as_str().to_owned()).collect(),
        }
    }
}
