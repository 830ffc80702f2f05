//! Two kinds of groups: one at a time, and members on streams.

use std::time::Duration;

use super::*;
use crate::ops::group_stream::{Membership, Said};
use crate::replication::tests::rig::topic;

pub(super) fn stream(node: &Node, member: &str) -> Membership {
    let request = GroupStream {
        group_id: group(),
        member_id: Some(MemberId::new(member).expect("an id")),
        instance_id: None,
        topics: vec![topic()],
        topic_regex: None,
        assignor: None,
        rebalance_timeout_ms: None,
        client_id: Some("client".to_owned()),
        heartbeats: false,
    };
    Membership::new(Arc::clone(&node.broker), request, "/127.0.0.1".to_owned()).expect("a membership")
}

/// The next thing that is not a sign of life.
pub(super) async fn next(membership: &mut Membership) -> Said {
    let news = async {
        loop {
            match membership.next().await.expect("a member").expect("not over") {
                Said::Event(GroupEvent::Alive) => {}
                said => return said,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), news).await.expect("something new")
}

async fn assignment(membership: &mut Membership) -> GroupAssignment {
    match next(membership).await {
        Said::Event(GroupEvent::Assignment(assignment)) => assignment,
        other => unreachable!("{other:?}"),
    }
}

/// The next assignment of so many partitions. An epoch of the group that changes nothing for a member is told, too.
pub(super) async fn assignment_of(membership: &mut Membership, count: usize) -> GroupAssignment {
    loop {
        let newest = assignment(membership).await;
        if partitions(&newest).len() == count {
            return newest;
        }
    }
}

pub(super) fn partitions(assignment: &GroupAssignment) -> Vec<i32> {
    let topics = assignment.topics.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|partition| partition.get())).collect()
}

/// Says what a member owns by now.
pub(super) async fn owns(shard: &Arc<Shard>, member: &str, assignment: &GroupAssignment) {
    let owned = assignment
        .topics
        .iter()
        .map(|topic| TopicPartitions { topic_id: topic.topic_id, partitions: topic.partitions.clone() });
    let heartbeat = ConsumerGroupHeartbeat {
        member_epoch: assignment.member_epoch,
        subscribed_topics: None,
        owned: Some(owned.collect()),
        ..consumer_join(member)
    };
    shard.consumer_group_heartbeat(&heartbeat).await.expect("heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_with_members_has_one_kind_and_an_empty_one_may_have_another() {
    let (rig, node, shard) = one_broker().await;
    let member = only_member(&shard, None).await;
    let refused = shard.consumer_group_heartbeat(&consumer_join("m")).await.expect_err("it is classic");
    assert_eq!(refused.code, ErrorCode::InconsistentGroupProtocol);
    assert!(refused.message.contains("classic") && refused.message.contains("server-side"), "{refused}");
    let leave = LeavingMember { member_id: Some(member.member_id), instance_id: None, reason: None };
    shard.leave_group(&LeaveGroup { group_id: group(), members: vec![leave] }).expect("heard");

    let joined = shard.consumer_group_heartbeat(&consumer_join("m")).await.expect("it is empty now");
    assert_eq!(joined.assignment.map(|topics| topics[0].partitions.len()), Some(2));
    let refused = shard.join_group(&join(None)).await.expect_err("it is server-side").rejection;
    assert_eq!(refused.code, ErrorCode::InconsistentGroupProtocol);
    assert_eq!(shard.describe_group(&group()).expect("there").kind, GroupKind::Consumer);
    drop(shard);
    node.crash().await;

    let node = rig.start(1).await;
    let shard = loaded(&node).await;
    let described = shard.describe_group(&group()).expect("there");
    assert_eq!(
        (described.kind, described.members.len()),
        (GroupKind::Consumer, 1),
        "nothing is left of before"
    );
    assert_eq!(
        described.members[0].assignment,
        [(topic(), vec![PartitionIndex::new(0), PartitionIndex::new(1)])]
    );
    let leave = ConsumerGroupHeartbeat { member_epoch: MemberEpoch::LEAVE, ..consumer_join("m") };
    shard.consumer_group_heartbeat(&leave).await.expect("it leaves");
    only_member(&shard, None).await;
    drop(shard);
    node.crash().await;
    let node = rig.start(1).await;
    let described = loaded(&node).await.describe_group(&group()).expect("there");
    assert_eq!((described.kind, described.state), (GroupKind::Classic, GroupState::Stable));
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_on_streams_are_pushed_what_is_theirs_and_leave_by_closing() {
    let (_rig, node, shard) = one_broker().await;
    let mut first = stream(&node, "first");
    assert!(matches!(next(&mut first).await, Said::Joined(reply) if reply.member_id.as_str() == "first"));
    let all = assignment(&mut first).await;
    assert_eq!((partitions(&all), all.is_complete), (vec![0, 1], true));
    owns(&shard, "first", &all).await;

    let mut second = stream(&node, "second");
    assert!(matches!(next(&mut second).await, Said::Joined(_)));
    let nothing = assignment(&mut second).await;
    assert_eq!((partitions(&nothing), nothing.is_complete), (vec![], false), "it waits for the first");
    let half = assignment_of(&mut first, 1).await;
    owns(&shard, "first", &half).await;
    let other_half = assignment_of(&mut second, 1).await;
    assert_ne!(partitions(&half), partitions(&other_half));
    owns(&shard, "second", &other_half).await;

    drop(first);
    let all = assignment_of(&mut second, 2).await;
    assert!(all.is_complete);
    drop(second);
    until("it is empty", || shard.describe_group(&group()).is_ok_and(|group| group.members.is_empty())).await;
    let rebalances = shard.describe_group(&group()).expect("there").rebalances;
    assert!(rebalances.iter().any(|rebalance| rebalance.cause.contains("second")), "{rebalances:?}");
    drop(shard);
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_joins_over_another_stream_ends_the_first_and_stays() {
    let (_rig, node, shard) = one_broker().await;
    let mut first = stream(&node, "m");
    assert!(matches!(next(&mut first).await, Said::Joined(_)));
    let mut again = stream(&node, "m");
    assert!(matches!(next(&mut again).await, Said::Joined(_)));
    let fenced = loop {
        match next(&mut first).await {
            Said::Event(GroupEvent::Fenced(rejection)) => break rejection,
            _earlier => {}
        }
    };
    assert_eq!(fenced.code, ErrorCode::FencedMemberEpoch);
    assert!(first.next().await.expect("over").is_none());
    drop(first);
    assert_eq!(shard.describe_group(&group()).expect("there").members.len(), 1, "the other one goes on");
    assert_eq!(partitions(&assignment(&mut again).await), [0, 1]);
    drop((again, shard));
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_server_side_members_are_fenced_by_their_epoch() {
    let (_rig, node, shard) = one_broker().await;
    let joined = shard.consumer_group_heartbeat(&consumer_join("m")).await.expect("joined");
    let member = |epoch| identity(&joined.member_id, epoch);
    let epoch = joined.member_epoch.get();
    assert_eq!(commit(&shard, Some(member(epoch)), 5).await, Ok(()));
    assert_eq!(commit(&shard, Some(member(epoch + 1)), 6).await, Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(&shard, None, 6).await, Err(ErrorCode::UnknownMemberId));
    assert_eq!(committed(&shard), [("t".to_owned(), 0, 5)]);
    let of_the_past = OffsetFetch { group_id: group(), member: Some(member(epoch + 1)), partitions: None };
    assert_eq!(shard.offset_fetch(of_the_past).expect_err("stale").code, ErrorCode::StaleMemberEpoch);
    let places = vec![(topic(), PartitionIndex::new(0))];
    let delete = OffsetDelete { group_id: group(), partitions: places };
    let results = shard.offset_delete(&delete).await.expect("answered");
    assert_eq!(results[0].as_ref().expect_err("it reads it").code, ErrorCode::GroupSubscribedToTopic);
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_grows_gives_its_readers_more() {
    let (_rig, node, _shard) = one_broker().await;
    let mut member = stream(&node, "m");
    assert!(matches!(next(&mut member).await, Said::Joined(_)));
    assert_eq!(partitions(&assignment(&mut member).await), [0, 1]);
    let request = CreatePartitions {
        topic: topic(),
        total: 4,
        assignment: None,
        validate_only: false,
        timeout_ms: 10_000,
    };
    ops::topics::create_partitions(Arc::clone(&node.broker), request).await.expect("grown");
    assert_eq!(partitions(&assignment_of(&mut member, 4).await), [0, 1, 2, 3]);
    drop(member);
    node.crash().await;
}
