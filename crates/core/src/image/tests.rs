//! Images: what does not fit is refused with a reason.

use yak_model::metadata::{ConfigResource, JournalLine, MetadataRecord, PartitionRecord, RecoveryState};
use yak_model::{
    BrokerEpoch, BrokerId, ClusterId, LeaderEpoch, MetadataIndex, PartitionEpoch, PartitionIndex, ProducerId,
    Term, TimestampMs, TopicId, TopicName,
};

use super::*;

fn name(text: &str) -> TopicName {
    text.parse().unwrap()
}

fn id(seed: u8) -> TopicId {
    TopicId::from_random([seed; 16])
}

fn created(topic: &str, seed: u8) -> MetadataRecord {
    MetadataRecord::TopicCreated { name: name(topic), topic_id: id(seed) }
}

fn partition(topic: &str, seed: u8, number: i32) -> MetadataRecord {
    MetadataRecord::Partition(PartitionRecord {
        topic: name(topic),
        topic_id: id(seed),
        partition: PartitionIndex::new(number),
        replicas: vec![BrokerId::new(1)],
        directory_ids: Vec::new(),
        in_sync_replicas: vec![BrokerId::new(1)],
        eligible_leader_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        wanted: 1,
        leader: None,
        leader_epoch: LeaderEpoch::new(0),
        partition_epoch: PartitionEpoch::new(0),
        recovery_state: RecoveryState::Recovered,
    })
}

fn producer_ids(first: i64, end: i64) -> MetadataRecord {
    MetadataRecord::ProducerIds {
        broker_id: BrokerId::new(1),
        broker_epoch: BrokerEpoch::new(1),
        first: ProducerId::new(first),
        end: ProducerId::new(end),
    }
}

fn image(records: &[MetadataRecord]) -> Image {
    let mut image = Image::default();
    records.iter().try_for_each(|record| image.apply(record)).unwrap();
    image
}

#[test]
fn records_that_contradict_the_image_are_refused_with_a_reason() {
    let cluster = MetadataRecord::Cluster { cluster_id: ClusterId::from_random([1; 16]) };
    let (broker_id, broker_epoch) = (BrokerId::new(1), BrokerEpoch::new(5));
    let base = [cluster.clone(), created("t", 1), partition("t", 1, 0), producer_ids(0, 10)];
    let resource = ConfigResource::Topic(name("u"));
    let cases = [
        (cluster, "a second cluster record"),
        (created("t", 2), "topic t, or one of its id, exists already"),
        (created("u", 1), "topic u, or one of its id, exists already"),
        (
            MetadataRecord::TopicDeleted { name: name("t"), topic_id: id(2) },
            "topic t does not exist with this id",
        ),
        (partition("t", 2, 0), "topic t does not exist with this id"),
        (partition("u", 1, 0), "topic u does not exist with this id"),
        (partition("t", 1, 2), "partition 2 of topic t comes before the partitions below it"),
        (partition("t", 1, -1), "partition -1 of topic t comes before the partitions below it"),
        (MetadataRecord::BrokerFenced { broker_id, broker_epoch }, "broker 1 is not registered with epoch 5"),
        (producer_ids(9, 20), "producer ids from 9 were handed out already, up to 10"),
        (producer_ids(10, 10), "producer ids from 10 were handed out already, up to 10"),
        (
            MetadataRecord::Config { resource, key: "k".into(), value: None },
            "topic u does not exist with this id",
        ),
    ];
    for (record, reason) in cases {
        let refused = image(&base).apply(&record).unwrap_err();
        assert_eq!(refused.to_string(), reason, "{record:?}");
    }
}

#[test]
fn lines_follow_each_other() {
    let line = |index: u64| JournalLine {
        index: MetadataIndex::new(index),
        term: Term::new(1),
        synced: MetadataIndex::new(0),
        time: TimestampMs::new(0),
        cause: String::new(),
        records: Vec::new(),
    };
    let mut image = Image::default();
    image.apply_line(&line(1)).unwrap();
    for wrong in [1, 3] {
        let refused = image.clone().apply_line(&line(wrong)).unwrap_err();
        assert_eq!(refused.to_string(), format!("index {wrong} follows index 1"));
    }
    image.apply_line(&line(2)).unwrap();
    assert_eq!(image.index(), MetadataIndex::new(2));
}

#[test]
fn a_clone_shares_everything_and_changes_alone() {
    let before = image(&[created("t", 1), partition("t", 1, 0)]);
    let mut after = before.clone();
    assert!(Arc::ptr_eq(&before.topics, &after.topics));
    after.apply(&partition("t", 1, 1)).unwrap();
    assert_eq!(before.topic(&name("t")).unwrap().partition_count(), 1);
    assert_eq!(after.topic(&name("t")).unwrap().partition_count(), 2);
    assert!(Arc::ptr_eq(&before.names, &after.names), "what did not change is still shared");
}

#[test]
fn what_does_not_exist_is_nothing() {
    let image = image(&[created("t", 1), partition("t", 1, 0)]);
    assert!(image.partition(&name("t"), PartitionIndex::new(1)).is_none());
    assert!(image.partition(&name("t"), PartitionIndex::new(-1)).is_none());
    assert!(image.topic_by_id(id(9)).is_none());
    assert!(image.config(&ConfigResource::Topic(name("u"))).is_empty());
    assert_eq!(image.next_producer_id(), ProducerId::new(0));
}
