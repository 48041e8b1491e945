//! Arguments to the settings of the libraries: the one place that knows both.

#[cfg(feature = "star")]
pub(crate) mod bench;
mod bucket;
mod files;
mod from;
mod job;
#[cfg(feature = "load")]
pub(crate) mod load;
mod memory;
pub(crate) mod own;
mod place;
pub(crate) mod publish;
mod queue;
mod recipe;
mod selection;
#[cfg(feature = "star")]
pub(crate) mod sql;
#[cfg(feature = "star")]
pub(crate) mod star;
mod tables;
pub(crate) mod views;

pub(crate) use job::{Job, job};
pub(crate) use memory::Memory;
pub(crate) use own::OwnRows;
pub(crate) use place::{Destination, store};
pub(crate) use queue::{ReadBack, To, is_of_aws, is_queue};
pub(crate) use recipe::Recipe;
pub(crate) use selection::{Selection, columns_only, flags, select};
pub(crate) use tables::source;

/// Worker threads: as many as were asked for, or as there are cores.
pub(crate) fn threads(asked: Option<u64>) -> usize {
    match asked {
        Some(threads) => usize::try_from(threads).unwrap_or(usize::MAX),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// Whether an address is a database's.
pub(crate) fn is_database(address: &str) -> bool {
    let schemes = ["postgres://", "postgresql://", "mysql://", "mariadb://"];
    schemes.iter().any(|scheme| address.starts_with(scheme))
}
