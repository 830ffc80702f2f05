//! What Kafka clients are told when a leader dies.

use yak_kafka::messages::metadata::MetadataRequestTopic;
use yak_kafka::messages::{MetadataRequest, MetadataResponse};
use yak_model::ErrorCode;
use yak_testkit::{Cluster, KafkaSocket, wait_for};

use crate::batch::{plain, values};

fn metadata(socket: &mut KafkaSocket) -> MetadataResponse {
    let topic = MetadataRequestTopic { name: Some("t".to_owned()), ..MetadataRequestTopic::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() };
    socket.ask(12, &request)
}

#[test]
fn the_next_leader_is_told_as_soon_as_there_is_one_and_the_dead_one_is_not_forgotten_at_once() {
    let mut cluster = Cluster::start(3);
    cluster.connect(1).ok(r#"{"op":"create_topics","topic":"t","partitions":1,"replication_factor":3}"#);
    // All of them know it, and have copied what there is.
    (1..=3).for_each(|id| cluster.wait_for_isr(id, ("t", 0), &[1, 2, 3]));
    let mut socket = KafkaSocket::connect(&cluster.address(1));
    let before = metadata(&mut socket);
    let leader = before.topics[0].partitions[0].leader_id;
    let other = (1..=3).find(|id| *id != leader).unwrap();
    let mut to_leader = KafkaSocket::connect(&cluster.address(leader));
    assert_eq!(to_leader.produce(9, ("t", 0), &mut plain(&["a"])).error_code, None);
    let mut socket = KafkaSocket::connect(&cluster.address(other));
    let misled = socket.produce(9, ("t", 0), &mut plain(&["b"]));
    assert_eq!(misled.error_code, Some(ErrorCode::NotLeaderOrFollower));
    cluster.kill(leader);
    let after = wait_for("another leader", || {
        let told = metadata(&mut socket);
        let partition = &told.topics[0].partitions[0];
        (partition.error_code.is_none() && partition.leader_id != leader).then_some(told)
    });
    let told: Vec<i32> = after.brokers.iter().map(|broker| broker.node_id).collect();
    assert!((1..=3).all(|id| told.contains(&id)), "{told:?}");
    let partition = &after.topics[0].partitions[0];
    assert!(partition.leader_epoch > before.topics[0].partitions[0].leader_epoch);
    assert_eq!(partition.offline_replicas, [leader]);
    let mut next = KafkaSocket::connect(&cluster.address(partition.leader_id));
    assert_eq!(next.produce(12, ("t", 0), &mut plain(&["b"])).error_code, None);
    assert_eq!(values(&next.fetch(12, ("t", 0), 0).records), ["a", "b"]);
}

#[test]
fn while_the_zookeeper_is_away_nobody_waits_for_topics_that_only_it_could_create() {
    let mut cluster = Cluster::start(1);
    let create = r#"{"op":"create_topics","topic":"t","partitions":1,"replication_factor":1}"#;
    cluster.connect(1).ok(create);
    cluster.kill_zookeeper();
    let mut socket = KafkaSocket::connect(&cluster.address(1));
    // One by one they would take ten seconds each, and what is behind them as long.
    let named = |number| MetadataRequestTopic {
        name: Some(format!("missing-{number}")),
        ..MetadataRequestTopic::default()
    };
    let request =
        MetadataRequest { topics: Some((0..30).map(named).collect()), ..MetadataRequest::default() };
    let response: MetadataResponse = socket.ask(12, &request);
    assert_eq!(response.topics.len(), 30);
    assert!(response.topics.iter().all(|topic| topic.error_code.is_some()));
    assert_eq!(socket.produce(9, ("t", 0), &mut plain(&["a"])).error_code, None);
}
