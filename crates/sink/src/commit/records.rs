//! What is written down on the way: the plan before the first part, a line a finished part.

use arrow_schema::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::names::Shard;
use crate::error::{Error, Result};
use crate::format::FileFormat;
use crate::manifest::{ManifestColumn, ManifestPart};
use crate::path::{PartPath, check_beside, check_name};
use crate::plan::{Plan, TablePlan};

/// The version of the records' own layout.
const VERSION: u32 = 2;

/// How a run meets what stands there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Writes where nothing is; goes on where the same plan was interrupted.
    #[default]
    New,
    /// Adds rows to a finished output of the same data; where nothing is, begins one.
    Append,
    /// Takes the place of a finished output, which stays whole until the new one is.
    Overwrite,
    /// The same, but the parts that each table names stay.
    Extend,
}

impl Mode {
    /// Whether plans that others have begun and not finished go: what stands does not need them.
    pub(super) fn takes_over(self) -> bool {
        matches!(self, Self::Overwrite | Self::Extend)
    }
}

/// What an output will be, recorded before the first part: `_lakeseed/plan-ID.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    pub(crate) version: u32,
    /// The plan.
    pub plan_id: String,
    /// The data id.
    pub data_id: String,
    /// What the rows are made from, in the words of the caller.
    pub data: serde_json::Value,
    /// The format, by name.
    pub format: String,
    /// The compression, with its level.
    pub compression: String,
    /// How the run meets what stands there.
    pub mode: Mode,
    /// The number of the manifest that stood there when it began, 0 for none.
    pub base: u64,
    /// How many processes share the plan.
    pub shards: u32,
    /// The tables.
    pub tables: Vec<TableRecord>,
    /// What the caller keeps beside them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
}

/// A table of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRecord {
    /// The name.
    pub name: String,
    /// The columns of the files.
    pub columns: Vec<ManifestColumn>,
    /// The columns that stand in the path.
    pub partition_columns: Vec<String>,
    /// The parts, in row order.
    pub parts: Vec<PartRecord>,
    /// Paths of parts of the output that it extends, which stay before them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
}

/// A part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// The path from the output's root on.
    pub path: String,
    /// Its rows; `None` where nobody knows before the part is made.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub rows: Option<PlannedRows>,
}

/// The rows of a part, where they are known in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRows {
    /// The first row.
    pub first_row: u64,
    /// How many rows.
    pub rows: u64,
    /// Rows of each chunk but the last.
    pub chunk_rows: u64,
}

impl PartRecord {
    /// Whether a receipt speaks of exactly this part.
    pub(super) fn is_made_as(&self, made: &ManifestPart) -> bool {
        let is_as_planned =
            |planned: PlannedRows| made.first_row == planned.first_row && made.rows == planned.rows;
        made.path == self.path && self.rows.is_none_or(is_as_planned)
    }
}

impl PlanRecord {
    /// What a plan would write down where nothing stands.
    pub(crate) fn new(plan: &Plan<'_>, mode: Mode, shard: Shard) -> Self {
        Self {
            version: VERSION,
            plan_id: plan.id().to_owned(),
            data_id: plan.data_id().to_owned(),
            data: plan.data().clone(),
            format: plan.format().kind().to_string(),
            compression: plan.format().compression().to_string(),
            mode,
            base: 0,
            shards: shard.of(),
            tables: plan.tables().iter().map(TableRecord::new).collect(),
            beside: Vec::new(),
        }
    }

    /// What a plan of units would write down where nothing stands: tables with their parts, and nothing
    /// beside them.
    pub(crate) fn of_units<'t>(
        plan_id: &str,
        data_id: &str,
        data: &serde_json::Value,
        format: FileFormat,
        mode: Mode,
        tables: impl Iterator<Item = (&'t String, &'t SchemaRef, &'t [PartPath], &'t [String])>,
    ) -> Self {
        let part = |path: &PartPath| PartRecord {
            path: path.as_str().to_owned(),
            rows: None,
        };
        let tables = tables.map(|(name, schema, paths, kept)| TableRecord {
            name: name.clone(),
            columns: columns(schema),
            partition_columns: Vec::new(),
            parts: paths.iter().map(part).collect(),
            kept: kept.to_vec(),
        });
        Self {
            version: VERSION,
            plan_id: plan_id.to_owned(),
            data_id: data_id.to_owned(),
            data: data.clone(),
            format: format.kind().to_string(),
            compression: format.compression().to_string(),
            mode,
            base: 0,
            shards: Shard::WHOLE.of(),
            tables: tables.collect(),
            beside: Vec::new(),
        }
    }

    /// Parts of all tables, in the order in which shards are dealt.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (usize, usize, &PartRecord)> {
        self.tables.iter().enumerate().flat_map(|(at, table)| {
            let parts = table.parts.iter().enumerate();
            parts.map(move |(number, part)| (at, number, part))
        })
    }

    /// The paths of all parts; a record from elsewhere may hold anything.
    pub(crate) fn paths(&self) -> Result<Vec<PartPath>> {
        self.parts()
            .map(|(_, _, part)| PartPath::parse(&part.path))
            .collect()
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(Error::encode("plan"))
    }

    pub(super) fn from_json(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).map_err(Error::encode("plan"))
    }

    /// Whether a record that was read is one that a run of ours may have written.
    pub(super) fn is_sound(&self) -> bool {
        let are_paths_ours = |table: &TableRecord| {
            let is_ours = |part: &PartRecord| {
                PartPath::parse(&part.path).is_ok_and(|path| path.table() == table.name)
            };
            check_name("table", &table.name).is_ok() && table.parts.iter().all(is_ours)
        };
        self.version == VERSION
            && Shard::new(1, self.shards).is_ok()
            && self.tables.iter().all(are_paths_ours)
            && self.beside.iter().all(|name| check_beside(name).is_ok())
    }

    /// Whether two records speak of the same parts, apart from the words for their data.
    pub(super) fn has_parts_of(&self, other: &Self) -> bool {
        self.data_id == other.data_id && self.tables == other.tables
    }
}

impl TableRecord {
    fn new(table: &TablePlan<'_>) -> Self {
        let part = |part: &crate::plan::Part| PartRecord {
            path: part.path.as_str().to_owned(),
            rows: Some(PlannedRows {
                first_row: part.rows.start,
                rows: part.rows.end - part.rows.start,
                chunk_rows: part.chunk_rows,
            }),
        };
        Self {
            name: table.name().to_owned(),
            columns: columns(table.schema()),
            partition_columns: table.partition_columns().to_vec(),
            parts: table.parts().iter().map(part).collect(),
            kept: Vec::new(),
        }
    }
}

fn columns(schema: &Schema) -> Vec<ManifestColumn> {
    let column = |field: &arrow_schema::FieldRef| ManifestColumn {
        name: field.name().clone(),
        data_type: field.data_type().to_string(),
        nullable: field.is_nullable(),
    };
    schema.fields().iter().map(column).collect()
}

/// A line of the journal: a part that is finished and durable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JournalLine {
    pub(crate) table: usize,
    pub(crate) number: usize,
    pub(crate) part: ManifestPart,
}

impl JournalLine {
    /// Unique within the journal, and in the parts' order.
    pub(super) fn key(&self) -> String {
        format!("{:05}-{:07}", self.table, self.number)
    }

    /// Whether it speaks of exactly this part.
    pub(super) fn is_of(&self, part: &PartRecord) -> bool {
        part.is_made_as(&self.part)
    }
}

/// What a shard has done, once it has done all: `_lakeseed/shard-ID-3of16.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ShardRecord {
    pub(super) version: u32,
    pub(super) plan_id: String,
    pub(super) shard: Shard,
    pub(super) lines: Vec<JournalLine>,
}

impl ShardRecord {
    pub(super) fn new(plan_id: &str, shard: Shard, lines: Vec<JournalLine>) -> Self {
        Self {
            version: VERSION,
            plan_id: plan_id.to_owned(),
            shard,
            lines,
        }
    }
}
