//! What a user may say about a RabbitMQ server, and from which variables it comes otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// How long a sender waits without an acknowledgement, connecting anew where it has to.
pub const DEFAULT_PATIENCE: Duration = Duration::from_mins(1);
/// Bytes of messages that a sender has on their way: 4 MiB.
pub const DEFAULT_IN_FLIGHT_BYTES: u64 = 4 << 20;
/// The user that a server has when it is new; it may come in over the loopback alone.
const GUEST: &str = "guest";

/// Settings of a RabbitMQ server. Whatever is not set comes from the variables `RABBITMQ_USERNAME`,
/// `RABBITMQ_PASSWORD`, `RABBITMQ_CA`, `RABBITMQ_CERT`, `RABBITMQ_KEY`.
///
/// ```
/// use lakeseed_sink::Environment;
/// use lakeseed_sink::messages::Queue;
/// use lakeseed_sink::messages::rabbitmq::{RabbitOptions, RabbitQueue};
///
/// let options = RabbitOptions {
///     environment: Environment::new(|name| match name {
///         "RABBITMQ_USERNAME" => Some("ana".to_owned()),
///         "RABBITMQ_PASSWORD" => Some("wJalrXUtnFEMI".to_owned()),
///         _ => None,
///     }),
///     ..RabbitOptions::default()
/// };
/// let queue = RabbitQueue::new("amqp://localhost/%2F/predictions", options)?;
/// assert_eq!(queue.address(), "amqp://localhost:5672/%2F/predictions");
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RabbitOptions {
    /// Who we are, where the address does not say it; ahead of the environment.
    pub credentials: Option<RabbitCredentials>,
    /// A PEM file of certificates to trust beside those of the system.
    pub ca: Option<PathBuf>,
    /// PEM files of our own certificate and its key, for servers that ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether the queue is made where it is missing: durable, and of the kind that the address names
    /// as `?type=`, a quorum queue where it names none.
    pub create: bool,
    /// How long a sender waits without an acknowledgement, connecting anew where it has to.
    pub patience: Duration,
    /// Bytes of messages that a sender has on their way.
    pub in_flight_bytes: u64,
    /// Where variables are looked up.
    pub environment: Environment,
}

impl Default for RabbitOptions {
    fn default() -> Self {
        Self {
            credentials: None,
            ca: None,
            certificate: None,
            create: false,
            patience: DEFAULT_PATIENCE,
            in_flight_bytes: DEFAULT_IN_FLIGHT_BYTES,
            environment: Environment::default(),
        }
    }
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RabbitCredentials {
    /// The user; where the password is a token of OAuth 2, any name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// What a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RabbitKind {
    /// A log that is read without taking: each message once, and verified beside others.
    Stream,
    /// A queue that several servers keep: each message at least once.
    Quorum,
    /// A queue that one server keeps: each message at least once.
    Classic,
}

impl RabbitKind {
    /// What the server calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Quorum => "quorum",
            Self::Classic => "classic",
        }
    }
}

/// Credentials and certificates, looked up once.
#[derive(Debug, Clone)]
pub(super) struct Means {
    pub(super) credentials: RabbitCredentials,
    /// Certificates to trust beside the system's, as PEM.
    pub(super) ca: Option<String>,
    /// Our own certificate and its key, as PEM.
    pub(super) identity: Option<(String, Secret)>,
}

impl Means {
    /// Looks up what was not given. An address's credentials go before all others.
    pub(super) fn find(
        options: RabbitOptions,
        of_address: Option<RabbitCredentials>,
    ) -> Result<Self> {
        let environment = &options.environment;
        let path = |name: &str| environment.get(name).map(PathBuf::from);
        let certificate = match options.certificate {
            Some(given) => Some(given),
            None => match (path("RABBITMQ_CERT"), path("RABBITMQ_KEY")) {
                (Some(certificate), Some(key)) => Some((certificate, key)),
                (None, None) => None,
                _ => {
                    return Err(Error::Invalid {
                        what: "RabbitMQ certificate",
                        expected: "both RABBITMQ_CERT and RABBITMQ_KEY, or neither".to_owned(),
                        found: "one of them".to_owned(),
                    });
                }
            },
        };
        let identity = match certificate {
            Some((certificate, key)) => Some((read(&certificate)?, Secret::new(read(&key)?))),
            None => None,
        };
        let ca = options.ca.or_else(|| path("RABBITMQ_CA"));
        Ok(Self {
            credentials: of_address
                .or(options.credentials)
                .unwrap_or_else(|| from_environment(environment)),
            ca: ca.as_deref().map(read).transpose()?,
            identity,
        })
    }
}

fn from_environment(environment: &Environment) -> RabbitCredentials {
    let text = |name| environment.get(name).unwrap_or_else(|| GUEST.to_owned());
    RabbitCredentials {
        user: text("RABBITMQ_USERNAME"),
        password: Secret::new(text("RABBITMQ_PASSWORD")),
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(Error::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &'static [(&str, &str)]) -> RabbitCredentials {
        let options = RabbitOptions {
            environment: Environment::new(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            }),
            ..RabbitOptions::default()
        };
        Means::find(options, None).unwrap().credentials
    }

    #[test]
    fn takes_variables_and_is_a_guest_otherwise() {
        let guest = found(&[]);
        assert_eq!(
            (guest.user.as_str(), guest.password.reveal()),
            ("guest", "guest")
        );
        let ana = found(&[("RABBITMQ_USERNAME", "ana"), ("RABBITMQ_PASSWORD", "p")]);
        assert_eq!((ana.user.as_str(), ana.password.reveal()), ("ana", "p"));
        assert!(!format!("{ana:?}").contains("\"p\""));
    }

    #[test]
    fn refuses_half_a_certificate() {
        let options = RabbitOptions {
            environment: Environment::new(|name| (name == "RABBITMQ_KEY").then(|| "k".to_owned())),
            ..RabbitOptions::default()
        };
        assert!(Means::find(options, None).is_err());
    }
}
