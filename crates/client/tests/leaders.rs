//! Questions that only leaders answer: each gets its part, and the answers come in the order asked.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::{FakeCluster, Fault, eventually};
use tokio::time::Instant;
use yak_client::{Address, Admin, ClientConfig, ClientError, Cluster, Producer, ProducerConfig, Record};
use yak_model::api::{
    DeleteRecords, DeleteRecordsEntry, ListOffsets, ListOffsetsEntry, ListOffsetsReply, OffsetSpec,
};
use yak_model::{BrokerId, ErrorCode, Offset, PartitionIndex, TopicName};

/// Every broker is named; nothing but what a test is about takes this long.
fn config(cluster: &FakeCluster) -> ClientConfig {
    let bootstrap = cluster.lock().addresses.values().cloned().collect();
    ClientConfig { bootstrap, request_timeout: Duration::from_secs(300), ..cluster.config() }
}

fn latest(topic: &TopicName, partition: i32) -> ListOffsetsEntry {
    let partition = PartitionIndex::new(partition);
    ListOffsetsEntry { topic: topic.clone(), partition, leader_epoch: None, at: OffsetSpec::Latest }
}

fn delete(topic: &TopicName, partition: i32) -> DeleteRecordsEntry {
    let partition = PartitionIndex::new(partition);
    DeleteRecordsEntry { topic: topic.clone(), partition, before_offset: None }
}

/// Offsets, or codes.
fn offsets(reply: ListOffsetsReply) -> Vec<Result<i64, ErrorCode>> {
    let found = reply.partitions.into_iter();
    found
        .map(|entry| match entry {
            Ok(listed) => Ok(listed.offset.map_or(-1, Offset::get)),
            Err(refused) => Err(refused.rejection.code),
        })
        .collect()
}

/// Three brokers; `t` has six partitions, led by the brokers in turn, with 10, 11, ... records.
async fn rig() -> (FakeCluster, TopicName, Cluster) {
    let cluster = FakeCluster::start(3).await;
    let topic = cluster.create("t", 6);
    let client = Cluster::connect(config(&cluster)).await.unwrap();
    let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
    let handle = producer.open(&topic).await.unwrap();
    for partition in 0..6 {
        for number in 0..10 + u64::try_from(partition).unwrap() {
            let record = Record { partition: Some(PartitionIndex::new(partition)), ..Record::value(b"x") };
            producer.send(handle, record, number).await.unwrap();
        }
    }
    assert_eq!(producer.close(Duration::from_secs(10)).await.acknowledged, 75);
    (cluster, topic, client)
}

#[tokio::test]
async fn each_leader_is_asked_for_its_own_and_the_order_is_kept() {
    let (cluster, topic, client) = rig().await;
    let entries = [5, 0, 3, 1, 4, 2].map(|partition| latest(&topic, partition)).into();
    let reply =
        Admin::new(&client).list_offsets(&ListOffsets { entries, ..ListOffsets::default() }).await.unwrap();
    assert_eq!(offsets(reply), [15, 10, 13, 11, 14, 12].map(Ok));
    assert_eq!(cluster.requests("list_offsets"), 3, "one request a leader");

    let entries = [4, 1, 2].map(|partition| delete(&topic, partition)).into();
    let request = DeleteRecords { entries, timeout_ms: 1_000 };
    let deleted = Admin::new(&client).delete_records(&request).await.unwrap().partitions;
    let starts: Vec<_> = deleted
        .into_iter()
        .map(|entry| (entry.partition.get(), entry.log_start_offset.unwrap().get()))
        .collect();
    assert_eq!(starts, [(4, 14), (1, 11), (2, 12)]);
    assert_eq!(cluster.requests("delete_records"), 2, "broker 2 leads both 4 and 1");
    assert_eq!(cluster.values(&topic, 0).len(), 10, "what was not named is whole");
}

#[tokio::test]
async fn a_leader_that_moved_away_is_found_again() {
    let (cluster, topic, client) = rig().await;
    let admin = Admin::new(&client);
    // The client knows the former ones.
    for (partition, leader) in [(0, 2), (1, 3), (2, 2)] {
        cluster.lead(&topic, partition, Some(leader));
    }
    let entries: Vec<_> = (0..6).map(|partition| latest(&topic, partition)).collect();
    let reply = admin.list_offsets(&ListOffsets { entries, ..ListOffsets::default() }).await.unwrap();
    assert_eq!(offsets(reply), [10, 11, 12, 13, 14, 15].map(Ok));

    cluster.lead(&topic, 0, Some(3));
    let request = DeleteRecords { entries: vec![delete(&topic, 0)], timeout_ms: 1_000 };
    let deleted = admin.delete_records(&request).await.unwrap().partitions;
    assert_eq!(deleted[0].log_start_offset, Ok(Offset::new(10)));
}

#[tokio::test]
async fn a_partition_without_a_leader_is_waited_for_and_the_others_are_not_asked_twice() {
    let (cluster, topic, client) = rig().await;
    cluster.lead(&topic, 1, None);
    let asking = tokio::spawn(async move {
        let entries = vec![latest(&topic, 0), latest(&topic, 1)];
        Admin::new(&client).list_offsets(&ListOffsets { entries, ..ListOffsets::default() }).await
    });
    let before = cluster.requests("metadata");
    eventually("looking who leads", || cluster.requests("metadata") > before + 2).await;
    cluster.lead(&"t".parse().unwrap(), 1, Some(3));
    assert_eq!(offsets(asking.await.unwrap().unwrap()), [Ok(10), Ok(11)]);
    // Broker 1 for partition 0; broker 2, which led partition 1 last, perhaps; broker 3.
    assert!(cluster.requests("list_offsets") <= 3, "{}", cluster.requests("list_offsets"));
}

#[tokio::test]
async fn a_leader_that_hangs_is_left_when_it_leads_no_more() {
    let (cluster, topic, client) = rig().await;
    cluster.hang(3);
    let asked = topic.clone();
    let asking = tokio::spawn(async move {
        let entries = vec![latest(&asked, 2), latest(&asked, 0)];
        Admin::new(&client).list_offsets(&ListOffsets { entries, ..ListOffsets::default() }).await
    });
    eventually("the question to the hung leader", || cluster.lock().unanswered > 0).await;
    cluster.lead(&topic, 2, Some(1));
    assert_eq!(offsets(asking.await.unwrap().unwrap()), [Ok(12), Ok(10)]);
}

#[tokio::test]
async fn a_leader_that_closes_the_connection_or_refuses_for_a_while_is_asked_again() {
    let (cluster, topic, client) = rig().await;
    cluster.script(
        "list_offsets",
        [Fault::CloseBefore, Fault::Reject(ErrorCode::LeaderNotAvailable), Fault::CloseInReply],
    );
    let request = ListOffsets { entries: vec![latest(&topic, 0)], ..ListOffsets::default() };
    assert_eq!(offsets(Admin::new(&client).list_offsets(&request).await.unwrap()), [Ok(10)]);
    assert_eq!(cluster.requests("list_offsets"), 4);
}

#[tokio::test]
async fn when_the_time_is_over_each_entry_says_what_is_wrong_with_it() {
    let (cluster, topic, _) = rig().await;
    let config = ClientConfig { request_timeout: Duration::from_millis(1_500), ..config(&cluster) };
    let client = Cluster::connect(config).await.unwrap();
    cluster.lead(&topic, 1, None);
    let missing = "missing".parse().unwrap();
    let entries = vec![latest(&topic, 0), latest(&topic, 1), latest(&missing, 0), latest(&topic, 6)];
    let reply =
        Admin::new(&client).list_offsets(&ListOffsets { entries, ..ListOffsets::default() }).await.unwrap();
    let unknown = Err(ErrorCode::UnknownTopicOrPartition);
    assert_eq!(offsets(reply), [Ok(10), Err(ErrorCode::LeaderNotAvailable), unknown, unknown]);

    let request = DeleteRecords { entries: vec![delete(&topic, 0), delete(&topic, 1)], timeout_ms: 100 };
    let deleted = Admin::new(&client).delete_records(&request).await.unwrap().partitions;
    assert_eq!(deleted[0].log_start_offset, Ok(Offset::new(10)));
    let refused = deleted[1].log_start_offset.clone().unwrap_err();
    assert_eq!(refused.to_string(), "t-1 has no leader (LEADER_NOT_AVAILABLE)");
}

#[tokio::test]
async fn a_topic_that_nobody_knows_is_not_waited_for_until_the_timeout() {
    let (cluster, _, client) = rig().await;
    let begun = Instant::now();
    let request =
        ListOffsets { entries: vec![latest(&"missing".parse().unwrap(), 0)], ..ListOffsets::default() };
    let reply = Admin::new(&client).list_offsets(&request).await.unwrap();
    let refused = reply.partitions[0].clone().unwrap_err();
    assert_eq!(refused.rejection.to_string(), "topic 'missing' does not exist (UNKNOWN_TOPIC_OR_PARTITION)");
    assert!(begun.elapsed() < Duration::from_secs(100), "the request timeout is 300 s");
    assert_eq!(cluster.requests("list_offsets"), 0, "nobody leads it");
}

#[tokio::test]
async fn a_leader_that_cannot_be_reached_is_an_error_that_names_it() {
    let (cluster, topic, _) = rig().await;
    let advertised = Address::new("kafka.invalid", 9092);
    cluster.lock().addresses.insert(BrokerId::new(2), advertised.clone());
    let bootstrap = vec![cluster.lock().addresses[&BrokerId::new(1)].clone()];
    let client = Cluster::connect(ClientConfig { bootstrap, ..config(&cluster) }).await.unwrap();
    let request = ListOffsets { entries: vec![latest(&topic, 1)], ..ListOffsets::default() };
    let error = Admin::new(&client).list_offsets(&request).await.unwrap_err();
    let ClientError::AdvertisedAddress { broker_id, advertised: named, .. } = error else {
        unreachable!("{error}")
    };
    assert_eq!((broker_id, named), (BrokerId::new(2), advertised));
}
