//! What a user may say about a NATS server, and where the nats tool would have it from.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// How long a sender waits without an acknowledgement, connecting anew where it has to.
pub const DEFAULT_PATIENCE: Duration = Duration::from_mins(1);
/// Bytes of messages that a sender has on their way: 4 MiB.
pub const DEFAULT_IN_FLIGHT_BYTES: u64 = 4 << 20;

/// Settings of a NATS server. Whatever is not set comes from the variables of the nats tool:
/// `NATS_CREDS`, `NATS_NKEY`, `NATS_USER`, `NATS_PASSWORD`, `NATS_TOKEN`, `NATS_CA`, `NATS_CERT`,
/// `NATS_KEY`.
///
/// ```
/// use lakeseed_sink::Environment;
/// use lakeseed_sink::messages::nats::{NatsOptions, NatsQueue};
/// use lakeseed_sink::messages::Queue;
///
/// let options = NatsOptions {
///     environment: Environment::new(|name| match name {
///         "NATS_USER" => Some("ana".to_owned()),
///         "NATS_PASSWORD" => Some("wJalrXUtnFEMI".to_owned()),
///         _ => None,
///     }),
///     ..NatsOptions::default()
/// };
/// let queue = NatsQueue::new("nats://localhost/predictions", options)?;
/// assert_eq!(queue.address(), "nats://localhost:4222/predictions");
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// Who we are, where the address does not say it; ahead of the environment.
    pub credentials: Option<NatsCredentials>,
    /// A PEM file of certificates to trust in place of those of the system.
    pub ca: Option<PathBuf>,
    /// PEM files of our own certificate and its key, for servers that ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The name of a stream to make where none takes the subject: on disk, refusing new messages
    /// when it is full, remembering ids for two minutes.
    pub create_stream: Option<String>,
    /// How long a sender waits without an acknowledgement, connecting anew where it has to.
    pub patience: Duration,
    /// Bytes of messages that a sender has on their way.
    pub in_flight_bytes: u64,
    /// Where variables are looked up.
    pub environment: Environment,
}

impl Default for NatsOptions {
    fn default() -> Self {
        Self {
            credentials: None,
            ca: None,
            certificate: None,
            create_stream: None,
            patience: DEFAULT_PATIENCE,
            in_flight_bytes: DEFAULT_IN_FLIGHT_BYTES,
            environment: Environment::default(),
        }
    }
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NatsCredentials {
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Token(Secret),
    /// The seed of an nkey: `SU...`.
    Nkey(Secret),
    /// The content of a `.creds` file: a user's JWT and the seed of its nkey.
    Creds(Secret),
}

/// Credentials and certificates, looked up once.
#[derive(Debug, Clone)]
pub(super) struct Means {
    pub(super) credentials: Option<NatsCredentials>,
    pub(super) ca: Option<PathBuf>,
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
}

impl Means {
    /// Looks up what was not given. An address's credentials go before all others.
    pub(super) fn find(options: &NatsOptions, of_address: Option<NatsCredentials>) -> Result<Self> {
        let environment = &options.environment;
        let path = |name: &str| environment.get(name).map(PathBuf::from);
        let credentials = match of_address.or_else(|| options.credentials.clone()) {
            Some(given) => Some(given),
            None => from_environment(environment)?,
        };
        let certificate = match &options.certificate {
            Some(given) => Some(given.clone()),
            None => match (path("NATS_CERT"), path("NATS_KEY")) {
                (Some(certificate), Some(key)) => Some((certificate, key)),
                (None, None) => None,
                _ => {
                    return Err(Error::Invalid {
                        what: "NATS certificate",
                        expected: "both NATS_CERT and NATS_KEY, or neither".to_owned(),
                        found: "one of them".to_owned(),
                    });
                }
            },
        };
        Ok(Self {
            credentials,
            ca: options.ca.clone().or_else(|| path("NATS_CA")),
            certificate,
        })
    }

    /// All that must not be shown.
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        match &self.credentials {
            Some(NatsCredentials::Password { password, .. }) => vec![password],
            Some(
                NatsCredentials::Token(secret)
                | NatsCredentials::Nkey(secret)
                | NatsCredentials::Creds(secret),
            ) => vec![secret],
            None => Vec::new(),
        }
    }
}

fn from_environment(environment: &Environment) -> Result<Option<NatsCredentials>> {
    if let Some(path) = environment.get("NATS_CREDS") {
        return Ok(Some(NatsCredentials::Creds(Secret::new(read(path)?))));
    }
    if let Some(path) = environment.get("NATS_NKEY") {
        let text = read(path.clone())?;
        // A comment may stand around it.
        let seed = text
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("SU"));
        let seed = seed.ok_or_else(|| Error::Invalid {
            what: "nkey file",
            expected: "a line with the seed of a user's nkey, which begins with SU".to_owned(),
            found: path,
        })?;
        return Ok(Some(NatsCredentials::Nkey(Secret::new(seed))));
    }
    let password = environment.get("NATS_PASSWORD").map(Secret::new);
    // The nats tool takes a user without a password for a token.
    Ok(match (environment.get("NATS_USER"), password) {
        (Some(user), Some(password)) => Some(NatsCredentials::Password { user, password }),
        (Some(token), None) => Some(NatsCredentials::Token(Secret::new(token))),
        (None, _) => {
            let token = environment.get("NATS_TOKEN");
            token.map(|token| NatsCredentials::Token(Secret::new(token)))
        }
    })
}

fn read(path: String) -> Result<String> {
    let path = PathBuf::from(path);
    fs::read_to_string(&path).map_err(Error::io("read", &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &'static [(&'static str, &'static str)]) -> Option<NatsCredentials> {
        let options = NatsOptions {
            environment: Environment::new(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            }),
            ..NatsOptions::default()
        };
        Means::find(&options, None).unwrap().credentials
    }

    #[test]
    fn takes_the_variables_of_the_nats_tool() {
        assert_eq!(found(&[]), None);
        assert_eq!(
            found(&[("NATS_USER", "ana"), ("NATS_PASSWORD", "p")]),
            Some(NatsCredentials::Password {
                user: "ana".to_owned(),
                password: Secret::new("p")
            })
        );
        let token = Some(NatsCredentials::Token(Secret::new("t")));
        assert_eq!(found(&[("NATS_USER", "t")]), token);
        assert_eq!(found(&[("NATS_TOKEN", "t")]), token);
        assert_eq!(format!("{token:?}"), "Some(Token(***))");
    }

    #[test]
    fn refuses_half_a_certificate() {
        let options = NatsOptions {
            environment: Environment::new(|name| (name == "NATS_KEY").then(|| "k".to_owned())),
            ..NatsOptions::default()
        };
        assert!(Means::find(&options, None).is_err());
    }
}
