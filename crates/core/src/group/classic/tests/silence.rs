//! Members that go, and members that are not heard of.

use super::*;

#[test]
fn the_others_share_what_a_member_had_that_left() {
    let mut rig = Rig::new();
    let first = rig.grow("a").member_id;
    let second = rig.grow("b").member_id;
    rig.settle();
    assert_eq!(rig.leave(&second), Ok(()));
    assert_eq!(rig.heartbeat(&first), Err(ErrorCode::RebalanceInProgress));
    let token = rig.join_waiting(&JoinGroup { member_id: Some(first.clone()), ..request("a", &["range"]) });
    assert_eq!((rig.reply(token).generation_id.get(), rig.reply(token).members.len()), (3, 1));
    assert!(rig.rebalances.last().unwrap().cause.contains("left"), "{:?}", rig.rebalances);
    rig.settle();
    assert_eq!(rig.leave(&first), Ok(()));
    assert_eq!((rig.group.state(), rig.group.generation_id().get()), (State::Empty, 4));
    assert!(rig.stored.last().unwrap().members.is_empty(), "that it is empty is stored");
    assert_eq!(rig.leave(&first), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn a_silent_member_goes_after_its_session_timeout() {
    let mut rig = Rig::new();
    let first = rig.grow("a").member_id;
    let second = rig.grow("b").member_id;
    rig.settle();
    rig.pass(6_000);
    assert_eq!(rig.heartbeat(&first), Ok(()));
    rig.pass(3_999);
    assert_eq!(rig.heartbeat(&first), Ok(()), "the other one has a moment left");
    rig.pass(1);
    assert_eq!(rig.heartbeat(&second), Err(ErrorCode::UnknownMemberId));
    assert_eq!(rig.heartbeat(&first), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn a_member_that_waits_for_an_answer_is_not_silent() {
    let mut rig = Rig::new();
    let first = rig.grow("a").member_id;
    rig.settle();
    let token = rig.join_waiting(&request("b", &["range"]));
    // The first lives and does not join: it is waited for until its rebalance timeout, then it is out.
    for _ in 0..11 {
        rig.pass(5_000);
        assert_eq!(rig.heartbeat(&first), Err(ErrorCode::RebalanceInProgress));
    }
    assert!(!rig.joined.contains_key(&token));
    rig.pass(5_000);
    let reply = rig.reply(token);
    assert_eq!((&reply.leader, reply.members.len()), (&reply.member_id, 1));
    assert_eq!(rig.heartbeat(&first), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn a_leader_that_does_not_assign_is_out_after_its_time() {
    let mut rig = Rig::new();
    rig.grow("a");
    let follower = rig.grow("b").member_id;
    let request_sync = rig.sync_request(&follower, &[]);
    let Sync::Waiting(token) = rig.sync(request_sync).unwrap() else { panic!("it waits") };
    let leader = rig.group.view().leader.unwrap();
    // It says that it lives, and does nothing.
    for _ in 0..12 {
        rig.heartbeat(&leader).unwrap();
        rig.pass(5_000);
    }
    assert_eq!(rig.synced[&token].clone().expect_err("sent back").code, ErrorCode::RebalanceInProgress);
    assert_eq!(rig.heartbeat(&leader), Err(ErrorCode::UnknownMemberId));
    assert_eq!(rig.group.view().leader, Some(follower));
}

#[test]
fn a_group_is_what_was_stored_of_it() {
    let mut rig = Rig::new();
    let first = rig.grow("a").member_id;
    rig.grow("b");
    rig.settle();
    let stored = rig.stored.last().unwrap().clone();
    let group = ClassicGroup::load(GroupConfig::default(), 5_000, stored);
    let mut as_before = rig.group.view();
    // Everybody has a whole session from now on.
    as_before.members.iter_mut().for_each(|member| member.heard_ms = 5_000);
    assert_eq!(group.view(), as_before);
    let mut again = Rig::of(group);
    again.now_ms = 5_000;
    again.pass(9_999);
    assert_eq!(again.heartbeat(&first), Ok(()), "a whole session from the beginning");
    again.pass(1);
    assert_eq!(again.group.state(), State::Preparing, "the other one was not heard of");
}

#[test]
fn an_older_question_of_a_member_is_answered_when_it_asks_again() {
    let mut rig = Rig::new();
    let first = rig.grow("a").member_id;
    rig.settle();
    rig.join_waiting(&request("b", &["range"]));
    rig.join_waiting(&request("c", &["range"]));
    let second =
        rig.group.view().members.into_iter().find(|member| member.client_id == "b").unwrap().member_id;
    let again = JoinGroup { member_id: Some(second), ..request("b", &["range"]) };
    let newer = rig.join_waiting(&again);
    let refused: Vec<_> = rig.joined.values().filter_map(|joined| joined.as_ref().err()).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].rejection.code, ErrorCode::UnknownMemberId);
    rig.join_waiting(&JoinGroup { member_id: Some(first), ..request("a", &["range"]) });
    assert_eq!(rig.reply(newer).generation_id.get(), 2);
}
