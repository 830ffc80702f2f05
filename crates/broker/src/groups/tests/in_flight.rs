//! What is forgotten while newer commits are on their way.

use super::super::writes::{StoredRecord, Then};
use super::*;
use crate::replication::tests::rig::topic;

/// A coordinator whose follower has just died, and for now counts as in sync: what is written is not acknowledged.
async fn without_follower(settings: &[&str]) -> (Rig, Node, Arc<Shard>, BrokerId) {
    let replicas = [ONE_PARTITION, "offsets.topic.replication.factor=2"];
    let rig = Rig::new(&[&replicas[..], settings].concat());
    let mut nodes = rig.cluster(2, 1, &[("min.insync.replicas", "1")]).await;
    let first = coordinators::coordinator_of_two(&nodes).await;
    let follower = nodes.remove(1 - first);
    let leads = nodes.remove(0);
    let shard = loaded(&leads).await;
    commit(&shard, None, 1).await.expect("both have it");
    create(&leads.broker, "another").await;
    let id = follower.broker.id();
    follower.crash().await;
    (rig, leads, shard, id)
}

/// A commit that is appended and waits.
async fn begun(shard: &Arc<Shard>, offset: i64) -> tokio::task::JoinHandle<Result<(), ErrorCode>> {
    let before = shard.partition.reader().log_end();
    let commit = tokio::spawn({
        let shard = Arc::clone(shard);
        async move { commit(&shard, None, offset).await }
    });
    until("it is in the log", || shard.partition.reader().log_end() > before).await;
    commit
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_commit_that_expires_does_not_take_a_newer_one_with_it() {
    let (rig, leads, shard, follower) = without_follower(&["offsets.commit.timeout.ms=20000"]).await;
    let newer = begun(&shard, 2).await;
    shard.expire_at(TimestampMs::new(leads.broker.clock.wall().get() + 8 * 24 * 3_600_000));
    let follower = rig.start(follower.get()).await;
    newer.await.expect("no panic").expect("committed");
    commit_elsewhere(&shard).await;
    assert_eq!(of_t(&shard), Some(2), "what was acknowledged stays");
    drop(shard);
    for node in [leads, follower] {
        node.crash().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_for_a_topic_made_anew_outlives_what_is_forgotten_of_the_topic_before() {
    let (rig, leads, shard, follower) = without_follower(&["offsets.commit.timeout.ms=20000"]).await;
    delete(&leads.broker, topic().as_str()).await;
    create(&leads.broker, topic().as_str()).await;
    let newer = begun(&shard, 7).await;
    // Every change of topics is a reason to look for what is to be forgotten.
    create(&leads.broker, "more").await;
    let follower = rig.start(follower.get()).await;
    newer.await.expect("no panic").expect("committed");
    commit_elsewhere(&shard).await;
    assert_eq!(of_t(&shard), Some(7), "what was acknowledged stays");
    drop(shard);
    for node in [leads, follower] {
        node.crash().await;
    }
}

fn of_t(shard: &Arc<Shard>) -> Option<i64> {
    committed(shard).into_iter().find(|(topic, ..)| topic == "t").map(|(_, _, offset)| offset)
}

/// When this is acknowledged, everything that was written before is.
async fn commit_elsewhere(shard: &Arc<Shard>) {
    let entries = vec![entry(&"another".parse().expect("a name"), 0, 1)];
    let request = OffsetCommit { group_id: group(), member: None, entries };
    assert_eq!(shard.offset_commit(request).await, Ok(vec![Ok(())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_replicas_is_bounded() {
    let (_rig, leads, shard, _follower) = without_follower(&["offsets.commit.timeout.ms=20000"]).await;
    {
        let mut state = shard.lock();
        let record = StoredRecord { key: Bytes::from_static(b"of no known type"), value: None };
        while state.check_backlog().is_ok() {
            let then = Then::Commit { group: group(), entries: Vec::new() };
            shard.write(&mut state, std::slice::from_ref(&record), (then, None)).expect("appended");
        }
        assert_eq!(state.pending.len(), limits::MAX_COORDINATOR_WRITES);
    }
    let end = shard.partition.reader().log_end();
    assert_eq!(commit(&shard, None, 3).await, Err(ErrorCode::CoordinatorNotAvailable));
    let refused = shard.join_group(&join(None)).await.expect_err("nobody joins either");
    assert_eq!(refused.rejection.code, ErrorCode::CoordinatorNotAvailable);
    assert_eq!(shard.partition.reader().log_end(), end, "nothing of it was tried");
    drop(shard);
    leads.crash().await;
}
