//! Who does not speak for a classic group: strangers, the past, and those who say what cannot be.

use yak_kafka::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, OffsetDeleteRequest, OffsetDeleteResponse,
};

use super::*;

/// What a member is told by heartbeat, sync and commit.
fn told(member: &mut Member) -> [Option<ErrorCode>; 3] {
    [member.beat(), member.sync(&[]).error_code, member.commit(1)]
}

#[test]
fn strangers_and_members_of_other_generations_are_told_so() {
    let setting = broker(&[]);
    let mut member = Member::alone(&setting, joining("g"));
    let illegal = Some(ErrorCode::IllegalGeneration);
    for generation in [0, 2, -1, i32::MAX] {
        member.generation = generation;
        assert_eq!(told(&mut member), [illegal; 3], "generation {generation}");
    }
    member.generation = 1;
    let id = std::mem::replace(&mut member.request.member_id, "stranger".to_owned());
    let unknown = Some(ErrorCode::UnknownMemberId);
    assert_eq!(told(&mut member), [unknown; 3]);
    assert_eq!(member.leave(), unknown);
    let refused = member.join();
    assert_eq!((refused.error_code, refused.member_id.as_str()), (unknown, "stranger"));
    // A known id with a name that it never had.
    member.request.member_id = id;
    member.request.group_instance_id = Some("i".to_owned());
    assert_eq!(told(&mut member), [unknown; 3]);
    member.request.group_instance_id = None;
    assert_eq!(told(&mut member), [None; 3]);
    assert_eq!(committed(&mut member.socket, "g"), [("t".to_owned(), 0, 1)]);
}

#[test]
fn members_of_no_group_are_told_so() {
    let setting = broker(&[]);
    let mut member = Member::alone(&setting, joining("g"));
    member.request.group_id = "another".to_owned();
    let unknown = Some(ErrorCode::UnknownMemberId);
    assert_eq!((member.beat(), member.sync(&[]).error_code, member.leave()), (unknown, unknown, unknown));
    assert_eq!(member.join().error_code, unknown);
    let listed: ListGroupsResponse = member.socket.ask(5, &ListGroupsRequest::default());
    assert_eq!(listed.groups.len(), 1, "nothing has come of it");
}

#[test]
fn a_member_says_what_the_others_say() {
    let setting = broker(&[]);
    let mut member = Member::alone(&setting, joining("g"));
    let mut socket = setting.broker.connect_kafka();
    let mut refusal = |request: JoinGroupRequest| {
        let joined: JoinGroupResponse = socket.ask(9, &request);
        assert_eq!((joined.generation_id, joined.members.len()), (-1, 0));
        joined.error_code
    };
    let inconsistent = Some(ErrorCode::InconsistentGroupProtocol);
    for group in ["g", "new"] {
        let nothing = JoinGroupRequest { protocols: vec![], ..joining(group) };
        assert_eq!(refusal(nothing), inconsistent, "{group}: it knows nothing");
        let for_nothing = JoinGroupRequest { protocol_type: String::new(), ..joining(group) };
        assert_eq!(refusal(for_nothing), inconsistent, "{group}: it is for nothing");
    }
    let for_else = JoinGroupRequest { protocol_type: "connect".to_owned(), ..joining("g") };
    assert_eq!(refusal(for_else), inconsistent);
    let knows_else = JoinGroupRequest { protocols: protocols(&["roundrobin"]), ..joining("g") };
    assert_eq!(refusal(knows_else), inconsistent);
    // A sync that takes the group for another one (KIP-559).
    let right = member.sync_request(&[]);
    for (kind, protocol, expected) in [
        (Some("consumer"), Some("range"), None),
        (None, None, None),
        (Some("connect"), Some("range"), inconsistent),
        (Some("consumer"), Some("roundrobin"), inconsistent),
    ] {
        let request = SyncGroupRequest {
            protocol_type: kind.map(str::to_owned),
            protocol_name: protocol.map(str::to_owned),
            ..right.clone()
        };
        let synced: SyncGroupResponse = member.socket.ask(5, &request);
        assert_eq!(synced.error_code, expected, "{kind:?}, {protocol:?}");
        assert_eq!(synced.assignment.len(), if expected.is_none() { 3 } else { 0 });
    }
    assert_eq!(member.beat(), None, "the group has not noticed");
}

#[test]
fn sessions_are_no_shorter_and_no_longer_than_allowed() {
    let setting = broker(&[]);
    let mut socket = setting.broker.connect_kafka();
    let invalid = Some(ErrorCode::InvalidSessionTimeout);
    let fine = Some(ErrorCode::MemberIdRequired);
    for (session_timeout_ms, expected) in [
        (i32::MIN, invalid),
        (-1, invalid),
        (0, invalid),
        (5_999, invalid),
        (6_000, fine),
        (1_800_000, fine),
        (1_800_001, invalid),
        (i32::MAX, invalid),
    ] {
        let request = JoinGroupRequest { session_timeout_ms, ..joining("g") };
        let joined: JoinGroupResponse = socket.ask(9, &request);
        assert_eq!(joined.error_code, expected, "{session_timeout_ms} ms");
        assert_eq!(joined.member_id.is_empty(), expected == invalid);
    }
}

#[test]
fn commits_are_taken_from_whom_the_partitions_belong_to() {
    let setting = broker(&[]);
    let mut first = Member::alone(&setting, joining("g"));
    let mut outside = setting.broker.connect_kafka();
    let mut by_nobody = |offset| -> Option<ErrorCode> {
        let response: OffsetCommitResponse = outside.ask(9, &committing("g", ("t", 0), offset));
        response.topics[0].partitions[0].error_code
    };
    assert_eq!(by_nobody(1), Some(ErrorCode::UnknownMemberId), "the group has members");
    let mut second = Member::new(&setting, joining("g"));
    second.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    // Before it joins again it commits what it has read of what is still its own.
    assert_eq!((first.commit(2), first.beat()), (None, Some(ErrorCode::RebalanceInProgress)));
    assert_eq!(first.sync(&[]).error_code, Some(ErrorCode::RebalanceInProgress));
    assert_eq!((first.join().generation_id, second.read_join().generation_id), (2, 2));
    // Between join and sync nobody knows what is whose; what was is over.
    assert_eq!(first.commit(3), Some(ErrorCode::RebalanceInProgress));
    first.generation = 1;
    assert_eq!(first.commit(4), Some(ErrorCode::IllegalGeneration));
    assert_eq!(by_nobody(5), Some(ErrorCode::UnknownMemberId));
    first.generation = 2;
    let id = first.id().to_owned();
    assert_eq!(first.sync(&[(&id, "all")]).error_code, None);
    assert_eq!(committed(&mut first.socket, "g"), [("t".to_owned(), 0, 2)]);
    assert_eq!(first.commit(6), None);
    // A group that everybody has left is anybody's.
    assert_eq!((first.leave(), second.leave()), (None, None));
    assert_eq!(first.commit(7), Some(ErrorCode::UnknownMemberId));
    assert_eq!(by_nobody(8), None);
    assert_eq!(committed(&mut second.socket, "g"), [("t".to_owned(), 0, 8)]);
}

#[test]
fn an_id_that_was_given_out_is_good_for_one_join() {
    let setting = broker(&[("group.min.session.timeout.ms", "1"), ("group.max.size", "1")]);
    let mut member = Member::new(&setting, joining("g"));
    assert_eq!(member.beat(), Some(ErrorCode::UnknownMemberId), "it is no member yet");
    assert_eq!(state(&mut member.socket, "g").1, 0);
    // In another group it is nothing.
    let elsewhere = JoinGroupRequest { group_id: "h".to_owned(), ..member.request.clone() };
    let refused: JoinGroupResponse = member.socket.ask(9, &elsewhere);
    assert_eq!(refused.error_code, Some(ErrorCode::UnknownMemberId));
    // It can be given back.
    assert_eq!((member.leave(), member.leave()), (None, Some(ErrorCode::UnknownMemberId)));
    assert_eq!(member.join().error_code, Some(ErrorCode::UnknownMemberId));
    // And it does not hold for longer than a session.
    let mut late = Member::new(&setting, JoinGroupRequest { session_timeout_ms: 50, ..joining("g") });
    wait_for("room for another", || {
        let told: JoinGroupResponse = member.socket.ask(9, &joining("g"));
        let is_full = told.error_code == Some(ErrorCode::GroupMaxSizeReached);
        assert!(is_full || told.error_code == Some(ErrorCode::MemberIdRequired), "{told:?}");
        (!is_full).then_some(())
    });
    assert_eq!(late.join().error_code, Some(ErrorCode::UnknownMemberId));
}

#[test]
fn a_group_has_a_name() {
    let setting = broker(&[]);
    let mut nameless = Member {
        socket: setting.broker.connect_kafka(),
        request: JoinGroupRequest { member_id: "m".to_owned(), ..joining("") },
        generation: 1,
    };
    let invalid = Some(ErrorCode::InvalidGroupId);
    assert_eq!(told(&mut nameless), [invalid; 3]);
    assert_eq!(nameless.join().error_code, invalid);
    let request = LeaveGroupRequest::default();
    let left: LeaveGroupResponse = nameless.socket.ask(5, &request);
    assert_eq!((left.error_code, left.members.len()), (invalid, 0));
    let request = DeleteGroupsRequest { groups_names: vec![String::new()] };
    let deleted: DeleteGroupsResponse = nameless.socket.ask(2, &request);
    assert_eq!(deleted.results[0].error_code, invalid);
    let forgotten: OffsetDeleteResponse = nameless.socket.ask(0, &OffsetDeleteRequest::default());
    assert_eq!(forgotten.error_code, invalid);
}
