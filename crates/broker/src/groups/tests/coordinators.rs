//! What a coordinator has answered outlives it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn members_and_commits_are_there_after_a_restart() {
    let (rig, node, shard) = one_broker().await;
    let member = only_member(&shard, None).await;
    for offset in [5, 7, 6] {
        commit(&shard, Some(member.clone()), offset).await.expect("committed");
    }
    assert_eq!(committed(&shard), [("t".to_owned(), 0, 6)]);
    drop(shard);
    node.crash().await;

    let node = rig.start(1).await;
    let shard = loaded(&node).await;
    assert_eq!(committed(&shard), [("t".to_owned(), 0, 6)]);
    let asked = vec![(crate::replication::tests::rig::topic(), PartitionIndex::new(0))];
    let request = OffsetFetch { group_id: group(), member: None, partitions: Some(asked) };
    let fetched = shard.offset_fetch(request).expect("there").remove(0).committed.expect("committed");
    assert_eq!((fetched.metadata.as_str(), fetched.leader_epoch), ("a note", Some(LeaderEpoch::new(3))));
    let heartbeat = GroupHeartbeat { group_id: group(), member: member.clone() };
    assert_eq!(shard.group_heartbeat(&heartbeat), Ok(()), "its membership goes on");
    let described = shard.describe_group(&group()).expect("there");
    assert_eq!((described.state, described.epoch), (GroupState::Stable, 1));
    assert_eq!(described.members[0].assignment_bytes, "all of t");
    commit(&shard, Some(member), 8).await.expect("it commits on");
    drop(shard);
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_comes_back_leaves_members_what_they_have() {
    let (rig, mut node, shard) = one_broker().await;
    let joined = shard.consumer_group_heartbeat(&consumer_join("m")).await.expect("joined");
    let epoch = shard.describe_group(&group()).expect("there").epoch;
    drop(shard);
    // It loads at once, perhaps before all else of the metadata is followed.
    for _ in 0..20 {
        node.crash().await;
        node = rig.start(1).await;
        let shard = loaded(&node).await;
        let described = shard.describe_group(&group()).expect("there");
        assert_eq!(described.epoch, epoch, "nothing has changed for it");
        assert_eq!(described.members[0].target, [(crate::replication::tests::rig::topic(), partitions(2))]);
        let heartbeat = ConsumerGroupHeartbeat {
            member_epoch: joined.member_epoch,
            rebalance_timeout_ms: None,
            subscribed_topics: None,
            owned: None,
            ..consumer_join("m")
        };
        let beaten = shard.consumer_group_heartbeat(&heartbeat).await.expect("it goes on");
        assert_eq!(beaten.member_epoch, joined.member_epoch);
    }
    node.crash().await;
}

fn partitions(count: i32) -> Vec<PartitionIndex> {
    (0..count).map(PartitionIndex::new).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_coordinator_knows_what_was_answered_and_who_waits_is_sent_to_it() {
    let rig = Rig::new(&[ONE_PARTITION, "offsets.topic.replication.factor=2"]);
    let nodes = rig.cluster(2, 1, &[]).await;
    let first = coordinator_of_two(&nodes).await;
    let (leads, other) = (&nodes[first], &nodes[1 - first]);
    let shard = loaded(leads).await;
    let member = only_member(&shard, None).await;
    commit(&shard, Some(member.clone()), 41).await.expect("committed");

    // A second member waits for the first, which will not join in time.
    let waiting = tokio::spawn({
        let shard = Arc::clone(&shard);
        async move { shard.join_group(&join(None)).await }
    });
    let is_preparing =
        || shard.describe_group(&group()).is_ok_and(|group| group.state == GroupState::PreparingRebalance);
    until("it waits", is_preparing).await;
    rig.fence(leads).await;
    let refused = waiting.await.expect("no panic").expect_err("nobody will answer it here");
    assert_eq!(refused.rejection.code, ErrorCode::NotCoordinator);
    assert_eq!(commit(&shard, Some(member.clone()), 42).await, Err(ErrorCode::NotCoordinator));

    let next = loaded(other).await;
    assert_eq!(committed(&next), [("t".to_owned(), 0, 41)]);
    commit(&next, Some(member), 43).await.expect("the same member commits there");
    let moved = leads.broker.groups.shard(&group()).expect_err("elsewhere");
    assert_eq!(moved.code, ErrorCode::NotCoordinator);
    assert_eq!(moved.leader.map(|leader| leader.broker_id), Some(other.broker.id()));
    drop((shard, next));
    for node in nodes {
        node.crash().await;
    }
}

/// Which of two brokers coordinates, once both replicas are in sync.
pub(super) async fn coordinator_of_two(nodes: &[Node]) -> usize {
    let request = FindCoordinator { group_id: group() };
    let found = ops::find_coordinator::find_coordinator(Arc::clone(&nodes[0].broker), request);
    let found = found.await.expect("found").body.broker_id;
    until("both are in sync", || {
        let image = nodes[0].broker.image();
        let record = image.partition(&super::super::name(), PartitionIndex::new(0));
        record.is_some_and(|record| record.in_sync_replicas.len() == 2)
    })
    .await;
    nodes.iter().position(|node| node.broker.id() == found).expect("one of them")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_shown_when_the_replicas_have_it_and_not_before() {
    let settings = ["offsets.topic.replication.factor=2", "offsets.commit.timeout.ms=200"];
    let rig = Rig::new(&[ONE_PARTITION, settings[0], settings[1], "replica.lag.time.max.ms=60000"]);
    let mut nodes = rig.cluster(2, 1, &[("min.insync.replicas", "1")]).await;
    let first = coordinator_of_two(&nodes).await;
    let follower = nodes.remove(1 - first);
    let leads = nodes.remove(0);
    let shard = loaded(&leads).await;
    commit(&shard, None, 1).await.expect("both have it");
    // It stays in the ISR for as long as nobody notices: what is written now is in doubt.
    follower.crash().await;
    let refused = commit(&shard, None, 2).await;
    assert_eq!(refused, Err(ErrorCode::CoordinatorNotAvailable), "it is told that nobody knows");
    assert_eq!(committed(&shard), [("t".to_owned(), 0, 1)], "what may go away is not shown");
    let follower = rig.start(3 - leads.broker.id().get()).await;
    until("it is shown once it is there to stay", || committed(&shard) == [("t".to_owned(), 0, 2)]).await;
    drop(shard);
    for node in [leads, follower] {
        node.crash().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_many_at_a_time_end_as_the_log_has_them() {
    let (rig, node, shard) = one_broker().await;
    let commits = (0..200).map(|offset| {
        let shard = Arc::clone(&shard);
        tokio::spawn(async move { commit(&shard, None, offset).await })
    });
    for commit in commits.collect::<Vec<_>>() {
        commit.await.expect("no panic").expect("committed");
    }
    let before = committed(&shard);
    drop(shard);
    node.crash().await;
    let node = rig.start(1).await;
    let shard = loaded(&node).await;
    assert_eq!(committed(&shard), before);
    drop(shard);
    node.crash().await;
}
