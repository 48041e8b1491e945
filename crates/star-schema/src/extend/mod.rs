//! A star that stands and whose sources have changed: which of its files stay, and what is added.
//!
//! ```text
//! parts of the sources     1  2  3 | 4        4 is new
//! increments of a table    files of 1 2 3     stay, if the proofs hold
//!                          files of 4         are made now
//! ```
//! The rows of a table are those of its increments, one behind the other, where two things are shown by
//! numbers: rows of the sources that meet in a join, a window or a group are all of one increment
//! ([`ways`]), and no group has rows in two ([`told`]). What is not shown is made anew.

mod decide;
mod ranges;
mod told;
mod ways;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

pub(crate) use self::decide::{Decided, Deciding};
pub(crate) use self::told::Told;
use crate::Source;

/// Parts of sources, by the source's name, as [`Part::identity`](crate::Part::identity) names them.
pub type Parts = BTreeMap<String, BTreeSet<String>>;

/// What stands of a star. The default is nothing.
#[derive(Clone, Default)]
pub struct Standing {
    /// The increments of each table, the oldest first.
    pub tables: HashMap<String, Vec<Increment>>,
    /// Tables that are made anew whatever is proven, and why.
    pub anew: BTreeMap<String, String>,
}

/// Files of a table that were made at once.
#[derive(Clone)]
pub struct Increment {
    /// All that was read for them.
    pub parts: Parts,
    /// Their rows.
    pub rows: Arc<dyn Source>,
}

/// What becomes of a table of a star that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Its sources are what they were: its files stay.
    Kept,
    /// Some of its increments stay, and one is added.
    Extended {
        /// The increments that stay, by their position in [`Standing::tables`].
        kept: Vec<usize>,
        /// New or changed parts of sources that are read for it.
        parts: usize,
    },
    /// None of its files stay.
    Anew {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.pad("kept"),
            Self::Extended { .. } => f.pad("extended"),
            Self::Anew { .. } => f.pad("made anew"),
        }
    }
}
