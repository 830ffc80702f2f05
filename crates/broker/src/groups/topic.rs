//! The topic in which coordinators keep what they must not forget: `__consumer_offsets`.

use std::collections::BTreeMap;

use yak_core::image::Image;
use yak_model::api::{CreateTopic, Rejection, TopicDefaults};
use yak_model::{ErrorCode, GroupId, PartitionIndex, TopicName};

use crate::config::GroupsConfig;

/// Its name.
const NAME: &str = "__consumer_offsets";

/// Its name.
pub(crate) fn name() -> TopicName {
    NAME.parse().expect("a valid name")
}

/// How it is created, when it is first needed.
pub(crate) fn creation(config: &GroupsConfig, mut defaults: TopicDefaults) -> (CreateTopic, TopicDefaults) {
    defaults.partitions = config.topic_partitions;
    // By default, so that it takes the brokers there are, and more as they come.
    defaults.replication_factor = config.topic_replication_factor;
    let configs = BTreeMap::from([
        ("cleanup.policy".to_owned(), "compact".to_owned()),
        ("compression.type".to_owned(), "producer".to_owned()),
        ("segment.bytes".to_owned(), config.topic_segment_bytes.to_string()),
    ]);
    let topic = CreateTopic {
        name: NAME.to_owned(),
        partitions: None,
        replication_factor: None,
        assignment: None,
        configs,
    };
    (topic, defaults)
}

/// The partition that a group belongs to, as in Kafka: the absolute value of Java's hash code, modulo the topic's real
/// number of partitions.
///
/// # Errors
/// `COORDINATOR_NOT_AVAILABLE`: the topic does not exist yet.
pub(crate) fn partition_of(image: &Image, group: &GroupId) -> Result<PartitionIndex, Rejection> {
    let Some(topic) = image.topic(&name()) else {
        let message = "no group has been looked for yet: ask for the coordinator";
        return Err(Rejection::new(ErrorCode::CoordinatorNotAvailable, message));
    };
    Ok(PartitionIndex::new(hash(group.as_str()) % topic.partition_count().max(1)))
}

/// Java's `String.hashCode`, over UTF-16 units, with its sign bit cleared as Kafka's `Utils.abs` has it.
fn hash(text: &str) -> i32 {
    let code =
        text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    if code == i32::MIN { 0 } else { code.abs() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hash_as_in_java() {
        for (text, code) in [
            ("", 0),
            ("a", 97),
            ("group", 98_629_247),
            ("console-consumer-12345", 158_455_506),
            ("\u{e9}", 233),
            // Outside the first plane: two units.
            ("\u{1f600}", 1_772_899),
            // The one whose absolute value does not exist.
            ("polygenelubricants", 0),
        ] {
            assert_eq!(hash(text), code, "{text}");
        }
    }
}
