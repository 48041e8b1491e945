//! Why a database has not done something, whatever its system.

use crate::error::{Error, Trouble};

/// Why something was not done.
#[derive(Debug)]
pub enum Failure {
    /// It may go by: a server that starts, a connection that broke, a deadlock.
    Passing(Trouble, String),
    /// Waiting does not help.
    Final(Trouble, String),
    /// A row stands there already, by its key.
    Double(String),
    /// It stands in the library's words already.
    Whole(Error),
}

impl Failure {
    pub(super) fn silent() -> Self {
        Self::Passing(Trouble::Unreachable, "no answer came in time".to_owned())
    }

    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(..))
    }

    /// The same, with where it happened before its text.
    pub(super) fn at(self, place: &str) -> Self {
        let put = |text: String| format!("{place}: {text}");
        match self {
            Self::Passing(trouble, text) => Self::Passing(trouble, put(text)),
            Self::Final(trouble, text) => Self::Final(trouble, put(text)),
            Self::Double(text) => Self::Double(put(text)),
            Self::Whole(error) => Self::Whole(error),
        }
    }

    /// The library's error. The text has passed the scrubber.
    pub(super) fn into_error(self, action: &'static str, address: &str) -> Error {
        let (trouble, text) = match self {
            Self::Passing(trouble, text) | Self::Final(trouble, text) => (trouble, text),
            Self::Double(text) => (Trouble::Other, text),
            Self::Whole(error) => return error,
        };
        Error::Remote {
            action,
            address: address.to_owned(),
            trouble,
            source: text.into(),
        }
    }
}
