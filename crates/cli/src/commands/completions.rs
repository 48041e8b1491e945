//! `lakeseed completions SHELL`.

use anyhow::Result;

use crate::args::{self, Completions};
use crate::report;

pub(super) fn run(args: &Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "lakeseed", &mut script);
    report::print(&String::from_utf8_lossy(&script))
}
