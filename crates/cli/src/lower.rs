//! Arguments to the settings of the libraries: the one place that knows both.

mod job;
mod memory;
mod selection;
mod tables;

pub(crate) use job::{Destination, Job, job};
pub(crate) use selection::{Selection, columns_only, flags, select};
