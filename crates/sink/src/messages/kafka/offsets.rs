//! Where the partitions of a topic end, and how that is written down: `18,20,19`.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};

use super::heard::Heard;

/// Behind the last message of each partition. Which messages count is the client's isolation level:
/// all of them, or those before the first transaction that is still open.
pub(super) fn ends(
    client: &BaseConsumer<Heard>,
    topic: &str,
    partitions: i32,
    wait: Duration,
) -> KafkaResult<Vec<i64>> {
    let mut asked = TopicPartitionList::new();
    for partition in 0..partitions {
        // In place of a time: whatever is the last.
        asked.add_partition_offset(topic, partition, Offset::End)?;
    }
    let answer = client.offsets_for_times(asked, wait)?;
    let mut ends = vec![0; partitions as usize];
    for one in answer.elements() {
        one.error()?;
        let place = ends.get_mut(one.partition() as usize);
        let (Offset::Offset(end), Some(place)) = (one.offset(), place) else {
            return Err(KafkaError::OffsetFetch(Code::OffsetNotAvailable));
        };
        *place = end;
    }
    Ok(ends)
}

/// The numbers as the ledger keeps them, in the order of partitions.
pub(super) fn write(ends: &[i64]) -> String {
    let ends: Vec<String> = ends.iter().map(i64::to_string).collect();
    ends.join(",")
}

/// From where each partition is to be read, up to its end of now: from a position that was written
/// down, from the beginning where it tells nothing of a partition, and from the beginning of all where
/// the topic is another one by now.
pub(super) fn from(position: Option<&str>, ends: &[i64]) -> Vec<i64> {
    let known = position.map(|text| text.split(',').map(str::parse).collect());
    let mut known: Vec<i64> = known.and_then(Result::ok).unwrap_or_default();
    let is_other = known.iter().zip(ends).any(|(from, end)| from > end);
    if is_other || known.len() > ends.len() {
        known.clear();
    }
    known.resize(ends.len(), 0);
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let ends = [18, 0, 20];
        assert_eq!(write(&ends), "18,0,20");
        assert_eq!(from(Some("18,0,20"), &[30, 5, 20]), ends);
    }

    #[test]
    fn partitions_that_came_later_are_read_from_their_beginning() {
        assert_eq!(from(Some("18,2"), &[30, 5, 20]), [18, 2, 0]);
    }

    #[test]
    fn another_topic_of_the_same_name_is_read_from_its_beginning() {
        for position in [None, Some(""), Some("x,1"), Some("1,6"), Some("1,1,1")] {
            assert_eq!(from(position, &[30, 5]), [0, 0], "{position:?}");
        }
    }
}
