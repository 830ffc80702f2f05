//! Topics that grow, and what two images differ in.

use super::*;
use crate::image::Change;

fn grow(topic: &str, total: i32) -> api::CreatePartitions {
    api::CreatePartitions { topic: name(topic), total, assignment: None, validate_only: false, timeout_ms: 0 }
}

#[test]
fn a_topic_grows_and_what_is_there_stays() {
    let mut rig = Rig::cluster(3);
    rig.create(sized("t", 2, 2)).unwrap();
    let before = rig.replicas("t");
    rig.submit(grow("t", 4)).unwrap();
    assert!(rig.replicas("t").starts_with(&before));
    let topic = rig.image().topic(&name("t")).unwrap();
    assert_eq!(topic.partition_count(), 4);
    assert!(topic.partitions().iter().all(|partition| partition.replicas.len() == 2));
    assert_eq!(rig.last_line().cause, "topic t grew from 2 to 4 partitions");
}

#[test]
fn refusals_have_kafkas_codes() {
    let mut rig = Rig::cluster(2);
    rig.create(sized("t", 2, 1)).unwrap();
    let assigned = |brokers: &[&[i32]]| {
        let ids = |ids: &&[i32]| ids.iter().copied().map(BrokerId::new).collect();
        api::CreatePartitions { assignment: Some(brokers.iter().map(ids).collect()), ..grow("t", 3) }
    };
    let cases = [
        (grow("u", 3), ErrorCode::UnknownTopicOrPartition),
        (grow("t", 2), ErrorCode::InvalidPartitions),
        (grow("t", 1), ErrorCode::InvalidPartitions),
        (grow("t", -1), ErrorCode::InvalidPartitions),
        (grow("t", 10_001), ErrorCode::InvalidPartitions),
        (assigned(&[]), ErrorCode::InvalidReplicaAssignment),
        (assigned(&[&[1], &[2]]), ErrorCode::InvalidReplicaAssignment),
        (assigned(&[&[1, 2]]), ErrorCode::InvalidReplicaAssignment),
        (assigned(&[&[9]]), ErrorCode::InvalidReplicaAssignment),
    ];
    for (case, code) in cases {
        let described = format!("{case:?}");
        assert_eq!(rig.submit(case).unwrap_err().code, code, "{described}");
    }
    assert_eq!(
        rig.submit(grow("t", 2)).unwrap_err().message,
        "topic 't' has 2 partition(s) already; 2 would not be an increase"
    );
    rig.submit(assigned(&[&[2]])).unwrap();
    assert!(rig.replicas("t").ends_with("  2"));
}

#[test]
fn only_saying_what_would_happen_changes_nothing() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    rig.submit(api::CreatePartitions { validate_only: true, ..grow("t", 5) }).unwrap();
    assert_eq!(rig.image().topic(&name("t")).unwrap().partition_count(), 1);
}

#[test]
fn changes_between_two_images_are_told_in_order() {
    let mut rig = Rig::cluster(1);
    rig.create_all(vec![topic("gone"), topic("kept"), topic("again")]);
    let before = rig.image().clone();
    rig.submit(api::DeleteTopics { topics: vec![name("gone"), name("again")], ..Default::default() })
        .unwrap();
    rig.create(topic("again")).unwrap();
    rig.submit(grow("kept", 2)).unwrap();
    let told: Vec<String> = rig.image().changes_since(&before).iter().map(describe).collect();
    assert_eq!(told, ["- again", "- gone", "+ again", "again-0", "kept-1"]);
    assert!(rig.image().changes_since(rig.image()).is_empty());
    let from_nothing: Vec<String> =
        rig.image().changes_since(&Image::default()).iter().map(describe).collect();
    assert_eq!(from_nothing, ["+ again", "again-0", "+ kept", "kept-0", "kept-1"]);
}

fn describe(change: &Change) -> String {
    match change {
        Change::TopicDeleted(topic) => format!("- {}", topic.name()),
        Change::TopicCreated(topic) => format!("+ {}", topic.name()),
        Change::TopicConfig(topic) => format!("= {}", topic.name()),
        Change::Partition(partition) => format!("{}-{}", partition.topic, partition.partition),
    }
}
