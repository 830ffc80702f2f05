//! Server-side groups whose changes the log refuses, and coordinators that read it anew: members do not notice more of it
//! than they must.

use super::kinds::{assignment_of, next, owns, partitions, stream};
use super::*;
use crate::ops::group_stream::Said;

/// A batch of the offsets topic may have at most so many bytes from now on.
async fn batches_of(node: &Node, bytes: u32) {
    let resource = metadata::ConfigResource::Topic(super::super::name());
    let change = ConfigAlteration::set("max.message.bytes", bytes.to_string());
    let request =
        AlterConfigs { resources: vec![(resource, vec![change])], replace: false, validate_only: false };
    ops::configs::alter_configs(Arc::clone(&node.broker), request).await.expect("altered");
    let shard = node.broker.groups.shard(&group()).expect("here");
    let limit = usize::try_from(bytes).expect("it fits");
    until("the log knows it", || shard.max_batch_bytes() == limit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_change_is_refused_is_what_it_was_and_goes_on() {
    let (_rig, node, shard) = one_broker().await;
    let mut first = stream(&node, "first");
    assert!(matches!(next(&mut first).await, Said::Joined(_)));
    let all = assignment_of(&mut first, 2).await;
    owns(&shard, "first", &all).await;
    commit_in_another_group(&shard).await.expect("committed");
    let loaded = shard.lock().loaded;

    batches_of(&node, 300).await;
    let verbose = ConsumerGroupHeartbeat { rack_id: Some("r".repeat(300)), ..consumer_join("second") };
    let joined = shard.consumer_group_heartbeat(&verbose).await.expect_err("not stored");
    assert_eq!(joined.code, ErrorCode::UnknownServerError, "it is not to try the same again");
    let described = shard.describe_group(&group()).expect("there");
    let names: Vec<&str> = described.members.iter().map(|member| member.member_id.as_str()).collect();
    assert_eq!(names, ["first"], "who was refused is no member");
    assert_eq!(shard.lock().loaded, loaded, "no log was read for it");
    commit_in_another_group(&shard).await.expect("other groups do not notice");

    batches_of(&node, 1_000_000).await;
    let mut second = stream(&node, "second");
    let is_joined = |said| matches!(said, Said::Joined(_));
    loop {
        match second.next().await {
            Ok(said) => break assert!(said.is_some_and(is_joined)),
            // It rests for a moment.
            Err(rejection) => assert_eq!(rejection.code, ErrorCode::CoordinatorNotAvailable),
        }
        tokio::task::yield_now().await;
        second = stream(&node, "second");
    }
    let half = assignment_of(&mut first, 1).await;
    owns(&shard, "first", &half).await;
    assert_eq!(partitions(&assignment_of(&mut second, 1).await).len(), 1, "the first was told, and gave up");
    drop((first, second, shard));
    node.crash().await;
}

async fn commit_in_another_group(shard: &Arc<Shard>) -> Result<Vec<Result<(), Rejection>>, Rejection> {
    let group_id = GroupId::new("another").expect("a name");
    let entries = vec![entry(&crate::replication::tests::rig::topic(), 0, 1)];
    shard.offset_commit(OffsetCommit { group_id, member: None, entries }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn members_on_streams_outlive_a_log_that_is_read_anew() {
    let (_rig, node, shard) = one_broker().await;
    let mut first = stream(&node, "first");
    assert!(matches!(next(&mut first).await, Said::Joined(_)));
    let all = assignment_of(&mut first, 2).await;
    owns(&shard, "first", &all).await;
    {
        let mut state = shard.lock();
        shard.reload(&mut state);
    }
    loaded(&node).await;
    // A sign of life is enough to be known again.
    assert!(matches!(first.next().await, Ok(Some(Said::Event(_)))));
    let mut second = stream(&node, "second");
    assert!(matches!(next(&mut second).await, Said::Joined(_)));
    let half = assignment_of(&mut first, 1).await;
    owns(&shard, "first", &half).await;
    assert_eq!(partitions(&assignment_of(&mut second, 1).await).len(), 1);
    drop(first);
    assert!(assignment_of(&mut second, 2).await.is_complete, "and its end is one");
    drop((second, shard));
    node.crash().await;
}
