//! `lakeseed plan`: what `generate` would write. Writes nothing.

use anyhow::Result;

use crate::args::Plan;

pub(super) fn run(args: &Plan) -> Result<()> {
    let _ = args;
    Ok(())
}
