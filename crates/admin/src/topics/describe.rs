//! `--describe` in Kafka's exact lines, and the same as JSON.
//!
//! ```text
//! Topic: t<TAB>TopicId: ...<TAB>PartitionCount: 2<TAB>ReplicationFactor: 1<TAB>Configs: k=v,k=v
//! <TAB>Topic: t<TAB>Partition: 0<TAB>Leader: 1<TAB>Replicas: 1<TAB>Isr: 1
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use yak_model::BrokerId;
use yak_model::api::{PartitionMetadata, TopicMetadata};

/// A topic with what is set on it.
#[derive(Clone, Debug)]
pub struct Description {
    /// Name, id and partitions.
    pub topic: TopicMetadata,
    /// Keys and values that are not the default, by key.
    pub configs: Vec<(String, String)>,
    /// `min.insync.replicas` in effect.
    pub min_in_sync_replicas: usize,
}

/// Which partitions are shown. Without any of these, all are, under a line about their topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those with fewer in-sync replicas than replicas.
    pub under_replicated: bool,
    /// Those without a leader.
    pub unavailable: bool,
    /// Those with fewer in-sync replicas than `min.insync.replicas`.
    pub under_min_isr: bool,
}

impl Filter {
    const fn is_set(self) -> bool {
        self.under_replicated || self.unavailable || self.under_min_isr
    }

    fn shows(self, partition: &PartitionMetadata, min_in_sync_replicas: usize) -> bool {
        let in_sync = partition.in_sync_replicas.len();
        !self.is_set()
            || (self.under_replicated && in_sync < partition.replicas.len())
            || (self.unavailable && partition.leader.is_none())
            || (self.under_min_isr && in_sync < min_in_sync_replicas)
    }
}

/// Appends a topic in Kafka's lines.
pub fn write_lines(description: &Description, filter: Filter, out: &mut String) {
    // Writing to a String cannot fail.
    lines(description, filter, out).unwrap_or_default();
}

fn lines(description: &Description, filter: Filter, out: &mut String) -> std::fmt::Result {
    let Description { topic, configs, .. } = description;
    if !filter.is_set() {
        let configs: Vec<_> = configs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        writeln!(
            out,
            "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {}",
            topic.name,
            topic.topic_id,
            topic.partitions.len(),
            replication_factor(topic),
            configs.join(","),
        )?;
    }
    for partition in shown(description, filter) {
        writeln!(
            out,
            "\tTopic: {}\tPartition: {}\tLeader: {}\tReplicas: {}\tIsr: {}",
            topic.name,
            partition.partition,
            partition.leader.map_or_else(|| "none".to_owned(), |leader| leader.to_string()),
            list(&partition.replicas),
            list(&partition.in_sync_replicas),
        )?;
    }
    Ok(())
}

/// A topic as one JSON object has it.
#[derive(Debug, Serialize)]
pub struct DescribedTopic<'a> {
    topic: &'a str,
    topic_id: String,
    internal: bool,
    partition_count: usize,
    replication_factor: usize,
    configs: BTreeMap<&'a str, &'a str>,
    partitions: Vec<DescribedPartition>,
}

#[derive(Debug, Serialize)]
struct DescribedPartition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    offline: Vec<i32>,
}

/// A topic for JSON; `None` if the filter leaves nothing of it.
#[must_use]
pub fn to_json(description: &Description, filter: Filter) -> Option<DescribedTopic<'_>> {
    let Description { topic, configs, .. } = description;
    let numbers = |brokers: &[BrokerId]| brokers.iter().map(|broker| broker.get()).collect();
    let partitions: Vec<DescribedPartition> = shown(description, filter)
        .map(|partition| DescribedPartition {
            partition: partition.partition.get(),
            leader: partition.leader.map(BrokerId::get),
            leader_epoch: partition.leader_epoch.get(),
            replicas: numbers(&partition.replicas),
            isr: numbers(&partition.in_sync_replicas),
            offline: numbers(&partition.offline_replicas),
        })
        .collect();
    if filter.is_set() && partitions.is_empty() {
        return None;
    }
    Some(DescribedTopic {
        topic: topic.name.as_str(),
        topic_id: topic.topic_id.to_string(),
        internal: topic.is_internal,
        partition_count: topic.partitions.len(),
        replication_factor: replication_factor(topic),
        configs: configs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        partitions,
    })
}

fn shown(description: &Description, filter: Filter) -> impl Iterator<Item = &PartitionMetadata> {
    let minimum = description.min_in_sync_replicas;
    description.topic.partitions.iter().filter(move |partition| filter.shows(partition, minimum))
}

/// That of the first partition, as Kafka shows it.
fn replication_factor(topic: &TopicMetadata) -> usize {
    topic.partitions.first().map_or(0, |partition| partition.replicas.len())
}

fn list(brokers: &[BrokerId]) -> String {
    brokers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use yak_model::{LeaderEpoch, PartitionIndex, TopicId};

    use super::*;

    fn partition(number: i32, leader: Option<i32>, isr: &[i32]) -> PartitionMetadata {
        let brokers = |ids: &[i32]| ids.iter().copied().map(BrokerId::new).collect::<Vec<_>>();
        PartitionMetadata {
            partition: PartitionIndex::new(number),
            leader: leader.map(BrokerId::new),
            leader_epoch: LeaderEpoch::new(3),
            replicas: brokers(&[1, 2]),
            in_sync_replicas: brokers(isr),
            offline_replicas: vec![],
        }
    }

    fn description() -> Description {
        Description {
            topic: TopicMetadata {
                name: "t".parse().unwrap(),
                topic_id: TopicId::from_random([1; 16]),
                is_internal: false,
                created: false,
                similar: None,
                partitions: vec![
                    partition(0, Some(1), &[1, 2]),
                    partition(1, None, &[2]),
                    partition(2, Some(2), &[2]),
                ],
            },
            configs: vec![
                ("retention.ms".to_owned(), "1000".to_owned()),
                ("segment.bytes".to_owned(), "1024".to_owned()),
            ],
            min_in_sync_replicas: 2,
        }
    }

    fn text(filter: Filter) -> String {
        let mut out = String::new();
        write_lines(&description(), filter, &mut out);
        out
    }

    #[test]
    fn the_lines_are_kafkas() {
        assert_eq!(
            text(Filter::default()),
            "Topic: t\tTopicId: AQEBAQEBQQGBAQEBAQEBAQ\tPartitionCount: 3\tReplicationFactor: 2\t\
             Configs: retention.ms=1000,segment.bytes=1024\n\
             \tTopic: t\tPartition: 0\tLeader: 1\tReplicas: 1,2\tIsr: 1,2\n\
             \tTopic: t\tPartition: 1\tLeader: none\tReplicas: 1,2\tIsr: 2\n\
             \tTopic: t\tPartition: 2\tLeader: 2\tReplicas: 1,2\tIsr: 2\n"
        );
    }

    #[test]
    fn a_filter_shows_partitions_only() {
        let unavailable = Filter { unavailable: true, ..Filter::default() };
        assert_eq!(text(unavailable), "\tTopic: t\tPartition: 1\tLeader: none\tReplicas: 1,2\tIsr: 2\n");
        for filter in [
            Filter { under_replicated: true, ..Filter::default() },
            Filter { under_min_isr: true, ..Filter::default() },
        ] {
            assert_eq!(text(filter).lines().count(), 2);
        }
    }

    #[test]
    fn json_has_the_same_content() {
        let mut description = description();
        description.topic.partitions.truncate(2);
        let shown = to_json(&description, Filter::default()).unwrap();
        assert_eq!(
            serde_json::to_string(&shown).unwrap(),
            concat!(
                r#"{"topic":"t","topic_id":"AQEBAQEBQQGBAQEBAQEBAQ","internal":false,"partition_count":2,"#,
                r#""replication_factor":2,"configs":{"retention.ms":"1000","segment.bytes":"1024"},"partitions":["#,
                r#"{"partition":0,"leader":1,"leader_epoch":3,"replicas":[1,2],"isr":[1,2],"offline":[]},"#,
                r#"{"partition":1,"leader":null,"leader_epoch":3,"replicas":[1,2],"isr":[2],"offline":[]}]}"#
            )
        );
        description.topic.partitions.truncate(1);
        let filter = Filter { unavailable: true, ..Filter::default() };
        assert!(to_json(&description, filter).is_none());
    }
}
