//! What is not stored, and what is answered when the log refuses.

use super::*;
use crate::replication::tests::rig::topic;

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_make_no_sense_are_refused_one_by_one() {
    let (_rig, node, shard) = one_broker().await;
    let too_long = OffsetCommitEntry { metadata: "x".repeat(4_097), ..entry(&topic(), 0, 1) };
    let of_another =
        OffsetCommitEntry { topic_id: Some(TopicId::from_random([9; 16])), ..entry(&topic(), 0, 1) };
    let entries = vec![
        entry(&topic(), 1, 10),
        too_long,
        entry(&"missing".parse().expect("a name"), 0, 1),
        entry(&topic(), 2, 1),
        of_another,
        entry(&topic(), 0, -5),
    ];
    let request = OffsetCommit { group_id: group(), member: None, entries };
    let results = shard.offset_commit(request).await.expect("answered");
    let codes: Vec<_> =
        results.into_iter().map(|result| result.err().map(|rejection| rejection.code)).collect();
    let expected = [
        None,
        Some(ErrorCode::OffsetMetadataTooLarge),
        Some(ErrorCode::UnknownTopicOrPartition),
        Some(ErrorCode::UnknownTopicOrPartition),
        Some(ErrorCode::UnknownTopicId),
        Some(ErrorCode::InvalidRequest),
    ];
    assert_eq!(codes, expected);
    assert_eq!(committed(&shard), [("t".to_owned(), 1, 10)]);
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_members_of_the_present_generation_commit() {
    let (_rig, node, shard) = one_broker().await;
    let stranger = identity(&MemberId::new("stranger").expect("an id"), 1);
    assert_eq!(commit(&shard, Some(stranger.clone()), 1).await, Err(ErrorCode::IllegalGeneration));
    let member = only_member(&shard, None).await;
    assert_eq!(commit(&shard, Some(stranger), 1).await, Err(ErrorCode::UnknownMemberId));
    assert_eq!(commit(&shard, None, 1).await, Err(ErrorCode::UnknownMemberId));
    let of_the_past = identity(&member.member_id, 0);
    assert_eq!(commit(&shard, Some(of_the_past), 1).await, Err(ErrorCode::IllegalGeneration));
    assert_eq!(committed(&shard), []);
    assert_eq!(commit(&shard, Some(member), 1).await, Ok(()));
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_refuses_is_not_answered_as_done() {
    let rig =
        Rig::new(&[ONE_PARTITION, "offsets.topic.replication.factor=2", "offsets.commit.timeout.ms=500"]);
    let nodes = rig.cluster(2, 1, &[]).await;
    let request = FindCoordinator { group_id: group() };
    let found = ops::find_coordinator::find_coordinator(Arc::clone(&nodes[0].broker), request);
    let leader = found.await.expect("found").body.broker_id;
    let at = nodes.iter().position(|node| node.broker.id() == leader).expect("one of them");
    let shard = loaded(&nodes[at]).await;
    commit(&shard, None, 1).await.expect("committed");
    // Two in sync are wanted from now on, and one is left.
    let resource = metadata::ConfigResource::Topic(super::super::name());
    let change = ConfigAlteration::set("min.insync.replicas", "2");
    let request =
        AlterConfigs { resources: vec![(resource, vec![change])], replace: false, validate_only: false };
    ops::configs::alter_configs(Arc::clone(&nodes[at].broker), request).await.expect("altered");
    rig.fence(&nodes[1 - at]).await;
    until("one is left", || {
        let image = nodes[at].broker.image();
        let record = image.partition(&super::super::name(), PartitionIndex::new(0));
        record.is_some_and(|record| record.in_sync_replicas.len() == 1)
    })
    .await;
    assert_eq!(commit(&shard, None, 2).await, Err(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(committed(&shard), [("t".to_owned(), 0, 1)]);
    // A member that joins cannot be given an assignment that nobody would remember.
    let joined = shard.join_group(&join(None)).await.expect("joining stores nothing");
    let sync = SyncGroup {
        group_id: group(),
        member: identity(&joined.member_id, joined.generation_id.get()),
        protocol_type: None,
        protocol: None,
        assignments: vec![(joined.member_id.clone(), Bytes::from_static(b"all"))],
    };
    let refused = shard.sync_group(sync).await.expect_err("not stored");
    assert_eq!(refused.code, ErrorCode::CoordinatorNotAvailable);
    drop(shard);
    for node in nodes {
        node.crash().await;
    }
}
