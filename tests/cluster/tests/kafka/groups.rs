//! Groups spoken by hand: every frame that members, tools and enemies send, and precisely what is answered.

mod classic;
mod elsewhere;
mod failover;
mod fencing;
mod hostile;
mod kinds;
mod offsets;
mod server_side;
mod static_members;
mod topics;
mod versions;

use bytes::Bytes;
use serde_json::json;
use yak_kafka::messages::join_group::JoinGroupRequestProtocol;
use yak_kafka::messages::leave_group::MemberIdentity;
use yak_kafka::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use yak_kafka::messages::offset_fetch::OffsetFetchRequestGroup;
use yak_kafka::messages::sync_group::SyncGroupRequestAssignment;
use yak_kafka::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchResponse, SyncGroupRequest, SyncGroupResponse,
};
use yak_model::ErrorCode;
use yak_testkit::{KafkaSocket, wait_for};

use crate::Setting;

/// So long a silence is no test's.
const SESSION_MS: i32 = 60_000;

/// A broker with the topics `t` of one partition and `four` of four, and one coordinator, which answers.
fn broker(overrides: &[(&str, &str)]) -> Setting {
    let setting = Setting::with(&[&[("offsets.topic.num.partitions", "1")], overrides].concat());
    let create = json!({"op": "create_topics", "topics": [{"name": "four", "partitions": 4}]});
    setting.broker.connect().ok(&create.to_string());
    coordinator_answers(&mut setting.broker.connect_kafka());
    setting
}

/// Waits until the only coordinator has been made, and has read its log.
fn coordinator_answers(socket: &mut KafkaSocket) {
    let request = FindCoordinatorRequest {
        coordinator_keys: vec!["g".to_owned()],
        ..FindCoordinatorRequest::default()
    };
    wait_for("the coordinator", || {
        let found: FindCoordinatorResponse = socket.ask(6, &request);
        let listed: ListGroupsResponse = socket.ask(5, &ListGroupsRequest::default());
        (found.coordinators[0].error_code.is_none() && listed.error_code.is_none()).then_some(())
    });
}

/// A first join of a consumer that knows one way of assigning.
fn joining(group: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: SESSION_MS,
        protocol_type: "consumer".to_owned(),
        protocols: protocols(&["range"]),
        ..JoinGroupRequest::default()
    }
}

/// The same of a static member.
fn joining_as(group: &str, instance: &str) -> JoinGroupRequest {
    JoinGroupRequest { group_instance_id: Some(instance.to_owned()), ..joining(group) }
}

/// Ways of assigning, about each of which its member says its name.
fn protocols(names: &[&str]) -> Vec<JoinGroupRequestProtocol> {
    let protocol = |name: &&str| JoinGroupRequestProtocol {
        name: (*name).to_owned(),
        metadata: Bytes::from(format!("of {name}")),
    };
    names.iter().map(protocol).collect()
}

/// A member of a classic group over a connection of its own, in the latest versions.
struct Member {
    socket: KafkaSocket,
    request: JoinGroupRequest,
    generation: i32,
}

impl Member {
    /// Connects, and is told its id if it has no other name. It has not joined then.
    fn new(setting: &Setting, request: JoinGroupRequest) -> Self {
        let mut member = Self { socket: setting.broker.connect_kafka(), request, generation: -1 };
        if member.request.group_instance_id.is_none() {
            let told: JoinGroupResponse = member.socket.ask(9, &member.request);
            assert_eq!(told.error_code, Some(ErrorCode::MemberIdRequired));
            member.request.member_id = told.member_id;
        }
        member
    }

    /// The only member of a group: in its first generation, with all of it assigned.
    fn alone(setting: &Setting, request: JoinGroupRequest) -> Self {
        let mut member = Self::new(setting, request);
        let joined = member.join();
        assert_eq!((joined.error_code, &joined.leader), (None, &joined.member_id));
        let id = member.id().to_owned();
        assert_eq!(member.sync(&[(&id, "all")]).assignment, "all");
        member
    }

    fn id(&self) -> &str {
        &self.request.member_id
    }

    fn send_join(&mut self) {
        self.socket.send(9, &self.request);
    }

    fn read_join(&mut self) -> JoinGroupResponse {
        let joined: JoinGroupResponse = self.socket.read(9);
        if joined.error_code.is_none() {
            self.generation = joined.generation_id;
            self.request.member_id.clone_from(&joined.member_id);
        }
        joined
    }

    fn join(&mut self) -> JoinGroupResponse {
        self.send_join();
        self.read_join()
    }

    /// Its question for its part, with what it assigns.
    fn sync_request(&self, assignments: &[(&str, &str)]) -> SyncGroupRequest {
        let assigns = |(member, part): &(&str, &str)| SyncGroupRequestAssignment {
            member_id: (*member).to_owned(),
            assignment: Bytes::from((*part).to_owned()),
        };
        SyncGroupRequest {
            group_id: self.request.group_id.clone(),
            generation_id: self.generation,
            member_id: self.id().to_owned(),
            group_instance_id: self.request.group_instance_id.clone(),
            assignments: assignments.iter().map(assigns).collect(),
            ..SyncGroupRequest::default()
        }
    }

    fn send_sync(&mut self, assignments: &[(&str, &str)]) {
        let request = self.sync_request(assignments);
        self.socket.send(5, &request);
    }

    fn read_sync(&mut self) -> SyncGroupResponse {
        self.socket.read(5)
    }

    fn sync(&mut self, assignments: &[(&str, &str)]) -> SyncGroupResponse {
        self.send_sync(assignments);
        self.read_sync()
    }

    fn beat_request(&self) -> HeartbeatRequest {
        HeartbeatRequest {
            group_id: self.request.group_id.clone(),
            generation_id: self.generation,
            member_id: self.id().to_owned(),
            group_instance_id: self.request.group_instance_id.clone(),
        }
    }

    fn beat(&mut self) -> Option<ErrorCode> {
        let response: HeartbeatResponse = self.socket.ask(4, &self.beat_request());
        response.error_code
    }

    fn commit_request(&self, offset: i64) -> OffsetCommitRequest {
        OffsetCommitRequest {
            generation_id_or_member_epoch: self.generation,
            member_id: self.id().to_owned(),
            group_instance_id: self.request.group_instance_id.clone(),
            ..committing(&self.request.group_id, ("t", 0), offset)
        }
    }

    fn commit(&mut self, offset: i64) -> Option<ErrorCode> {
        let response: OffsetCommitResponse = self.socket.ask(9, &self.commit_request(offset));
        response.topics[0].partitions[0].error_code
    }

    /// What becomes of its leaving.
    fn leave(&mut self) -> Option<ErrorCode> {
        let leaves = MemberIdentity {
            member_id: self.id().to_owned(),
            group_instance_id: self.request.group_instance_id.clone(),
            reason: None,
        };
        let request = LeaveGroupRequest {
            group_id: self.request.group_id.clone(),
            members: vec![leaves],
            ..LeaveGroupRequest::default()
        };
        let response: LeaveGroupResponse = self.socket.ask(5, &request);
        response.error_code.or(response.members[0].error_code)
    }
}

/// A commit of one offset by nobody of the group.
fn committing(group: &str, (topic, partition): (&str, i32), offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index: partition,
        committed_offset: offset,
        ..OffsetCommitRequestPartition::default()
    };
    let topic = OffsetCommitRequestTopic { name: topic.to_owned(), partitions: vec![partition] };
    OffsetCommitRequest { group_id: group.to_owned(), topics: vec![topic], ..OffsetCommitRequest::default() }
}

/// All that a group has committed: topic, partition, offset.
fn committed(socket: &mut KafkaSocket, group: &str) -> Vec<(String, i32, i64)> {
    let all = OffsetFetchRequestGroup {
        group_id: group.to_owned(),
        topics: None,
        ..OffsetFetchRequestGroup::default()
    };
    let request = OffsetFetchRequest { groups: vec![all], ..OffsetFetchRequest::default() };
    let mut response: OffsetFetchResponse = socket.ask(9, &request);
    let group = response.groups.remove(0);
    assert_eq!(group.error_code, None);
    let told = group.topics.into_iter().flat_map(|topic| {
        let partitions = topic.partitions.into_iter();
        partitions.map(move |one| (topic.name.clone(), one.partition_index, one.committed_offset))
    });
    told.collect()
}

/// The state of a classic group, and how many members it has.
fn state(socket: &mut KafkaSocket, group: &str) -> (String, usize) {
    let request =
        DescribeGroupsRequest { groups: vec![group.to_owned()], ..DescribeGroupsRequest::default() };
    let mut response: DescribeGroupsResponse = socket.ask(6, &request);
    let described = response.groups.remove(0);
    (described.group_state, described.members.len())
}

/// Waits until a classic group is in a state, with so many members.
fn wait_state(setting: &Setting, group: &str, wanted: (&str, usize)) {
    let mut socket = setting.broker.connect_kafka();
    wait_for(&format!("{group} in {wanted:?}"), || {
        let (state, members) = state(&mut socket, group);
        ((state.as_str(), members) == wanted).then_some(())
    });
}
