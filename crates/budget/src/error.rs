//! The crate's one error, written by hand: a dependency here would be one of every crate above.

use std::fmt;

use crate::{Bytes, Need};

/// The result of what can run out of budget or be written wrongly.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One lease that stands, as an error names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name that was given with the lease.
    pub name: String,
    /// How much it holds.
    pub bytes: Bytes,
}

/// Why there is no lease, no worker or no size.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// More was asked than the whole budget: waiting would not help.
    TooLarge {
        /// Who asked.
        holder: String,
        /// What was asked.
        asked: Bytes,
        /// The whole budget.
        total: Bytes,
    },
    /// It would fit, but others hold it, or others were first in the queue. A later try may do.
    Exhausted {
        /// Who asked.
        holder: String,
        /// What was asked.
        asked: Bytes,
        /// What is free at the moment.
        free: Bytes,
        /// The whole budget.
        total: Bytes,
        /// The largest leases that stand, largest first, three at most.
        largest: Vec<Holder>,
        /// How many callers wait for their turn.
        waiting: u64,
    },
    /// Not even one worker fits.
    NoWorker {
        /// What one worker needs, item by item.
        need: Need,
        /// What is free at the moment.
        free: Bytes,
        /// The whole budget.
        total: Bytes,
        /// The largest leases that stand, largest first, three at most.
        largest: Vec<Holder>,
    },
    /// A text that is no size.
    NotASize {
        /// The text as it came.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Error {
    /// Whether the same request may succeed when others have given back what they hold.
    ///
    /// ```
    /// use lakeseed_budget::{Budget, MIB};
    ///
    /// let budget = Budget::new(10 * MIB);
    /// let held = budget.try_lease("a", 8 * MIB).unwrap();
    /// assert!(budget.try_lease("b", 8 * MIB).unwrap_err().is_retryable());
    /// assert!(!budget.try_lease("b", 80 * MIB).unwrap_err().is_retryable());
    /// ```
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Exhausted { .. } => true,
            Self::NoWorker { need, total, .. } => need.total() <= *total,
            Self::TooLarge { .. } | Self::NotASize { .. } => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge {
                holder,
                asked,
                total,
            } => {
                write!(
                    f,
                    "{holder} asks for {asked}, more than the whole budget of {total}"
                )
            }
            Self::Exhausted {
                holder,
                asked,
                free,
                total,
                largest,
                waiting,
            } => {
                write!(
                    f,
                    "{holder} asks for {asked}, and {free} of the {total} budget is free"
                )?;
                write_holders(f, largest)?;
                if *waiting > 0 {
                    write!(f, "; {waiting} wait in front")?;
                }
                Ok(())
            }
            Self::NoWorker {
                need,
                free,
                total,
                largest,
            } => {
                write!(
                    f,
                    "one worker needs {need}, and {free} of the {total} budget is free"
                )?;
                write_holders(f, largest)
            }
            Self::NotASize { text, reason } => {
                write!(
                    f,
                    "expected a size such as 512MiB or 60_000_000, got {text:?}: {reason}"
                )
            }
        }
    }
}

impl std::error::Error for Error {}

fn write_holders(f: &mut fmt::Formatter<'_>, largest: &[Holder]) -> fmt::Result {
    for (index, Holder { name, bytes }) in largest.iter().enumerate() {
        let before = if index == 0 {
            "; the largest holders are "
        } else {
            ", "
        };
        write!(f, "{before}{name} with {bytes}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIB;

    #[test]
    fn exhausted_names_what_was_asked_the_total_and_the_holders() {
        let error = Error::Exhausted {
            holder: "part 3".into(),
            asked: 100 * MIB,
            free: 12 * MIB,
            total: 512 * MIB,
            largest: vec![
                Holder {
                    name: "part 1".into(),
                    bytes: 300 * MIB,
                },
                Holder {
                    name: "part 2".into(),
                    bytes: 200 * MIB,
                },
            ],
            waiting: 2,
        };
        assert_eq!(
            error.to_string(),
            "part 3 asks for 100 MiB, and 12 MiB of the 512 MiB budget is free; the largest \
             holders are part 1 with 300 MiB, part 2 with 200 MiB; 2 wait in front"
        );
    }
}
