//! Arguments to the settings of the libraries: the one place that knows both.

mod bucket;
mod job;
mod memory;
mod place;
mod recipe;
mod selection;
mod tables;

pub(crate) use job::{Job, job};
pub(crate) use place::{Destination, store};
pub(crate) use recipe::Recipe;
pub(crate) use selection::{Selection, columns_only, flags, select};
