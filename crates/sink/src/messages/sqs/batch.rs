//! Messages of one request: gathered, written as JSON, and held against what the server answers.

use std::collections::BTreeMap;

use bytes::Bytes;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::ID_ATTRIBUTE;
use super::client::json;
use super::failure::Failure;
use crate::error::{Error, Trouble};

/// Messages of a batch at most.
pub(super) const MOST_MESSAGES: usize = 10;
/// What JSON may hold and SQS refuses; what stands below the blank JSON escapes.
const REFUSED: [char; 2] = ['\u{fffe}', '\u{ffff}'];

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) body: Bytes,
}

/// Messages that go together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// What the server counts: bodies, and names with what bears them.
    pub(super) bytes: u64,
}

impl Entry {
    /// A message; refused where it holds what SQS does not take.
    pub(super) fn try_new(id: String, body: Bytes) -> Result<Self, Failure> {
        let text = text_of(&body)?;
        if let Some(sign) = REFUSED.iter().find(|sign| text.contains(**sign)) {
            let sign = u32::from(*sign);
            return Err(Failure::Whole(Error::Invalid {
                what: "text of a message",
                expected: "characters that SQS takes, which U+FFFE and U+FFFF are not".to_owned(),
                found: format!("U+{sign:X} in the message {id}"),
            }));
        }
        Ok(Self { id, body })
    }

    /// What the server counts.
    fn bytes(&self) -> u64 {
        (self.body.len() + self.id.len() + ID_ATTRIBUTE.len() + "String".len()) as u64
    }
}

impl Batch {
    /// Whether one more is too much for a request.
    pub(super) fn is_full_for(&self, entry: &Entry, most_bytes: u64) -> bool {
        let is_full = self.entries.len() == MOST_MESSAGES;
        is_full || (!self.entries.is_empty() && self.bytes + entry.bytes() > most_bytes)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push(entry);
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendBatch<'a> {
    queue_url: &'a str,
    entries: Vec<Written<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    id: String,
    message_body: &'a str,
    message_attributes: BTreeMap<&'a str, Attribute<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_deduplication_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute<'a> {
    data_type: &'a str,
    string_value: &'a str,
}

/// What the server answers to a batch. A message is named by its position in the request.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    successful: Option<Vec<Taken>>,
    failed: Option<Vec<Refused>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    id: String,
    #[serde(rename = "MD5OfMessageBody", default)]
    md5: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Refused {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    sender_fault: bool,
}

/// The request for some messages; those of a FIFO queue are of a group.
pub(super) fn request(url: &str, group: Option<&str>, entries: &[Entry]) -> Result<Bytes, Failure> {
    let mut written = Vec::with_capacity(entries.len());
    for (at, Entry { id, body }) in entries.iter().enumerate() {
        let attribute = Attribute {
            data_type: "String",
            string_value: id,
        };
        written.push(Written {
            id: at.to_string(),
            message_body: text_of(body)?,
            message_attributes: BTreeMap::from([(ID_ATTRIBUTE, attribute)]),
            message_group_id: group,
            message_deduplication_id: group.map(|_| id.as_str()),
        });
    }
    json(&SendBatch {
        queue_url: url,
        entries: written,
    })
}

impl Answer {
    /// Strikes the messages that the server has taken whole. Tells why the others, if there are any, are
    /// still to be sent.
    pub(super) fn settle(
        self,
        entries: &mut Vec<Entry>,
        scrub: impl Fn(&str) -> String,
    ) -> Result<Option<Failure>, Failure> {
        let mut is_taken = vec![false; entries.len()];
        for Taken { id, md5 } in self.successful.unwrap_or_default() {
            let at: Option<usize> = id.parse().ok();
            let Some((at, entry)) = at.and_then(|at| Some((at, entries.get(at)?))) else {
                continue;
            };
            // Servers that speak as SQS does may leave it out.
            if !md5.is_empty() && md5 != digest(&entry.body) {
                let text = format!(
                    "the server has taken the message {} with another body: what it tells of it is \
                     not what was sent",
                    entry.id
                );
                return Err(Failure::Final(Trouble::Other, text));
            }
            is_taken[at] = true;
        }
        let mut is_taken = is_taken.into_iter();
        entries.retain(|_| !is_taken.next().unwrap_or(false));
        if entries.is_empty() {
            return Ok(None);
        }
        // What waiting does not mend counts before what it may.
        let mut why = Failure::Lost("an answer that tells nothing of some messages".to_owned());
        for refused in self.failed.unwrap_or_default() {
            let Refused {
                code,
                message,
                sender_fault,
            } = refused;
            match Failure::of_entry(&code, &message, sender_fault, &scrub) {
                failure if failure.is_passing() => why = failure,
                failure => return Err(failure),
            }
        }
        Ok(Some(why))
    }
}

fn text_of(body: &[u8]) -> Result<&str, Failure> {
    let text = std::str::from_utf8(body);
    text.map_err(|error| Failure::Final(Trouble::Other, error.to_string()))
}

/// The digest of a body as SQS writes it.
fn digest(body: &[u8]) -> String {
    let digits = |byte: &u8| format!("{byte:02x}");
    Md5::digest(body).iter().map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(bodies: &[&'static str]) -> Vec<Entry> {
        let entry = |(at, body): (usize, &&'static str)| {
            Entry::try_new(format!("p-0-{at}-d"), Bytes::from_static(body.as_bytes())).unwrap()
        };
        bodies.iter().enumerate().map(entry).collect()
    }

    fn answer(json: &str) -> Answer {
        serde_json::from_str(json).unwrap()
    }

    fn settle(json: &str, entries: &mut Vec<Entry>) -> Result<Option<Failure>, Failure> {
        answer(json).settle(entries, str::to_owned)
    }

    #[test]
    fn writes_what_the_service_reads() {
        let two = entries(&["[{\"a\":\"\u{e9}\\n\"}]", "[]"]);
        let json = request("https://h/1/q.fifo", Some("p-0"), &two).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["QueueUrl"], "https://h/1/q.fifo");
        let first = &json["Entries"][0];
        assert_eq!(first["MessageBody"], "[{\"a\":\"\u{e9}\\n\"}]");
        assert_eq!(first["Id"], "0");
        assert_eq!(first["MessageGroupId"], "p-0");
        assert_eq!(first["MessageDeduplicationId"], "p-0-0-d");
        let name = &first["MessageAttributes"]["lakeseed-id"];
        assert_eq!(
            (&name["DataType"], &name["StringValue"]),
            (&"String".into(), &"p-0-0-d".into())
        );
        let standard = request("https://h/1/q", None, &two).unwrap();
        assert!(!String::from_utf8_lossy(&standard).contains("Group"));
    }

    #[test]
    fn a_batch_ends_with_ten_messages_or_the_queues_bytes() {
        let mut batch = Batch::default();
        let entry = &entries(&["[{\"a\":1}]"])[0];
        assert!(!batch.is_full_for(entry, 1));
        batch.push(entry.clone());
        assert_eq!(batch.bytes, (9 + 7 + 11 + 6) as u64);
        assert!(!batch.is_full_for(entry, 66) && batch.is_full_for(entry, 65));
        for _ in 1..MOST_MESSAGES {
            batch.push(entry.clone());
        }
        assert!(batch.is_full_for(entry, u64::MAX));
    }

    #[test]
    fn what_was_taken_is_struck_and_the_rest_goes_again() {
        // The digest of `[1]`, by another program.
        let one = "35dba5d75538a9bbe0b4da4422759a0e";
        let mut left = entries(&["[1]", "[2]", "[3]"]);
        let json = format!(
            r#"{{"Successful":[{{"Id":"0","MD5OfMessageBody":"{one}"}}],"Failed":[
                {{"Id":"1","Code":"ServiceUnavailable","SenderFault":false}}]}}"#
        );
        let why = settle(&json, &mut left).unwrap().unwrap();
        assert!(
            matches!(why, Failure::Passing(Trouble::Unavailable, _)),
            "{why:?}"
        );
        let ids: Vec<&str> = left.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids, ["p-0-1-d", "p-0-2-d"]);
        // Nothing is said of any: nobody knows.
        assert!(matches!(
            settle("{}", &mut left),
            Ok(Some(Failure::Lost(_)))
        ));
        let hopeless =
            r#"{"Failed":[{"Id":"0","Code":"InvalidMessageContents","SenderFault":true}]}"#;
        assert!(matches!(
            settle(hopeless, &mut left),
            Err(Failure::Final(Trouble::Other, _))
        ));
        let altered = format!(r#"{{"Successful":[{{"Id":"1","MD5OfMessageBody":"{one}"}}]}}"#);
        assert!(settle(&altered, &mut left).is_err());
    }

    #[test]
    fn characters_that_no_queue_takes_are_refused() {
        let of = |body: &'static str| {
            Entry::try_new("i".to_owned(), Bytes::from_static(body.as_bytes()))
        };
        assert!(of("[\"\u{fffd}\u{10ffff}\u{7f}\"]").is_ok());
        assert!(of("[\"a\u{fffe}\"]").is_err() && of("[\"a\u{ffff}\"]").is_err());
    }
}
