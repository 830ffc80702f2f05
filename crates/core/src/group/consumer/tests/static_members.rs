//! Members with a name over restarts (KIP-345, KIP-848).

use super::*;

fn named(id: &str, name: &str) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat { instance_id: Some(instance(name)), ..join(id, &["t"]) }
}

/// Static members `a` and `b`, of the instances `i` and `j`, with two partitions each.
fn two() -> Rig {
    let mut rig = Rig::at_once(&[("t", 4)]);
    rig.grow_by(&named("a", "i"));
    rig.grow_by(&named("b", "j"));
    rig.settle();
    rig
}

fn go_away(rig: &mut Rig, id: &str, name: &str) {
    let leave = ConsumerGroupHeartbeat { instance_id: Some(instance(name)), ..heartbeat(id, -2) };
    assert_eq!(rig.send(&leave).unwrap().member_epoch, MemberEpoch::LEAVE_STATIC);
    rig.clients.remove(id);
}

#[test]
fn one_that_restarts_gets_what_it_had_and_nobody_else_notices() {
    let mut rig = two();
    let (had, epoch) = (rig.owned("a").clone(), rig.group.epoch());
    go_away(&mut rig, "a", "i");
    assert!(!rig.beat("b"), "it is waited for");
    assert_eq!(rig.grow_by(&named("a2", "i")), had);
    assert_eq!((rig.group.epoch(), rig.group.state()), (epoch, GroupState::Stable));
    assert!(!rig.beat("b"));
    assert!(!rig.stored.members.contains_key(&member_id("a")), "it has another id");
    assert_eq!(rig.send(&heartbeat("a", 1)), Err(ErrorCode::UnknownMemberId));
    let past = ConsumerGroupHeartbeat { instance_id: Some(instance("i")), ..heartbeat("a", 1) };
    assert_eq!(rig.send(&past), Err(ErrorCode::FencedInstanceId));
}

#[test]
fn one_that_does_not_return_is_gone_after_its_session() {
    let mut rig = two();
    go_away(&mut rig, "a", "i");
    for _ in 0..44 {
        rig.pass(1_000);
        assert!(!rig.beat("b"));
    }
    rig.pass(1_000);
    rig.settle();
    assert_eq!(rig.owned("b").len(), 4);
    assert!(rig.fenced.is_empty(), "there is nobody to be told");
}

#[test]
fn an_instance_id_has_one_process_at_a_time() {
    let mut rig = two();
    assert_eq!(rig.send(&named("x", "i")), Err(ErrorCode::UnreleasedInstanceId));
    assert_eq!(rig.send(&named("a", "j")), Err(ErrorCode::UnreleasedInstanceId));
    assert_eq!(rig.send(&named("a", "k")), Err(ErrorCode::InvalidRequest));
    assert!(rig.send(&named("a", "i")).is_ok(), "it joins again");
    let unnamed = heartbeat("a", -2);
    assert_eq!(rig.send(&unnamed), Err(ErrorCode::InvalidRequest));
}

#[test]
fn one_that_leaves_for_good_is_not_waited_for() {
    let mut rig = two();
    rig.leave("a").unwrap();
    rig.settle();
    assert_eq!(rig.owned("b").len(), 4);
    rig.grow_by(&named("c", "i"));
}

#[test]
fn one_that_returns_under_its_old_id_is_in_a_new_epoch() {
    let mut rig = two();
    let (had, epoch) = (rig.owned("a").clone(), rig.clients["a"].epoch);
    go_away(&mut rig, "a", "i");
    assert_eq!(rig.check("a", epoch), Err(ErrorCode::StaleMemberEpoch));
    let late = ConsumerGroupHeartbeat { owned: Some(Vec::new()), ..heartbeat("a", epoch) };
    assert_eq!(rig.send(&late), Err(ErrorCode::FencedMemberEpoch));
    assert_eq!(rig.grow_by(&named("a", "i")), had);
    assert!(rig.clients["a"].epoch > epoch);
    assert_eq!(rig.check("a", epoch), Err(ErrorCode::StaleMemberEpoch));
    rig.settle();
}

#[test]
fn what_one_that_is_away_is_not_to_have_any_more_is_free_at_once() {
    let mut rig = two();
    go_away(&mut rig, "a", "i");
    rig.grow("c", &["t"]);
    rig.settle();
    let kept =
        rig.stored.current[&member_id("a")].assigned.iter().flat_map(|topic| &topic.partitions).count();
    assert_eq!((rig.loads(), kept), (vec![1, 2], 1));
    // And if it was giving partitions up, it has.
    rig.grow("d", &["t"]);
    rig.settle();
    assert_eq!(rig.loads(), [1, 1, 1]);
}

#[test]
fn one_that_goes_while_it_gives_up_has_given_up() {
    let mut rig = Rig::at_once(&[("t", 2)]);
    rig.grow_by(&named("a", "i"));
    rig.grow("b", &["t"]);
    rig.beat("a");
    go_away(&mut rig, "a", "i");
    assert!(rig.beat("b"));
    assert_eq!(rig.owned("b").len(), 1);
}
