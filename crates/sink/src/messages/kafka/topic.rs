//! The topic: what it is, whether the messages fit, what weakens the promise.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::metadata::{Metadata, MetadataPartition};

use super::failure::Failure;
use super::heard::Heard;
use super::settings::is_built_with;
use super::{ANSWER, runtime};
use crate::error::{Error, Trouble};
use crate::secret::Scrubber;

/// The most that a message takes beside its body: the id in a header and as key, numbers, and the
/// batch around it.
pub(super) const HEADER_BYTES: u64 = 512;
/// The largest batch that brokers take where nobody has said otherwise, less room for their changes.
pub(super) const USUAL_BATCH_BYTES: u64 = 1_000_000;

/// What is known of a topic.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    pub(super) name: String,
    /// How many partitions there are, numbered from 0.
    pub(super) partitions: i32,
    /// Replicas of the partition that has fewest.
    pub(super) replicas: usize,
    /// A broker that leads a partition.
    pub(super) leader: i32,
    /// Its settings, those that it has from its brokers among them; or why they could not be asked.
    pub(super) settings: Result<HashMap<String, String>, String>,
}

impl Topic {
    /// What the brokers say of it; a passing failure where a partition has no leader now.
    pub(super) fn of(name: &str, metadata: &Metadata) -> Result<Self, Failure> {
        let mut topics = metadata.topics().iter();
        let topic = topics.find(|topic| topic.name() == name);
        let topic = topic.ok_or_else(|| missing(name))?;
        if let Some(error) = topic.error() {
            return Err(
                match Failure::of_code(error.into(), Code::from(error).to_string()) {
                    Failure::Final(Trouble::Missing, _) => missing(name),
                    other => other,
                },
            );
        }
        for partition in topic.partitions() {
            if partition.leader() < 0 {
                let text = format!("partition {} of {name} has no leader", partition.id());
                return Err(Failure::Passing(Trouble::Unavailable, text));
            }
        }
        let replicas = topic.partitions().iter().map(|one| one.replicas().len());
        Ok(Self {
            name: name.to_owned(),
            partitions: topic.partitions().len() as i32,
            replicas: replicas.min().unwrap_or(0),
            leader: topic
                .partitions()
                .first()
                .map_or(-1, MetadataPartition::leader),
            settings: Err("they were not asked".to_owned()),
        })
    }

    /// The largest batch that the topic takes, in bytes; `None` where nobody says it.
    pub(super) fn batch_bytes(&self) -> Option<u64> {
        self.setting("max.message.bytes")?.parse().ok()
    }

    /// Whether brokers keep only the last message of a key.
    pub(super) fn is_compacted(&self) -> bool {
        let policy = self.setting("cleanup.policy").unwrap_or_default();
        policy.contains("compact")
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.as_ref().ok()?.get(name).map(String::as_str)
    }

    /// Refuses messages that the topic would not take, and a topic that could not be read back.
    pub(super) fn check(&self, most_bytes: u64) -> Result<(), Failure> {
        if let Some(codec @ ("gzip" | "zstd")) = self.setting("compression.type")
            && !is_built_with(codec)
        {
            let name = &self.name;
            return Err(Failure::Final(
                Trouble::Unsupported,
                format!(
                    "topic {name} is packed by its brokers (compression.type={codec}), which this \
                     lakeseed does not read back: expected producer, uncompressed, snappy or lz4"
                ),
            ));
        }
        let Some(most) = self.batch_bytes() else {
            return Ok(());
        };
        let fits = most.saturating_sub(HEADER_BYTES);
        if most_bytes > fits {
            return Err(Failure::Whole(Error::Invalid {
                what: "bytes of a message",
                expected: format!(
                    "at most {fits}, since max.message.bytes of topic {} is {most}, with \
                     {HEADER_BYTES} for headers",
                    self.name
                ),
                found: most_bytes.to_string(),
            }));
        }
        Ok(())
    }

    /// A line for each setting that weakens what is promised.
    pub(super) fn warnings(&self) -> Vec<String> {
        let name = &self.name;
        let mut lines = Vec::new();
        if self.replicas <= 1 {
            lines.push(format!(
                "topic {name} has one replica: it is lost with its broker, which acknowledges \
                 before it syncs its disk"
            ));
        }
        if let Err(why) = &self.settings {
            lines.push(format!(
                "topic {name}: its settings could not be asked ({why}): whether it drops messages, \
                 or acknowledges them with one replica, is not known"
            ));
        }
        let number = |setting| {
            self.setting(setting)
                .and_then(|text| text.parse::<i64>().ok())
        };
        if let (Some(least), 2..) = (number("min.insync.replicas"), self.replicas)
            && least <= 1
        {
            lines.push(format!(
                "topic {name} acknowledges with one replica in sync (min.insync.replicas={least}): \
                 losing that broker may lose messages"
            ));
        }
        if self.setting("unclean.leader.election.enable") == Some("true") {
            lines.push(format!(
                "topic {name} lets a replica lead that is behind (unclean.leader.election.enable): \
                 acknowledged messages may go"
            ));
        }
        let deletes = self
            .setting("cleanup.policy")
            .is_some_and(|policy| policy.contains("delete"));
        if let (true, Some(ms @ 0..)) = (deletes, number("retention.ms")) {
            let seconds = Duration::from_millis(ms.unsigned_abs()).as_secs_f64();
            lines.push(format!(
                "topic {name} drops messages after {seconds} s (retention.ms): verify before"
            ));
        }
        if let (true, Some(bytes @ 0..)) = (deletes, number("retention.bytes")) {
            lines.push(format!(
                "topic {name} drops the oldest messages of a partition above {bytes} bytes \
                 (retention.bytes)"
            ));
        }
        if self.is_compacted() {
            lines.push(format!(
                "topic {name} is compacted: of messages with the same id the older ones go, so \
                 that verify does not see what came twice; messages get their ids as keys"
            ));
        }
        lines
    }
}

fn missing(name: &str) -> Failure {
    Failure::Final(
        Trouble::Missing,
        format!(
            "there is no topic {name}; lakeseed publish --create makes one, as does: \
             kafka-topics.sh --create --topic {name} --config retention.ms=-1"
        ),
    )
}

/// The settings of a topic, those that it has from its brokers among them. Any broker knows them.
pub(super) fn settings(
    admin: &AdminClient<Heard>,
    topic: &Topic,
    scrubber: &Scrubber,
) -> Result<HashMap<String, String>, Failure> {
    let asked = [ResourceSpecifier::Topic(&topic.name)];
    let options = within(ANSWER).broker_id(topic.leader);
    let answers = admin.describe_configs(&asked, &options);
    let answers = runtime()?.block_on(answers);
    let answers: KafkaResult<Vec<_>> = answers.and_then(|answers| {
        let answers = answers.into_iter();
        answers
            .map(|one| one.map_err(KafkaError::AdminOp))
            .collect()
    });
    let answers = answers.map_err(|error| Failure::of(&error, scrubber))?;
    let entries = answers.into_iter().flat_map(|answer| answer.entries);
    let entries = entries.filter_map(|entry| Some((entry.name, entry.value?)));
    Ok(entries.collect())
}

/// Makes a topic that keeps what it is given. Somebody else may be faster.
pub(super) fn create(
    admin: &AdminClient<Heard>,
    name: &str,
    patience: Duration,
    scrubber: &Scrubber,
) -> Result<(), Failure> {
    // What the brokers have set for new topics.
    const OF_BROKERS: i32 = -1;
    let topic = NewTopic::new(name, OF_BROKERS, TopicReplication::Fixed(OF_BROKERS))
        .set("cleanup.policy", "delete")
        .set("retention.ms", "-1")
        .set("retention.bytes", "-1");
    let made = admin.create_topics([&topic], &within(patience));
    let made = runtime()?.block_on(made);
    let made = made.map_err(|error| Failure::of(&error, scrubber))?;
    for answer in made {
        match answer {
            Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(Failure::of_code(code, code.to_string())),
        }
    }
    Ok(())
}

fn within(time: Duration) -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(time))
        .operation_timeout(Some(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(replicas: usize, settings: &[(&str, &str)]) -> Topic {
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Topic {
            name: "lake".to_owned(),
            partitions: 3,
            replicas,
            leader: 1,
            settings: Ok(settings.collect()),
        }
    }

    #[track_caller]
    fn warns(topic: &Topic, words: &[&str]) {
        let lines = topic.warnings();
        assert_eq!(lines.len(), words.len(), "{lines:?}");
        for (line, word) in lines.iter().zip(words) {
            assert!(line.contains(word), "{line}");
        }
    }

    #[test]
    fn a_topic_that_keeps_everything_gives_no_warning() {
        let keeps = [
            ("cleanup.policy", "delete"),
            ("retention.ms", "-1"),
            ("retention.bytes", "-1"),
            ("min.insync.replicas", "2"),
            ("unclean.leader.election.enable", "false"),
        ];
        warns(&topic(3, &keeps), &[]);
    }

    #[test]
    fn each_setting_that_weakens_the_promise_is_told() {
        warns(&topic(1, &[]), &["one replica"]);
        // With one replica more in sync cannot be asked for: it is told once.
        warns(&topic(1, &[("min.insync.replicas", "1")]), &["one replica"]);
        let weak = [
            ("cleanup.policy", "compact,delete"),
            ("retention.ms", "604800000"),
            ("retention.bytes", "1073741824"),
            ("min.insync.replicas", "1"),
            ("unclean.leader.election.enable", "true"),
        ];
        let words = [
            "min.insync.replicas=1",
            "unclean.leader",
            "after 604800 s",
            "above 1073741824 bytes",
            "compacted",
        ];
        warns(&topic(3, &weak), &words);
        // A topic that is only compacted drops nothing by age.
        let compacted = [("cleanup.policy", "compact"), ("retention.ms", "604800000")];
        warns(&topic(3, &compacted), &["compacted"]);
        let unknown = Topic {
            settings: Err("not allowed".to_owned()),
            ..topic(3, &[])
        };
        warns(&unknown, &["could not be asked (not allowed)"]);
    }

    #[test]
    fn messages_that_the_topic_would_refuse_are_refused_before() {
        let small = topic(3, &[("max.message.bytes", "100000")]);
        assert!(small.check(99_488).is_ok());
        let refused = small.check(99_489);
        assert!(matches!(
            refused,
            Err(Failure::Whole(Error::Invalid { .. }))
        ));
        assert!(topic(3, &[]).check(u64::MAX).is_ok());
        let lz4 = topic(3, &[("compression.type", "lz4")]);
        assert!(lz4.check(1).is_ok());
        let packed = topic(3, &[("compression.type", "zstd")]);
        assert_eq!(packed.check(1).is_ok(), is_built_with("zstd"));
    }
}
