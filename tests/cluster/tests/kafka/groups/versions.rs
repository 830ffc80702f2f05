//! Every version of what classic members and tools say is served, with what it has and has not.

use yak_kafka::messages::delete_groups::DeletableGroupResult;
use yak_kafka::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use super::*;

/// What a member says of itself in one version of each request, and is told.
struct Walk {
    socket: KafkaSocket,
    version: i16,
    group: String,
}

impl Walk {
    fn new(setting: &Setting, version: i16) -> Self {
        Self { socket: setting.broker.connect_kafka(), version, group: format!("g{version}") }
    }

    fn join(&mut self) -> JoinGroupResponse {
        let first = joining(&self.group);
        let mut joined: JoinGroupResponse = self.socket.ask(self.version, &first);
        assert!(joined.member_id.starts_with("testkit-"), "named after its client: {joined:?}");
        if self.version >= 4 {
            assert_eq!(joined.error_code, Some(ErrorCode::MemberIdRequired), "KIP-394");
            assert_eq!((joined.generation_id, joined.members.len()), (-1, 0));
            let known = JoinGroupRequest { member_id: joined.member_id.clone(), ..first };
            let again: JoinGroupResponse = self.socket.ask(self.version, &known);
            assert_eq!(again.member_id, joined.member_id);
            joined = again;
        }
        assert_eq!((joined.error_code, joined.generation_id, joined.skip_assignment), (None, 1, false));
        let kind = (self.version >= 7).then_some("consumer");
        assert_eq!((joined.protocol_type.as_deref(), joined.protocol_name.as_deref()), (kind, Some("range")));
        assert_eq!(joined.leader, joined.member_id);
        let [member] = &joined.members[..] else { unreachable!("one member: {joined:?}") };
        assert_eq!((&member.member_id, &member.metadata[..]), (&joined.member_id, &b"of range"[..]));
        assert_eq!(member.group_instance_id, None);
        joined
    }

    fn sync(&mut self, member_id: &str) {
        let version = self.version.min(5);
        let part = SyncGroupRequestAssignment {
            member_id: member_id.to_owned(),
            assignment: Bytes::from_static(b"\0\xff any bytes"),
        };
        let request = SyncGroupRequest {
            group_id: self.group.clone(),
            generation_id: 1,
            member_id: member_id.to_owned(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some("range".to_owned()),
            assignments: vec![part],
            ..SyncGroupRequest::default()
        };
        let synced: SyncGroupResponse = self.socket.ask(version, &request);
        assert_eq!((synced.error_code, &synced.assignment[..]), (None, &b"\0\xff any bytes"[..]));
        let told = (synced.protocol_type.as_deref(), synced.protocol_name.as_deref());
        assert_eq!(told, if version >= 5 { (Some("consumer"), Some("range")) } else { (None, None) });
    }

    fn beat(&mut self, member_id: &str, generation_id: i32) -> Option<ErrorCode> {
        let request = HeartbeatRequest {
            group_id: self.group.clone(),
            generation_id,
            member_id: member_id.to_owned(),
            ..HeartbeatRequest::default()
        };
        let response: HeartbeatResponse = self.socket.ask(self.version.min(4), &request);
        response.error_code
    }

    /// Up to version 2 one leaves and is answered as a whole; later several do, each with an answer of its own.
    fn leave(&mut self, member_id: &str) -> (Option<ErrorCode>, Vec<(String, Option<ErrorCode>)>) {
        let leaves = |id: &str| MemberIdentity {
            member_id: id.to_owned(),
            reason: Some("the walk is over".to_owned()),
            ..MemberIdentity::default()
        };
        let request = LeaveGroupRequest {
            group_id: self.group.clone(),
            member_id: member_id.to_owned(),
            members: vec![leaves("stranger"), leaves(member_id)],
        };
        let response: LeaveGroupResponse = self.socket.ask(self.version.min(5), &request);
        let members = response.members.into_iter().map(|member| (member.member_id, member.error_code));
        (response.error_code, members.collect())
    }
}

#[test]
fn a_member_walks_through_its_life_in_every_version() {
    let setting = broker(&[]);
    for version in 0..=9 {
        let mut walk = Walk::new(&setting, version);
        let id = walk.join().member_id;
        walk.sync(&id);
        assert_eq!(walk.beat(&id, 1), None, "version {version}");
        assert_eq!(walk.beat(&id, 0), Some(ErrorCode::IllegalGeneration), "version {version}");
        assert_eq!(walk.beat("stranger", 1), Some(ErrorCode::UnknownMemberId), "version {version}");
        let unknown = Some(ErrorCode::UnknownMemberId);
        let (first, again) = (walk.leave(&id), walk.leave(&id));
        if version < 3 {
            assert_eq!((first, again), ((None, vec![]), (unknown, vec![])), "version {version}");
        } else {
            let each = |code| (None, vec![("stranger".to_owned(), unknown), (id.clone(), code)]);
            assert_eq!((first, again), (each(None), each(unknown)), "version {version}");
        }
        assert_eq!(walk.beat(&id, 1), unknown, "version {version}");
        assert_eq!(state(&mut walk.socket, &walk.group), ("Empty".to_owned(), 0));
    }
}

#[test]
fn static_members_are_told_in_every_version_that_has_them() {
    let setting = broker(&[]);
    let mut socket = setting.broker.connect_kafka();
    for version in 5..=9 {
        let group = format!("g{version}");
        let joined: JoinGroupResponse = socket.ask(version, &joining_as(&group, "i"));
        assert_eq!(joined.error_code, None, "a static member is not told its id first");
        assert_eq!(joined.members[0].group_instance_id.as_deref(), Some("i"));
        for version in 3..=5 {
            let beat = HeartbeatRequest {
                group_id: group.clone(),
                generation_id: 1,
                member_id: joined.member_id.clone(),
                group_instance_id: Some("another".to_owned()),
            };
            let response: HeartbeatResponse = socket.ask(version.min(4), &beat);
            assert_eq!(response.error_code, Some(ErrorCode::UnknownMemberId), "nobody has this name");
            // A tool that knows nothing but its name sends it away, once.
            let leaves =
                MemberIdentity { group_instance_id: Some("i".to_owned()), ..MemberIdentity::default() };
            let request = LeaveGroupRequest {
                group_id: group.clone(),
                members: vec![leaves],
                ..LeaveGroupRequest::default()
            };
            let response: LeaveGroupResponse = socket.ask(version, &request);
            let gone = (version > 3).then_some(ErrorCode::UnknownMemberId);
            assert_eq!(response.members[0].error_code, gone, "version {version}");
            assert_eq!(response.members[0].group_instance_id.as_deref(), Some("i"));
        }
    }
}

#[test]
fn coordinators_are_found_in_every_version() {
    let setting = broker(&[]);
    let mut socket = setting.broker.connect_kafka();
    let port: i32 = setting.broker.bootstrap().rsplit_once(':').unwrap().1.parse().unwrap();
    let here = (None, 1, "127.0.0.1", port);
    let nowhere = |code| (Some(code), -1, "", -1);
    for version in 0..=6 {
        let cases = [
            ("g", 0, here),
            ("", 0, nowhere(ErrorCode::InvalidGroupId)),
            ("x", 1, nowhere(ErrorCode::TransactionalIdAuthorizationFailed)),
            ("x", 2, nowhere(ErrorCode::InvalidRequest)),
        ];
        for (key, key_type, expected) in cases.into_iter().filter(|case| version > 0 || case.1 == 0) {
            let request = FindCoordinatorRequest {
                key: key.to_owned(),
                key_type,
                coordinator_keys: vec![key.to_owned(), "another".to_owned()],
            };
            let response: FindCoordinatorResponse = socket.ask(version, &request);
            let of_one = (response.error_code, response.node_id, response.host.as_str(), response.port);
            let of_each: Vec<_> = response
                .coordinators
                .iter()
                .map(|one| (one.key.as_str(), (one.error_code, one.node_id, one.host.as_str(), one.port)))
                .collect();
            if version < 4 {
                assert_eq!((of_one, of_each), (expected, vec![]), "version {version}, {key:?}");
                assert_eq!(response.error_message.is_some(), version >= 1 && expected.0.is_some());
            } else {
                let another = if key_type == 0 { here } else { expected };
                assert_eq!(of_each, [(key, expected), ("another", another)], "version {version}");
                assert_eq!(response.coordinators[0].error_message.is_some(), expected.0.is_some());
            }
        }
    }
}

#[test]
fn groups_are_described_in_every_version() {
    let setting = broker(&[]);
    let member = Member::alone(&setting, joining_as("g", "i"));
    let mut socket = setting.broker.connect_kafka();
    for version in 0..=6 {
        let request = DescribeGroupsRequest {
            groups: vec!["g".to_owned(), "nobody".to_owned(), String::new()],
            include_authorized_operations: true,
        };
        let response: DescribeGroupsResponse = socket.ask(version, &request);
        let [group, unknown, invalid] = &response.groups[..] else { unreachable!("{response:?}") };
        assert_eq!((group.error_code, group.group_state.as_str()), (None, "Stable"));
        assert_eq!((group.protocol_type.as_str(), group.protocol_data.as_str()), ("consumer", "range"));
        // READ, DELETE, DESCRIBE.
        assert_eq!(group.authorized_operations, if version >= 3 { 328 } else { i32::MIN });
        let [told] = &group.members[..] else { unreachable!("one member: {group:?}") };
        assert_eq!((told.member_id.as_str(), told.client_id.as_str()), (member.id(), "testkit"));
        assert_eq!(told.group_instance_id.as_deref(), (version >= 4).then_some("i"));
        assert_eq!(told.client_host, "/127.0.0.1");
        assert_eq!((&told.member_metadata[..], &told.member_assignment[..]), (&b"of range"[..], &b"all"[..]));

        let not_found = (version >= 6).then_some(ErrorCode::GroupIdNotFound);
        assert_eq!((unknown.error_code, unknown.group_state.as_str()), (not_found, "Dead"));
        assert_eq!(unknown.error_message.is_some(), version >= 6, "KIP-1043");
        assert_eq!(invalid.error_code, Some(ErrorCode::InvalidGroupId), "version {version}");
    }
    let request = DescribeGroupsRequest { groups: vec!["g".to_owned()], ..DescribeGroupsRequest::default() };
    let response: DescribeGroupsResponse = socket.ask(6, &request);
    assert_eq!(response.groups[0].authorized_operations, i32::MIN, "nobody asked");
}

#[test]
fn groups_are_listed_and_deleted_in_every_version() {
    let setting = broker(&[]);
    let _member = Member::alone(&setting, joining("g"));
    let mut socket = setting.broker.connect_kafka();
    for version in 0..=5 {
        let listed = |socket: &mut KafkaSocket, states: &[&str], kinds: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let request = ListGroupsRequest { states_filter: owned(states), types_filter: owned(kinds) };
            let response: ListGroupsResponse = socket.ask(version, &request);
            assert_eq!(response.error_code, None);
            let groups = response.groups.into_iter();
            groups
                .map(|group| (group.group_id, group.protocol_type, group.group_state, group.group_type))
                .collect::<Vec<_>>()
        };
        let text = |from: i16, text: &str| if version >= from { text.to_owned() } else { String::new() };
        let group = ("g".to_owned(), "consumer".to_owned(), text(4, "Stable"), text(5, "classic"));
        assert_eq!(listed(&mut socket, &[], &[]), std::slice::from_ref(&group), "version {version}");
        // What the version cannot say does not reach the broker.
        let by_state = listed(&mut socket, &["stable", "Empty"], &[]);
        assert_eq!(by_state, std::slice::from_ref(&group), "names of states are read in any case");
        let none = |from: i16| if version >= from { vec![] } else { vec![group.clone()] };
        assert_eq!(listed(&mut socket, &["Empty"], &[]), none(4), "version {version}");
        assert_eq!(listed(&mut socket, &[], &["consumer"]), none(5), "version {version}");
        assert_eq!(listed(&mut socket, &[], &["no such type"]), none(5), "version {version}");
    }
    for version in 0..=2 {
        let commit: OffsetCommitResponse = socket.ask(9, &committing("idle", ("t", 0), 1));
        assert_eq!(commit.topics[0].partitions[0].error_code, None);
        let names = ["idle", "g", "nobody", "", "idle"].map(str::to_owned).to_vec();
        let response: DeleteGroupsResponse =
            socket.ask(version, &DeleteGroupsRequest { groups_names: names });
        let result = |id: &str, error_code| DeletableGroupResult { group_id: id.to_owned(), error_code };
        let expected = [
            result("idle", None),
            result("g", Some(ErrorCode::NonEmptyGroup)),
            result("nobody", Some(ErrorCode::GroupIdNotFound)),
            result("", Some(ErrorCode::InvalidGroupId)),
            result("idle", Some(ErrorCode::GroupIdNotFound)),
        ];
        assert_eq!(response.results, expected, "version {version}");
        assert_eq!(committed(&mut socket, "idle"), []);
    }
}
