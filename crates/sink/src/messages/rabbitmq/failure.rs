//! What a server's answer, or its silence, means.

use std::error::Error as StdError;
use std::io;

use lapin::ErrorKind;
use lapin::protocol::{AMQPError, AMQPErrorKind, AMQPHardError, AMQPSoftError};

use crate::error::{Error, Trouble, chain};

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may go by: a server that starts, a cluster that chooses a leader, a connection that broke.
    Passing(Trouble, String),
    /// Waiting does not help.
    Final(Trouble, String),
    /// It stands in the library's words already.
    Whole(Error),
}

impl Failure {
    pub(super) fn lost() -> Self {
        Self::Passing(Trouble::Unreachable, "the connection broke".to_owned())
    }

    pub(super) fn silent() -> Self {
        Self::Passing(Trouble::Unreachable, "no answer came in time".to_owned())
    }

    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(..))
    }

    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Final(Trouble::Denied, _))
    }

    /// The library's error. The text has passed the scrubber.
    pub(super) fn into_error(self, action: &'static str, address: String) -> Error {
        match self {
            Self::Passing(trouble, text) | Self::Final(trouble, text) => Error::Remote {
                action,
                address,
                trouble,
                source: text.into(),
            },
            Self::Whole(error) => error,
        }
    }

    /// What the client says. It holds no secret: the client was never told one but by a call that
    /// shows none; a server may repeat what it was sent, so the text is scrubbed all the same.
    pub(super) fn of(error: &lapin::Error, scrub: impl Fn(&str) -> String) -> Self {
        let text = scrub(&chain(error));
        match error.kind() {
            ErrorKind::ProtocolError(answer) => Self::of_answer(answer, &scrub),
            ErrorKind::IOError(cause) if is_untrusted(cause.as_ref()) => {
                Self::Final(Trouble::Untrusted, text)
            }
            ErrorKind::AuthProviderError(_) => Self::Final(Trouble::Denied, text),
            ErrorKind::IOError(_) | ErrorKind::MissingHeartbeatError => {
                Self::Passing(Trouble::Unreachable, text)
            }
            ErrorKind::InvalidChannel(_)
            | ErrorKind::InvalidChannelState(..)
            | ErrorKind::InvalidConnectionState(_)
            | ErrorKind::RuntimeShutdownError(_) => Self::lost(),
            ErrorKind::ChannelsLimitReached => Self::Final(Trouble::OutOfHandles, text),
            _ => Self::Final(Trouble::Other, text),
        }
    }

    /// What the server says of a request that it has understood.
    fn of_answer(answer: &AMQPError, scrub: impl Fn(&str) -> String) -> Self {
        let text = scrub(answer.get_message().as_str());
        let lower = text.to_lowercase();
        match answer.kind() {
            // A queue whose server is not up yet.
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)
                if lower.contains("down") || lower.contains("process is stopped") =>
            {
                Self::Passing(Trouble::Unavailable, text)
            }
            // A stream of a server that has just come back: its replica starts after the port is open.
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)
                if lower.contains("does not have a replica on the local node") =>
            {
                Self::Passing(Trouble::Unavailable, text)
            }
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Self::Final(Trouble::Missing, text),
            AMQPErrorKind::Soft(AMQPSoftError::RESOURCELOCKED)
            | AMQPErrorKind::Hard(AMQPHardError::CONNECTIONFORCED | AMQPHardError::INTERNALERROR) => {
                Self::Passing(Trouble::Unavailable, text)
            }
            // A virtual host that is not there, or not ours.
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) if lower.contains("not found") => {
                Self::Final(Trouble::Missing, text)
            }
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
            | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => Self::Final(Trouble::Denied, text),
            AMQPErrorKind::Hard(AMQPHardError::RESOURCEERROR) => Self::Final(Trouble::Full, text),
            AMQPErrorKind::Hard(AMQPHardError::NOTIMPLEMENTED) => {
                Self::Final(Trouble::Unsupported, text)
            }
            _ => Self::Final(Trouble::Other, text),
        }
    }

    /// A line that did not come about.
    pub(super) fn of_line(error: &io::Error, scrub: impl Fn(&str) -> String) -> Self {
        let text = scrub(&chain(error));
        match error.kind() {
            _ if is_untrusted(error) => Self::Final(Trouble::Untrusted, text),
            io::ErrorKind::InvalidInput => Self::Final(Trouble::Other, text),
            _ => Self::Passing(Trouble::Unreachable, text),
        }
    }
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
