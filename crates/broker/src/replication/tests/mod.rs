//! Replication between brokers over real sockets: what leaders count, what followers have, who is turned away.

mod damage;
mod forged;
mod removal;
pub(crate) mod rig;

use yak_model::api::{Acks, IsrProposal};
use yak_model::{Offset, PartitionIndex};

use self::rig::{Node, Rig, numbers, topic, until};

/// Records that are enough for several segments of 4 KiB.
const MANY: usize = 300;

/// Produces to partition 0, once the node works by the metadata that makes it the leader.
async fn fill(leader: &Node, from: usize, count: usize) {
    let leads = || {
        let image = leader.broker.image();
        let partition = image.partition(&topic(), PartitionIndex::new(0));
        partition.is_some_and(|record| record.leader == Some(leader.broker.id()))
    };
    until("it leads", leads).await;
    for number in from..from + count {
        leader.produce(0, &format!("record {number}"), Acks::All).await.expect("acknowledged");
    }
}

fn by_id(nodes: &[Node], id: i32) -> &Node {
    nodes.iter().find(|node| node.broker.id().get() == id).expect("it runs")
}

async fn replicate(overrides: &[&str], configs: &[(&str, &str)]) {
    let rig = Rig::new(overrides);
    let nodes = rig.cluster(3, 1, configs).await;
    let leader = by_id(&nodes, rig.leader(0).await);
    until("all are in sync", || rig.record(0).in_sync_replicas.len() == 3).await;
    fill(leader, 0, MANY).await;
    let end = Offset::new(i64::try_from(MANY).expect("small"));
    for node in &nodes {
        assert_eq!(node.end(0), end, "acks=all: it is in every log of the ISR when it is acknowledged");
        until("the high watermark travels", || node.partition(0).high_watermark() == end).await;
        assert_eq!(rig.log_bytes(node.broker.id().get(), 0), rig.log_bytes(1, 0), "INV-1: identical bytes");
    }
    assert!(!rig.log_bytes(1, 0).is_empty());
    assert_eq!(leader.broker.clients.presences().len(), 0, "followers are not clients");
    for node in nodes {
        node.crash().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_identical_with_flush_os() {
    replicate(&[], &[("flush", "os"), ("segment.bytes", "4096")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_identical_with_flush_sync() {
    replicate(&[], &[("flush", "sync"), ("segment.bytes", "4096"), ("min.insync.replicas", "2")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_can_be_pure_ndjson() {
    replicate(&["replica.fetch.attachments=false"], &[("flush", "sync")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_names_those_who_have_the_record() {
    let rig = Rig::new(&[]);
    let nodes = rig.cluster(3, 1, &[("flush", "sync")]).await;
    let leader = by_id(&nodes, rig.leader(0).await);
    let produced = leader.produce(0, "x", Acks::All).await.expect("acknowledged");
    let mut holders = numbers(&produced.acked_by);
    holders.sort_unstable();
    assert_eq!(holders, [1, 2, 3]);
    assert!(produced.durable);
    let follower = nodes.iter().find(|node| node.broker.id() != leader.broker.id()).expect("another");
    let refused = follower.produce(0, "x", Acks::All).await.expect_err("it follows");
    assert_eq!(refused.code, yak_model::ErrorCode::NotLeaderOrFollower);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_was_away_catches_up_and_is_in_sync_again() {
    let rig = Rig::new(&[]);
    let mut nodes = rig.cluster(3, 1, &[("flush", "sync"), ("min.insync.replicas", "2")]).await;
    let leader = rig.leader(0).await;
    let away = nodes.iter().position(|node| node.broker.id().get() != leader).expect("a follower");
    let node = nodes.remove(away);
    let id = node.broker.id().get();
    fill(by_id(&nodes, leader), 0, 50).await;
    rig.fence(&node).await;
    node.crash().await;
    until("two are in sync", || rig.record(0).in_sync_replicas.len() == 2).await;
    fill(by_id(&nodes, leader), 50, 100).await;
    let back = rig.start(id).await;
    until("it is in sync again", || rig.record(0).in_sync_replicas.len() == 3).await;
    assert_eq!(numbers(&rig.record(0).in_sync_replicas).last(), Some(&id), "who returns joins at the end");
    until("it has everything", || back.end(0) == Offset::new(150)).await;
    assert_eq!(rig.log_bytes(id, 0), rig.log_bytes(leader, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposed_leader_cuts_what_only_it_had() {
    let rig = Rig::new(&[]);
    let mut nodes = rig.cluster(3, 1, &[("flush", "os"), ("min.insync.replicas", "1")]).await;
    let first = rig.leader(0).await;
    until("all are in sync", || rig.record(0).in_sync_replicas.len() == 3).await;
    fill(by_id(&nodes, first), 0, 20).await;
    let old = nodes.remove(nodes.iter().position(|node| node.broker.id().get() == first).expect("it runs"));
    // Its followers are gone from its sight: what it takes with acks=1 now is on its disk alone.
    rig.fence(&old).await;
    until("another leads", || rig.record(0).leader.is_some_and(|leader| leader.get() != first)).await;
    until("it knows", || old.partition(0).following().is_some()).await;
    old.crash().await;
    let second = rig.leader(0).await;
    fill(by_id(&nodes, second), 20, 20).await;
    rig.append_to_log_of(first, 5);
    let back = rig.start(first).await;
    until("it has what the leader has", || {
        back.end(0) == Offset::new(40) && rig.log_bytes(first, 0) == rig.log_bytes(second, 0)
    })
    .await;
    until("it is in sync", || rig.record(0).in_sync_replicas.len() == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_leader_has_every_acknowledged_record() {
    let rig = Rig::new(&[]);
    let mut nodes = rig.cluster(3, 4, &[("flush", "sync"), ("min.insync.replicas", "2")]).await;
    let mut acknowledged = [0_i64; 4];
    for partition in 0..4 {
        let leader = by_id(&nodes, rig.leader(partition).await);
        for number in 0..25 {
            let produced =
                leader.produce(partition, &format!("{number}"), Acks::All).await.expect("acknowledged");
            acknowledged[usize::try_from(partition).expect("small")] = produced.base_offset.get() + 1;
        }
    }
    let first = rig.leader(0).await;
    let dead = nodes.remove(nodes.iter().position(|node| node.broker.id().get() == first).expect("it runs"));
    rig.fence(&dead).await;
    dead.crash().await;
    for partition in 0..4 {
        until("a living one leads", || {
            rig.record(partition).leader.is_some_and(|leader| leader.get() != first)
        })
        .await;
        let id = rig.leader(partition).await;
        let leader = by_id(&nodes, id);
        let mut produced = leader.produce(partition, "after", Acks::All).await;
        // The new leader learns of its role when it follows the journal up to there.
        until_leads(leader, partition, &mut produced).await;
        let before = acknowledged[usize::try_from(partition).expect("small")];
        assert_eq!(
            produced.expect("acknowledged").base_offset,
            Offset::new(before),
            "nothing lost, nothing twice"
        );
    }
}

async fn until_leads(
    leader: &Node,
    partition: i32,
    produced: &mut Result<yak_model::api::Produced, yak_model::api::Rejection>,
) {
    while let Err(rejection) = produced {
        assert_eq!(rejection.code, yak_model::ErrorCode::NotLeaderOrFollower, "{rejection}");
        tokio::task::yield_now().await;
        *produced = leader.produce(partition, "after", Acks::All).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_goes_on_without_a_follower_that_lags() {
    let rig = Rig::new(&[]);
    let mut nodes = rig.cluster(2, 1, &[("flush", "os"), ("min.insync.replicas", "1")]).await;
    let id = rig.leader(0).await;
    until("both are in sync", || rig.record(0).in_sync_replicas.len() == 2).await;
    // Not fenced: its session lives, it only does not fetch.
    let lags = nodes.remove(nodes.iter().position(|node| node.broker.id().get() != id).expect("a follower"));
    lags.crash().await;
    let leader = by_id(&nodes, id);
    let waited = leader.produce(0, "x", Acks::All).await.expect("acknowledged once the follower is out");
    assert_eq!(waited.base_offset, Offset::ZERO);
    assert_eq!(numbers(&rig.record(0).in_sync_replicas), [id]);
    assert_ne!(IsrProposal::UNKNOWN_EPOCH, leader.broker.epoch());
    assert!(leader.broker.image().topic(&topic()).is_some());
}
