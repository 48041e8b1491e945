//! Messages as files: one message a line, a file a part, whole or not at all.
//!
//! A folder of messages is an output like any other: plan, journal, manifest last. Its format is
//! called `messages`, and its manifest says beside the data how rows became messages.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::plan::MessagePlan;
use super::settings::MessageSettings;
use crate::commit::{Mode, PlanRecord};
use crate::error::Result;
use crate::fail;
use crate::manifest::{Manifest, ManifestPart};
use crate::path::PartPath;
use crate::pump::Digested;
use crate::store::{PartWriter, Store};
use crate::totals::Totals;

/// The format of a manifest whose files hold messages.
pub const MESSAGES_FORMAT: &str = "messages";
/// The end of a file's name.
const EXTENSION: &str = "messages.jsonl";
/// Nobody knows how large a file becomes: about what the rows of a part take.
pub(super) const EXPECTED_BYTES: u64 = 64 << 20;

/// What the manifest of a folder of messages says of its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessagesRecord {
    /// How rows became messages.
    pub messages: MessageSettings,
    /// What the rows can be made from again, in the words of the caller.
    pub rows: serde_json::Value,
}

impl MessagesRecord {
    /// What a manifest says; `None` where its files hold no messages.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let plan = manifest.plans.last()?;
        let is_ours = manifest.format == MESSAGES_FORMAT;
        is_ours.then(|| serde_json::from_value(plan.data.clone()).ok())?
    }
}

/// The files of a plan, in the order of its parts.
pub(super) fn paths(plan: &MessagePlan<'_>) -> Result<Vec<PartPath>> {
    (0..plan.parts.len())
        .map(|part| PartPath::try_new(&plan.table, &[], part, &plan.id, EXTENSION))
        .collect()
}

/// What is written down before the first message.
pub(super) fn record(plan: &MessagePlan<'_>, paths: &[PartPath]) -> PlanRecord {
    let data = MessagesRecord {
        messages: plan.settings,
        rows: plan.data.clone(),
    };
    let table = (&plan.table, &plan.schema, paths, [].as_slice());
    PlanRecord {
        format: MESSAGES_FORMAT.to_owned(),
        compression: "none".to_owned(),
        ..PlanRecord::of_units(
            &plan.id,
            &plan.data_id,
            // Its types exclude that it cannot be written.
            &serde_json::to_value(data).unwrap_or_default(),
            crate::format::Json::plain(),
            Mode::New,
            std::iter::once(table),
        )
    }
}

/// A file on its way.
pub(super) struct FileOfMessages {
    out: Box<dyn PartWriter>,
    digest: Arc<OnceLock<blake3::Hash>>,
}

impl FileOfMessages {
    pub(super) fn create(store: &dyn Store, path: &PartPath) -> Result<Self> {
        let digest = Arc::new(OnceLock::new());
        let out = store.create(path, EXPECTED_BYTES)?;
        fail::point("part.created");
        Ok(Self {
            out: Box::new(Digested::new(out, Arc::clone(&digest), None)),
            digest,
        })
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> Result<()> {
        self.out.write(lines)?;
        fail::point("part.appended");
        Ok(())
    }

    pub(super) fn finish(
        self,
        path: &PartPath,
        rows: u64,
        messages: u64,
        totals: Option<Totals>,
    ) -> Result<ManifestPart> {
        let bytes = self.out.finish()?;
        Ok(ManifestPart {
            path: path.as_str().to_owned(),
            // Known when all parts before it are: the manifest counts.
            first_row: 0,
            rows,
            bytes,
            blake3: self
                .digest
                .get()
                .map(|digest| digest.to_hex().to_string())
                .unwrap_or_default(),
            messages: Some(messages),
            totals,
        })
    }
}
