//! `amqp://USER:PASSWORD@HOST:PORT/VHOST/QUEUE` as servers, a virtual host, a queue, and credentials.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::options::{RabbitCredentials, RabbitKind};
use crate::error::{Error, Result};
use crate::messages::host::{Host, joined};
use crate::secret::Secret;

const FORM: &str = "amqp://HOST:PORT/VHOST/QUEUE or amqps://HOST:PORT/VHOST/QUEUE, where the virtual \
                    host / is written %2F";
const KINDS: &str = "nothing or type=stream, type=quorum or type=classic behind the queue's name";
/// What of a name is not shown as it is.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The longest name that the protocol carries.
const MOST_NAME: usize = 255;

/// Where messages go.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) is_tls: bool,
    /// Each server of a cluster, in the order given.
    pub(super) hosts: Vec<Host>,
    pub(super) vhost: String,
    pub(super) queue: String,
    /// The kind that the queue must have, or gets when it is made.
    pub(super) kind: Option<RabbitKind>,
    /// What stood before the hosts.
    pub(super) credentials: Option<RabbitCredentials>,
}

impl Address {
    /// Reads an address. User, password, virtual host and queue may be percent-encoded.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refused = |expected: &str| Error::Invalid {
            what: "RabbitMQ address",
            expected: expected.to_owned(),
            // Whatever stands before the last `@` may be a password, with any sign in it.
            found: match text.rsplit_once('@') {
                Some((_, behind)) => format!("***@{behind}"),
                None => text.to_owned(),
            },
        };
        let (is_tls, rest) = match text.split_once("://") {
            Some(("amqp", rest)) => (false, rest),
            Some(("amqps", rest)) => (true, rest),
            _ => return Err(refused(FORM)),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').ok_or_else(|| refused(FORM))?;
        let (user, hosts) = match authority.split_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        if hosts.contains('@') || path.contains('@') {
            return Err(refused(
                "a user and a password once, before the first host, with `@` written as %40",
            ));
        }
        let port = if is_tls { 5671 } else { 5672 };
        let hosts = Host::parse_all(hosts, port).ok_or_else(|| refused(FORM))?;
        let (vhost, queue) = path.split_once('/').ok_or_else(|| refused(FORM))?;
        let (vhost, queue) = match (name(vhost), name(queue)) {
            (Some(vhost), Some(queue)) if !queue.starts_with("amq.") => (vhost, queue),
            _ => return Err(refused(FORM)),
        };
        let kind = match query {
            "" => None,
            "type=stream" => Some(RabbitKind::Stream),
            "type=quorum" => Some(RabbitKind::Quorum),
            "type=classic" => Some(RabbitKind::Classic),
            _ => return Err(refused(KINDS)),
        };
        let credentials = user.map(credentials).transpose();
        let credentials =
            credentials.map_err(|()| refused("a user and a password, percent-encoded UTF-8"))?;
        Ok(Self {
            is_tls,
            hosts,
            vhost,
            queue,
            kind,
            credentials,
        })
    }

    /// The address without credentials, with every port.
    pub(super) fn shown(&self) -> String {
        let scheme = if self.is_tls { "amqps" } else { "amqp" };
        let vhost = utf8_percent_encode(&self.vhost, IN_PATH);
        let queue = utf8_percent_encode(&self.queue, IN_PATH);
        format!("{scheme}://{}/{vhost}/{queue}", joined(&self.hosts))
    }
}

/// The name of a virtual host or a queue.
fn name(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?.into_owned();
    let is_control = text.chars().any(char::is_control);
    (!text.is_empty() && text.len() <= MOST_NAME && !is_control).then_some(text)
}

fn credentials(user: &str) -> Result<RabbitCredentials, ()> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(std::borrow::Cow::into_owned).map_err(|_| ())
    };
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    Ok(RabbitCredentials {
        user: decoded(user)?,
        password: Secret::new(decoded(password)?),
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
    fn reads_hosts_virtual_hosts_and_queues() {
        check("amqp://mq/%2F/events", "amqp://mq:5672/%2F/events");
        check("amqp://mq/%2f/events", "amqp://mq:5672/%2F/events");
        check(
            "amqps://10.0.0.1/lake/a.b-c",
            "amqps://10.0.0.1:5671/lake/a.b-c",
        );
        check("amqp://a,b:2/v/x", "amqp://a:5672,b:2/v/x");
        check("amqp://[::1]:9/v/x", "amqp://[::1]:9/v/x");
        check("amqp://h/v/a%2Fb%20c", "amqp://h:5672/v/a%2Fb%20c");
        // A slash in a queue's name needs no code: everything behind the virtual host is the queue.
        check("amqp://h/v/a/b", "amqp://h:5672/v/a%2Fb");
        check("amqp://h/v/x?type=stream", "amqp://h:5672/v/x");
        let read = |text| Address::parse(text).unwrap();
        assert_eq!(
            read("amqp://h/v/x?type=quorum").kind,
            Some(RabbitKind::Quorum)
        );
        assert_eq!(read("amqp://h/%2F/x").vhost, "/");
    }

    #[test]
    fn keeps_credentials_apart() {
        check("amqp://u:s3cret@h/v/x", "amqp://h:5672/v/x");
        let found = Address::parse("amqp://a%40b:s%3A@h/v/x")
            .unwrap()
            .credentials;
        let found = found.unwrap();
        assert_eq!(
            (found.user.as_str(), found.password.reveal()),
            ("a@b", "s:")
        );
        assert!(
            Address::parse("amqp://h/v/x")
                .unwrap()
                .credentials
                .is_none()
        );
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "amqp://",
            "amqp://h",
            "amqp://h/",
            "amqp://h/x",
            "amqp://h//x",
            "amqp://h/v/",
            "amqp:///v/x",
            "amqp://h:0/v/x",
            "amqp://h:65536/v/x",
            "amqp://a,,b/v/x",
            "amqp://[::g]/v/x",
            "amqp://u:s3cret@a,u:s3cret@b/v/x",
            "amqp://u:s3cret/v@h/x",
            "amqp://u:s3cret?v@h/v/x",
            "amqp://u:s3cret@h/v/amq.gen-1",
            "amqp://u:s3cret@h/v/x?type=lazy",
            "amqp://u:s3cret@h/v/x?heartbeat=1",
            "amqp://u:s3cret@h/v/a%00b",
            "kafka://u:s3cret@h/v/a",
            "amqp://%ff:s3cret@h/v/a",
        ] {
            refuses(text);
        }
    }
}
