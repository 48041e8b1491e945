//! What stands in a queue, read in the one way there is: all messages are taken, none is deleted, and
//! all are given back.
//!
//! A message that is taken stays hidden for the visibility timeout that was asked for. A standard queue
//! may hand one out twice all the same: it has the same id of the server's then, and counts once.
//!
//! Nothing tells where a queue ends. A long poll asks all servers of a queue, and comes back empty
//! where none of them has a message that may be taken. Several in a row, and a count of none, are taken
//! for the end.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::batch::MOST_MESSAGES;
use super::client::{ANSWER, json};
use super::failure::Failure;
use super::queue::{Seen, Standing};
use super::{ID_ATTRIBUTE, SqsQueue};
use crate::error::{Result, Trouble};
use crate::messages::read_back::Delivered;
use crate::messages::waits::Waits;

/// Messages that a queue hands out at most before some are deleted.
pub(super) const MOST_TAKEN: u64 = 120_000;
/// How long a poll waits for messages.
const POLL_SECONDS: u64 = 2;
/// Polls in a row without a message, by which a queue is taken for empty.
const EMPTY_POLLS: u32 = 3;
/// How long messages stay hidden: so long, and a second more for each so many that wait.
const HIDDEN_SECONDS: u64 = 300;
const MESSAGES_PER_SECOND: u64 = 20;
/// Requests side by side that give messages back.
const AT_ONCE: usize = 8;

/// The messages of a queue, for whoever verifies them.
///
/// **Memory.** The messages of an answer, and of each message taken what it takes to give it back: some
/// 400 bytes, so 50 MB for 120,000 messages.
pub(super) struct Taking<'q> {
    queue: &'q SqsQueue,
    work: Work<'q>,
    is_done: bool,
}

struct Work<'q> {
    queue: &'q SqsQueue,
    seen: Seen,
    hidden_seconds: u64,
    /// Messages that came and were not asked for yet.
    ready: VecDeque<Delivered>,
    /// By which each message is given back, by its id.
    handles: HashMap<u128, Box<str>>,
    empty_polls: u32,
    /// When a new message came last.
    progress: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Receive<'a> {
    queue_url: &'a str,
    max_number_of_messages: usize,
    visibility_timeout: u64,
    wait_time_seconds: u64,
    // The older name of what is called MessageSystemAttributeNames today: all servers know it.
    attribute_names: [&'a str; 1],
    message_attribute_names: [&'a str; 1],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    messages: Option<Vec<Taken>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: HashMap<String, String>,
    #[serde(default)]
    message_attributes: HashMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Value {
    string_value: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GiveBack<'a> {
    queue_url: &'a str,
    entries: Vec<Given<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Given<'a> {
    id: String,
    receipt_handle: &'a str,
    visibility_timeout: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    failed: Option<Vec<NotGiven>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NotGiven {
    id: String,
    #[serde(default)]
    sender_fault: bool,
}

impl<'q> Taking<'q> {
    /// Waits until nobody else has taken messages, and begins.
    pub(super) fn begin(queue: &'q SqsQueue) -> Result<Self> {
        let work = queue.run(Work::begin(queue), "read")?;
        Ok(Self {
            queue,
            work,
            is_done: false,
        })
    }
}

impl Iterator for Taking<'_> {
    type Item = Result<Delivered>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let queue = self.queue;
        let found = queue.run(self.work.next(), "read");
        self.is_done = !matches!(found, Ok(Some(_)));
        found.transpose()
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        // Who is stopped on the way gives back too. What cannot be comes back by itself.
        let queue = self.queue;
        let _ = queue.run(self.work.give_back(), "give back to");
    }
}

impl<'q> Work<'q> {
    async fn begin(queue: &'q SqsQueue) -> Result<Self, Failure> {
        let until = Instant::now() + queue.patience;
        let mut waits = Waits::default();
        let mut seen = queue.seen(&|| false).await?;
        let standing = loop {
            queue.renew(&mut seen).await?;
            let standing = seen.standing();
            if standing.taken == 0 && standing.delayed == 0 {
                break standing;
            }
            if Instant::now() >= until {
                return Err(Failure::Final(Trouble::Unavailable, not_all(standing)));
            }
            waits.next().await;
        };
        if standing.waiting > MOST_TAKEN {
            let text = format!(
                "about {} messages stand in the queue, and a queue hands out {MOST_TAKEN} at most \
                 before some are deleted: it cannot be read whole",
                standing.waiting
            );
            return Err(Failure::Final(Trouble::Unsupported, text));
        }
        Ok(Self {
            queue,
            seen,
            hidden_seconds: HIDDEN_SECONDS + standing.waiting / MESSAGES_PER_SECOND,
            ready: VecDeque::new(),
            handles: HashMap::new(),
            empty_polls: 0,
            progress: Instant::now(),
        })
    }

    /// The next message; `None` where none waits any more, and all are given back.
    async fn next(&mut self) -> Result<Option<Delivered>, Failure> {
        loop {
            if let Some(found) = self.ready.pop_front() {
                return Ok(Some(found));
            }
            if self.empty_polls >= EMPTY_POLLS && self.is_at_end().await? {
                self.give_back().await?;
                return Ok(None);
            }
            self.receive().await?;
        }
    }

    /// Whether the server counts no message that waits. Its count may be late: it is not believed for
    /// longer than a minute.
    async fn is_at_end(&mut self) -> Result<bool, Failure> {
        self.queue.renew(&mut self.seen).await?;
        let is_late = self.progress.elapsed() > self.queue.patience;
        Ok(is_late || self.seen.standing().waiting == 0)
    }

    async fn receive(&mut self) -> Result<(), Failure> {
        let question = json(&Receive {
            queue_url: &self.seen.url,
            max_number_of_messages: MOST_MESSAGES,
            visibility_timeout: self.hidden_seconds,
            wait_time_seconds: POLL_SECONDS,
            attribute_names: ["ApproximateReceiveCount"],
            message_attribute_names: [ID_ATTRIBUTE],
        })?;
        let until = Instant::now() + self.queue.patience;
        let mut waits = Waits::default();
        let client = &self.queue.client;
        let received: Received = loop {
            let most = ANSWER + Duration::from_secs(POLL_SECONDS);
            match client.call("ReceiveMessage", question.clone(), most).await {
                Ok(received) => break received,
                // What was in that answer stays hidden, and nobody can give it back.
                Err(Failure::Lost(text)) => {
                    let text = format!(
                        "{text}; up to {MOST_MESSAGES} messages stay hidden for {} s, after which \
                         the queue can be read again",
                        self.hidden_seconds
                    );
                    return Err(Failure::Final(Trouble::Unavailable, text));
                }
                Err(failure) if !failure.is_passing() || Instant::now() >= until => {
                    return Err(failure);
                }
                Err(_) => waits.next().await,
            }
        };
        let before = self.handles.len();
        let most = self.seen.most_receives();
        let mut count = 0;
        for message in received.messages.unwrap_or_default() {
            count = count.max(self.take(message));
        }
        if let Some(most) = most
            && count >= most
        {
            let text = format!(
                "a message was taken {count} times, with this one, and whoever takes it next moves \
                 it to the dead letters: the redrive policy allows {most}"
            );
            return Err(Failure::Final(Trouble::Unsupported, text));
        }
        if self.handles.len() > before {
            self.empty_polls = 0;
            self.progress = Instant::now();
        } else {
            self.empty_polls += 1;
        }
        Ok(())
    }

    /// Takes a message in, unless it came before. Returns how often it was taken by now.
    fn take(&mut self, message: Taken) -> u64 {
        let Taken {
            message_id,
            receipt_handle,
            body,
            attributes,
            mut message_attributes,
        } = message;
        let id = twox_hash::XxHash3_128::oneshot(message_id.as_bytes());
        let count = attributes.get("ApproximateReceiveCount");
        let count = count.and_then(|count| count.parse().ok()).unwrap_or(0);
        if self.handles.insert(id, receipt_handle.into()).is_some() {
            return count;
        }
        let name = message_attributes.remove(ID_ATTRIBUTE);
        self.ready.push_back(Delivered {
            id: name.and_then(|name| name.string_value),
            body: Bytes::from(body),
        });
        count
    }

    /// Gives all messages back, so that who reads next finds them.
    async fn give_back(&mut self) -> Result<(), Failure> {
        let handles: Vec<Box<str>> = self.handles.drain().map(|(_, handle)| handle).collect();
        let this = &*self;
        let mut batches = stream::iter(handles.chunks(MOST_MESSAGES))
            .map(|batch| this.give_batch_back(batch))
            .buffer_unordered(AT_ONCE);
        let mut all = Ok(());
        // One that fails does not keep the others.
        while let Some(given) = batches.next().await {
            all = all.and(given);
        }
        all
    }

    async fn give_batch_back<'h>(&self, batch: &'h [Box<str>]) -> Result<(), Failure> {
        let until = Instant::now() + self.queue.patience;
        let mut waits = Waits::default();
        let mut left: Vec<&'h str> = batch.iter().map(AsRef::as_ref).collect();
        loop {
            let given = |(at, handle): (usize, &&'h str)| Given {
                id: at.to_string(),
                receipt_handle: handle,
                visibility_timeout: 0,
            };
            let question = GiveBack {
                queue_url: &self.seen.url,
                entries: left.iter().enumerate().map(given).collect(),
            };
            let client = &self.queue.client;
            let asked = client.insist(
                "ChangeMessageVisibilityBatch",
                &question,
                self.queue.patience,
                &|| false,
            );
            let Kept { failed } = asked.await?;
            // The fault of who asks: the message is not hidden any more, or somebody has deleted it.
            let failed = failed.unwrap_or_default();
            let kept = failed.iter().filter(|kept| !kept.sender_fault);
            let kept: Vec<usize> = kept.filter_map(|kept| kept.id.parse().ok()).collect();
            left = kept
                .iter()
                .filter_map(|at| left.get(*at).copied())
                .collect();
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() >= until {
                let text = format!("{} messages were not taken back", left.len());
                return Err(Failure::Final(Trouble::Unavailable, text));
            }
            waits.next().await;
        }
    }
}

/// Why not all messages can be read.
fn not_all(standing: Standing) -> String {
    let Standing { taken, delayed, .. } = standing;
    let mut whys = Vec::new();
    if taken > 0 {
        whys.push(format!(
            "about {taken} messages are taken by a consumer, or by a verify that was killed"
        ));
    }
    if delayed > 0 {
        whys.push(format!("about {delayed} messages are delayed"));
    }
    format!(
        "{}: verify again when they can be taken",
        whys.join(", and ")
    )
}
