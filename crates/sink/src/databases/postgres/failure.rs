//! What a server's answer, or its silence, means.

use std::error::Error as StdError;
use std::io;

use tokio_postgres::error::{DbError, SqlState};

use crate::error::{Error, Trouble, chain};
use crate::secret::Scrubber;

/// Why something was not done.
#[derive(Debug)]
pub(in crate::databases) enum Failure {
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

    pub(in crate::databases) fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(..))
    }

    /// The same, with where it happened before its text.
    pub(in crate::databases) fn at(self, place: &str) -> Self {
        let put = |text: String| format!("{place}: {text}");
        match self {
            Self::Passing(trouble, text) => Self::Passing(trouble, put(text)),
            Self::Final(trouble, text) => Self::Final(trouble, put(text)),
            Self::Double(text) => Self::Double(put(text)),
            Self::Whole(error) => Self::Whole(error),
        }
    }

    /// The library's error. The text has passed the scrubber.
    pub(in crate::databases) fn into_error(self, action: &'static str, address: &str) -> Error {
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

    /// What the client says: the server's words, or why there are none.
    pub(super) fn of(error: &tokio_postgres::Error, scrubber: &Scrubber) -> Self {
        if let Some(answer) = error.as_db_error() {
            return Self::of_answer(answer, scrubber);
        }
        let text = scrubber.scrub(&chain(error));
        if is_untrusted(error) {
            return Self::Final(Trouble::Untrusted, text);
        }
        if error.is_closed() || has_io(error) {
            return Self::Passing(Trouble::Unreachable, text);
        }
        // Such as a password that the server asks for and nobody gave, or TLS that it does not have.
        let trouble = if text.contains("password") || text.contains("authentication") {
            Trouble::Denied
        } else if text.contains("timed out") || text.contains("timeout") {
            return Self::Passing(Trouble::Unreachable, text);
        } else {
            Trouble::Other
        };
        Self::Final(trouble, text)
    }

    fn of_answer(answer: &DbError, scrubber: &Scrubber) -> Self {
        let mut text = answer.message().to_owned();
        for more in [answer.detail(), answer.where_()].into_iter().flatten() {
            text.push_str("; ");
            text.push_str(more);
        }
        let text = scrubber.scrub(&text);
        let code = answer.code();
        let class = code.code().get(..2).unwrap_or_default();
        match *code {
            SqlState::UNIQUE_VIOLATION => Self::Double(text),
            SqlState::INVALID_CATALOG_NAME => Self::Final(Trouble::Missing, text),
            SqlState::INSUFFICIENT_PRIVILEGE => Self::Final(Trouble::Denied, text),
            SqlState::DISK_FULL => Self::Final(Trouble::Full, text),
            SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::FEATURE_NOT_SUPPORTED => {
                Self::Final(Trouble::Unsupported, text)
            }
            SqlState::LOCK_NOT_AVAILABLE => Self::Final(
                Trouble::Unavailable,
                format!("{text}: somebody else holds a lock on the table"),
            ),
            SqlState::TOO_MANY_CONNECTIONS
            | SqlState::OUT_OF_MEMORY
            | SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED => Self::Passing(Trouble::Unavailable, text),
            _ if class == "28" => Self::Final(Trouble::Denied, text),
            _ if class == "08" => Self::Passing(Trouble::Unreachable, text),
            _ => Self::Final(Trouble::Other, text),
        }
    }
}

fn has_io(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether the handshake failed over a certificate.
fn is_untrusted(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("invalid peer certificate") {
            return true;
        }
        cause = error.source();
    }
    false
}
