//! Where messages go: files, standard output, or a queue by the scheme of its address.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use lakeseed_sink::messages::{MessageLines, Queue};

use super::place::Destination;
use crate::error::Failure;

/// Schemes of queues, and the feature that each needs.
const QUEUES: [(&str, &str); 7] = [
    ("nats", "nats"),
    ("tls", "nats"),
    ("kafka", "kafka"),
    ("amqp", "rabbitmq"),
    ("amqps", "rabbitmq"),
    ("sqs", "sqs"),
    ("https", "sqs"),
];

/// Where messages go.
pub(crate) enum To {
    /// Files in a folder or a bucket.
    Files(Destination),
    /// Lines on standard output.
    Stdout(MessageLines),
    /// A queue.
    #[expect(dead_code, reason = "the first broker brings it")]
    Queue(Box<dyn Queue>),
}

impl To {
    /// What a text means.
    pub(crate) fn parse(text: &Path) -> Result<Self> {
        let address = text.to_string_lossy();
        if let Some(path) = address.strip_prefix("file://") {
            if path.starts_with('/') {
                return Ok(Self::Files(Destination::Folder(PathBuf::from(path))));
            }
            let advice = "write a folder as file:///PATH, or its path alone";
            return Err(Failure::usage("file:///PATH", format!("'{address}'"), advice).into());
        }
        if let Some((scheme, _)) = address.split_once("://")
            && scheme != "s3"
        {
            return queue(scheme, &address);
        }
        match Destination::parse(text)? {
            Destination::Stdout => Ok(Self::Stdout(MessageLines::stdout())),
            place => Ok(Self::Files(place)),
        }
    }

    /// The files' place, where it is one.
    pub(crate) fn place(&self) -> Option<&Destination> {
        match self {
            Self::Files(place) => Some(place),
            _ => None,
        }
    }

    /// Whether the messages come out of this process's standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout(_))
    }
}

/// The queue behind an address.
fn queue(scheme: &str, address: &str) -> Result<To> {
    let known = QUEUES.iter().find(|(known, _)| *known == scheme);
    let Some((_, feature)) = known else {
        let expected = "a folder, s3://BUCKET/PREFIX, - or a queue's address";
        let advice = "name one of these";
        return Err(Failure::usage(expected, format!("'{scheme}://'"), advice).into());
    };
    let expected = format!("a lakeseed that was built with the feature {feature}");
    let advice = "build it with that feature, or send to a folder";
    Err(Failure::usage(expected, format!("one without, for {address}"), advice).into())
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(place) => place.fmt(f),
            Self::Stdout(_) => f.write_str("-"),
            Self::Queue(queue) => f.write_str(&queue.address()),
        }
    }
}
