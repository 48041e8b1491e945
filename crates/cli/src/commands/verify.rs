//! `lakeseed verify`: an output read back, its rows made again.

use anyhow::Result;

use crate::args::Verify;
use crate::error::Failure;

pub(super) fn run(_args: &Verify) -> Result<()> {
    Err(Failure::usage("verify", "nothing", "wait").into())
}
