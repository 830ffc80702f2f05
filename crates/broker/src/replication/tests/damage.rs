//! Replicas that lost something: damaged, missing, or on a new disk. Each ends with what its leader has, and counts for
//! nothing before.

use std::path::{Path, PathBuf};

use yak_model::api::{Acks, ElectLeaders, ElectionKind, LogProof};
use yak_model::{ErrorCode, Offset, PartitionIndex};

use super::rig::{Node, Rig, numbers, topic, until};
use super::{by_id, fill};

const SYNC: &[(&str, &str)] = &[("flush", "sync"), ("min.insync.replicas", "2"), ("segment.bytes", "4096")];

/// The first segment of partition 0.
fn segment(rig: &Rig, id: i32) -> PathBuf {
    rig.path(id).join("t-0/00000000000000000000.log")
}

/// Flips a bit within the value of a record.
fn flip(path: &Path, value: &str) {
    let mut bytes = std::fs::read(path).expect("a segment");
    let found = bytes.windows(value.len()).position(|window| window == value.as_bytes());
    bytes[found.expect("the record is there")] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

fn names(rig: &Rig, id: i32, within: &str) -> Vec<String> {
    let entries = std::fs::read_dir(rig.path(id).join(within)).expect("a directory");
    entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8")).collect()
}

/// Whether it is out of the ISR, or has everything of the leader's.
fn is_clean(rig: &Rig, node: &Node, end: i64) -> bool {
    let record = rig.record(0);
    let counts = record.in_sync_replicas.contains(&node.broker.id());
    let leads = record.leader == Some(node.broker.id());
    // Read before the end, which only grows.
    !(counts || leads) || node.end(0) >= Offset::new(end)
}

/// The replica of a broker that died is damaged, and the broker starts again. `leads`: it was the leader.
async fn comes_back(leads: bool, damage: impl Fn(&Rig, i32)) -> Rig {
    let rig = Rig::new(&[]);
    let mut nodes = rig.cluster(3, 1, SYNC).await;
    until("all are in sync", || rig.record(0).in_sync_replicas.len() == 3).await;
    let first = rig.leader(0).await;
    fill(by_id(&nodes, first), 0, 120).await;
    let at = nodes.iter().position(|node| (node.broker.id().get() == first) == leads).expect("it runs");
    let node = nodes.remove(at);
    let id = node.broker.id().get();
    rig.fence(&node).await;
    // What is damaged lies below the recovery point.
    node.broker.directory.checkpoint().expect("written");
    node.crash().await;
    until("two are in sync", || rig.record(0).in_sync_replicas.len() == 2).await;
    let leader = rig.leader(0).await;
    fill(by_id(&nodes, leader), 120, 30).await;
    damage(&rig, id);
    let back = rig.start(id).await;
    until("it is in sync again", || {
        assert!(is_clean(&rig, &back, 150), "INV-6: it counts for nothing before it has caught up");
        rig.record(0).in_sync_replicas.len() == 3
    })
    .await;
    assert_eq!(numbers(&rig.record(0).in_sync_replicas).last(), Some(&id), "who returns joins at the end");
    for node in &nodes {
        assert_eq!(node.end(0), Offset::new(150), "INV-16: nothing was cut anywhere else");
    }
    assert_eq!(back.end(0), Offset::new(150));
    let leader = rig.leader(0).await;
    assert_eq!(rig.log_files(id, 0), rig.log_files(leader, 0), "INV-1: identical files");
    let more = by_id(&nodes, leader).produce(0, "more", Acks::All).await.expect("acknowledged");
    assert_eq!(more.base_offset, Offset::new(150));
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_16_a_follower_with_a_flipped_bit_is_filled_again() {
    let rig = comes_back(false, |rig, id| flip(&segment(rig, id), "record 30")).await;
    let damaged = |id: &i32| names(&rig, *id, "t-0").iter().filter(|name| name.ends_with(".damaged")).count();
    let aside: Vec<usize> = [1, 2, 3].iter().map(damaged).collect();
    assert_eq!(aside.iter().filter(|count| **count > 0).count(), 1, "the damage was kept: {aside:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_06_a_leader_with_a_flipped_bit_is_filled_again() {
    comes_back(true, |rig, id| flip(&segment(rig, id), "record 30")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_16_a_log_that_ends_early_is_filled_again() {
    comes_back(false, |rig, id| {
        let file = std::fs::File::options().write(true).open(segment(rig, id)).expect("a segment");
        file.set_len(100).expect("cut");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_16_a_missing_directory_is_filled_again() {
    comes_back(false, |rig, id| std::fs::remove_dir_all(rig.path(id).join("t-0")).expect("removed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_06_a_leader_without_its_directory_is_filled_again() {
    comes_back(true, |rig, id| std::fs::remove_dir_all(rig.path(id).join("t-0")).expect("removed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_06_a_leader_on_a_new_disk_is_filled_again() {
    comes_back(true, |rig, id| std::fs::remove_dir_all(rig.path(id)).expect("removed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_does_not_say_whose_it_is_is_set_aside_and_made_anew() {
    let nonsense = "version: 0\ntopic_id: nonsense";
    let rig = comes_back(false, |rig, id| {
        std::fs::write(rig.path(id).join("t-0/partition.metadata"), nonsense).expect("written");
    })
    .await;
    let strays = |id: &i32| names(&rig, *id, "").iter().filter(|name| name.ends_with("-stray")).count();
    assert_eq!([1, 2, 3].iter().map(strays).sum::<usize>(), 1, "nothing is thrown away");
}

/// Two replicas, of which the last member of the ISR died and is damaged.
async fn sole_member(min_insync_replicas: &str) -> (Rig, i32, i32) {
    let rig = Rig::new(&[]);
    let configs = [("flush", "sync"), ("min.insync.replicas", min_insync_replicas)];
    let mut nodes = rig.cluster(2, 1, &configs).await;
    until("both are in sync", || rig.record(0).in_sync_replicas.len() == 2).await;
    let sole = rig.leader(0).await;
    fill(by_id(&nodes, sole), 0, 20).await;
    let at = nodes.iter().position(|node| node.broker.id().get() != sole).expect("a follower");
    let other = nodes.remove(at);
    let other_id = other.broker.id().get();
    rig.fence(&other).await;
    other.crash().await;
    until("one is in sync", || numbers(&rig.record(0).in_sync_replicas) == [sole]).await;
    let last = nodes.remove(0);
    rig.fence(&last).await;
    last.crash().await;
    assert_eq!(numbers(&rig.record(0).in_sync_replicas), [sole], "it alone is known to have everything");
    flip(&segment(&rig, sole), "record 7");
    (rig, sole, other_id)
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_06_a_damaged_sole_member_gives_way_to_an_eligible_one() {
    let (rig, sole, other) = sole_member("2").await;
    assert_eq!(numbers(&rig.record(0).eligible_leader_replicas), [other]);
    let damaged = rig.start(sole).await;
    assert_eq!((rig.record(0).leader, rig.record(0).in_sync_replicas.len()), (None, 0));
    let whole = rig.start(other).await;
    until("both are in sync", || numbers(&rig.record(0).in_sync_replicas) == [other, sole]).await;
    assert_eq!(rig.record(0).leader.map(|leader| leader.get()), Some(other), "INV-14");
    assert_eq!((damaged.end(0), whole.end(0)), (Offset::new(20), Offset::new(20)));
    assert_eq!(rig.log_files(sole, 0), rig.log_files(other, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_sole_member_waits_untouched_and_leads_only_if_told_to() {
    let (rig, sole, _other) = sole_member("1").await;
    let before = rig.log_files(sole, 0);
    let damaged = rig.start(sole).await;
    assert_eq!((rig.record(0).leader, rig.record(0).in_sync_replicas.len()), (None, 0));
    let refused = damaged.broker.partition(&topic(), PartitionIndex::new(0)).expect_err("it is damaged");
    assert_eq!(refused.code, ErrorCode::KafkaStorageError);
    assert!(refused.message.contains("is damaged at position"), "{}", refused.message);
    assert_eq!(rig.log_files(sole, 0), before, "nothing is touched before somebody decides");
    damaged.crash().await;
    let damaged = rig.start(sole).await;
    let unclean = ElectLeaders { kind: ElectionKind::Unclean, partitions: None, timeout_ms: 1_000 };
    rig.handle().submit(unclean).await.expect("decided");
    assert_eq!(rig.leader(0).await, sole);
    until("it leads with what is whole", || {
        damaged.broker.partition(&topic(), PartitionIndex::new(0)).is_ok()
    })
    .await;
    assert_eq!(damaged.end(0), Offset::new(7), "the records before the damage");
    assert!(names(&rig, sole, "t-0").iter().any(|name| name.ends_with(".damaged")));
    fill(&damaged, 7, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_06_a_damaged_log_never_proves_itself_however_often_it_is_opened() {
    let (rig, sole, _other) = sole_member("1").await;
    // Each start ends before anything was decided: none of them makes the log a whole one that is shorter.
    for _ in 0..3 {
        rig.start(sole).await.crash().await;
        let proof = rig.proof(sole);
        assert_eq!(proof, LogProof { undamaged: false, page_cache_kept: true });
        assert_eq!(rig.record(0).in_sync_replicas.len(), 0);
    }
}
