//! What is looked at before anything is removed or written: folder, memory, disk.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::{FolderState, Layout, Manifest, Plan, inspect};

use crate::disk;
use crate::error::Failure;
use crate::lower::Job;

/// What stands in the folder; what is not ours is refused at once.
pub(super) fn look_at(folder: &Path) -> Result<FolderState> {
    let found = inspect(folder).map_err(|error| {
        let chain = anyhow::Error::new(error);
        let expected = format!("a folder that can be read at {}", folder.display());
        Failure::refused(expected, format!("{chain:#}"), "choose another --out")
    })?;
    if let FolderState::Foreign { found } = &found {
        // Other people's files are never removed, with or without --overwrite.
        let advice = "choose another --out, or empty it yourself";
        return Err(Failure::refused(nothing_in(folder), found, advice).into());
    }
    Ok(found)
}

/// A finished output of another plan stands in the way.
pub(super) fn refuse_other(folder: &Path, plan_id: &str) -> Failure {
    let got = format!("another finished output of lakeseed, plan {plan_id}");
    let advice = "choose another --out, or start over with --overwrite";
    Failure::refused(nothing_in(folder), got, advice)
}

fn nothing_in(folder: &Path) -> String {
    format!("a new or empty folder at {}", folder.display())
}

/// Row-group sizes in MiB that are proposed where the asked one does not fit.
const SMALLER_GROUPS_MIB: [u64; 7] = [64, 32, 16, 8, 4, 2, 1];

/// Refuses what not even one worker could do, and says with how much it could.
pub(super) fn check_memory(job: &Job, plan: &Plan<'_>) -> Result<()> {
    let (Some(total), Some(granted)) = (job.memory.total, job.memory.for_workers()) else {
        return Ok(());
    };
    let need = Bytes::new(plan.need_per_worker());
    if need <= granted {
        return Ok(());
    }
    let program = job.memory.program;
    let sum = program + need;
    let expected = format!("memory for one worker, {sum} (program {program} + worker {need})");
    let mut advice = format!("give --memory {}MiB", sum.get().div_ceil(1 << 20));
    if job.has_row_groups {
        for size in SMALLER_GROUPS_MIB {
            let row_group_bytes = size << 20;
            let layout = Layout {
                row_group_bytes,
                ..job.layout
            };
            let is_smaller = row_group_bytes < job.layout.row_group_bytes;
            if is_smaller && job.plan_with(layout)?.need_per_worker() <= granted.get() {
                let _ = write!(advice, ", or --row-group-size {size}MiB");
                break;
            }
        }
    }
    let got = format!("{total} by {}", job.memory.by);
    Err(Failure::refused(expected, got, &advice).into())
}

/// Estimates come from a sample: what misses by less than this, in per cent, is tried.
const ESTIMATE_MISSES: u64 = 5;

/// Refuses what the disk cannot hold. An old output that is to be removed counts as free.
pub(super) fn check_disk(folder: &Path, plan: &Plan<'_>, found: &FolderState) -> Result<()> {
    let Some(free) = disk::free(folder) else {
        return Ok(());
    };
    let old = match found {
        FolderState::OursFinished { .. } => manifest(folder)?.bytes(),
        _ => 0,
    };
    let room = free + Bytes::new(old);
    let needed = Bytes::new(plan.estimated_bytes());
    if needed.get() / 100 * (100 - ESTIMATE_MISSES) <= room.get() {
        return Ok(());
    }
    let expected = format!("room for about {needed} at {}", folder.display());
    let advice = "make room, choose another --out, or fewer rows";
    Err(Failure::refused(expected, format!("{room} free"), advice).into())
}

/// What a finished output says of itself.
pub(super) fn manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join("_lakeseed").join("manifest.json");
    Ok(Manifest::from_json(&std::fs::read(path)?)?)
}
