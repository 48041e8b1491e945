//! The stream that takes the subject: what it is, whether the messages fit, what weakens the promise.

use std::time::Duration;

use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::failure::Failure;
use crate::error::{Error, Trouble};

/// The most that a message's headers take: the version line, the id's name, the id itself.
pub(super) const HEADER_BYTES: u64 = 192;
/// How long a stream that we make remembers ids: what servers choose by themselves.
const WINDOW: Duration = Duration::from_mins(2);

#[derive(Serialize)]
struct BySubject<'s> {
    subject: &'s str,
}

#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    streams: Option<Vec<String>>,
}

/// The name of the stream that takes a subject; `None` where there is none.
pub(super) async fn name_of(
    connection: &Connection,
    subject: &str,
) -> Result<Option<String>, Failure> {
    let names: Names = ask(connection, "STREAM.NAMES", &BySubject { subject }).await?;
    Ok(names.streams.unwrap_or_default().into_iter().next())
}

/// What the server says of a stream now.
pub(super) async fn info(connection: &Connection, stream: &str) -> Result<Info, Failure> {
    ask(connection, &format!("STREAM.INFO.{stream}"), &()).await
}

/// Makes a stream for a subject: on disk, and refusing new messages when it is full.
pub(super) async fn create(
    connection: &Connection,
    stream: &str,
    subject: &str,
) -> Result<Info, Failure> {
    let config = Config {
        name: stream.to_owned(),
        subjects: vec![subject.to_owned()],
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        retention: RetentionPolicy::Limits,
        duplicate_window: WINDOW,
        num_replicas: 1,
        // No limits: the server reads nought as none.
        max_bytes: -1,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        max_message_size: -1,
        ..Config::default()
    };
    ask(connection, &format!("STREAM.CREATE.{stream}"), &config).await
}

/// Whether the name may be one of a stream.
pub(super) fn is_name(name: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    !name.is_empty() && !name.contains(refused)
}

/// One question to JetStream.
async fn ask<T: DeserializeOwned>(
    connection: &Connection,
    subject: &str,
    question: &(impl Serialize + ?Sized),
) -> Result<T, Failure> {
    let answer = connection.jetstream.request(subject.to_owned(), question);
    match connection.heed(answer).await? {
        Ok(Response::Ok(answer)) => Ok(answer),
        Ok(Response::Err { error }) => Err(Failure::of_answer(&error)),
        Err(error) => Err(Failure::of_request(&error, connection)),
    }
}

/// Refuses a stream that cannot take the messages, or that acknowledges nothing.
pub(super) fn check(
    info: &Info,
    connection: &Connection,
    most_bytes: u64,
    place: &str,
) -> Result<(), Failure> {
    let config = &info.config;
    let name = &config.name;
    let refused = |text: String| Failure::Final(Trouble::Unsupported, text);
    if config.no_ack {
        return Err(refused(format!(
            "stream {name} acknowledges nothing: set no_ack to false"
        )));
    }
    if config.sealed {
        return Err(refused(format!("stream {name} is sealed")));
    }
    let server = connection.client.max_payload() as u64;
    let stream = u64::try_from(config.max_message_size)
        .ok()
        .filter(|most| *most > 0);
    let (most, whose) = match stream {
        Some(most) if most < server => (most, format!("stream {name}")),
        _ => (server, place.to_owned()),
    };
    let fits = most.saturating_sub(HEADER_BYTES);
    if most_bytes > fits {
        return Err(Failure::Whole(Error::Invalid {
            what: "bytes of a message",
            expected: format!(
                "at most {fits}, since {whose} takes {most} with {HEADER_BYTES} of headers"
            ),
            found: most_bytes.to_string(),
        }));
    }
    Ok(())
}

/// A line for each setting that weakens what is promised.
pub(super) fn warnings(info: &Info, patience: Duration) -> Vec<String> {
    let config = &info.config;
    let name = &config.name;
    let mut lines = vec![format!(
        "stream {name}: a server acknowledges before it syncs its disk (every two minutes, unless \
         its sync_interval says otherwise): losing power may lose messages, which verify would tell"
    )];
    if config.storage == StorageType::Memory {
        lines.push(format!(
            "stream {name} is kept in memory: it is gone when its server ends"
        ));
    }
    if config.num_replicas <= 1 {
        lines.push(format!(
            "stream {name} has one replica: it is lost with its server"
        ));
    }
    let is_limited = config.max_bytes > 0 || config.max_messages > 0;
    if config.max_messages_per_subject > 0 && !config.discard_new_per_subject {
        let most = config.max_messages_per_subject;
        lines.push(format!(
            "stream {name} keeps {most} messages of a subject and drops older ones"
        ));
    }
    if is_limited && config.discard == DiscardPolicy::Old {
        lines.push(format!(
            "stream {name} drops its oldest messages when it is full: discard new would refuse"
        ));
    }
    if !config.max_age.is_zero() {
        let seconds = config.max_age.as_secs_f64();
        lines.push(format!("stream {name} drops messages after {seconds} s"));
    }
    if config.retention != RetentionPolicy::Limits {
        lines.push(format!(
            "stream {name} drops what its consumers have taken: after a kill, what was taken is \
             known only within its duplicate window, and verify misses it"
        ));
    }
    if config.duplicate_window < patience {
        let seconds = config.duplicate_window.as_secs_f64();
        lines.push(format!(
            "stream {name} remembers ids for {seconds} s only: what a broken connection still \
             holds after that may come twice"
        ));
    }
    lines
}

/// Whether a stream drops messages by itself: then one that is missing says nothing.
pub(super) fn drops(info: &Info) -> bool {
    let config = &info.config;
    let is_limited = config.max_bytes > 0 || config.max_messages > 0;
    config.retention != RetentionPolicy::Limits
        || !config.max_age.is_zero()
        || config.max_messages_per_subject > 0
        || (is_limited && config.discard == DiscardPolicy::Old)
}
