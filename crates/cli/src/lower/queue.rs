//! Where messages go: files, standard output, or a queue by the scheme of its address.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
#[cfg(feature = "kafka")]
use lakeseed_sink::messages::kafka::{KafkaOptions, KafkaQueue};
#[cfg(feature = "nats")]
use lakeseed_sink::messages::nats::{NatsOptions, NatsQueue};
#[cfg(feature = "rabbitmq")]
use lakeseed_sink::messages::rabbitmq::{RabbitOptions, RabbitQueue};
#[cfg(feature = "sqs")]
use lakeseed_sink::messages::sqs::{SqsOptions, SqsQueue};
use lakeseed_sink::messages::{
    AllDelivered, DEFAULT_MESSAGE_BYTES, LedgerRecord, LedgerState, MessageLines, ReadableQueue,
    Reading,
};

use super::place::Destination;
use crate::args::Remote;
use crate::error::Failure;

/// Schemes of queues, and the feature that each needs.
const QUEUES: [(&str, &str); 9] = [
    ("nats", "nats"),
    ("tls", "nats"),
    ("kafka", "kafka"),
    ("kafkas", "kafka"),
    ("amqp", "rabbitmq"),
    ("amqps", "rabbitmq"),
    ("sqs", "sqs"),
    ("https", "sqs"),
    ("http", "sqs"),
];

/// Where messages go.
pub(crate) enum To {
    /// Files in a folder or a bucket.
    Files(Destination),
    /// Lines on standard output.
    Stdout(MessageLines),
    /// A queue.
    Queue(Box<dyn ReadableQueue>),
}

impl To {
    /// What a text means; `create` makes the stream, topic or queue that is missing.
    pub(crate) fn parse(text: &Path, create: bool, remote: &Remote) -> Result<Self> {
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
            return Ok(Self::Queue(queue(scheme, &address, create, remote)?));
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

    /// The most bytes of a message where nobody says how many.
    pub(crate) fn usual_message_bytes(&self) -> u64 {
        match self {
            Self::Queue(queue) => queue.usual_message_bytes(),
            _ => DEFAULT_MESSAGE_BYTES,
        }
    }

    /// Whether the messages come out of this process's standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout(_))
    }
}

/// The queue behind an address.
#[cfg_attr(
    not(feature = "sqs"),
    expect(unused_variables, reason = "only features bring queues")
)]
fn queue(
    scheme: &str,
    address: &str,
    create: bool,
    remote: &Remote,
) -> Result<Box<dyn ReadableQueue>> {
    let known = QUEUES.iter().find(|(known, _)| *known == scheme);
    let Some((_, feature)) = known else {
        let queues: Vec<String> = QUEUES.iter().map(|(at, _)| format!("{at}://")).collect();
        let queues = queues.join(", ");
        let expected = format!("a folder, s3://BUCKET/PREFIX, - or one of {queues}");
        return Err(Failure::usage(expected, format!("'{scheme}://'"), "name one of these").into());
    };
    match *feature {
        #[cfg(feature = "kafka")]
        "kafka" => Ok(Box::new(kafka(address, create)?)),
        #[cfg(feature = "nats")]
        "nats" => Ok(Box::new(nats(address, create)?)),
        #[cfg(feature = "rabbitmq")]
        "rabbitmq" => Ok(Box::new(rabbitmq(address, create)?)),
        #[cfg(feature = "sqs")]
        "sqs" => Ok(Box::new(sqs(address, create, remote)?)),
        _ => {
            let expected = format!("a lakeseed that was built with the feature {feature}");
            let advice = "build it with that feature, or send to a folder";
            let got = format!("one without, for {scheme}://{}", host(address));
            Err(Failure::usage(expected, got, advice).into())
        }
    }
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
    feature_of(address).is_some()
}

/// Whether an address is one of a queue that is reached by the flags and keys of buckets.
pub(crate) fn is_of_aws(address: &str) -> bool {
    feature_of(address) == Some("sqs")
}

/// The feature that the queue of an address needs.
fn feature_of(address: &str) -> Option<&'static str> {
    let (scheme, _) = address.split_once("://")?;
    let mut queues = QUEUES.iter();
    let (_, feature) = queues.find(|(known, _)| *known == scheme)?;
    Some(feature)
}

#[cfg(feature = "kafka")]
fn kafka(address: &str, create: bool) -> Result<KafkaQueue> {
    let options = KafkaOptions {
        create,
        ..KafkaOptions::default()
    };
    Ok(KafkaQueue::new(address, options)?)
}

/// A subject; a stream that is made for it has its name, dots as underscores.
#[cfg(feature = "nats")]
fn nats(address: &str, create: bool) -> Result<NatsQueue> {
    let subject = address.rsplit('/').next().unwrap_or_default();
    let options = NatsOptions {
        create_stream: create.then(|| subject.replace('.', "_")),
        ..NatsOptions::default()
    };
    Ok(NatsQueue::new(address, options)?)
}

/// A queue; one that is made is of the kind that its address names.
#[cfg(feature = "rabbitmq")]
fn rabbitmq(address: &str, create: bool) -> Result<RabbitQueue> {
    let options = RabbitOptions {
        create,
        ..RabbitOptions::default()
    };
    Ok(RabbitQueue::new(address, options)?)
}

/// A queue of SQS, by the flags of buckets.
#[cfg(feature = "sqs")]
fn sqs(address: &str, create: bool, remote: &Remote) -> Result<SqsQueue> {
    use lakeseed_sink::messages::sqs::DEFAULT_PATIENCE;

    let flags = if address.starts_with("sqs://") {
        remote.flags.clone()
    } else {
        remote.typed_place()
    };
    let options = SqsOptions {
        endpoint_url: flags.endpoint_url,
        region: flags.region,
        profile: flags.profile,
        ca_bundle: flags.ca_bundle,
        create,
        patience: flags.patience.unwrap_or(DEFAULT_PATIENCE),
        ..SqsOptions::default()
    };
    SqsQueue::new(address, &options).map_err(super::bucket::unread)
}

/// A queue that is read back, and what was written down when its messages were sent.
pub(crate) struct ReadBack {
    queue: Box<dyn ReadableQueue>,
    pub(crate) record: LedgerRecord,
}

impl ReadBack {
    /// Finds the ledger of an address: the one that was given, or the only one of this address where
    /// `publish` keeps them.
    pub(crate) fn find(address: &str, ledger: Option<&Path>, remote: &Remote) -> Result<Self> {
        let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
        let queue = queue(scheme, address, false, remote)?;
        let record = ledger_of(&queue.address(), ledger)?;
        Ok(Self { queue, record })
    }

    /// The place, without credentials.
    pub(crate) fn address(&self) -> &str {
        &self.record.address
    }

    /// Refuses to read where reading disturbs others, unless that was asked for.
    pub(crate) fn check_take(&self, take: bool) -> Result<()> {
        let reading = self.queue.reading()?;
        match (reading, take) {
            (Reading::Taking(what), false) => {
                let expected = format!("verify of {} with --take", self.address());
                let got = format!("none, and {what}");
                let advice = "give --take where no consumer is at work";
                Err(Failure::refused(expected, got, advice).into())
            }
            (Reading::Beside, true) => {
                let expected = "verify without --take";
                let got = format!("--take, and {} is read beside others", self.address());
                Err(Failure::usage(expected, got, "leave it out").into())
            }
            _ => Ok(()),
        }
    }

    /// All messages, from the first on.
    pub(crate) fn read(&self) -> lakeseed_sink::Result<AllDelivered<'_>> {
        self.queue.read_back()
    }
}

/// The ledger of an address that is finished.
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

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn nothing_but_a_plain_host_is_shown() {
        for (address, shown) in [
            ("kafka://user:secret@host:9092/topic?key=secret", "host"),
            ("amqp://queue.lake-1:5672/%2F/q", "queue.lake-1"),
            ("nats://user:sec/ret@host/subject", ""),
            ("nats://secret?more@host", ""),
            ("nats://to%20ken/subject", ""),
        ] {
            assert_eq!(host(address), shown, "{address}");
        }
    }
}
