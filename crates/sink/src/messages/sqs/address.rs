//! `sqs://QUEUE`, or a queue's URL as consoles show it: a server, an account, a queue.

use std::net::IpAddr;

use crate::error::{Error, Result};
use crate::messages::host::Host;

const FORM: &str = "sqs://QUEUE, or a queue's URL, https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE";
/// The longest name of a queue, with what a FIFO queue's ends with.
const MOST_NAME: usize = 80;
const FIFO: &str = ".fifo";

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Of a queue that was given by its URL; another one is looked up by its name.
    pub(super) url: Option<Url>,
    pub(super) queue: String,
}

/// A queue's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// `https://HOST`, with the port where one was given.
    pub(super) server: String,
    pub(super) whole: String,
    /// What the host's name says of the region.
    pub(super) region: Option<String>,
}

impl Address {
    /// Reads an address.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refused = |expected: &str| Error::Invalid {
            what: "SQS address",
            expected: expected.to_owned(),
            found: shown(text),
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| refused(FORM))?;
        if rest.contains(['@', '?', '#']) {
            return Err(refused(&format!(
                "{FORM}, without keys, which belong into the environment, `?` and `#`"
            )));
        }
        if scheme == "sqs" {
            let queue = Some(rest).filter(|name| is_queue(name));
            return Ok(Self {
                url: None,
                queue: queue.ok_or_else(|| refused(FORM))?.to_owned(),
            });
        }
        let (authority, path) = rest.split_once('/').ok_or_else(|| refused(FORM))?;
        let (account, queue) = path.rsplit_once('/').ok_or_else(|| refused(FORM))?;
        let port = if scheme == "http" { 80 } else { 443 };
        let host = match Host::parse_all(authority, port).as_deref() {
            Some([host]) => host.name.clone(),
            _ => return Err(refused(FORM)),
        };
        if !account.split('/').all(is_plain) || !is_queue(queue) {
            return Err(refused(FORM));
        }
        match scheme {
            "https" => {}
            "http" if is_loopback(&host) => {}
            "http" => {
                return Err(refused(
                    "https:// for a server on another machine; --endpoint-url names one without TLS",
                ));
            }
            _ => return Err(refused(FORM)),
        }
        Ok(Self {
            url: Some(Url {
                server: format!("{scheme}://{authority}"),
                whole: text.to_owned(),
                region: region_of(&host),
            }),
            queue: queue.to_owned(),
        })
    }

    /// Whether the queue is a FIFO queue, which its name tells.
    pub(super) fn is_fifo(&self) -> bool {
        self.queue.ends_with(FIFO)
    }
}

/// What may be shown of a text that is refused: before an `@`, and behind a `?` or a colon, may stand
/// secrets.
fn shown(text: &str) -> String {
    let text = match text.rsplit_once('@') {
        Some((_, behind)) => format!("***@{behind}"),
        None => text.to_owned(),
    };
    let start = text.find("://").map_or(0, |at| at + 3);
    match text[start..].find(['?', '#', ':']) {
        Some(at) => format!("{}***", &text[..=start + at]),
        None => text,
    }
}

/// Letters, digits, `-` and `_`.
fn is_plain(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.chars().all(letter)
}

fn is_queue(name: &str) -> bool {
    name.len() <= MOST_NAME && is_plain(name.strip_suffix(FIFO).unwrap_or(name))
}

pub(super) fn is_loopback(host: &str) -> bool {
    let number: Option<IpAddr> = host.parse().ok();
    number.is_some_and(|number| number.is_loopback())
        || host == "localhost"
        || host.ends_with(".localhost")
}

/// The region that stands in a host's name: behind `sqs`, or before `queue`, as AWS has named its
/// hosts since 2012 and before.
fn region_of(host: &str) -> Option<String> {
    let labels: Vec<&str> = host.split('.').collect();
    let at = |label: &str| labels.iter().position(|found| *found == label);
    let behind = at("sqs").or_else(|| at("sqs-fips"));
    let region = match (behind, at("queue")) {
        (Some(at), _) => labels.get(at + 1)?,
        (None, Some(0)) if host.ends_with(".amazonaws.com") => &"us-east-1",
        (None, Some(at)) => labels.get(at.checked_sub(1)?)?,
        (None, None) => return None,
    };
    let is_region = region.contains('-') && region.ends_with(|c: char| c.is_ascii_digit());
    is_region.then(|| (*region).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_urls() {
        let named = Address::parse("sqs://predictions").unwrap();
        assert_eq!((named.url.as_ref(), named.is_fifo()), (None, false));
        assert!(Address::parse("sqs://a_b-C.fifo").unwrap().is_fifo());
        let text = "https://sqs.eu-west-1.amazonaws.com/123456789012/predictions.fifo";
        let found = Address::parse(text).unwrap();
        assert_eq!(found.queue, "predictions.fifo");
        let url = found.url.unwrap();
        assert_eq!(url.server, "https://sqs.eu-west-1.amazonaws.com");
        assert_eq!(url.whole, text);
        for text in [
            "http://127.0.0.1:9324/000000000000/q",
            "http://[::1]:9324/queue/q",
            "http://localhost:4566/queue/eu-west-1/000000000000/q",
        ] {
            assert_eq!(Address::parse(text).unwrap().queue, "q", "{text}");
        }
    }

    #[test]
    fn finds_the_region_in_a_host() {
        let region = |host| region_of(host);
        let of = |name: &str| Some(name.to_owned());
        assert_eq!(region("sqs.eu-west-1.amazonaws.com"), of("eu-west-1"));
        assert_eq!(
            region("sqs-fips.us-gov-west-1.amazonaws.com"),
            of("us-gov-west-1")
        );
        assert_eq!(region("sqs.cn-north-1.amazonaws.com.cn"), of("cn-north-1"));
        assert_eq!(region("sqs.sa-east-1.api.aws"), of("sa-east-1"));
        let private = "vpce-0a1-b2.sqs.us-west-2.vpce.amazonaws.com";
        assert_eq!(region(private), of("us-west-2"));
        assert_eq!(region("eu-west-1.queue.amazonaws.com"), of("eu-west-1"));
        assert_eq!(region("queue.amazonaws.com"), of("us-east-1"));
        assert_eq!(region("127.0.0.1"), None);
        assert_eq!(region("sqs.lake.internal"), None);
    }

    #[test]
    fn refuses_what_is_no_address_and_shows_no_secret() {
        let long = format!("sqs://{}", "q".repeat(81));
        for text in [
            "sqs://",
            "sqs://a/b",
            "sqs://a.b",
            "sqs://a b",
            "sqs://.fifo",
            &long,
            "sqs://AKIA:s3cret@q",
            "https://sqs.eu-west-1.amazonaws.com",
            "https://sqs.eu-west-1.amazonaws.com/q",
            "https://sqs.eu-west-1.amazonaws.com//q",
            "https://h/1/q?X-Amz-Signature=s3cret",
            "https://h/1/q#s3cret",
            "https://AKIA:s3cret@h/1/q",
            "https://h:0/1/q",
            "http://h/1/q",
            "http://localhost.example.com/1/q",
            "ftp://localhost/1/q",
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
