//! What peers ask too much of: it is refused, and nothing of it is kept.

use super::*;
use crate::replication::tests::rig::topic;

fn groups_kept(shard: &Arc<Shard>) -> usize {
    shard.lock().groups.len()
}

fn members_bytes(shard: &Arc<Shard>) -> usize {
    shard.around.members_bytes.load(std::sync::atomic::Ordering::Relaxed)
}

fn leaving(member: &MemberId, reason: Option<String>) -> LeaveGroup {
    let leave = LeavingMember { member_id: Some(member.clone()), instance_id: None, reason };
    LeaveGroup { group_id: group(), members: vec![leave] }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_join_that_is_refused_no_group_is_left() {
    let (_rig, node, shard) = one_broker().await;
    for number in 0..3 {
        let group_id = GroupId::new(format!("g{number}")).expect("a name");
        let impatient = JoinGroup { session_timeout_ms: 1, group_id: group_id.clone(), ..join(None) };
        let refused = shard.join_group(&impatient).await.expect_err("refused").rejection;
        assert_eq!(refused.code, ErrorCode::InvalidSessionTimeout);
        let of_no_group =
            JoinGroup { member_id: MemberId::new("m").ok(), group_id: group_id.clone(), ..join(None) };
        let refused = shard.join_group(&of_no_group).await.expect_err("refused").rejection;
        assert_eq!(refused.code, ErrorCode::UnknownMemberId);
        let wants_nonsense =
            ConsumerGroupHeartbeat { group_id, subscribed_regex: Some("(".to_owned()), ..consumer_join("m") };
        let refused = shard.consumer_group_heartbeat(&wants_nonsense).await.expect_err("refused");
        assert_eq!(refused.code, ErrorCode::InvalidRegularExpression);
    }
    assert_eq!(groups_kept(&shard), 0);
    // Nor does a group change its kind for one.
    shard.consumer_group_heartbeat(&consumer_join("m")).await.expect("joined");
    let leave = ConsumerGroupHeartbeat { member_epoch: MemberEpoch::LEAVE, ..consumer_join("m") };
    shard.consumer_group_heartbeat(&leave).await.expect("left");
    let impatient = JoinGroup { session_timeout_ms: 1, ..join(None) };
    shard.join_group(&impatient).await.expect_err("refused");
    assert_eq!(shard.describe_group(&group()).expect("there").kind, GroupKind::Consumer);
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_was_of_another_kind_is_forgotten_whole() {
    let (rig, node, shard) = one_broker().await;
    shard.consumer_group_heartbeat(&consumer_join("m")).await.expect("joined");
    let leave = ConsumerGroupHeartbeat { member_epoch: MemberEpoch::LEAVE, ..consumer_join("m") };
    shard.consumer_group_heartbeat(&leave).await.expect("left");
    // It becomes classic for a member that is told its id, and never comes.
    let asks = JoinGroup { requires_known_member_id: true, ..join(None) };
    let told = shard.join_group(&asks).await.expect_err("its id first");
    assert_eq!(told.rejection.code, ErrorCode::MemberIdRequired);
    assert_eq!(shard.leave_group(&leaving(&told.member_id.expect("an id"), None)), Ok(vec![Ok(())]));
    shard.expire();
    until("nothing is left of it", || groups_kept(&shard) == 0).await;
    drop(shard);
    node.crash().await;
    let node = rig.start(1).await;
    let shard = loaded(&node).await;
    assert_eq!(groups_kept(&shard), 0, "nor in the log");
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_long_names_are_deleted_too() {
    let (_rig, node, shard) = one_broker().await;
    let request = CreatePartitions {
        topic: topic(),
        total: 60,
        assignment: None,
        validate_only: false,
        timeout_ms: 10_000,
    };
    ops::topics::create_partitions(Arc::clone(&node.broker), request).await.expect("grown");
    let group_id = GroupId::new("g".repeat(32_767)).expect("a name");
    // Sixty names of the group are more than a batch can have, and so are they when it goes.
    let commit = |partitions: std::ops::Range<i32>| OffsetCommit {
        group_id: group_id.clone(),
        member: None,
        entries: partitions.map(|partition| entry(&topic(), partition, 1)).collect(),
    };
    let refused = shard.offset_commit(commit(0..60)).await.expect_err("too large");
    assert_eq!(refused.code, ErrorCode::InvalidCommitOffsetSize);
    for partitions in [0..20, 20..40, 40..60] {
        assert_eq!(shard.offset_commit(commit(partitions)).await, Ok(vec![Ok(()); 20]));
    }
    let member =
        shard.join_group(&JoinGroup { group_id: group_id.clone(), ..join(None) }).await.expect("joined");
    let leave = LeaveGroup { group_id: group_id.clone(), ..leaving(&member.member_id, None) };
    shard.leave_group(&leave).expect("heard");
    let loaded = shard.lock().loaded;
    shard.delete_group(&group_id).await.expect("deleted");
    assert_eq!(
        (groups_kept(&shard), shard.lock().loaded),
        (0, loaded),
        "and the log is not read anew for it"
    );
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_that_no_batch_can_have_is_refused_as_such() {
    let (_rig, node, shard) = one_broker().await;
    let joined = shard.join_group(&join(None)).await.expect("joined");
    let sync = SyncGroup {
        group_id: group(),
        member: identity(&joined.member_id, joined.generation_id.get()),
        protocol_type: None,
        protocol: None,
        assignments: vec![(joined.member_id.clone(), Bytes::from(vec![0; 2 << 20]))],
    };
    // Clients would take a code of commits for something else.
    assert_eq!(shard.sync_group(sync).await.expect_err("refused").code, ErrorCode::UnknownServerError);
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_members_say_of_themselves_is_counted_and_bounded() {
    let (_rig, node, shard) = one_broker().await;
    let said =
        |bytes: usize| GroupProtocol { name: "range".to_owned(), metadata: Bytes::from(vec![0; bytes]) };
    let too_much = JoinGroup { protocols: vec![said(limits::MAX_MEMBER_BYTES)], ..join(None) };
    let refused = shard.join_group(&too_much).await.expect_err("refused").rejection;
    assert_eq!(refused.code, ErrorCode::InvalidRequest);
    let many = (0..=limits::MAX_GROUP_PROTOCOLS).map(|_| said(1)).collect();
    let many = JoinGroup { protocols: many, ..join(None) };
    let refused = ops::classic_groups::join_group(Arc::clone(&node.broker), many).await.expect_err("refused");
    assert_eq!(refused.rejection.code, ErrorCode::InconsistentGroupProtocol);
    assert_eq!(members_bytes(&shard), 0);

    let much = JoinGroup { protocols: vec![said(500_000)], ..join(None) };
    let joined = shard.join_group(&much).await.expect("joined");
    assert!((500_000..510_000).contains(&members_bytes(&shard)), "{}", members_bytes(&shard));
    shard.leave_group(&leaving(&joined.member_id, None)).expect("heard");
    assert_eq!(members_bytes(&shard), 0);
    shard.around.members_bytes.fetch_add(limits::MAX_MEMBERS_BYTES, std::sync::atomic::Ordering::Relaxed);
    let refused = shard.join_group(&join(None)).await.expect_err("all is taken").rejection;
    assert_eq!(refused.code, ErrorCode::CoordinatorNotAvailable);
    let refused = shard.consumer_group_heartbeat(&consumer_join("m")).await.expect_err("all is taken");
    assert_eq!(refused.code, ErrorCode::CoordinatorNotAvailable);
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_why_a_member_left_no_more_is_remembered_than_can_be_read() {
    let (_rig, node, shard) = one_broker().await;
    let member = only_member(&shard, None).await;
    let reason = "\u{fc}".repeat(10_000);
    shard.leave_group(&leaving(&member.member_id, Some(reason))).expect("heard");
    let rebalances = shard.describe_group(&group()).expect("there").rebalances;
    let cause = &rebalances.last().expect("one").cause;
    assert!(cause.contains("left") && cause.len() <= limits::MAX_REBALANCE_CAUSE_LEN + 3, "{}", cause.len());
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_described_once_in_an_answer() {
    let (_rig, node, shard) = one_broker().await;
    only_member(&shard, None).await;
    let request = DescribeGroups { groups: vec![group(), group()] };
    let reply = ops::groups::describe_groups(&node.broker, &request).expect("answered").body.groups;
    assert!(reply[0].is_ok());
    assert_eq!(reply[1].as_ref().expect_err("twice").code, ErrorCode::InvalidRequest);
    node.crash().await;
}
