//! Commits go with their topic, with time, and on request.

use super::*;

/// Commits an offset of partition 0 of a topic, as nobody's member.
async fn commit_of(shard: &Arc<Shard>, topic: &str, offset: i64) {
    let entries = vec![entry(&topic.parse().expect("a name"), 0, offset)];
    let request = OffsetCommit { group_id: group(), member: None, entries };
    let results = shard.offset_commit(request).await.expect("answered");
    assert_eq!(results, [Ok(())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_takes_its_commits_with_it() {
    let (rig, node, shard) = one_broker().await;
    create(&node.broker, "u").await;
    commit_of(&shard, "t", 1).await;
    commit_of(&shard, "u", 2).await;
    delete(&node.broker, "u").await;
    until("they are gone", || committed(&shard) == [("t".to_owned(), 0, 1)]).await;
    create(&node.broker, "u").await;
    assert_eq!(committed(&shard), [("t".to_owned(), 0, 1)], "another topic of the name has none");
    drop(shard);
    node.crash().await;
    let node = rig.start(1).await;
    let shard = loaded(&node).await;
    assert_eq!(committed(&shard), [("t".to_owned(), 0, 1)], "nor after a restart");
    drop(shard);
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_went_while_nobody_coordinated_takes_its_commits_too() {
    let rig = Rig::new(&[ONE_PARTITION, ONE_REPLICA]);
    let mut nodes = rig.cluster(2, 1, &[]).await;
    let request = FindCoordinator { group_id: group() };
    let found = ops::find_coordinator::find_coordinator(Arc::clone(&nodes[0].broker), request);
    let found = found.await.expect("found").body.broker_id;
    let at = nodes.iter().position(|node| node.broker.id() == found).expect("one of them");
    let leads = nodes.remove(at);
    let other = nodes.remove(0);
    let shard = loaded(&leads).await;
    create(&other.broker, "u").await;
    until("it knows", || leads.broker.image().topic(&"u".parse().expect("a name")).is_some()).await;
    commit_of(&shard, "u", 2).await;
    drop(shard);
    rig.fence(&leads).await;
    leads.crash().await;
    delete(&other.broker, "u").await;
    create(&other.broker, "u").await;
    let leads = rig.start(found.get()).await;
    let shard = loaded(&leads).await;
    assert_eq!(committed(&shard), []);
    until("they are forgotten in the log, too", || {
        shard.describe_group(&group()).is_err_and(|refused| refused.code == ErrorCode::GroupIdNotFound)
    })
    .await;
    drop(shard);
    for node in [leads, other] {
        node.crash().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_a_group_without_members_expire_and_those_of_members_stay() {
    let rig = Rig::new(&[ONE_PARTITION, ONE_REPLICA]);
    let node = rig.cluster(1, 2, &[]).await.pop().expect("one");
    let shard = coordinator(&node).await;
    commit_of(&shard, "t", 1).await;
    shard.expire();
    assert_eq!(committed(&shard).len(), 1, "a week is not over");
    let later = TimestampMs::new(node.broker.clock.wall().get() + 8 * 24 * 3_600_000);
    let member = only_member(&shard, None).await;
    shard.expire_at(later);
    assert_eq!(committed(&shard).len(), 1, "it has a member");
    let leave = LeavingMember { member_id: Some(member.member_id), instance_id: None, reason: None };
    let left = shard.leave_group(&LeaveGroup { group_id: group(), members: vec![leave] });
    assert_eq!(left, Ok(vec![Ok(())]));
    shard.expire_at(TimestampMs::new(later.get() - 7 * 24 * 3_600_000));
    assert_eq!(committed(&shard).len(), 1, "a week without members is not over");
    shard.expire_at(later);
    until("they are gone", || committed(&shard).is_empty()).await;
    shard.expire_at(later);
    let is_gone = || shard.describe_group(&group()).is_err();
    until("so is the group", is_gone).await;
    drop(shard);
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_and_offsets_are_deleted_on_request_unless_somebody_needs_them() {
    let (rig, node, shard) = one_broker().await;
    assert_eq!(shard.delete_group(&group()).await.expect_err("none").code, ErrorCode::GroupIdNotFound);
    let member = only_member(&shard, None).await;
    commit(&shard, Some(member.clone()), 3).await.expect("committed");
    assert_eq!(shard.delete_group(&group()).await.expect_err("it has one").code, ErrorCode::NonEmptyGroup);
    let places = vec![(crate::replication::tests::rig::topic(), PartitionIndex::new(0))];
    let request = OffsetDelete { group_id: group(), partitions: places };
    // What this member reads cannot be known here: its metadata is no consumer's.
    assert_eq!(shard.offset_delete(&request).await.expect_err("in use").code, ErrorCode::NonEmptyGroup);
    let leave = LeavingMember { member_id: Some(member.member_id), instance_id: None, reason: None };
    shard.leave_group(&LeaveGroup { group_id: group(), members: vec![leave] }).expect("heard");
    assert_eq!(shard.offset_delete(&request).await, Ok(vec![Ok(())]));
    assert_eq!(committed(&shard), []);
    commit(&shard, None, 4).await.expect("committed");
    shard.delete_group(&group()).await.expect("deleted");
    assert_eq!(shard.describe_group(&group()).expect_err("gone").code, ErrorCode::GroupIdNotFound);
    drop(shard);
    node.crash().await;
    let node = rig.start(1).await;
    let shard = loaded(&node).await;
    assert!(shard.list_groups(&ListGroups::default()).expect("listed").is_empty());
    drop(shard);
    node.crash().await;
}
