//! The leader assigns, and everybody gets its part once it is durable.

use super::*;

fn two(rig: &mut Rig) -> (MemberId, MemberId) {
    rig.grow("a");
    let follower = rig.grow("b").member_id;
    (rig.group.view().leader.unwrap(), follower)
}

#[test]
fn everybody_gets_its_part_when_the_assignment_is_durable() {
    let mut rig = Rig::new();
    let (leader, follower) = two(&mut rig);
    rig.stores = false;
    let of_follower = rig.sync_request(&follower, &[]);
    let Sync::Waiting(first) = rig.sync(of_follower).unwrap() else { panic!("it waits") };
    let stranger = member_id("stranger");
    let of_leader = rig.sync_request(&leader, &[(&leader, "0"), (&follower, "1"), (&stranger, "2")]);
    let Sync::Waiting(second) = rig.sync(of_leader).unwrap() else { panic!("it waits, too") };
    assert!(rig.synced.is_empty(), "nothing is durable");
    let stored = rig.stored.last().unwrap();
    let parts: Vec<&[u8]> = stored.members.iter().map(|member| &member.assignment[..]).collect();
    assert_eq!((stored.generation_id.get(), parts), (2, vec![&b"0"[..], &b"1"[..]]));
    rig.group.handle_stored(rig.now_ms, 2.into(), Ok(()));
    rig.drain();
    let assigned = |token| rig.synced[&token].clone().unwrap().assignment;
    assert_eq!((assigned(first), assigned(second)), (Bytes::from("1"), Bytes::from("0")));
    assert_eq!(rig.group.state(), State::Stable);
    // Asked again, it is told again.
    let again = rig.sync_request(&follower, &[]);
    let Sync::Done(reply) = rig.sync(again).unwrap() else { panic!("it is known") };
    assert_eq!((reply.assignment, reply.protocol.as_str()), (Bytes::from("1"), "range"));
}

#[test]
fn an_assignment_that_cannot_be_stored_is_nobodys() {
    let mut rig = Rig::new();
    let (leader, _) = two(&mut rig);
    rig.stores = false;
    let of_leader = rig.sync_request(&leader, &[]);
    let Sync::Waiting(token) = rig.sync(of_leader).unwrap() else { panic!("it waits") };
    let failed = Rejection::new(ErrorCode::CoordinatorNotAvailable, "no");
    rig.group.handle_stored(rig.now_ms, 2.into(), Err(failed));
    rig.drain();
    assert_eq!(rig.synced[&token].clone().expect_err("refused").code, ErrorCode::CoordinatorNotAvailable);
    assert_eq!(rig.group.state(), State::Preparing);
    // Of a generation that is over nothing is heard any more.
    rig.group.handle_stored(rig.now_ms, 2.into(), Ok(()));
    assert_eq!(rig.group.state(), State::Preparing);
}

#[test]
fn an_older_generation_is_fenced_everywhere() {
    let mut rig = Rig::new();
    let (_, follower) = two(&mut rig);
    rig.settle();
    let old = MemberIdentity { generation_id: 1.into(), ..rig.identity(&follower) };
    let now = rig.now_ms;
    let illegal = Err(ErrorCode::IllegalGeneration);
    let code = |result: Result<(), Rejection>| result.map_err(|rejection| rejection.code);
    assert_eq!(code(rig.group.handle_heartbeat(now, &old)), illegal);
    assert_eq!(code(rig.group.handle_commit(now, Some(&old))), illegal);
    let request = SyncGroup { member: old, ..rig.sync_request(&follower, &[]) };
    assert_eq!(rig.sync(request).map(|_| ()).map_err(|rejection| rejection.code), illegal);
    let stranger = rig.identity(&member_id("x"));
    assert_eq!(code(rig.group.handle_heartbeat(now, &stranger)), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn commits_are_for_members_that_know_what_is_theirs_or_for_anybody_while_there_are_none() {
    let mut rig = Rig::new();
    let now = rig.now_ms;
    assert_eq!(rig.group.handle_commit(now, None), Ok(()));
    let member = rig.grow("a").member_id;
    let identity = rig.identity(&member);
    let code = |result: Result<(), Rejection>| result.map_err(|rejection| rejection.code);
    let committed = rig.group.handle_commit(now, Some(&identity));
    assert_eq!(code(committed), Err(ErrorCode::RebalanceInProgress));
    rig.settle();
    assert_eq!(rig.group.handle_commit(now, Some(&identity)), Ok(()));
    assert_eq!(code(rig.group.handle_commit(now, None)), Err(ErrorCode::UnknownMemberId));
    // While the group prepares, what is theirs is still theirs.
    rig.join_waiting(&request("b", &["range"]));
    assert_eq!(rig.group.handle_commit(now, Some(&identity)), Ok(()));
}

#[test]
fn a_sync_that_takes_the_group_for_another_is_refused() {
    let mut rig = Rig::new();
    let member = rig.grow("a").member_id;
    for (kind, protocol, expected) in [
        (Some("consumer"), Some("range"), None),
        (Some("connect"), None, Some(ErrorCode::InconsistentGroupProtocol)),
        (None, Some("sticky"), Some(ErrorCode::InconsistentGroupProtocol)),
    ] {
        let request = SyncGroup {
            protocol_type: kind.map(str::to_owned),
            protocol: protocol.map(str::to_owned),
            ..rig.sync_request(&member, &[])
        };
        assert_eq!(
            rig.sync(request).err().map(|rejection| rejection.code),
            expected,
            "{kind:?} {protocol:?}"
        );
    }
}

#[test]
fn waiting_syncs_are_sent_back_to_join_when_a_rebalance_begins() {
    let mut rig = Rig::new();
    let (_, follower) = two(&mut rig);
    let request_sync = rig.sync_request(&follower, &[]);
    let Sync::Waiting(token) = rig.sync(request_sync).unwrap() else { panic!("it waits") };
    rig.join_waiting(&request("c", &["range"]));
    assert_eq!(rig.synced[&token].clone().expect_err("sent back").code, ErrorCode::RebalanceInProgress);
}
