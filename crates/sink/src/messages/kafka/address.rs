//! `kafka://HOST:PORT/TOPIC` as brokers, a topic, and credentials.

use percent_encoding::percent_decode_str;

use crate::error::{Error, Result};
use crate::messages::host::{Host, joined};
use crate::secret::{Secret, scrub_shapes};

const FORM: &str = "kafka://HOST:PORT/TOPIC or kafkas://HOST:PORT/TOPIC";
const DEFAULT_PORT: u16 = 9092;
/// The longest name that a topic may have.
const MOST_LETTERS: usize = 249;

/// Where messages go.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// `kafka`, or `kafkas` for TLS.
    scheme: &'static str,
    /// Each broker that is asked for the others, in the order given.
    hosts: Vec<Host>,
    pub(super) topic: String,
    /// User and password that stood before the hosts.
    pub(super) user: Option<(String, Secret)>,
}

impl Address {
    /// Reads an address. User and password may be percent-encoded.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refused = |expected: &str| Error::Invalid {
            what: "Kafka address",
            expected: expected.to_owned(),
            found: if text.contains(['?', '#']) {
                // Of a password that holds such a sign itself, or of settings that are none here.
                "one with `?` or `#`".to_owned()
            } else {
                scrub_shapes(text)
            },
        };
        let (scheme, rest) = match text.split_once("://") {
            Some(("kafka", rest)) => ("kafka", rest),
            Some(("kafkas", rest)) => ("kafkas", rest),
            _ => return Err(refused(FORM)),
        };
        let (authority, topic) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.split_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        if hosts.contains('@') {
            return Err(refused(
                "a user and a password once, before the first host, with `@` written as %40",
            ));
        }
        let hosts = Host::parse_all(hosts, DEFAULT_PORT).ok_or_else(|| refused(FORM))?;
        if !is_topic(topic) {
            return Err(refused(
                "a topic of letters, digits, `.`, `_` and `-`, as in kafka://HOST:PORT/predictions",
            ));
        }
        let user = match user {
            None => None,
            Some(user) => Some(credentials(user).ok_or_else(|| {
                refused("USER:PASSWORD before the `@`, in UTF-8, percent-encoded")
            })?),
        };
        Ok(Self {
            scheme,
            hosts,
            topic: topic.to_owned(),
            user,
        })
    }

    /// The address without credentials, with every port.
    pub(super) fn shown(&self) -> String {
        format!("{}://{}/{}", self.scheme, self.brokers(), self.topic)
    }

    /// The brokers as the client wants them.
    pub(super) fn brokers(&self) -> String {
        joined(&self.hosts)
    }

    /// Whether connections are encrypted.
    pub(super) fn is_tls(&self) -> bool {
        self.scheme == "kafkas"
    }
}

/// Kafka's own rule for names of topics.
fn is_topic(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_some = !text.is_empty() && text.len() <= MOST_LETTERS;
    is_some && text != "." && text != ".." && text.chars().all(letter)
}

fn credentials(user: &str) -> Option<(String, Secret)> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8().ok()?;
        Some(text.into_owned())
    };
    let (user, password) = user.split_once(':')?;
    Some((decoded(user)?, Secret::new(decoded(password)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str) {
        assert_eq!(Address::parse(text).unwrap().shown(), shown);
    }

    #[test]
    fn reads_hosts_ports_and_topics() {
        check("kafka://queue/events", "kafka://queue:9092/events");
        check("kafkas://10.0.0.1:7/a.b-c_d", "kafkas://10.0.0.1:7/a.b-c_d");
        check("kafka://a,b:2,c/x", "kafka://a:9092,b:2,c:9092/x");
        check("kafka://[::1]/x", "kafka://[::1]:9092/x");
        assert!(Address::parse("kafkas://a/x").unwrap().is_tls());
        assert!(!Address::parse("kafka://a/x").unwrap().is_tls());
    }

    #[test]
    fn keeps_credentials_apart() {
        check("kafka://u:s3cret@h/x", "kafka://h:9092/x");
        let read = |text| Address::parse(text).unwrap().user;
        let (user, password) = read("kafka://a%40b:s%3A@h/x").unwrap();
        assert_eq!((user.as_str(), password.reveal()), ("a@b", "s:"));
        assert!(read("kafka://h/x").is_none());
    }

    #[test]
    fn refuses_what_is_no_address() {
        let long = format!("kafka://h/{}", "a".repeat(250));
        for text in [
            "kafka://",
            "kafka://h",
            "kafka://h/",
            "kafka:///x",
            "kafka://h:0/x",
            "kafka://h:65536/x",
            "kafka://a,,b/x",
            "kafka://[::g]/x",
            "kafka://s3cret@h/x",
            "kafka://u:s3cret@a,u:s3cret@b/x",
            "kafka://u:s3cret@h/a/b",
            "kafka://u:s3cret@h/a b",
            "kafka://u:s3cret@h/..",
            "kafka://u:s3cret@h/a?key=s3cret",
            "kafka://u:s3cret#s3cret@h/a b",
            "nats://u:s3cret@h/a",
            "kafka://%ff:s3cret@h/a",
            long.as_str(),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
