//! What stands in a stream, read without taking it away from anybody.
//!
//! An ordered consumer is used, which lives as long as the reading and acknowledges nothing. A stream
//! whose consumers take messages away lets none be read beside them: there each message is asked for
//! by its number.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::{Info, RawMessageErrorKind, RetentionPolicy, Stream};
use async_nats::{HeaderMap, jetstream};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::connection::{ANSWER, Connection, TICK};
use super::failure::Failure;
use crate::error::{Trouble, chain};
use crate::messages::read_back::Delivered;

/// Messages that are asked for at once: headers are small, bodies are not.
const HEADERS_AT_ONCE: i64 = 1000;
const BODIES_AT_ONCE: i64 = 64;

/// A message as it stands in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsMessage {
    /// Its number in the stream, from 1.
    pub sequence: u64,
    /// The id that it was sent with, where it has one.
    pub id: Option<String>,
    /// The body; empty where only headers were asked for.
    pub body: Bytes,
}

impl From<NatsMessage> for Delivered {
    fn from(message: NatsMessage) -> Self {
        Self {
            id: message.id,
            body: message.body,
        }
    }
}

/// Messages of a subject, in order, up to the last one that was there at the start.
pub(super) struct Reading {
    connection: Arc<Connection>,
    way: Way,
    /// The last message that was given.
    at: u64,
    /// The last message of the stream when reading began.
    last: u64,
    is_done: bool,
}

enum Way {
    Consumer {
        messages: Pin<Box<Ordered>>,
        stream: String,
        name: String,
    },
    Numbers {
        stream: Box<Stream<()>>,
        subject: String,
    },
}

impl Reading {
    /// Begins behind the message `after`.
    pub(super) async fn begin(
        connection: &Arc<Connection>,
        info: &Info,
        subject: &str,
        after: u64,
        headers_only: bool,
    ) -> Result<Self, Failure> {
        let name = info.config.name.clone();
        let last = info.state.last_sequence;
        let stream = connection.jetstream.get_stream_no_info(&name).await;
        let stream = stream.map_err(|error| {
            Failure::Passing(Trouble::Unreachable, connection.scrub(&error.to_string()))
        })?;
        if info.config.retention == RetentionPolicy::WorkQueue {
            return Ok(Self {
                connection: Arc::clone(connection),
                way: Way::Numbers {
                    stream: Box::new(stream),
                    subject: subject.to_owned(),
                },
                at: after,
                last,
                is_done: after >= last,
            });
        }
        let consumer = stream.create_consumer(OrderedConfig {
            description: Some("lakeseed reads, and acknowledges nothing".to_owned()),
            filter_subject: subject.to_owned(),
            headers_only,
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: after + 1,
            },
            max_batch: if headers_only {
                HEADERS_AT_ONCE
            } else {
                BODIES_AT_ONCE
            },
            ..OrderedConfig::default()
        });
        let consumer = connection.heed(consumer).await?;
        let consumer = consumer.map_err(|error| Failure::of_consumer(&error, connection))?;
        let found = consumer.cached_info();
        let (consumer_name, is_done) = (found.name.clone(), found.num_pending == 0);
        let messages = consumer.messages().await.map_err(|error| {
            Failure::Passing(Trouble::Unreachable, connection.scrub(&chain(&error)))
        })?;
        Ok(Self {
            connection: Arc::clone(connection),
            way: Way::Consumer {
                messages: Box::pin(messages),
                stream: name,
                name: consumer_name,
            },
            at: after,
            last,
            is_done: is_done || after >= last,
        })
    }

    /// The next message; `None` behind the last one.
    pub(super) async fn next(&mut self) -> Result<Option<NatsMessage>, Failure> {
        loop {
            if self.is_done {
                return Ok(None);
            }
            let found = match &mut self.way {
                Way::Consumer { messages, .. } => {
                    let (found, pending) = delivered(&self.connection, messages).await?;
                    self.is_done = pending == 0;
                    Some(found)
                }
                Way::Numbers { stream, subject } => {
                    let found = numbered(&self.connection, stream, subject, self.at + 1).await?;
                    self.is_done = found.is_none();
                    found
                }
            };
            let Some(found) = found else {
                return Ok(None);
            };
            self.is_done |= found.sequence >= self.last;
            // A consumer that had to be made again may begin too early.
            if found.sequence > self.at && found.sequence <= self.last {
                self.at = found.sequence;
                return Ok(Some(found));
            }
        }
    }

    /// Takes the consumer away; where that is not allowed, it goes by itself after half a minute.
    pub(super) async fn end(self) {
        if let Way::Consumer { stream, name, .. } = &self.way {
            let subject = format!("$JS.API.CONSUMER.DELETE.{stream}.{name}");
            let client = &self.connection.client;
            // Nobody waits for the answer.
            let answer = client.new_inbox();
            let _ = client
                .publish_with_reply(subject, answer, Bytes::new())
                .await;
        }
    }
}

/// The next message of a consumer, and how many are still to come.
async fn delivered(
    connection: &Connection,
    messages: &mut Pin<Box<Ordered>>,
) -> Result<(NatsMessage, u64), Failure> {
    let began = Instant::now();
    let message = loop {
        match timeout(TICK, messages.next()).await {
            Ok(Some(Ok(message))) => break message,
            Ok(Some(Err(error))) => {
                let text = connection.scrub(&chain(&error));
                return Err(Failure::Passing(Trouble::Unavailable, text));
            }
            Ok(None) => return Err(Failure::lost()),
            Err(_) if connection.is_lost() => return Err(Failure::lost()),
            Err(_) if began.elapsed() > ANSWER => {
                return Err(connection.refusal().unwrap_or_else(Failure::silent));
            }
            Err(_) => {}
        }
    };
    let info = message
        .info()
        .map_err(|error| Failure::Final(Trouble::Other, connection.scrub(&error.to_string())))?;
    let (sequence, pending) = (info.stream_sequence, info.pending);
    let jetstream::Message { message, .. } = message;
    let found = NatsMessage {
        sequence,
        id: message.headers.as_ref().and_then(id_of),
        body: message.payload,
    };
    Ok((found, pending))
}

/// The first message of a subject from a number on, asked for by itself.
async fn numbered(
    connection: &Connection,
    stream: &Stream<()>,
    subject: &str,
    from: u64,
) -> Result<Option<NatsMessage>, Failure> {
    let asked = stream.raw_message_builder();
    let asked = asked.sequence(from).next_by_subject(subject);
    match connection.heed(asked.send()).await? {
        Ok(found) => Ok(Some(NatsMessage {
            sequence: found.sequence,
            id: id_of(&found.headers),
            body: found.payload,
        })),
        Err(error) => match error.kind() {
            RawMessageErrorKind::NoMessageFound => Ok(None),
            RawMessageErrorKind::JetStream(answer) => Err(Failure::of_answer(&answer)),
            _ => {
                let text = connection.scrub(&chain(&error));
                Err(Failure::Passing(Trouble::Unreachable, text))
            }
        },
    }
}

fn id_of(headers: &HeaderMap) -> Option<String> {
    headers
        .get(NATS_MESSAGE_ID)
        .map(|id| id.as_str().to_owned())
}
