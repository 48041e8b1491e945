//! `nats://HOST:PORT/SUBJECT` as servers, a subject, and credentials.

use percent_encoding::percent_decode_str;

use super::options::NatsCredentials;
use crate::error::{Error, Result};
use crate::messages::host::{Host, joined};
use crate::secret::{Secret, scrub_shapes};

const FORM: &str = "nats://HOST:PORT/SUBJECT or tls://HOST:PORT/SUBJECT";
const DEFAULT_PORT: u16 = 4222;

/// Where messages go.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// `nats` or `tls`.
    scheme: &'static str,
    /// Each server of a cluster, in the order given.
    hosts: Vec<Host>,
    pub(super) subject: String,
    /// What stood before the hosts.
    pub(super) credentials: Option<NatsCredentials>,
}

impl Address {
    /// Reads an address. Users and passwords may be percent-encoded.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refused = |expected: &str| Error::Invalid {
            what: "NATS address",
            expected: expected.to_owned(),
            found: scrub_shapes(text),
        };
        let (scheme, rest) = match text.split_once("://") {
            Some(("nats", rest)) => ("nats", rest),
            Some(("tls", rest)) => ("tls", rest),
            _ => return Err(refused(FORM)),
        };
        let (authority, subject) = rest.split_once('/').unwrap_or((rest, ""));
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
        if !is_subject(subject) {
            return Err(refused(
                "a subject of words with dots between them, without `*`, `>`, `?`, `#` and blanks, \
                 as in nats://HOST:PORT/predictions.new",
            ));
        }
        let credentials = user.map(credentials).transpose();
        let credentials =
            credentials.map_err(|()| refused("a user and a password in UTF-8, percent-encoded"))?;
        Ok(Self {
            scheme,
            hosts,
            subject: subject.to_owned(),
            credentials,
        })
    }

    /// The address without credentials, with every port.
    pub(super) fn shown(&self) -> String {
        format!("{}/{}", self.place(), self.subject)
    }

    /// The servers alone, without credentials.
    pub(super) fn place(&self) -> String {
        format!("{}://{}", self.scheme, joined(&self.hosts))
    }

    /// The servers as the client wants them, without credentials.
    pub(super) fn servers(&self) -> Vec<String> {
        let server = |host: &Host| format!("{}://{host}", self.scheme);
        self.hosts.iter().map(server).collect()
    }
}

/// Whether messages can be sent to it: the rules of NATS, and what would be ambiguous in an address.
fn is_subject(text: &str) -> bool {
    let is_word = |word: &str| {
        let refused = |c: char| c.is_whitespace() || c.is_control() || "?#".contains(c);
        !word.is_empty() && word != "*" && word != ">" && !word.contains(refused)
    };
    text.split('.').all(is_word) && !text.starts_with('$')
}

fn credentials(user: &str) -> Result<NatsCredentials, ()> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(std::borrow::Cow::into_owned).map_err(|_| ())
    };
    Ok(match user.split_once(':') {
        Some((user, password)) => NatsCredentials::Password {
            user: decoded(user)?,
            password: Secret::new(decoded(password)?),
        },
        None => NatsCredentials::Token(Secret::new(decoded(user)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str) {
        assert_eq!(Address::parse(text).unwrap().shown(), shown);
    }

    #[track_caller]
    fn refuses(text: &str) {
        let error = Address::parse(text).unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn reads_hosts_ports_and_subjects() {
        check("nats://queue/events", "nats://queue:4222/events");
        check("tls://10.0.0.1:7/a.b-c/d", "tls://10.0.0.1:7/a.b-c/d");
        check("nats://a,b:2,c/x", "nats://a:4222,b:2,c:4222/x");
        check("nats://[::1]/x", "nats://[::1]:4222/x");
        check("nats://[::1]:9/x", "nats://[::1]:9/x");
    }

    #[test]
    fn keeps_credentials_apart() {
        check("nats://u:s3cret@h/x", "nats://h:4222/x");
        let read = |text| Address::parse(text).unwrap().credentials;
        let Some(NatsCredentials::Password { user, password }) = read("nats://a%40b:s%3A@h/x")
        else {
            panic!("no password");
        };
        assert_eq!((user.as_str(), password.reveal()), ("a@b", "s:"));
        let Some(NatsCredentials::Token(token)) = read("nats://s3cret@h/x") else {
            panic!("no token");
        };
        assert_eq!(token.reveal(), "s3cret");
        assert!(read("nats://h/x").is_none());
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "nats://",
            "nats://h",
            "nats://h/",
            "nats:///x",
            "nats://h:0/x",
            "nats://h:65536/x",
            "nats://h:a/x",
            "nats://a,,b/x",
            "nats://[::g]/x",
            "nats://u:s3cret@a,u:s3cret@b/x",
            "nats://u:s3cret@h/a..b",
            "nats://u:s3cret@h/a.*",
            "nats://u:s3cret@h/a.>",
            "nats://u:s3cret@h/a b",
            "nats://u:s3cret@h/$JS.API",
            "nats://u:s3cret@h/a?b",
            "kafka://u:s3cret@h/a",
            "nats://%ff:s3cret@h/a",
        ] {
            refuses(text);
        }
    }
}
