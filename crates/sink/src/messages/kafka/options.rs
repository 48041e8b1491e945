//! What a user may say about a Kafka cluster, and where it comes from when it is not said.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::settings::Settings;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// How long a sender waits without an acknowledgement; the client connects anew meanwhile.
pub const DEFAULT_PATIENCE: Duration = Duration::from_mins(1);
/// Bytes of messages that a sender has on their way: 4 MiB.
pub const DEFAULT_IN_FLIGHT_BYTES: u64 = 4 << 20;

/// Settings of a Kafka cluster. Whatever is not set comes from variables: `KAFKA_USERNAME`,
/// `KAFKA_PASSWORD` and `KAFKA_SASL_MECHANISM`; `KAFKA_CA`; `KAFKA_CONFIG`, a file of librdkafka's
/// settings.
///
/// ```
/// use lakeseed_sink::Environment;
/// use lakeseed_sink::messages::kafka::{KafkaOptions, KafkaQueue};
/// use lakeseed_sink::messages::Queue;
///
/// let options = KafkaOptions {
///     environment: Environment::new(|name| match name {
///         "KAFKA_USERNAME" => Some("ana".to_owned()),
///         "KAFKA_PASSWORD" => Some("wJalrXUtnFEMI".to_owned()),
///         "KAFKA_SASL_MECHANISM" => Some("PLAIN".to_owned()),
///         _ => None,
///     }),
///     ..KafkaOptions::default()
/// };
/// let queue = KafkaQueue::new("kafka://localhost/predictions", options)?;
/// assert_eq!(queue.address(), "kafka://localhost:9092/predictions");
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// Who we are, where the address does not say it; ahead of the environment.
    pub credentials: Option<KafkaCredentials>,
    /// A PEM file of certificates to trust in place of those of the system.
    pub ca: Option<PathBuf>,
    /// A file of librdkafka's settings, a `name=value` a line, as kcat takes it by `-F`.
    pub config: Option<PathBuf>,
    /// Makes the topic where it is missing, with the brokers' numbers of partitions and replicas, and
    /// keeping all that it is given.
    pub create: bool,
    /// Whether messages have keys.
    pub key: KafkaKey,
    /// How long a sender waits without an acknowledgement.
    pub patience: Duration,
    /// Bytes of messages that a sender has on their way.
    pub in_flight_bytes: u64,
    /// Where variables are looked up.
    pub environment: Environment,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            credentials: None,
            ca: None,
            config: None,
            create: false,
            key: KafkaKey::default(),
            patience: DEFAULT_PATIENCE,
            in_flight_bytes: DEFAULT_IN_FLIGHT_BYTES,
            environment: Environment::default(),
        }
    }
}

/// Whether messages have keys. Keys do not decide the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KafkaKey {
    /// The message's id where the topic is compacted, since such a topic refuses messages without a
    /// key; none elsewhere.
    #[default]
    WhereCompacted,
    /// The message's id always.
    Id,
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaCredentials {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// Credentials, certificates and settings, looked up once.
#[derive(Debug, Clone)]
pub(super) struct Means {
    pub(super) credentials: Option<KafkaCredentials>,
    pub(super) ca: Option<PathBuf>,
    pub(super) settings: Settings,
}

impl Means {
    /// Looks up what was not given. An address's credentials go before all others.
    pub(super) fn find(options: KafkaOptions, user: Option<(String, Secret)>) -> Result<Self> {
        let environment = options.environment;
        let path = |name: &str| environment.get(name).map(PathBuf::from);
        let settings = match options.config.or_else(|| path("KAFKA_CONFIG")) {
            Some(path) => {
                let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
                Settings::parse(&text, &path)?
            }
            None => Settings::default(),
        };
        let credentials = match (user, options.credentials) {
            (Some(user), _) => Some(with_mechanism(&environment, &settings, user)?),
            (None, Some(given)) => Some(given),
            (None, None) => from_environment(&environment, &settings)?,
        };
        Ok(Self {
            credentials,
            ca: options.ca.or_else(|| path("KAFKA_CA")),
            settings,
        })
    }

    /// How a password is proven, where there is one.
    pub(super) fn mechanism(&self) -> Option<&str> {
        let known = self.credentials.as_ref();
        let known = known.map(|known| known.mechanism.as_str());
        known.or_else(|| self.settings.mechanism())
    }

    /// All that must not be shown.
    pub(super) fn secrets(&self) -> Vec<&str> {
        let of_settings = self.settings.secrets();
        let password = self.credentials.iter().map(|known| known.password.reveal());
        of_settings.into_iter().chain(password).collect()
    }
}

fn from_environment(
    environment: &Environment,
    settings: &Settings,
) -> Result<Option<KafkaCredentials>> {
    let password = environment.get("KAFKA_PASSWORD").map(Secret::new);
    match (environment.get("KAFKA_USERNAME"), password) {
        (Some(user), Some(password)) => {
            with_mechanism(environment, settings, (user, password)).map(Some)
        }
        (None, None) => Ok(None),
        _ => Err(Error::Invalid {
            what: "Kafka credentials",
            expected: "both KAFKA_USERNAME and KAFKA_PASSWORD, or neither".to_owned(),
            found: "one of them".to_owned(),
        }),
    }
}

/// A user has to say how the password is proven: a wrong guess could send it in clear.
fn with_mechanism(
    environment: &Environment,
    settings: &Settings,
    (user, password): (String, Secret),
) -> Result<KafkaCredentials> {
    let mechanism = environment.get("KAFKA_SASL_MECHANISM");
    let mechanism = mechanism.or_else(|| settings.mechanism().map(str::to_owned));
    let mechanism = mechanism.ok_or_else(|| Error::Invalid {
        what: "Kafka credentials",
        expected: "KAFKA_SASL_MECHANISM beside a user: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
            .to_owned(),
        found: "none".to_owned(),
    })?;
    Ok(KafkaCredentials {
        mechanism,
        user,
        password,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &'static [(&'static str, &'static str)]) -> Result<Means> {
        let options = KafkaOptions {
            environment: Environment::new(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            }),
            ..KafkaOptions::default()
        };
        Means::find(options, None)
    }

    #[test]
    fn takes_user_and_password_from_the_environment() {
        assert_eq!(found(&[]).unwrap().credentials, None);
        let means = found(&[
            ("KAFKA_USERNAME", "ana"),
            ("KAFKA_PASSWORD", "p"),
            ("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
        ]);
        let means = means.unwrap();
        assert_eq!(
            means.credentials,
            Some(KafkaCredentials {
                mechanism: "SCRAM-SHA-512".to_owned(),
                user: "ana".to_owned(),
                password: Secret::new("p"),
            })
        );
        assert_eq!(means.secrets(), ["p"]);
        assert!(!format!("{means:?}").contains("\"p\""));
    }

    #[test]
    fn refuses_half_of_credentials() {
        let half = found(&[("KAFKA_PASSWORD", "s3cret")]).unwrap_err();
        assert!(!half.to_string().contains("s3cret"), "{half}");
        let no_mechanism = found(&[("KAFKA_USERNAME", "ana"), ("KAFKA_PASSWORD", "s3cret")]);
        let error = no_mechanism.unwrap_err().to_string();
        assert!(error.contains("SCRAM-SHA-512"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
