//! Who asks a broker that does not coordinate the group is told so by every request, and goes on where it is coordinated.

use yak_kafka::ApiKey;
use yak_kafka::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use yak_kafka::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatResponse,
    DeleteGroupsRequest, DeleteGroupsResponse, OffsetDeleteRequest, OffsetDeleteResponse,
};
use yak_testkit::{Cluster, ClusterBuilder};

use super::failover::settled;
use super::server_side::{Consumer, consuming};
use super::*;

/// What a member of a group is told by every request that concerns one, in the latest versions.
fn told(socket: &mut KafkaSocket, group: &str) -> Vec<(ApiKey, Option<ErrorCode>)> {
    let (group_id, member_id) = (group.to_owned(), "m".to_owned());
    let joined: JoinGroupResponse = socket.ask(9, &joining(group));
    let request = SyncGroupRequest {
        group_id: group_id.clone(),
        member_id: member_id.clone(),
        ..SyncGroupRequest::default()
    };
    let synced: SyncGroupResponse = socket.ask(5, &request);
    let request = HeartbeatRequest { group_id, member_id, ..HeartbeatRequest::default() };
    let beat: HeartbeatResponse = socket.ask(4, &request);
    let leaves = MemberIdentity { member_id: "m".to_owned(), ..MemberIdentity::default() };
    let request = LeaveGroupRequest {
        group_id: group.to_owned(),
        members: vec![leaves],
        ..LeaveGroupRequest::default()
    };
    let left: LeaveGroupResponse = socket.ask(5, &request);
    let committed: OffsetCommitResponse = socket.ask(9, &committing(group, ("t", 0), 1));
    let all = OffsetFetchRequestGroup {
        group_id: group.to_owned(),
        topics: None,
        ..OffsetFetchRequestGroup::default()
    };
    let request = OffsetFetchRequest { groups: vec![all], ..OffsetFetchRequest::default() };
    let fetched: OffsetFetchResponse = socket.ask(9, &request);
    let partitions = vec![OffsetDeleteRequestPartition { partition_index: 0 }];
    let topics = vec![OffsetDeleteRequestTopic { name: "t".to_owned(), partitions }];
    let forgotten: OffsetDeleteResponse =
        socket.ask(0, &OffsetDeleteRequest { group_id: group.to_owned(), topics });
    let names = vec![group.to_owned()];
    let request = DescribeGroupsRequest { groups: names.clone(), ..DescribeGroupsRequest::default() };
    let described: DescribeGroupsResponse = socket.ask(6, &request);
    let deleted: DeleteGroupsResponse = socket.ask(2, &DeleteGroupsRequest { groups_names: names.clone() });
    let lives: ConsumerGroupHeartbeatResponse = socket.ask(1, &consuming(group, "m"));
    let request =
        ConsumerGroupDescribeRequest { group_ids: names, ..ConsumerGroupDescribeRequest::default() };
    let told: ConsumerGroupDescribeResponse = socket.ask(1, &request);
    vec![
        (ApiKey::JoinGroup, joined.error_code),
        (ApiKey::SyncGroup, synced.error_code),
        (ApiKey::Heartbeat, beat.error_code),
        (ApiKey::LeaveGroup, left.error_code),
        (ApiKey::OffsetCommit, committed.topics[0].partitions[0].error_code),
        (ApiKey::OffsetFetch, fetched.groups[0].error_code),
        (ApiKey::OffsetDelete, forgotten.error_code),
        (ApiKey::DescribeGroups, described.groups[0].error_code),
        (ApiKey::DeleteGroups, deleted.results[0].error_code),
        (ApiKey::ConsumerGroupHeartbeat, lives.error_code),
        (ApiKey::ConsumerGroupDescribe, told.groups[0].error_code),
    ]
}

#[test]
fn before_anybody_has_looked_for_a_coordinator_there_is_none() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    for (key, code) in told(&mut socket, "g") {
        assert_eq!(code, Some(ErrorCode::CoordinatorNotAvailable), "{key:?}");
    }
    let listed: ListGroupsResponse = socket.ask(5, &ListGroupsRequest::default());
    assert_eq!((listed.error_code, listed.groups.len()), (None, 0));
    for (key, code) in told(&mut socket, "") {
        assert_eq!(code, Some(ErrorCode::InvalidGroupId), "{key:?}");
    }
}

/// Three brokers, of which one coordinates all groups: a cluster with the topics `t` and `four`, and that broker.
fn three() -> (Cluster, i32) {
    let cluster = ClusterBuilder::new(3).set("offsets.topic.num.partitions", "1").start();
    cluster.create_topic(1, "t", 1, 3);
    cluster.create_topic(1, "four", 4, 3);
    let coordinator = coordinator(&cluster, 1, None);
    (1..=3).for_each(|id| cluster.wait_for_isr(id, ("__consumer_offsets", 0), &[1, 2, 3]));
    (1..=3).for_each(|id| cluster.wait_for_isr(id, ("four", 3), &[1, 2, 3]));
    (cluster, coordinator)
}

/// The coordinator, as a broker knows it, which must not be another one any more.
fn coordinator(cluster: &Cluster, through: i32, former: Option<i32>) -> i32 {
    let mut socket = KafkaSocket::connect(&cluster.address(through));
    let request = FindCoordinatorRequest {
        coordinator_keys: vec!["g".to_owned()],
        ..FindCoordinatorRequest::default()
    };
    wait_for("a coordinator", || {
        let found: FindCoordinatorResponse = socket.ask(6, &request);
        let one = &found.coordinators[0];
        assert!(one.error_code.is_none_or(|code| code == ErrorCode::CoordinatorNotAvailable), "{one:?}");
        (one.error_code.is_none() && Some(one.node_id) != former).then_some(one.node_id)
    })
}

#[test]
fn another_broker_says_so_and_members_go_on_at_the_next_coordinator() {
    let (mut cluster, first) = three();
    let mut classic = Member {
        socket: KafkaSocket::connect(&cluster.address(first)),
        request: joining_as("classic", "i"),
        generation: -1,
    };
    assert_eq!(classic.join().error_code, None);
    let id = classic.id().to_owned();
    assert_eq!(
        (classic.sync(&[(&id, "all")]).assignment, classic.commit(5)),
        (Bytes::from_static(b"all"), None)
    );
    let socket = KafkaSocket::connect(&cluster.address(first));
    let mut consumer = Consumer::over(socket, consuming("server-side", "m"));
    assert_eq!((consumer.owns.len(), consumer.commit(1, 6)), (4, None));

    let others: Vec<i32> = (1..=3).filter(|id| *id != first).collect();
    for other in &others {
        let mut socket = KafkaSocket::connect(&cluster.address(*other));
        for (key, code) in told(&mut socket, "g") {
            assert_eq!(code, Some(ErrorCode::NotCoordinator), "{key:?} at {other}");
        }
        let listed: ListGroupsResponse = socket.ask(5, &ListGroupsRequest::default());
        assert_eq!((listed.error_code, listed.groups.len()), (None, 0), "it lists its own");
    }

    cluster.kill(first);
    let next = coordinator(&cluster, others[0], Some(first));
    (classic.socket, consumer.socket) =
        (KafkaSocket::connect(&cluster.address(next)), KafkaSocket::connect(&cluster.address(next)));
    assert_eq!(settled(|| classic.commit(7)), None);
    assert_eq!((classic.beat(), classic.sync(&[]).assignment), (None, Bytes::from_static(b"all")));
    assert_eq!(committed(&mut classic.socket, "classic"), [("t".to_owned(), 0, 7)]);
    let alive = consumer.beat();
    assert_eq!((alive.error_code, alive.member_epoch, alive.assignment), (None, 1, None));
    assert_eq!(committed(&mut consumer.socket, "server-side"), [("four".to_owned(), 0, 6)]);
    // The one that was killed coordinates nothing when it is back.
    cluster.restart(first);
    let mut socket = KafkaSocket::connect(&cluster.address(first));
    wait_for("that it knows", || {
        let beat: HeartbeatResponse = socket.ask(4, &classic.beat_request());
        assert!(beat.error_code.is_some(), "it has no members");
        (beat.error_code == Some(ErrorCode::NotCoordinator)).then_some(())
    });
    assert_eq!((classic.beat(), consumer.beat().error_code), (None, None));
}
