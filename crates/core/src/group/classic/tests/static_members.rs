//! Members with a name over restarts (KIP-345).

use super::*;

fn instance(text: &str) -> InstanceId {
    InstanceId::new(text).unwrap()
}

fn named(client: &str, name: &str) -> JoinGroup {
    JoinGroup { instance_id: Some(instance(name)), ..request(client, &["range"]) }
}

/// A static member `i` that leads, and a dynamic one.
fn group(rig: &mut Rig) -> (MemberId, MemberId) {
    let token = rig.join_waiting(&named("a", "i"));
    let first = rig.reply(token).member_id;
    let token = rig.join_waiting(&request("b", &["range"]));
    rig.join_waiting(&JoinGroup { member_id: Some(first.clone()), ..named("a", "i") });
    let second = rig.reply(token).member_id;
    rig.settle();
    (first, second)
}

#[test]
fn one_that_restarts_has_its_assignment_without_a_rebalance_and_its_past_is_fenced() {
    let mut rig = Rig::new();
    let (old, _) = group(&mut rig);
    let generation = rig.group.generation_id();
    let Join::Done(reply) = rig.join(&named("a", "i")).unwrap() else { panic!("nothing changes") };
    assert_eq!((reply.generation_id, rig.group.state()), (generation, State::Stable));
    assert_ne!(reply.member_id, old);
    // It leads, and must not assign what nobody would be told: it is not shown to be the leader.
    assert_eq!((&reply.leader, reply.members.len(), reply.skip_assignment), (&old, 0, false));
    let identity = MemberIdentity { instance_id: Some(instance("i")), ..rig.identity(&old) };
    let fenced = rig.group.handle_heartbeat(rig.now_ms, &identity).expect_err("fenced");
    assert_eq!(fenced.code, ErrorCode::FencedInstanceId);
    let new = MemberIdentity { instance_id: Some(instance("i")), ..rig.identity(&reply.member_id) };
    let request = SyncGroup { member: new, ..rig.sync_request(&reply.member_id, &[]) };
    let Sync::Done(assigned) = rig.sync(request).unwrap() else { panic!("it is assigned already") };
    assert_eq!(assigned.assignment, old.as_str(), "what it had under its former id");
    assert!(rig.stored.last().unwrap().members.iter().any(|member| member.member_id == reply.member_id));
}

#[test]
fn a_leader_that_can_be_told_so_skips_the_assignment() {
    let mut rig = Rig::new();
    group(&mut rig);
    let request = JoinGroup { can_skip_assignment: true, ..named("a", "i") };
    let Join::Done(reply) = rig.join(&request).unwrap() else { panic!("nothing changes") };
    assert!(reply.skip_assignment);
    assert_eq!((&reply.leader, reply.members.len()), (&reply.member_id, 2));
}

#[test]
fn it_leaves_by_its_name_alone() {
    let mut rig = Rig::new();
    group(&mut rig);
    let by_name = |name: &str| LeavingMember {
        member_id: None,
        instance_id: Some(instance(name)),
        reason: Some("moved".to_owned()),
    };
    let unknown = rig.group.handle_leave(rig.now_ms, &by_name("other")).expect_err("unknown");
    assert_eq!(unknown.code, ErrorCode::UnknownMemberId);
    let other = LeavingMember { member_id: Some(member_id("x")), ..by_name("i") };
    let fenced = rig.group.handle_leave(rig.now_ms, &other).expect_err("fenced");
    assert_eq!(fenced.code, ErrorCode::FencedInstanceId);
    assert_eq!(rig.group.handle_leave(rig.now_ms, &by_name("i")), Ok(()));
    assert_eq!(rig.group.state(), State::Preparing);
}

#[test]
fn one_that_is_away_is_still_a_member_when_a_rebalance_is_over() {
    let mut rig = Rig::new();
    let (away, second) = group(&mut rig);
    let token = rig.join_waiting(&request("c", &["range"]));
    rig.join_waiting(&JoinGroup { member_id: Some(second), ..request("b", &["range"]) });
    // Its session is longer than the rebalance takes.
    for _ in 0..12 {
        rig.pass(5_000);
        let identity = MemberIdentity { instance_id: Some(instance("i")), ..rig.identity(&away) };
        drop(rig.group.handle_heartbeat(rig.now_ms, &identity));
    }
    let reply = rig.reply(token);
    let known = rig.group.view().members.len();
    assert_eq!((known, reply.generation_id.get()), (3, 3), "it keeps its place");
}

#[test]
fn those_that_are_away_and_ask_for_no_time_are_waited_for_without_haste() {
    let mut rig = Rig::new();
    let hasty = |client, name| JoinGroup { rebalance_timeout_ms: 0, ..named(client, name) };
    let token = rig.join_waiting(&hasty("a", "i"));
    assert_eq!(rig.reply(token).generation_id.get(), 1);
    rig.settle();
    let token = rig.join_waiting(&hasty("b", "j"));
    rig.group.handle_time(rig.now_ms);
    rig.drain();
    let second = rig.reply(token).member_id;
    rig.settle();
    assert_eq!((rig.group.state(), rig.group.view().members.len()), (State::Stable, 2));
    assert_eq!(rig.leave(&second), Ok(()));
    // The first is away and has a session; nobody has joined.
    rig.group.handle_time(rig.now_ms);
    rig.drain();
    assert_eq!((rig.group.state(), rig.group.view().members.len()), (State::Preparing, 1));
    let next = rig.group.next_deadline_ms().expect("it is waited for");
    assert!(next >= rig.now_ms + 500, "looked for again at {next}, it is {}", rig.now_ms);
}
