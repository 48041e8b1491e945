//! The queue behind an address: what it is, whether the messages fit, what weakens the promise.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::client::Client;
use super::failure::Failure;
use crate::error::{Error, Trouble};
use crate::messages::waits::Waits;

/// The most that a message takes beside its body: the name and the type of its attribute, its id.
const NAME_BYTES: u64 = 128;
/// What servers take that do not tell: what SQS took at first.
const OLD_LIMIT: u64 = 256 << 10;
/// For how long messages are kept that nobody takes: the longest that there is.
const LONGEST_RETENTION: &str = "1209600";
/// Four days, which queues have where nobody has said otherwise.
const USUAL_RETENTION: u64 = 345_600;

/// What a queue is.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) url: String,
    name: String,
    attributes: BTreeMap<String, String>,
}

/// How many messages stand in a queue, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) waiting: u64,
    /// Those that somebody has taken and not deleted.
    pub(super) taken: u64,
    pub(super) delayed: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ByName<'a> {
    queue_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AllOf<'a> {
    queue_url: &'a str,
    attribute_names: [&'a str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Create<'a> {
    queue_name: &'a str,
    attributes: BTreeMap<&'a str, &'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Url {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

impl Seen {
    /// Asks what the queue is.
    pub(super) async fn ask(
        client: &Client,
        address: &Address,
        patience: Duration,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, Failure> {
        let name = address.queue.clone();
        let url = if let Some(url) = &address.url {
            url.whole.clone()
        } else {
            let question = ByName { queue_name: &name };
            let asked = client.insist("GetQueueUrl", &question, patience, is_over);
            let Url { queue_url } = asked.await?;
            queue_url
        };
        let mut seen = Self {
            url,
            name,
            attributes: BTreeMap::new(),
        };
        seen.renew(client, patience, is_over).await?;
        Ok(seen)
    }

    /// Asks again.
    pub(super) async fn renew(
        &mut self,
        client: &Client,
        patience: Duration,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), Failure> {
        let question = AllOf {
            queue_url: &self.url,
            attribute_names: ["All"],
        };
        let asked = client.insist("GetQueueAttributes", &question, patience, is_over);
        let Attributes { attributes } = asked.await?;
        self.attributes = attributes;
        Ok(())
    }

    /// Makes the queue, and waits until it can be used.
    pub(super) async fn create(
        client: &Client,
        address: &Address,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let mut attributes = BTreeMap::from([("MessageRetentionPeriod", LONGEST_RETENTION)]);
        if address.is_fifo() {
            attributes.insert("FifoQueue", "true");
            attributes.insert("DeduplicationScope", "messageGroup");
            attributes.insert("FifoThroughputLimit", "perMessageGroupId");
        }
        let question = Create {
            queue_name: &address.queue,
            attributes,
        };
        let never = || false;
        let made: Url = client
            .insist("CreateQueue", &question, patience, &never)
            .await?;
        if let Some(url) = &address.url
            && url.whole != made.queue_url
        {
            let text = format!(
                "there was no such queue, and the one that these keys may make is {}",
                client.scrub(&made.queue_url)
            );
            return Err(Failure::Final(Trouble::Missing, text));
        }
        let until = Instant::now() + patience;
        let mut waits = Waits::default();
        loop {
            match Self::ask(client, address, patience, &never).await {
                Err(failure) if failure.is_missing() && Instant::now() < until => {
                    waits.next().await;
                }
                asked => return asked,
            }
        }
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.attribute(name)?.parse().ok()
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.attribute("FifoQueue") == Some("true")
    }

    /// Bytes of a message, and of all messages of a batch, at most.
    pub(super) fn most_bytes(&self) -> u64 {
        self.number("MaximumMessageSize").unwrap_or(OLD_LIMIT)
    }

    pub(super) fn standing(&self) -> Standing {
        let number = |name| self.number(name).unwrap_or(0);
        Standing {
            waiting: number("ApproximateNumberOfMessages"),
            taken: number("ApproximateNumberOfMessagesNotVisible"),
            delayed: number("ApproximateNumberOfMessagesDelayed"),
        }
    }

    /// How often a message may be taken before it goes to the dead letters.
    pub(super) fn most_receives(&self) -> Option<u64> {
        let policy: serde_json::Value =
            serde_json::from_str(self.attribute("RedrivePolicy")?).ok()?;
        let count = policy.get("maxReceiveCount")?;
        let of_text = || count.as_str().and_then(|text| text.parse().ok());
        count.as_u64().or_else(of_text)
    }

    /// Refuses messages above what the queue takes.
    pub(super) fn check_size(&self, most_bytes: u64) -> Result<(), Failure> {
        let limit = self.most_bytes().saturating_sub(NAME_BYTES);
        if most_bytes <= limit {
            return Ok(());
        }
        Err(Failure::Whole(Error::Invalid {
            what: "bytes of a message",
            expected: format!(
                "at most {limit} by --max-bytes, which is the queue's MaximumMessageSize of {} less \
                 room for a message's name",
                self.most_bytes()
            ),
            found: most_bytes.to_string(),
        }))
    }

    /// A line for each property that weakens what is promised.
    pub(super) fn warnings(&self) -> Vec<String> {
        let name = &self.name;
        let mut lines = vec![if self.is_fifo() {
            format!(
                "queue {name} drops a message that comes again within five minutes of its first \
                 sending: what a killed run has left and is sent again later comes twice"
            )
        } else {
            format!(
                "queue {name} is a standard queue, which cannot be looked into: each message arrives \
                 at least once, and those on their way when a connection breaks, or of the parts on \
                 their way when lakeseed is killed, may come twice"
            )
        }];
        let is_fast = self.attribute("DeduplicationScope") == Some("messageGroup")
            && self.attribute("FifoThroughputLimit") == Some("perMessageGroupId");
        if self.is_fifo() && !is_fast {
            lines.push(format!(
                "queue {name} takes 300 batches a second in all: DeduplicationScope messageGroup and \
                 FifoThroughputLimit perMessageGroupId let it take more"
            ));
        }
        if let Some(seconds) = self.number("MessageRetentionPeriod")
            && seconds <= USUAL_RETENTION
        {
            lines.push(format!(
                "queue {name} drops messages that nobody has taken for {}",
                time(seconds)
            ));
        }
        if let Some(seconds) = self.number("DelaySeconds")
            && seconds > 0
        {
            lines.push(format!(
                "queue {name} hands messages out {seconds} s after they came"
            ));
        }
        if let Some(count) = self.most_receives() {
            lines.push(format!(
                "queue {name} moves a message that was taken {count} times to its dead letters, and \
                 verify --take counts"
            ));
        }
        lines
    }
}

fn time(seconds: u64) -> String {
    match seconds {
        0..7_200 => format!("{seconds} s"),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(attributes: &[(&str, &str)]) -> Seen {
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Seen {
            url: "https://h/1/q".to_owned(),
            name: "q".to_owned(),
            attributes: attributes.iter().map(text).collect(),
        }
    }

    #[test]
    fn tells_what_weakens_the_promise() {
        let told = |attributes: &[(&str, &str)]| seen(attributes).warnings().join("\n");
        assert!(told(&[]).contains("may come twice"));
        let fifo = ("FifoQueue", "true");
        assert!(told(&[fifo]).contains("five minutes") && told(&[fifo]).contains("300 batches"));
        let fast = [
            fifo,
            ("DeduplicationScope", "messageGroup"),
            ("FifoThroughputLimit", "perMessageGroupId"),
        ];
        assert!(!told(&fast).contains("300"));
        assert!(told(&[("MessageRetentionPeriod", "345600")]).contains("4 days"));
        assert!(told(&[("MessageRetentionPeriod", "60")]).contains("60 s"));
        assert!(!told(&[("MessageRetentionPeriod", "1209600")]).contains("days"));
        assert!(told(&[("DelaySeconds", "5")]).contains("5 s after"));
        assert!(!told(&[("DelaySeconds", "0")]).contains("after they came"));
        let dead = r#"{"deadLetterTargetArn":"arn:x","maxReceiveCount":3}"#;
        assert!(told(&[("RedrivePolicy", dead)]).contains("3 times"));
    }

    #[test]
    fn reads_a_redrive_policy_in_both_forms() {
        let count = |policy| seen(&[("RedrivePolicy", policy)]).most_receives();
        assert_eq!(count(r#"{"maxReceiveCount":"5"}"#), Some(5));
        assert_eq!(count(r#"{"maxReceiveCount":5}"#), Some(5));
        assert_eq!((count(""), count("{}")), (None, None));
    }

    #[test]
    fn a_message_must_fit_with_its_name() {
        let narrow = seen(&[("MaximumMessageSize", "1024")]);
        assert!(narrow.check_size(896).is_ok());
        assert!(narrow.check_size(897).is_err());
        assert!(
            seen(&[])
                .check_size(super::super::USUAL_MESSAGE_BYTES)
                .is_ok()
        );
    }
}
