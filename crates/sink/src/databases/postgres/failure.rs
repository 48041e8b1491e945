//! What a server's answer, or its silence, means.

use std::error::Error as StdError;
use std::io;

use tokio_postgres::error::{DbError, SqlState};

use crate::databases::failure::Failure;
use crate::error::{Trouble, chain};
use crate::secret::Scrubber;

/// What the client says: the server's words, or why there are none.
pub(super) fn failure_of(error: &tokio_postgres::Error, scrubber: &Scrubber) -> Failure {
    if let Some(answer) = error.as_db_error() {
        return of_answer(answer, scrubber);
    }
    let text = scrubber.scrub(&chain(error));
    if is_untrusted(error) {
        return Failure::Final(Trouble::Untrusted, text);
    }
    if error.is_closed() || has_io(error) {
        return Failure::Passing(Trouble::Unreachable, text);
    }
    // Such as a password that the server asks for and nobody gave, or TLS that it does not have.
    let trouble = if text.contains("password") || text.contains("authentication") {
        Trouble::Denied
    } else if text.contains("timed out") || text.contains("timeout") {
        return Failure::Passing(Trouble::Unreachable, text);
    } else {
        Trouble::Other
    };
    Failure::Final(trouble, text)
}

fn of_answer(answer: &DbError, scrubber: &Scrubber) -> Failure {
    let mut text = answer.message().to_owned();
    for more in [answer.detail(), answer.where_()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(more);
    }
    let text = scrubber.scrub(&text);
    let code = answer.code();
    let class = code.code().get(..2).unwrap_or_default();
    match *code {
        SqlState::UNIQUE_VIOLATION => Failure::Double(text),
        SqlState::INVALID_CATALOG_NAME => Failure::Final(Trouble::Missing, text),
        SqlState::INSUFFICIENT_PRIVILEGE => Failure::Final(Trouble::Denied, text),
        SqlState::DISK_FULL => Failure::Final(Trouble::Full, text),
        SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::FEATURE_NOT_SUPPORTED => {
            Failure::Final(Trouble::Unsupported, text)
        }
        SqlState::LOCK_NOT_AVAILABLE => Failure::Final(
            Trouble::Unavailable,
            format!("{text}: somebody else holds a lock on the table"),
        ),
        SqlState::TOO_MANY_CONNECTIONS
        | SqlState::OUT_OF_MEMORY
        | SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED => Failure::Passing(Trouble::Unavailable, text),
        _ if class == "28" => Failure::Final(Trouble::Denied, text),
        _ if class == "08" => Failure::Passing(Trouble::Unreachable, text),
        _ => Failure::Final(Trouble::Other, text),
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
