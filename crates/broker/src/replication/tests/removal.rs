//! Replicas that come and go: healing of the wanted factor, and what becomes of who gave way.

use yak_model::api::UnfenceBroker;
use yak_model::{ErrorCode, Offset, PartitionIndex, ReplicationKey};

use super::fill;
use super::rig::{Node, Rig, create_topic, numbers, topic, until};

/// Broker 1 with 20 records in topic `t`, which wants `wanted` replicas; broker 2 is being added and never gets there,
/// because nobody sends it anything.
async fn one_and_a_half(wanted: &str) -> (Rig, Node, Node) {
    let rig = Rig::new(&[&format!("default.replication.factor={wanted}")]);
    let first = rig.start(1).await;
    create_topic(&first, 1, None, &[("flush", "sync"), ("min.insync.replicas", "1")]).await;
    fill(&first, 0, 20).await;
    let second = rig.start_with(2, ReplicationKey::from_random([8; 16])).await;
    until("broker 2 is being added", || numbers(&rig.record(0).adding_replicas) == [2]).await;
    until("broker 2 follows", || {
        let hosted = second.broker.partition(&topic(), PartitionIndex::new(0));
        hosted.is_ok_and(|partition| partition.following().is_some())
    })
    .await;
    rig.fence(&second).await;
    (rig, first, second)
}

/// Broker 2 knows that it is no replica, and its log is on its way out.
async fn is_gone(rig: &Rig, second: &Node) {
    let gone = || second.broker.partition(&topic(), PartitionIndex::new(0)).err();
    until("broker 2 has no replica", || {
        gone().is_some_and(|rejection| rejection.code == ErrorCode::NotLeaderOrFollower)
    })
    .await;
    until("its directory is gone", || !rig.path(2).join("t-0").exists()).await;
    let entries = std::fs::read_dir(rig.path(2)).expect("its directory");
    let mut names = entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"));
    assert!(names.all(|name| !name.starts_with("t-") || name.ends_with("-delete")), "it is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_broker_heals_the_wanted_factor_and_the_log_of_who_gave_way_is_deleted() {
    let (rig, _first, second) = one_and_a_half("2").await;
    let third = rig.start(3).await;
    until("broker 3 is a replica in sync", || {
        let record = rig.record(0);
        numbers(&record.replicas) == [1, 3] && numbers(&record.in_sync_replicas) == [1, 3]
    })
    .await;
    assert_eq!(third.end(0), Offset::new(20));
    assert_eq!(rig.log_bytes(3, 0), rig.log_bytes(1, 0), "INV-1");
    is_gone(&rig, &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_removed_is_made_anew_when_it_is_added_again() {
    let (rig, first, second) = one_and_a_half("3").await;
    let third = rig.start(3).await;
    until("broker 3 is in sync", || numbers(&rig.record(0).in_sync_replicas) == [1, 3]).await;
    is_gone(&rig, &second).await;
    second.broker.membership.keys().set(rig.key);
    let unfence = UnfenceBroker { broker_id: second.broker.id(), broker_epoch: second.broker.epoch() };
    rig.handle().submit(unfence).await.expect("unfenced");
    until("all are in sync", || numbers(&rig.record(0).in_sync_replicas) == [1, 3, 2]).await;
    fill(&first, 20, 5).await;
    for node in [&second, &third] {
        until("it has everything", || node.end(0) == Offset::new(25)).await;
        assert_eq!(rig.log_files(node.broker.id().get(), 0), rig.log_files(1, 0), "INV-1");
    }
}
