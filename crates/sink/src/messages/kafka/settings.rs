//! Settings of the client: those of a user's file, and ours, on which the promise rests.

use std::path::Path;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::address::Address;
use super::failure::Failure;
use super::options::Means;
use crate::error::{Error, Result, Trouble};

/// Settings that a file may hold: names, or what names begin with. All others are ours.
const OPEN: [&str; 12] = [
    "broker.address.",
    "client.dns.lookup",
    "client.id",
    "compression.",
    "enable.ssl.certificate.verification",
    "https.ca.",
    "linger.ms",
    "metadata.max.age.ms",
    "sasl.",
    "socket.",
    "ssl.",
    "topic.metadata.refresh.interval.ms",
];
/// What a file made for kcat says as well, and the address says for us.
const OF_ADDRESS: [&str; 2] = ["bootstrap.servers", "metadata.broker.list"];
/// What concerns encrypted connections alone.
const OF_TLS: [&str; 3] = ["enable.ssl.", "https.ca.", "ssl."];
const PROTOCOL: &str = "security.protocol";
/// Parts of the names of settings whose values are secrets.
const SECRET: [&str; 5] = [
    "password",
    "secret",
    "key.pem",
    "oauthbearer.config",
    "assertion",
];

/// The settings of a file.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pairs: Vec<(String, String)>,
    protocol: Option<String>,
}

impl Settings {
    /// Reads `name=value` lines; empty ones, and those that begin with `#`, say nothing.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut settings = Self::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // A line that is none may hold a secret: it is not shown.
            let refused = |expected: &str, found: String| Error::Invalid {
                what: "Kafka setting",
                expected: expected.to_owned(),
                found: format!("{found} in line {} of {}", at + 1, path.display()),
            };
            let Some((name, value)) = line.split_once('=') else {
                return Err(refused("name=value", "something else".to_owned()));
            };
            let (name, value) = (name.trim(), value.trim().to_owned());
            if name == PROTOCOL {
                settings.protocol = Some(value);
            } else if OPEN.iter().any(|open| name.starts_with(open)) {
                settings.pairs.push((name.to_owned(), value));
            } else if !OF_ADDRESS.contains(&name) {
                let expected = "a setting of connections, SASL, TLS or compression: the others are \
                                lakeseed's";
                return Err(refused(expected, format!("`{name}`")));
            }
        }
        Ok(settings)
    }

    /// How a password is proven, where the file says it.
    pub(super) fn mechanism(&self) -> Option<&str> {
        let is_mechanism = |name: &str| name == "sasl.mechanism" || name == "sasl.mechanisms";
        let mut pairs = self.pairs.iter();
        let found = pairs.find(|(name, _)| is_mechanism(name));
        found.map(|(_, value)| value.as_str())
    }

    /// All that must not be shown.
    pub(super) fn secrets(&self) -> Vec<&str> {
        let is_secret = |name: &str| SECRET.iter().any(|part| name.contains(part));
        let pairs = self.pairs.iter().filter(|(name, _)| is_secret(name));
        pairs.map(|(_, value)| value.as_str()).collect()
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.pairs.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// What every client of ours begins with: where to, as whom, and in silence.
pub(super) fn base(address: &Address, means: &Means) -> Result<ClientConfig, Failure> {
    let mut config = ClientConfig::new();
    config.set("client.id", "lakeseed");
    for (name, value) in &means.settings.pairs {
        // Without TLS they say nothing, and a build without it refuses them.
        let is_of_tls = OF_TLS.iter().any(|part| name.starts_with(part));
        if address.is_tls() || !is_of_tls {
            config.set(name, value);
        }
    }
    let protocol = match (address.is_tls(), means.mechanism().is_some()) {
        (false, false) => "plaintext",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (true, true) => "sasl_ssl",
    };
    if let Some(wanted) = &means.settings.protocol
        && !wanted.eq_ignore_ascii_case(protocol)
    {
        return Err(Failure::Whole(Error::Invalid {
            what: "Kafka setting",
            expected: format!(
                "{PROTOCOL}={protocol}, which is what {} asks for; kafkas:// asks for TLS",
                address.shown()
            ),
            found: wanted.clone(),
        }));
    }
    config
        .set("bootstrap.servers", address.brokers())
        .set(PROTOCOL, protocol);
    if let Some(known) = &means.credentials {
        config
            .set("sasl.mechanism", &known.mechanism)
            .set("sasl.username", &known.user)
            .set("sasl.password", known.password.reveal());
    }
    if let (true, Some(ca)) = (address.is_tls(), &means.ca) {
        config.set("ssl.ca.location", ca.to_string_lossy());
    }
    config
        // A broker that comes back is found within a second.
        .set("reconnect.backoff.max.ms", "1000")
        .set("socket.connection.setup.timeout.ms", "10000")
        .set("enable.metrics.push", "false")
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Emerg);
    needs(&config)?;
    Ok(config)
}

/// Refuses what this build's librdkafka was made without: it says so only in part, and late.
fn needs(config: &ClientConfig) -> Result<(), Failure> {
    let is_set = |name: &str, part: &str| {
        let value = config.get(name).unwrap_or_default();
        value.to_ascii_lowercase().contains(part)
    };
    let wanted = [
        (is_set(PROTOCOL, "ssl"), "ssl", "TLS"),
        (is_set("sasl.mechanism", "scram"), "sasl_scram", "SCRAM"),
        (is_set("sasl.mechanisms", "scram"), "sasl_scram", "SCRAM"),
    ];
    for (is_wanted, feature, name) in wanted {
        if is_wanted && !is_built_with(feature) {
            return Err(Failure::Final(
                Trouble::Unsupported,
                format!(
                    "this lakeseed was built without OpenSSL, which {name} needs: build it with \
                     RUSTFLAGS='--cfg lakeseed_openssl'"
                ),
            ));
        }
    }
    Ok(())
}

/// Whether this build's librdkafka has a feature, in its own words.
pub(super) fn is_built_with(feature: &str) -> bool {
    let built = ClientConfig::new().create_native_config();
    let built = built.and_then(|config| config.get("builtin.features"));
    built.is_ok_and(|built| built.split(',').any(|known| known.trim() == feature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::messages::kafka::KafkaOptions;

    fn parse(text: &str) -> Result<Settings> {
        Settings::parse(text, Path::new("kcat.conf"))
    }

    fn base_of(address: &str, text: &str) -> Result<ClientConfig, Failure> {
        let options = KafkaOptions {
            environment: Environment::new(|_| None),
            ..KafkaOptions::default()
        };
        let address = Address::parse(address).unwrap();
        let mut means = Means::find(options, address.user.clone()).unwrap();
        means.settings = parse(text).unwrap();
        base(&address, &means)
    }

    #[test]
    fn reads_files_as_kcat_has_them() {
        let text = "# mine\n\n bootstrap.servers = other:1\nsasl.mechanism=PLAIN\n\
                    sasl.username=ana\nsasl.password = s3=cret \nlinger.ms=20\n";
        let settings = parse(text).unwrap();
        assert_eq!(settings.mechanism(), Some("PLAIN"));
        assert_eq!(settings.secrets(), ["s3=cret"]);
        assert!(!format!("{settings:?}").contains("cret"));
        let config = base_of("kafka://here/x", text).unwrap();
        assert_eq!(config.get("bootstrap.servers"), Some("here:9092"));
        assert_eq!(config.get("security.protocol"), Some("sasl_plaintext"));
        assert_eq!(config.get("linger.ms"), Some("20"));
    }

    #[test]
    fn refuses_settings_that_the_promise_rests_on() {
        for line in [
            "acks=1",
            "enable.idempotence=false",
            "transactional.id=x",
            "isolation.level=read_uncommitted",
            "plugin.library.paths=/tmp/x.so",
            "message.max.bytes=1",
            "s3cret",
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains("line 1 of kcat.conf"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_file_does_not_switch_tls_off_or_on() {
        assert!(base_of("kafka://h/x", "security.protocol=PLAINTEXT").is_ok());
        let other = base_of("kafka://h/x", "security.protocol=SASL_SSL");
        assert!(matches!(other, Err(Failure::Whole(Error::Invalid { .. }))));
    }

    #[test]
    fn says_what_the_build_lacks() {
        let has_tls = is_built_with("ssl");
        let tls = base_of("kafkas://h/x", "");
        let scram = base_of("kafka://h/x", "sasl.mechanisms=SCRAM-SHA-512");
        for refused in [tls, scram] {
            match refused {
                Ok(_) => assert!(has_tls),
                Err(Failure::Final(Trouble::Unsupported, text)) => {
                    assert!(!has_tls);
                    assert!(text.contains("lakeseed_openssl"), "{text}");
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}
