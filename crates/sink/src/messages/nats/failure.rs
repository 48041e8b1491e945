//! What a server's answer, or its silence, means.

use std::error::Error as StdError;
use std::io;

use async_nats::jetstream::context::{RequestError, RequestErrorKind};
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{ConnectError, ConnectErrorKind};

use super::connection::Connection;
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

    /// What the server says of a request that it has understood.
    pub(super) fn of_answer(error: &jetstream::Error) -> Self {
        let text = error.to_string();
        match error.error_code() {
            ErrorCode::STREAM_NOT_FOUND | ErrorCode::CONSUMER_NOT_FOUND => {
                Self::Final(Trouble::Missing, text)
            }
            ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::MEMORY_RESOURCES_EXCEEDED
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::MAXIMUM_CONSUMERS_LIMIT => Self::Final(Trouble::Full, text),
            // The store's own words: "maximum bytes exceeded", "maximum messages exceeded".
            ErrorCode::STREAM_STORE_FAILED if text.contains("maximum") => {
                Self::Final(Trouble::Full, text)
            }
            ErrorCode::JETSTREAM_NOT_ENABLED
            | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
            | ErrorCode::STREAM_SEALED => Self::Final(Trouble::Unsupported, text),
            ErrorCode::CLUSTER_NOT_AVAILABLE
            | ErrorCode::CLUSTER_NOT_LEADER
            | ErrorCode::STREAM_OFFLINE
            | ErrorCode::STREAM_TOO_MANY_REQUESTS
            // The same message is being stored at this moment.
            | ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => {
                Self::Passing(Trouble::Unavailable, text)
            }
            _ if error.code() == 503 => Self::Passing(Trouble::Unavailable, text),
            _ => Self::Final(Trouble::Other, text),
        }
    }

    /// A request that got no answer of its own.
    pub(super) fn of_request(error: &RequestError, connection: &Connection) -> Self {
        // A request that is not allowed gets no answer, but a word on the connection.
        if let Some(refusal) = connection.refusal() {
            return refusal;
        }
        let text = connection.scrub(&chain(error));
        match error.kind() {
            RequestErrorKind::NoResponders => Self::Passing(
                Trouble::Unavailable,
                "JetStream does not answer: it is starting, or switched off".to_owned(),
            ),
            RequestErrorKind::TimedOut => Self::silent(),
            RequestErrorKind::InvalidSubject => Self::Final(Trouble::Other, text),
            RequestErrorKind::Other => Self::Passing(Trouble::Unreachable, text),
        }
    }

    /// A consumer that could not be made.
    pub(super) fn of_consumer(error: &ConsumerError, connection: &Connection) -> Self {
        if let Some(refusal) = connection.refusal() {
            return refusal;
        }
        match error.kind() {
            ConsumerErrorKind::JetStream(answer) => Self::of_answer(&answer),
            ConsumerErrorKind::TimedOut | ConsumerErrorKind::Request => {
                Self::Passing(Trouble::Unreachable, connection.scrub(&chain(error)))
            }
            _ => Self::Final(Trouble::Other, connection.scrub(&chain(error))),
        }
    }

    /// A connection that did not come about.
    pub(super) fn of_connect(error: &ConnectError, scrub: impl Fn(&str) -> String) -> Self {
        let text = scrub(&chain(error));
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                Self::Final(Trouble::Denied, text)
            }
            ConnectErrorKind::ServerParse => Self::Final(Trouble::Other, text),
            _ if is_untrusted(error) => Self::Final(Trouble::Untrusted, text),
            // A certificate of our own that cannot be read, and the like.
            ConnectErrorKind::Tls => Self::Final(Trouble::Other, text),
            ConnectErrorKind::Io if text.to_lowercase().contains("authorization") => {
                Self::Final(Trouble::Denied, text)
            }
            _ => Self::Passing(Trouble::Unreachable, text),
        }
    }

    /// What the server says on the connection itself; `None` where it is no refusal.
    pub(super) fn of_word(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        if lower.contains("expired") {
            Some(Self::Final(Trouble::Expired, text.to_owned()))
        } else if lower.contains("permissions violation") || lower.contains("authorization") {
            Some(Self::Final(Trouble::Denied, text.to_owned()))
        } else {
            None
        }
    }
}

/// Whether the handshake failed over a certificate.
fn is_untrusted(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let is_invalid = error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::InvalidData);
        if is_invalid || error.to_string().contains("invalid peer certificate") {
            return true;
        }
        cause = error.source();
    }
    false
}
