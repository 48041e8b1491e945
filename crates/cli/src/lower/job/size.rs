//! `--size`: the scale at which all files together are so large.

use anyhow::Result;
use lakeseed_budget::Bytes;

use super::{Job, job_at};
use crate::args::{self, Source};
use crate::error::Failure;
use crate::lower::own::OwnRows;

/// Where the search begins: large enough for dictionaries and groups to be as they will be.
const FIRST_SCALE: f64 = 0.1;
/// Sizes grow almost in step with the scale, so that each round gains two digits.
const ROUNDS: usize = 4;
/// An estimate that is nearer than this is taken.
const NEAR: f64 = 0.002;
/// How far off the last round may be: a few rows more or less are the least step.
const NEAR_ENOUGH: f64 = 0.03;

/// The job whose files are about `size` together, from samples at the scales on the way.
pub(super) fn job(
    source: &Source,
    own: &OwnRows,
    output: &args::Layout,
    size: Bytes,
) -> Result<Job> {
    let mut scale = FIRST_SCALE;
    let mut nearest: Option<(f64, f64)> = None;
    for _ in 0..ROUNDS {
        let job = job_at(source, own, output, Some(scale))?;
        let found = job.plan()?.estimated_bytes() as f64;
        let off = found / size.get() as f64 - 1.0;
        if off.abs() < NEAR {
            return Ok(job);
        }
        if nearest.is_none_or(|(_, before)| off.abs() < before.abs()) {
            nearest = Some((scale, off));
        }
        scale = rounded(scale / (1.0 + off));
    }
    match nearest {
        Some((scale, off)) if off.abs() < NEAR_ENOUGH => job_at(source, own, output, Some(scale)),
        _ => {
            let expected = format!("a --size that {} can have", source.target);
            let advice = "change --size, or set --scale or --rows";
            Err(Failure::usage(expected, size, advice).into())
        }
    }
}

/// Five digits, so that the scale can be said and repeated.
fn rounded(scale: f64) -> f64 {
    let text = format!("{scale:.4e}");
    text.parse().unwrap_or(scale)
}
