//! Members come, and the group has a new generation.

use super::super::member::OVERHEAD_BYTES;
use super::*;

#[test]
fn the_first_member_leads_and_waits_for_nobody() {
    let mut rig = Rig::new();
    let token = rig.join_waiting(&request("a", &["range", "roundrobin"]));
    let reply = rig.reply(token);
    assert_eq!((reply.generation_id.get(), reply.protocol.as_str()), (1, "range"));
    assert_eq!((&reply.leader, reply.members.len()), (&reply.member_id, 1));
    assert_eq!(reply.members[0].metadata, "a knows range");
    assert_eq!(rig.group.state(), State::Completing);
    let [rebalance] = &rig.rebalances[..] else { panic!("{:?}", rig.rebalances) };
    assert!(rebalance.cause.contains("a joins") && rebalance.members == 1, "{rebalance:?}");
}

#[test]
fn everybody_joins_again_when_somebody_comes_and_only_the_leader_is_told_of_all() {
    let mut rig = Rig::new();
    let first = rig.grow("a").member_id;
    rig.settle();
    let token = rig.join_waiting(&request("b", &["range"]));
    assert!(!rig.joined.contains_key(&token), "it waits for the first");
    assert_eq!(rig.heartbeat(&first), Err(ErrorCode::RebalanceInProgress));
    let again = JoinGroup { member_id: Some(first.clone()), ..request("a", &["range"]) };
    let leads = rig.join_waiting(&again);
    let (leader, follower) = (rig.reply(leads), rig.reply(token));
    assert_eq!((leader.generation_id.get(), follower.generation_id.get()), (2, 2));
    assert_eq!((&leader.leader, leader.members.len()), (&first, 2));
    assert_eq!((&follower.leader, follower.members.len()), (&first, 0));
}

#[test]
fn ten_that_come_together_need_two_generations() {
    let mut rig = Rig::new();
    let first = rig.grow("m0").member_id;
    let tokens: Vec<_> = (1..10).map(|n| rig.join_waiting(&request(&format!("m{n}"), &["range"]))).collect();
    rig.join_waiting(&JoinGroup { member_id: Some(first), ..request("m0", &["range"]) });
    assert!(tokens.iter().all(|token| rig.reply(*token).generation_id.get() == 2));
}

#[test]
fn the_first_member_may_wait_for_others() {
    let config = GroupConfig { initial_rebalance_delay_ms: 3_000, ..GroupConfig::default() };
    let mut rig = Rig::with(config);
    let first = rig.join_waiting(&request("a", &["range"]));
    rig.pass(2_000);
    let second = rig.join_waiting(&request("b", &["range"]));
    rig.pass(2_999);
    assert!(rig.joined.is_empty(), "each new one prolongs the wait");
    rig.pass(1);
    assert_eq!((rig.reply(first).generation_id, rig.reply(second).generation_id), (1.into(), 1.into()));
}

#[test]
fn a_new_member_is_told_its_id_first_if_its_protocol_has_that() {
    let mut rig = Rig::new();
    let unknown = JoinGroup { requires_known_member_id: true, ..request("a", &["range"]) };
    let told = rig.join(&unknown).expect_err("told");
    assert_eq!(told.rejection.code, ErrorCode::MemberIdRequired);
    assert_eq!(rig.group.state(), State::Empty);
    let known = JoinGroup { member_id: told.member_id.clone(), ..unknown.clone() };
    let token = rig.join_waiting(&known);
    assert_eq!(Some(rig.reply(token).member_id), told.member_id);
    // One that never comes is waited for no longer than its session.
    let other = rig.join(&unknown).expect_err("told").member_id.unwrap();
    rig.pass(10_000);
    let late = JoinGroup { member_id: Some(other), ..unknown };
    assert_eq!(refused(rig.join(&late)), ErrorCode::UnknownMemberId);
}

#[test]
fn the_protocol_is_one_that_all_know_and_most_prefer() {
    let mut rig = Rig::new();
    let tokens: Vec<Token> = [
        ("a", &["sticky", "range", "roundrobin"][..]),
        ("b", &["roundrobin", "range"]),
        ("c", &["roundrobin", "sticky", "range"]),
    ]
    .into_iter()
    .map(|(client, protocols)| rig.join_waiting(&request(client, protocols)))
    .collect();
    let first = rig.reply(tokens[0]).member_id;
    rig.join_waiting(&JoinGroup {
        member_id: Some(first),
        ..request("a", &["sticky", "range", "roundrobin"])
    });
    // Of `range` and `roundrobin`, two of three have `roundrobin` first.
    assert_eq!(rig.reply(tokens[1]).protocol, "roundrobin");
    assert_eq!(refused(rig.join(&request("d", &["other"]))), ErrorCode::InconsistentGroupProtocol);
    let connect = JoinGroup { protocol_type: "connect".to_owned(), ..request("e", &["range"]) };
    assert_eq!(refused(rig.join(&connect)), ErrorCode::InconsistentGroupProtocol);
    assert_eq!(refused(rig.join(&request("f", &[]))), ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn who_did_not_get_the_answer_gets_it_again_and_a_leader_that_joins_again_rebalances() {
    let mut rig = Rig::new();
    rig.grow("a");
    let second = rig.grow("b").member_id;
    let leader = rig.group.view().leader.unwrap();
    let again = |id: &MemberId, client: &str| JoinGroup {
        member_id: Some(id.clone()),
        ..request(client, &["range"])
    };
    let Ok(Join::Done(reply)) = rig.join(&again(&second, "b")) else { panic!("it is told again") };
    assert_eq!((reply.generation_id.get(), &reply.leader), (2, &leader));
    rig.settle();
    assert!(matches!(rig.join(&again(&second, "b")), Ok(Join::Done(_))), "nothing has changed for it");
    assert!(matches!(rig.join(&again(&leader, "a")), Ok(Join::Waiting(_))), "it wants to assign anew");
    assert_eq!(rig.group.state(), State::Preparing);
}

#[test]
fn a_member_that_knows_something_new_rebalances() {
    let mut rig = Rig::new();
    rig.grow("a");
    let second = rig.grow("b").member_id;
    rig.settle();
    let changed = JoinGroup { member_id: Some(second), ..request("b", &["range", "sticky"]) };
    rig.join_waiting(&changed);
    assert_eq!(rig.group.state(), State::Preparing);
}

#[test]
fn session_timeouts_and_sizes_have_limits() {
    let mut rig = Rig::with(GroupConfig { max_size: 1, ..GroupConfig::default() });
    for timeout in [0, 5_999, 1_800_001] {
        let bad = JoinGroup { session_timeout_ms: timeout, ..request("a", &["range"]) };
        assert_eq!(refused(rig.join(&bad)), ErrorCode::InvalidSessionTimeout);
    }
    rig.grow("a");
    assert_eq!(refused(rig.join(&request("b", &["range"]))), ErrorCode::GroupMaxSizeReached);
    let stranger = JoinGroup { member_id: Some(member_id("x")), ..request("x", &["range"]) };
    assert_eq!(refused(rig.join(&stranger)), ErrorCode::UnknownMemberId);
}

#[test]
fn a_group_that_was_only_asked_for_is_blank() {
    let mut rig = Rig::new();
    assert!(rig.group.is_blank());
    let refused = JoinGroup { session_timeout_ms: 1, ..request("a", &["range"]) };
    assert!(rig.join(&refused).is_err());
    assert!(rig.group.is_blank(), "nothing has come of it");
    let asked = JoinGroup { requires_known_member_id: true, ..request("a", &["range"]) };
    assert!(rig.join(&asked).is_err());
    assert!(!rig.group.is_blank(), "somebody is about to join");
    rig.pass(10_000);
    assert!(rig.group.is_blank(), "nobody has");
    rig.grow("a");
    assert!(!rig.group.is_blank());
    let one = rig.group.bytes();
    assert!(one > OVERHEAD_BYTES, "a member and what it says: {one}");
    rig.grow("b");
    assert_eq!(rig.group.bytes(), 2 * one, "another that says as much");
}

#[test]
fn a_group_is_for_one_thing_while_it_has_members_even_one() {
    let mut rig = Rig::new();
    let only = rig.grow("a").member_id;
    let other =
        JoinGroup { member_id: Some(only), protocol_type: "connect".to_owned(), ..request("a", &["range"]) };
    let refused = rig.join(&other).expect_err("of another kind").rejection;
    assert_eq!(refused.code, ErrorCode::InconsistentGroupProtocol);
}
