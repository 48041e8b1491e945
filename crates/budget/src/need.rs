//! What one worker is going to hold, item by item, so that a refusal can show its sum.

use std::fmt;

use crate::Bytes;

/// The most that one worker holds, as a sum of named items.
///
/// ```
/// use lakeseed_budget::{MIB, Need};
///
/// let need = Need::new("batch", 8 * MIB).and("chunk", 96 * MIB);
/// assert_eq!(need.total(), 104 * MIB);
/// assert_eq!(need.to_string(), "104 MiB (batch 8 MiB + chunk 96 MiB)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    items: Vec<(String, Bytes)>,
}

impl Need {
    /// A first item.
    pub fn new(name: impl Into<String>, bytes: Bytes) -> Self {
        Self {
            items: vec![(name.into(), bytes)],
        }
    }

    /// One item more.
    #[must_use]
    pub fn and(mut self, name: impl Into<String>, bytes: Bytes) -> Self {
        self.items.push((name.into(), bytes));
        self
    }

    /// The sum of all items.
    pub fn total(&self) -> Bytes {
        self.items.iter().map(|(_, bytes)| *bytes).sum()
    }

    /// The items in the order in which they were given.
    pub fn items(&self) -> impl Iterator<Item = (&str, Bytes)> {
        self.items
            .iter()
            .map(|(name, bytes)| (name.as_str(), *bytes))
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.total())?;
        for (index, (name, bytes)) in self.items().enumerate() {
            let before = if index == 0 { "" } else { " + " };
            write!(f, "{before}{name} {bytes}")?;
        }
        f.write_str(")")
    }
}
