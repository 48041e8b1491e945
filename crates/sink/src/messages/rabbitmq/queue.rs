//! The queue behind an address: what it is, whether the messages fit, what weakens the promise.
//!
//! AMQP has no question for what a queue is. But a server that is asked to make a queue which is there
//! already, and differs, makes nothing and names the difference: so each answer tells one more of its
//! properties, until nothing differs.

use std::collections::BTreeMap;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Confirmation};
use tokio::time::sleep;

use super::connection::Connection;
use super::failure::Failure;
use super::options::RabbitKind;
use crate::error::{Error, Trouble};

/// What says of which kind a queue is.
const KIND: &str = "x-queue-type";
/// How many properties a queue may have beyond those that every queue has.
const MOST_PROPERTIES: usize = 24;
/// What the server may still hand on of a connection that it has ended: its channels end within
/// milliseconds.
const SETTLING: Duration = Duration::from_millis(200);
const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

/// What a queue is, as far as its server tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) name: String,
    /// None where the user may not ask.
    pub(super) kind: Option<RabbitKind>,
    is_durable: bool,
    is_auto_delete: bool,
    /// What it was made with, as texts.
    arguments: BTreeMap<String, String>,
}

impl Seen {
    pub(super) fn is_stream(&self) -> bool {
        self.kind == Some(RabbitKind::Stream)
    }
}

/// Whether the queue is there.
pub(super) async fn is_there(connection: &Connection, name: &str) -> Result<bool, Failure> {
    match waiting(connection, name).await {
        Ok(_) => Ok(true),
        Err(Failure::Final(Trouble::Missing, _)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// How many messages of a queue wait for a consumer. Of a stream it says nothing.
pub(super) async fn waiting(connection: &Connection, name: &str) -> Result<u32, Failure> {
    let channel = connection.channel().await?;
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let asked = channel.queue_declare(name.into(), options, FieldTable::default());
    let queue = connection.heed(asked).await?;
    connection.heed(channel.close(200, "OK".into())).await?;
    Ok(queue.message_count())
}

/// Makes a queue that outlives its server's end.
pub(super) async fn create(
    connection: &Connection,
    name: &str,
    kind: RabbitKind,
) -> Result<(), Failure> {
    let arguments = BTreeMap::from([(KIND.to_owned(), text(kind.name()))]);
    declare(connection, name, DURABLE, &arguments).await
}

async fn declare(
    connection: &Connection,
    name: &str,
    options: QueueDeclareOptions,
    arguments: &BTreeMap<String, AMQPValue>,
) -> Result<(), Failure> {
    let channel = connection.channel().await?;
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(name.as_str().into(), value.clone());
    }
    let asked = channel.queue_declare(name.into(), options, table);
    connection.heed(asked).await?;
    connection.heed(channel.close(200, "OK".into())).await
}

/// What a queue is that is there.
pub(super) async fn look(connection: &Connection, name: &str) -> Result<Seen, Failure> {
    let mut options = DURABLE;
    let mut arguments = BTreeMap::from([(KIND.to_owned(), text(RabbitKind::Stream.name()))]);
    for _ in 0..MOST_PROPERTIES {
        let refused = match declare(connection, name, options, &arguments).await {
            Ok(()) => return Ok(seen(name, options, &arguments)),
            Err(Failure::Final(Trouble::Denied, _)) => return Ok(unseen(name)),
            Err(Failure::Final(Trouble::Other, refused)) => refused,
            Err(failure) => return Err(failure),
        };
        let Some((property, current)) = difference(&refused) else {
            return Ok(unseen(name));
        };
        match (property.as_str(), current) {
            ("durable", Some(value)) => options.durable = is_true(&value),
            ("auto_delete", Some(value)) => options.auto_delete = is_true(&value),
            (_, Some(value)) => {
                arguments.insert(property, value);
            }
            (_, None) => {
                arguments.remove(&property);
            }
        }
    }
    Ok(unseen(name))
}

/// A queue that is there, and that this user may not ask about.
fn unseen(name: &str) -> Seen {
    Seen {
        name: name.to_owned(),
        kind: None,
        is_durable: true,
        is_auto_delete: false,
        arguments: BTreeMap::new(),
    }
}

fn seen(name: &str, options: QueueDeclareOptions, arguments: &BTreeMap<String, AMQPValue>) -> Seen {
    let kind = match arguments.get(KIND).map(shown).as_deref() {
        Some("stream") => Some(RabbitKind::Stream),
        Some("quorum") => Some(RabbitKind::Quorum),
        None | Some("classic") => Some(RabbitKind::Classic),
        Some(_) => None,
    };
    let shown = |(name, value): (&String, &AMQPValue)| (name.clone(), shown(value));
    Seen {
        name: name.to_owned(),
        kind,
        is_durable: options.durable,
        is_auto_delete: options.auto_delete,
        arguments: arguments.iter().map(shown).collect(),
    }
}

/// Which property of a queue differs, and what it is, in the words of a server:
/// `inequivalent arg 'x-max-length' for queue 'a' in vhost '/': received none but current is the value
/// '5' of type 'signedint'`.
fn difference(refused: &str) -> Option<(String, Option<AMQPValue>)> {
    let (_, rest) = refused.split_once("inequivalent arg '")?;
    let (property, rest) = rest.split_once('\'')?;
    let (_, current) = rest.rsplit_once("but current is ")?;
    if current.starts_with("none") {
        return Some((property.to_owned(), None));
    }
    let (_, quoted) = current.split_once('\'')?;
    let (value, kind) = quoted.split_once('\'')?;
    let value = match kind.split('\'').nth(1) {
        Some("longstr") | None => text(value),
        Some("bool") => AMQPValue::Boolean(value == "true"),
        Some("double" | "float") => AMQPValue::Double(value.parse().ok()?),
        Some(_) => AMQPValue::LongLongInt(value.parse().ok()?),
    };
    Some((property.to_owned(), Some(value)))
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

fn shown(value: &AMQPValue) -> String {
    match value {
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Double(number) => number.to_string(),
        AMQPValue::Boolean(is_so) => is_so.to_string(),
        other => format!("{other:?}"),
    }
}

fn is_true(value: &AMQPValue) -> bool {
    shown(value) == "true"
}

/// Refuses messages above what the server takes. It is tried with one of that size which no queue
/// takes, and which comes back: the protocol does not tell the limit.
pub(super) async fn check_size(connection: &Connection, most_bytes: u64) -> Result<(), Failure> {
    let channel = connection.channel().await?;
    let confirmed = channel.confirm_select(ConfirmSelectOptions::default());
    connection.heed(confirmed).await?;
    let body = vec![b' '; usize::try_from(most_bytes).unwrap_or(usize::MAX)];
    let published = async {
        let options = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        // The name of no queue: those of servers begin so.
        let nowhere = ShortString::from("amq.lakeseed.nowhere");
        let properties = BasicProperties::default();
        let sent = channel.basic_publish("".into(), nowhere, options, &body, properties);
        sent.await?.await
    };
    match connection.heed(published).await {
        Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(_)) => {}
        Ok(_) => return Ok(()),
        // 406: message size 262144 is larger than configured max size 1000.
        Err(Failure::Final(Trouble::Other, refused)) if refused.contains("max size") => {
            let most = refused.rsplit(' ').next().unwrap_or_default();
            return Err(Failure::Whole(Error::Invalid {
                what: "bytes of a message",
                expected: format!("at most {most}, which is the server's max_message_size"),
                found: most_bytes.to_string(),
            }));
        }
        Err(failure) => return Err(failure),
    }
    connection.heed(channel.close(200, "OK".into())).await
}

/// Takes a name that one connection at a time can have. Fails for now where another one has it: the
/// server gives it away when it has done with that one.
pub(super) async fn fence(connection: &Connection, name: &str) -> Result<(), Failure> {
    let options = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    declare(connection, name, options, &BTreeMap::new()).await?;
    sleep(SETTLING).await;
    Ok(())
}

/// A line for each property that weakens what is promised.
pub(super) fn warnings(seen: &Seen, is_followed: bool) -> Vec<String> {
    let name = &seen.name;
    let mut lines = Vec::new();
    match seen.kind {
        Some(RabbitKind::Stream) => {
            lines.push(format!(
                "stream {name}: servers acknowledge before they sync their disks: where all of them \
                 lose power, messages may be lost, which verify would tell"
            ));
            if !is_followed {
                lines.push(format!(
                    "stream {name}: this user may not make a queue named lakeseed.*: what a broken \
                     connection still holds may come twice"
                ));
            }
        }
        Some(kind) => lines.push(format!(
            "queue {name} is a {} queue, which cannot be looked into: each message arrives at least \
             once, and those on their way when a connection breaks, or of the parts on their way when \
             lakeseed is killed, may come twice; a stream (?type=stream) gets each once",
            kind.name()
        )),
        None => lines.push(format!(
            "queue {name}: this user may not ask what it is (permission to configure): each message \
             arrives at least once, and some may come twice"
        )),
    }
    if seen.kind == Some(RabbitKind::Classic) {
        lines.push(format!(
            "queue {name} is kept by one server, unless a policy says otherwise: it is lost with that \
             server's disk"
        ));
    }
    if !seen.is_durable {
        lines.push(format!(
            "queue {name} is not durable: it is gone when its server ends"
        ));
    }
    if seen.is_auto_delete {
        lines.push(format!("queue {name} goes with its last consumer"));
    }
    let argument = |argument: &str| seen.arguments.get(argument);
    let is_limited = ["x-max-length", "x-max-length-bytes"]
        .iter()
        .any(|limit| seen.arguments.contains_key(*limit));
    if is_limited && seen.is_stream() {
        lines.push(format!(
            "stream {name} drops its oldest messages when it is full"
        ));
    } else if is_limited && argument("x-overflow").is_none_or(|what| what == "drop-head") {
        lines.push(format!(
            "queue {name} drops its oldest messages when it is full: x-overflow reject-publish would \
             refuse"
        ));
    }
    if let Some(time) = argument("x-max-age") {
        lines.push(format!("stream {name} drops messages after {time}"));
    }
    if let Some(time) = argument("x-message-ttl") {
        lines.push(format!("queue {name} drops messages after {time} ms"));
    }
    if let Some(time) = argument("x-expires") {
        lines.push(format!(
            "queue {name} goes when nobody uses it for {time} ms"
        ));
    }
    if let Some(count) = argument("x-delivery-limit") {
        lines.push(format!(
            "queue {name} drops a message that was taken {count} times, and verify --take counts"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(refused: &str, property: &str, current: Option<AMQPValue>) {
        let found = difference(refused).unwrap();
        assert_eq!(found, (property.to_owned(), current));
    }

    #[test]
    fn reads_what_a_server_says_is_different() {
        check(
            "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'a' in vhost '/': \
             received none but current is the value '5' of type 'signedint'",
            "x-max-length",
            Some(AMQPValue::LongLongInt(5)),
        );
        check(
            "inequivalent arg 'x-queue-type' for queue 'a' in vhost '/': received the value 'stream' \
             of type 'longstr' but current is the value 'quorum' of type 'longstr'",
            "x-queue-type",
            Some(text("quorum")),
        );
        check(
            "inequivalent arg 'x-queue-type' for queue 'a' in vhost '/': received the value 'stream' \
             of type 'longstr' but current is none",
            "x-queue-type",
            None,
        );
        check(
            "inequivalent arg 'durable' for queue 'a' in vhost '/': received 'true' but current is \
             'false'",
            "durable",
            Some(text("false")),
        );
        assert_eq!(difference("invalid arg 'x-max-length'"), None);
    }

    #[test]
    fn tells_what_weakens_the_promise() {
        let told = |kind, arguments: &[(&str, &str)]| {
            let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let seen = Seen {
                kind: Some(kind),
                arguments: arguments.iter().map(text).collect(),
                ..unseen("q")
            };
            warnings(&seen, true).join("\n")
        };
        let full = ("x-max-length", "5");
        assert!(told(RabbitKind::Quorum, &[full]).contains("drops its oldest"));
        let refusing = [full, ("x-overflow", "reject-publish")];
        assert!(!told(RabbitKind::Quorum, &refusing).contains("drops"));
        assert!(told(RabbitKind::Classic, &[("x-message-ttl", "9")]).contains("after 9 ms"));
        assert!(told(RabbitKind::Stream, &[("x-max-age", "1D")]).contains("after 1D"));
        assert!(!told(RabbitKind::Stream, &[]).contains("once"));
        assert!(warnings(&unseen("q"), true)[0].contains("may not ask"));
    }
}
