//! Where messages go: files, standard output, or a queue by the scheme of its address.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
#[cfg(feature = "nats")]
use lakeseed_sink::messages::nats::{NatsOptions, NatsQueue};
use lakeseed_sink::messages::{AllDelivered, LedgerRecord, MessageLines, Queue};
#[cfg(feature = "nats")]
use lakeseed_sink::messages::{Delivered, LedgerState};

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
    #[cfg_attr(
        not(feature = "nats"),
        expect(dead_code, reason = "only features bring queues")
    )]
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
    #[cfg(feature = "nats")]
    if *feature == "nats" {
        return Ok(To::Queue(Box::new(nats(address)?)));
    }
    let expected = format!("a lakeseed that was built with the feature {feature}");
    let advice = "build it with that feature, or send to a folder";
    let got = format!("one without, for {scheme}://{}", host(address));
    Err(Failure::usage(expected, got, advice).into())
}

/// The host of an address alone: the rest may hold a password. Nothing, where it is not sure to be one.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    if behind.contains('@') {
        // Of a password that holds such a sign itself.
        return "";
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.chars().all(is_plain) { host } else { "" }
}

/// Whether an address is one of a queue that can be read back.
pub(crate) fn is_queue(address: &str) -> bool {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| QUEUES.iter().any(|(known, _)| *known == scheme))
}

#[cfg(feature = "nats")]
fn nats(address: &str) -> Result<NatsQueue> {
    Ok(NatsQueue::new(address, NatsOptions::default())?)
}

/// A queue that is read back, and what was written down when its messages were sent.
pub(crate) struct ReadBack {
    #[cfg(feature = "nats")]
    queue: NatsQueue,
    pub(crate) record: LedgerRecord,
}

impl ReadBack {
    /// Finds the ledger of an address: the one that was given, or the only one of this address where
    /// `publish` keeps them.
    #[cfg(feature = "nats")]
    pub(crate) fn find(address: &str, ledger: Option<&Path>) -> Result<Self> {
        let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
        if !matches!(scheme, "nats" | "tls") {
            // Says which feature it would take.
            queue(scheme, address)?;
        }
        let queue = nats(address)?;
        let record = ledger_of(&queue.address(), ledger)?;
        Ok(Self { queue, record })
    }

    /// Says which feature it would take.
    #[cfg(not(feature = "nats"))]
    pub(crate) fn find(address: &str, _ledger: Option<&Path>) -> Result<Self> {
        let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
        match queue(scheme, address) {
            Err(error) => Err(error),
            Ok(_) => Err(Failure::usage("a queue that can be read", scheme, "name one").into()),
        }
    }

    /// The place, without credentials.
    pub(crate) fn address(&self) -> &str {
        &self.record.address
    }

    /// All messages, from the first on.
    #[cfg_attr(
        not(feature = "nats"),
        expect(
            clippy::unnecessary_wraps,
            clippy::unused_self,
            reason = "no queue can be read in such a build, so there is no such value"
        )
    )]
    pub(crate) fn read(&self) -> lakeseed_sink::Result<AllDelivered<'_>> {
        #[cfg(feature = "nats")]
        {
            let all = self.queue.read(0)?;
            Ok(Box::new(all.map(|message| message.map(Delivered::from))))
        }
        #[cfg(not(feature = "nats"))]
        Ok(Box::new(std::iter::empty()))
    }
}

#[cfg(feature = "nats")]
fn ledger_of(address: &str, given: Option<&Path>) -> Result<LedgerRecord> {
    let folders = match given {
        Some(folder) => vec![folder.to_owned()],
        None => folders_below(Path::new(super::publish::LEDGERS)),
    };
    let mut found = Vec::new();
    for folder in folders {
        // Folders of others may stand beside ours.
        let state = match LedgerState::read(&folder) {
            Err(_) if given.is_none() => None,
            read => read?,
        };
        let state = state.filter(|state| state.record.address == address);
        found.extend(state.map(|state| (folder, state)));
    }
    let advice = "name the folder that publish told by --ledger";
    match found.as_slice() {
        [(folder, state)] if !state.is_finished() => {
            let (done, parts) = (state.done.len(), state.record.parts);
            let got = format!("{}: {done} of {parts} parts are proven", folder.display());
            let advice = "repeat the publish command, then verify";
            Err(Failure::refused("a ledger of a finished run", got, advice).into())
        }
        [(_, state)] => Ok(state.record.clone()),
        [] => {
            let expected = format!("a ledger of messages to {address}");
            let place = given.unwrap_or_else(|| Path::new(super::publish::LEDGERS));
            Err(Failure::refused(expected, format!("none in {}", place.display()), advice).into())
        }
        several => {
            let names = several
                .iter()
                .map(|(folder, _)| folder.display().to_string());
            let names: Vec<String> = names.collect();
            let expected = format!("one ledger of messages to {address}");
            Err(Failure::refused(expected, names.join(", "), advice).into())
        }
    }
}

#[cfg(feature = "nats")]
fn folders_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
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
