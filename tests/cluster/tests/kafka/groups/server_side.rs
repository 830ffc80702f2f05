//! Server-side groups (KIP-848) by hand: epochs, partitions that change hands, and names that outlive processes.

use yak_kafka::messages::consumer_group_heartbeat::TopicPartitions;
use yak_kafka::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
};
use yak_model::Uuid;

use super::*;

/// A member that reads the topic `four`, over a connection of its own.
pub(super) struct Consumer {
    pub(super) socket: KafkaSocket,
    pub(super) request: ConsumerGroupHeartbeatRequest,
    pub(super) topic_id: Uuid,
    /// What it was given last.
    pub(super) owns: Vec<i32>,
}

/// A first heartbeat.
pub(super) fn consuming(group: &str, member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: group.to_owned(),
        member_id: member.to_owned(),
        member_epoch: 0,
        rebalance_timeout_ms: SESSION_MS,
        subscribed_topic_names: Some(vec!["four".to_owned()]),
        topic_partitions: Some(vec![]),
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

/// The same of a static member.
pub(super) fn consuming_as(group: &str, member: &str, instance: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest { instance_id: Some(instance.to_owned()), ..consuming(group, member) }
}

impl Consumer {
    /// Joins.
    pub(super) fn new(setting: &Setting, request: ConsumerGroupHeartbeatRequest) -> Self {
        Self::over(setting.broker.connect_kafka(), request)
    }

    /// Joins over a connection to the coordinator.
    pub(super) fn over(socket: KafkaSocket, request: ConsumerGroupHeartbeatRequest) -> Self {
        let mut consumer = Self { socket, request, topic_id: Uuid::ZERO, owns: Vec::new() };
        let joined = consumer.beat();
        assert_eq!((joined.error_code, joined.error_message), (None, None));
        consumer
    }

    /// Says that it lives, and all that the request says besides; from then on nothing but that.
    pub(super) fn beat(&mut self) -> ConsumerGroupHeartbeatResponse {
        let response: ConsumerGroupHeartbeatResponse = self.socket.ask(1, &self.request);
        if response.error_code.is_none() {
            self.request.member_epoch = response.member_epoch;
            self.request.rebalance_timeout_ms = -1;
            (self.request.subscribed_topic_names, self.request.topic_partitions) = (None, None);
        }
        if let Some(assignment) = &response.assignment {
            self.owns =
                assignment.topic_partitions.iter().flat_map(|topic| topic.partitions.clone()).collect();
            if let Some(topic) = assignment.topic_partitions.first() {
                self.topic_id = topic.topic_id;
            }
        }
        response
    }

    /// Says what it owns: what it was given last, and nothing that it was to give up.
    pub(super) fn confirm(&mut self) -> ConsumerGroupHeartbeatResponse {
        let owned = TopicPartitions { topic_id: self.topic_id, partitions: self.owns.clone() };
        let owned = if self.owns.is_empty() { vec![] } else { vec![owned] };
        self.request.topic_partitions = Some(owned);
        self.beat()
    }

    /// Speaks until it owns so many partitions, and has said so.
    pub(super) fn wait_owns(&mut self, count: usize) {
        wait_for("its part", || {
            assert_eq!(self.confirm().error_code, None);
            (self.owns.len() == count).then_some(())
        });
        assert_eq!((self.confirm().error_code, self.owns.len()), (None, count));
    }

    pub(super) fn commit(&mut self, epoch: i32, offset: i64) -> Option<ErrorCode> {
        let request = OffsetCommitRequest {
            generation_id_or_member_epoch: epoch,
            member_id: self.request.member_id.clone(),
            group_instance_id: self.request.instance_id.clone(),
            ..committing(&self.request.group_id, ("four", 0), offset)
        };
        let response: OffsetCommitResponse = self.socket.ask(9, &request);
        response.topics[0].partitions[0].error_code
    }

    /// What it is told when it asks, as a member, for what its group has committed.
    fn fetch(&mut self, member: &str, epoch: i32) -> Option<ErrorCode> {
        let group = OffsetFetchRequestGroup {
            group_id: self.request.group_id.clone(),
            member_id: Some(member.to_owned()),
            member_epoch: epoch,
            topics: None,
        };
        let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
        let response: OffsetFetchResponse = self.socket.ask(9, &request);
        response.groups[0].error_code
    }

    /// Leaves: for good (-1), or for a while (-2).
    pub(super) fn leave(&mut self, epoch: i32) -> ConsumerGroupHeartbeatResponse {
        self.request.member_epoch = epoch;
        self.socket.ask(1, &self.request)
    }
}

fn refused(setting: &Setting, request: &ConsumerGroupHeartbeatRequest) -> Option<ErrorCode> {
    let response: ConsumerGroupHeartbeatResponse = setting.broker.connect_kafka().ask(1, request);
    assert!(response.error_message.is_some() && response.assignment.is_none(), "{response:?}");
    response.error_code
}

#[test]
fn members_are_named_by_the_coordinator_in_version_0_and_by_themselves_in_version_1() {
    let setting = broker(&[]);
    let mut socket = setting.broker.connect_kafka();
    for version in 0..=1 {
        let group = format!("g{version}");
        let joined: ConsumerGroupHeartbeatResponse = socket.ask(version, &consuming(&group, ""));
        let joined = if version == 0 {
            joined
        } else {
            assert_eq!(joined.error_code, Some(ErrorCode::InvalidRequest), "it names itself");
            socket.ask(version, &consuming(&group, "m"))
        };
        assert_eq!((joined.error_code, joined.member_epoch, joined.heartbeat_interval_ms), (None, 1, 5_000));
        let id = joined.member_id.unwrap();
        assert!(if version == 0 { id.len() > 20 } else { id == "m" }, "{id}");
        let parts = joined.assignment.unwrap().topic_partitions;
        assert_eq!(parts[0].partitions, [0, 1, 2, 3]);
        for describes in 0..=1 {
            let request = ConsumerGroupDescribeRequest {
                group_ids: vec![group.clone(), "nobody".to_owned(), String::new()],
                include_authorized_operations: true,
            };
            let response: ConsumerGroupDescribeResponse = socket.ask(describes, &request);
            let [told, unknown, invalid] = &response.groups[..] else { unreachable!("{response:?}") };
            assert_eq!((told.error_code, told.group_epoch, told.assignment_epoch), (None, 1, 1));
            assert_eq!((told.assignor_name.as_str(), told.authorized_operations), ("uniform", 328));
            let [member] = &told.members[..] else { unreachable!("one member: {told:?}") };
            assert_eq!((&member.member_id, member.member_epoch), (&id, 1));
            assert_eq!((member.client_id.as_str(), member.client_host.as_str()), ("testkit", "/127.0.0.1"));
            assert_eq!(member.member_type, if describes == 0 { -1 } else { 1 });
            let [topic] = &member.target_assignment.topic_partitions[..] else { unreachable!("{member:?}") };
            assert_eq!((topic.topic_id, topic.topic_name.as_str()), (parts[0].topic_id, "four"));
            assert_eq!(unknown.error_code, Some(ErrorCode::GroupIdNotFound));
            assert_eq!(invalid.error_code, Some(ErrorCode::InvalidGroupId));
        }
        let gone = ConsumerGroupHeartbeatRequest { member_epoch: -1, ..consuming(&group, &id) };
        let left: ConsumerGroupHeartbeatResponse = socket.ask(version, &gone);
        assert_eq!((left.error_code, left.member_epoch, left.assignment), (None, -1, None));
    }
}

#[test]
fn a_partition_changes_hands_when_its_owner_says_that_it_has_given_it_up() {
    let setting = broker(&[]);
    let mut first = Consumer::new(&setting, consuming("g", "first"));
    assert_eq!(first.owns, [0, 1, 2, 3]);
    let mut second = Consumer::new(&setting, consuming("g", "second"));
    assert!(second.owns.is_empty(), "it waits for the first: {:?}", second.owns);
    wait_for("what is to be given up", || {
        assert_eq!((first.beat().error_code, second.beat().error_code), (None, None));
        (first.owns.len() == 2).then_some(())
    });
    assert_eq!(second.confirm().assignment, None, "nothing is given to two at a time");
    let given = first.confirm();
    assert_eq!((given.error_code, first.owns.len()), (None, 2));
    second.wait_owns(2);
    let mut all = [&first.owns[..], &second.owns[..]].concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
    // When one goes, the other has all of it again.
    assert_eq!(first.leave(-1).member_epoch, -1);
    second.wait_owns(4);
}

#[test]
fn members_of_other_epochs_are_fenced_and_strangers_are_unknown() {
    let setting = broker(&[]);
    let mut member = Consumer::new(&setting, consuming("g", "m"));
    let beat = |group: &str, id: &str, member_epoch| ConsumerGroupHeartbeatRequest {
        group_id: group.to_owned(),
        member_id: id.to_owned(),
        member_epoch,
        ..ConsumerGroupHeartbeatRequest::default()
    };
    for (group, id, epoch, expected) in [
        ("g", "m", 2, ErrorCode::FencedMemberEpoch),
        ("g", "m", i32::MAX, ErrorCode::FencedMemberEpoch),
        ("g", "m", -3, ErrorCode::InvalidRequest),
        ("g", "m", i32::MIN, ErrorCode::InvalidRequest),
        // Only one with a name leaves for a while.
        ("g", "m", -2, ErrorCode::InvalidRequest),
        ("g", "stranger", 1, ErrorCode::UnknownMemberId),
        ("g", "stranger", -1, ErrorCode::UnknownMemberId),
        ("none", "m", 1, ErrorCode::GroupIdNotFound),
        ("none", "m", -1, ErrorCode::GroupIdNotFound),
        ("", "m", 1, ErrorCode::InvalidGroupId),
        ("g", "", 1, ErrorCode::InvalidRequest),
    ] {
        assert_eq!(refused(&setting, &beat(group, id, epoch)), Some(expected), "{group} {id} {epoch}");
    }
    let stale = Some(ErrorCode::StaleMemberEpoch);
    assert_eq!((member.commit(1, 10), member.commit(0, 11), member.commit(2, 12)), (None, stale, stale));
    assert_eq!((member.fetch("m", 1), member.fetch("m", 0), member.fetch("m", 2)), (None, stale, stale));
    let unknown = Some(ErrorCode::UnknownMemberId);
    assert_eq!((member.fetch("stranger", 1), member.fetch("m", -1)), (unknown, None));
    let by_nobody: OffsetCommitResponse = member.socket.ask(9, &committing("g", ("four", 0), 13));
    assert_eq!(by_nobody.topics[0].partitions[0].error_code, unknown);
    assert_eq!(committed(&mut member.socket, "g"), [("four".to_owned(), 0, 10)]);
    let alive = member.beat();
    assert_eq!((alive.error_code, alive.member_epoch, alive.assignment), (None, 1, None));
}

#[test]
fn the_epoch_of_before_is_over_once_the_new_one_was_told() {
    let setting = broker(&[]);
    let mut first = Consumer::new(&setting, consuming("g", "first"));
    let _second = Consumer::new(&setting, consuming("g", "second"));
    wait_for("the next epoch", || (first.beat().member_epoch > 1).then_some(()));
    let epoch = first.request.member_epoch;
    let stale = Some(ErrorCode::StaleMemberEpoch);
    assert_eq!((first.commit(1, 1), first.fetch("first", 1), first.commit(epoch, 2)), (stale, stale, None));
    assert_eq!(first.confirm().error_code, None);
    first.request.member_epoch = 1;
    assert_eq!(first.beat().error_code, Some(ErrorCode::FencedMemberEpoch));
    // It joins again, and is given what it may have.
    first.request = consuming("g", "first");
    let again = first.beat();
    assert!(again.error_code.is_none() && again.member_epoch >= epoch && again.assignment.is_some());
}

#[test]
fn a_join_says_what_it_wants_and_owns_nothing() {
    let setting = broker(&[]);
    let owned = TopicPartitions { topic_id: Uuid::ZERO, partitions: vec![0] };
    let none = consuming("g", "m");
    for (request, expected) in [
        (
            ConsumerGroupHeartbeatRequest { subscribed_topic_names: None, ..none.clone() },
            ErrorCode::InvalidRequest,
        ),
        (
            ConsumerGroupHeartbeatRequest { topic_partitions: Some(vec![owned]), ..none.clone() },
            ErrorCode::InvalidRequest,
        ),
        (
            ConsumerGroupHeartbeatRequest { server_assignor: Some("sticky".to_owned()), ..none.clone() },
            ErrorCode::UnsupportedAssignor,
        ),
        (
            ConsumerGroupHeartbeatRequest { subscribed_topic_regex: Some("(".to_owned()), ..none.clone() },
            ErrorCode::InvalidRegularExpression,
        ),
        (
            ConsumerGroupHeartbeatRequest { instance_id: Some(String::new()), ..none.clone() },
            ErrorCode::InvalidRequest,
        ),
    ] {
        assert_eq!(refused(&setting, &request), Some(expected), "{request:?}");
    }
    let listed: ListGroupsResponse = setting.broker.connect_kafka().ask(5, &ListGroupsRequest::default());
    assert_eq!(listed.groups, [], "no group has come of it");
    // By an expression it reads the topics that match.
    let four =
        ConsumerGroupHeartbeatRequest { subscribed_topic_regex: Some("fo.r".to_owned()), ..none.clone() };
    let member =
        Consumer::new(&setting, ConsumerGroupHeartbeatRequest { subscribed_topic_names: None, ..four });
    assert_eq!(member.owns, [0, 1, 2, 3]);
}

#[test]
fn a_static_member_that_leaves_for_a_while_finds_its_partitions_again() {
    let setting = broker(&[]);
    let mut old = Consumer::new(&setting, consuming_as("g", "old", "i"));
    let mut other = Consumer::new(&setting, consuming("g", "other"));
    wait_for("both have their part", || {
        assert_eq!((old.confirm().error_code, other.confirm().error_code), (None, None));
        (old.owns.len() == 2 && other.owns.len() == 2).then_some(())
    });
    let (had, epoch, others) = (old.owns.clone(), old.request.member_epoch, other.owns.clone());
    // While it is there nobody takes its name.
    let taken = consuming_as("g", "new", "i");
    assert_eq!(refused(&setting, &taken), Some(ErrorCode::UnreleasedInstanceId));
    let left = old.leave(-2);
    assert_eq!((left.error_code, left.member_epoch), (None, -2));
    assert_eq!(old.commit(epoch, 1), Some(ErrorCode::StaleMemberEpoch), "it has gone");

    let mut new = Consumer::new(&setting, taken);
    assert_eq!(new.owns, had);
    assert_eq!((other.confirm().assignment, &other.owns), (None, &others), "nobody has noticed");
    let fenced = Some(ErrorCode::FencedInstanceId);
    old.request.member_epoch = epoch;
    assert_eq!((old.beat().error_code, old.commit(epoch, 2)), (fenced, fenced));
    assert_eq!((old.leave(-1).error_code, old.leave(-2).error_code), (fenced, fenced));
    assert_eq!(new.commit(new.request.member_epoch, 3), None);
    // When it leaves for good, so do its partitions.
    assert_eq!(new.leave(-1).error_code, None);
    other.wait_owns(4);
}
