//! What is looked at before anything is removed or written: folder, memory, disk.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::{
    DEFAULT_FILE_BYTES, DEFAULT_ROW_GROUP_ROWS, Layout, Plan, Shard, Standing, Store, inspect,
};

use crate::disk;
use crate::error::Failure;
use crate::lower::Job;

/// What stands in the place; what is not ours is refused at once.
pub(super) fn look_at(store: &dyn Store) -> Result<Standing> {
    let place = store.address();
    let found = inspect(store).map_err(|error| {
        if matches!(error, lakeseed_sink::Error::Remote { .. }) {
            return anyhow::Error::new(error);
        }
        let chain = anyhow::Error::new(error);
        let expected = format!("a folder that can be read at {place}");
        Failure::refused(expected, format!("{chain:#}"), "choose another --out").into()
    })?;
    if let Some(foreign) = &found.foreign {
        // Other people's files are never removed, with or without --overwrite.
        let expected = format!("a new or empty folder at {place}");
        let advice = "choose another --out, or empty it yourself";
        return Err(Failure::refused(expected, foreign, advice).into());
    }
    Ok(found)
}

/// Row-group sizes in MiB that are proposed where the asked one does not fit.
const SMALLER_GROUPS_MIB: [u64; 7] = [64, 32, 16, 8, 4, 2, 1];

/// Refuses what not even one worker could do, and says with how much it could. `need` is what a worker
/// of a plan holds.
pub(super) fn check_memory(
    job: &Job,
    plan: &Plan<'_>,
    need: impl Fn(&Plan<'_>) -> u64,
) -> Result<()> {
    let (Some(total), Some(granted)) = (job.memory.total, job.memory.for_workers()) else {
        return Ok(());
    };
    let needed = Bytes::new(need(plan));
    if needed <= granted {
        return Ok(());
    }
    let program = job.memory.program;
    let sum = program + needed;
    let expected = format!("memory for one worker, {sum} (program {program} + worker {needed})");
    let mut advice = format!("give --memory {}MiB", sum.get().div_ceil(1 << 20));
    for (layout, flag) in ways_to_take_less(job) {
        // Sizes that make no plan are no way out.
        let plan = job.plan_with(layout);
        if plan.is_ok_and(|plan| need(&plan) <= granted.get()) {
            let _ = write!(advice, ", or {flag}");
            break;
        }
    }
    let got = format!("{total} by {}", job.memory.by);
    Err(Failure::refused(expected, got, &advice).into())
}

/// Sizes with which a worker may take less, and how to ask for them.
fn ways_to_take_less(job: &Job) -> Vec<(Layout, String)> {
    let asked = job.layout;
    let smaller_files = Layout {
        files: None,
        file_bytes: DEFAULT_FILE_BYTES,
        ..asked
    };
    let size = DEFAULT_FILE_BYTES >> 20;
    let mut ways = vec![(smaller_files, format!("--file-size {size}MiB"))];
    if job.has_row_groups {
        let row_group_rows = DEFAULT_ROW_GROUP_ROWS;
        let fewer_groups = Layout {
            row_group_rows,
            ..asked
        };
        ways.push((fewer_groups, format!("--row-group-rows {row_group_rows}")));
        let smaller_groups = SMALLER_GROUPS_MIB.into_iter().map(|size| {
            let layout = Layout {
                row_group_bytes: size << 20,
                ..asked
            };
            (layout, format!("--row-group-size {size}MiB"))
        });
        ways.extend(smaller_groups);
    }
    ways.retain(|(layout, _)| *layout != asked);
    ways
}

/// Estimates come from a sample: what misses by less than this, in per cent, is tried.
const ESTIMATE_MISSES: u64 = 5;

/// Refuses what the disk cannot hold. What an interrupted run has written is taken for enough: its
/// size is known to the run only.
pub(super) fn check_disk(
    folder: &Path,
    plan: &Plan<'_>,
    share: Shard,
    standing: &Standing,
) -> Result<()> {
    let Some(free) = disk::free(folder) else {
        return Ok(());
    };
    let goes_on = standing
        .unfinished
        .iter()
        .any(|there| there.plan_id == plan.id());
    // The other shares may be on other disks: this one is all that is known to be written here.
    let needed = Bytes::new(plan.estimated_bytes() / u64::from(share.of()));
    if goes_on || needed.get() / 100 * (100 - ESTIMATE_MISSES) <= free.get() {
        return Ok(());
    }
    let expected = format!("room for about {needed} at {}", folder.display());
    let advice = "make room, choose another --out, or fewer rows";
    Err(Failure::refused(expected, format!("{free} free"), advice).into())
}
