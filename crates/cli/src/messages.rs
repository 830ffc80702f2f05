//! The first lines of what tools say about bad input, the topic, and an unfinished end: in one place, so
//! that tools and tests agree on them. What flags, properties and the client refuse is worded in
//! [`crate::usage`], [`crate::parse`], [`crate::properties`] and `yak_client::ClientError`.

use std::path::Path;
use std::time::Duration;

use yak_client::{ClientError, TopicInfo};
use yak_model::{BrokerId, ErrorCode, GroupId, LeaderEpoch, Offset, TopicName, TopicPartition};

use crate::failure::Failure;
use crate::human::{count, counted, duration};

/// A line of the input that no batch of the topic can hold.
#[must_use]
pub fn line_too_long(line: u64, limit: usize, topic: &TopicName) -> Failure {
    let message = format!(
        "line {line}: longer than the {limit} bytes that topic '{topic}' accepts (MESSAGE_TOO_LARGE)"
    );
    Failure::new(ErrorCode::MessageTooLarge, message)
        .hint(format!("split the line, or raise max.message.bytes of topic '{topic}'"))
}

/// A line of the input that is not what the flags say it is.
#[must_use]
pub fn bad_line(line: u64, problem: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::InvalidRecord, format!("line {line}: {problem}"))
}

/// A file that cannot be opened.
#[must_use]
pub fn cannot_open(path: &Path, why: &std::io::Error) -> Failure {
    Failure::local(format_args!("cannot open {}", path.display()), why)
}

/// The input broke off.
#[must_use]
pub fn cannot_read(name: &str, why: &std::io::Error) -> Failure {
    Failure::local(format_args!("cannot read {name}"), why)
}

/// Idempotence was asked for together with acknowledgements that cannot carry it.
#[must_use]
pub fn idempotence_needs_all() -> Failure {
    Failure::usage("--idempotent cannot be used with --acks 0 or 1: only --acks all can rule out duplicates")
}

/// A topic that looking it up created.
#[must_use]
pub fn created_topic(topic: &TopicInfo) -> String {
    let partitions = counted(u64::from(topic.partition_count().unsigned_abs()), "partition");
    let replicas = counted(topic.replication_factor() as u64, "replica");
    let mut text = format!("created topic '{}' ({partitions}, {replicas})", topic.name);
    if let Some(similar) = &topic.similar {
        text.push_str(&format!("; did you mean '{similar}'?"));
    }
    text
}

/// A partition's leader changed, which is information, not an error.
#[must_use]
pub fn leader_changed(
    partition: &TopicPartition,
    from: Option<BrokerId>,
    to: Option<BrokerId>,
    epoch: LeaderEpoch,
) -> String {
    let name =
        |broker: Option<BrokerId>| broker.map_or_else(|| "none".to_owned(), |broker| broker.to_string());
    format!("{partition}: leader {} -> {}, epoch {epoch}", name(from), name(to))
}

/// A position was out of range; reading goes on elsewhere.
#[must_use]
pub fn position_reset(partition: &TopicPartition, from: Offset, to: Offset) -> String {
    format!("{partition}: offset {from} is not there; going on at {to}")
}

/// A topic has more partitions than when reading began.
#[must_use]
pub fn partitions_added(topic: &TopicName, total: i32) -> String {
    format!("topic '{topic}' has {total} partitions now; the new ones are read from their beginning")
}

/// Nothing came for so long, and less was read than asked for.
#[must_use]
pub fn gave_up(idle: Duration, read: u64, wanted: Option<u64>) -> Failure {
    let wanted =
        wanted.map_or_else(|| "not all".to_owned(), |wanted| format!("{} of {}", count(read), count(wanted)));
    let message = format!("nothing came for {}; {wanted} records were read", duration(idle));
    Failure::new(ErrorCode::RequestTimedOut, message)
}

/// Nothing has been acknowledged for a while.
#[must_use]
pub fn stalled(outstanding: u64, patience: Duration) -> String {
    let records = counted(outstanding, "record");
    format!("{records} not acknowledged yet; trying again until each has waited {}", duration(patience))
}

/// Nobody has been reached for a while.
#[must_use]
pub fn outage(error: &ClientError) -> String {
    format!("{error}; reading goes on as soon as somebody answers")
}

/// What a consumer waits for, to someone who may wonder why nothing comes.
#[must_use]
pub fn waiting(topics: &[TopicName], partitions: usize, older: u64) -> String {
    let names: Vec<_> = topics.iter().map(|topic| format!("'{topic}'")).collect();
    let partitions = counted(partitions as u64, "partition");
    let older = match older {
        0 => String::new(),
        _ => format!(", {}; --from-beginning to read them", counted(older, "older record")),
    };
    format!("waiting for new records in {} ({partitions}{older})", names.join(", "))
}

/// Where reading begins was asked for, and the group knows better.
#[must_use]
pub fn already_committed(group: &GroupId) -> String {
    format!(
        "group '{group}' already has committed offsets; --from-beginning applies only to partitions without one"
    )
}

/// A member of a group that has nothing to read.
#[must_use]
pub fn nothing_left(group: &GroupId, is_member: bool) -> String {
    if is_member {
        format!(
            "group '{group}' has no partition left for this member; `yak-groups --explain --group {group}` says why"
        )
    } else {
        format!("waiting for group '{group}' to give this member partitions")
    }
}

#[cfg(test)]
mod tests {
    use yak_model::api::PartitionMetadata;
    use yak_model::{PartitionIndex, TopicId};

    use super::*;

    #[test]
    fn a_created_topic_is_said_aloud_with_a_near_name() {
        let partition = PartitionMetadata {
            partition: PartitionIndex::new(0),
            leader: None,
            leader_epoch: LeaderEpoch::new(0),
            replicas: [1, 2, 3].map(BrokerId::new).to_vec(),
            in_sync_replicas: vec![],
            offline_replicas: vec![],
        };
        let mut topic = TopicInfo {
            name: "ordres".parse().unwrap(),
            topic_id: TopicId::default(),
            created: true,
            similar: Some("orders".parse().unwrap()),
            partitions: vec![partition],
        };
        assert_eq!(
            created_topic(&topic),
            "created topic 'ordres' (1 partition, 3 replicas); did you mean 'orders'?"
        );
        topic.similar = None;
        assert_eq!(created_topic(&topic), "created topic 'ordres' (1 partition, 3 replicas)");
    }

    #[test]
    fn lines_are_named_by_number() {
        let topic = "t".parse().unwrap();
        let long = line_too_long(17, 1_048_500, &topic);
        assert_eq!(
            long.message,
            "line 17: longer than the 1048500 bytes that topic 't' accepts (MESSAGE_TOO_LARGE)"
        );
        assert_eq!(bad_line(3, "no key separator \":\"").message, "line 3: no key separator \":\"");
    }

    #[test]
    fn a_leader_change_names_both_leaders() {
        let partition = TopicPartition::new("orders".parse().unwrap(), PartitionIndex::new(0));
        let (one, two) = (Some(BrokerId::new(1)), Some(BrokerId::new(2)));
        let epoch = LeaderEpoch::new(4);
        assert_eq!(leader_changed(&partition, one, two, epoch), "orders-0: leader 1 -> 2, epoch 4");
        assert_eq!(leader_changed(&partition, one, None, epoch), "orders-0: leader 1 -> none, epoch 4");
    }

    #[test]
    fn waiting_names_what_is_there_already() {
        let topics = ["orders".parse().unwrap()];
        assert_eq!(
            waiting(&topics, 3, 120),
            "waiting for new records in 'orders' (3 partitions, 120 older records; --from-beginning to read them)"
        );
        assert_eq!(waiting(&topics, 1, 0), "waiting for new records in 'orders' (1 partition)");
        assert_eq!(
            gave_up(Duration::from_secs(2), 3, Some(10)).message,
            "nothing came for 2.00 s; 3 of 10 records were read"
        );
    }
}
