//! Another coordinator runs the group on.

use super::*;

/// The same group under another coordinator, as far as it is stored.
fn moved(rig: &Rig, config: GroupConfig) -> Rig {
    let group = ConsumerGroup::load(config, rig.now_ms, rig.stored.clone(), &rig.topics);
    let mut next = Rig::of(group, rig.topics.clone());
    next.stored = rig.stored.clone();
    next.now_ms = rig.now_ms;
    next.clients = rig.clients.clone();
    next.drain();
    next
}

fn two() -> Rig {
    let mut rig = Rig::at_once(&[("t", 4)]);
    rig.grow_by(&ConsumerGroupHeartbeat {
        instance_id: Some(instance("i")),
        rack_id: Some("r".to_owned()),
        server_assignor: Some("uniform".to_owned()),
        ..join("a", &["t"])
    });
    rig.grow_by(&ConsumerGroupHeartbeat {
        subscribed_topics: None,
        subscribed_regex: Some("t.*".to_owned()),
        ..join("b", &[])
    });
    rig
}

#[test]
fn a_group_is_what_was_stored_of_it() {
    let mut rig = two();
    rig.settle();
    rig.pass(5_000);
    let next = moved(&rig, GroupConfig::default());
    let mut view = rig.group.view();
    view.members.iter_mut().for_each(|member| member.heard_ms = rig.now_ms);
    assert_eq!(next.group.view(), view);
    assert_eq!((next.stores, next.rebalances.len()), (0, 0), "nothing has changed");
}

#[test]
fn members_have_a_whole_session_and_whoever_gives_up_its_whole_time() {
    let mut rig = two();
    rig.beat("a");
    rig.pass(40_000);
    let mut next = moved(&rig, GroupConfig::default());
    assert_eq!(next.group.state(), GroupState::Reconciling);
    next.pass(44_000);
    next.beat("b");
    next.send(&heartbeat("a", next.clients["a"].epoch)).unwrap();
    // It is given up after all, and the rebalance is over for people to read.
    next.settle();
    assert_eq!(next.loads(), [2, 2]);
    assert!(next.rebalances[0].cause.contains("moved"), "{:?}", next.rebalances);

    let mut late = moved(&rig, GroupConfig::default());
    for _ in 0..12 {
        late.pass(4_999);
        late.send(&heartbeat("a", late.clients["a"].epoch)).unwrap();
        late.beat("b");
    }
    assert!(late.fenced.is_empty());
    late.pass(60);
    assert_eq!(late.fenced, [(member_id("a"), ErrorCode::UnknownMemberId)]);
}

#[test]
fn what_was_not_stored_was_never_told() {
    let mut rig = two();
    let before = rig.stored.clone();
    // The first is about to be told to give up; its coordinator fails before that is stored.
    let request = heartbeat("a", 1);
    rig.send(&request).unwrap();
    rig.stored = before;
    let mut next = moved(&rig, GroupConfig::default());
    assert_eq!(next.check("a", 1), Ok(()), "it has not been told anything");
    next.settle();
    assert_eq!(next.loads(), [2, 2]);
}

#[test]
fn a_target_that_was_not_made_or_is_old_is_made() {
    let mut rig = two();
    rig.settle();
    rig.topics = topics(&[("t", 4), ("t2", 1)]);
    let mut next = moved(&rig, GroupConfig::default());
    assert_eq!((next.stores, next.group.epoch().get()), (1, rig.group.epoch().get() + 1));
    next.settle();
    assert_eq!(next.loads(), [2, 3], "one wants the new topic as well");

    let mut slow = Rig::new(&[("t", 4)]);
    slow.grow("a", &["t"]);
    slow.grow("b", &["t"]);
    assert_eq!(slow.group.state(), GroupState::Assigning);
    let mut next = moved(&slow, GroupConfig::default());
    assert_eq!(next.group.state(), GroupState::Reconciling);
    next.settle();
    assert_eq!(next.loads(), [2, 2]);
}

#[test]
fn a_static_member_that_is_away_may_return_to_the_next_coordinator() {
    let mut rig = two();
    rig.settle();
    let leave = ConsumerGroupHeartbeat { instance_id: Some(instance("i")), ..heartbeat("a", -2) };
    rig.send(&leave).unwrap();
    let had = rig.clients.remove("a").unwrap().owned;
    let mut next = moved(&rig, GroupConfig::default());
    let back = ConsumerGroupHeartbeat { instance_id: Some(instance("i")), ..join("a2", &["t"]) };
    assert_eq!(next.grow_by(&back), had);
}

#[test]
fn what_contradicts_itself_is_put_right() {
    let mut rig = two();
    rig.settle();
    let mut stored = rig.stored.clone();
    let all = vec![of("t", &[0, 1, 2, 3])];
    for current in stored.current.values_mut() {
        current.assigned.clone_from(&all);
        current.revoking.clone_from(&all);
        current.state = MemberState::Revoking;
        current.member_epoch = MemberEpoch::new(50);
    }
    stored.target.values_mut().for_each(|target| target.clone_from(&all));
    stored.target_epoch = None;
    let mut member = stored.members[&member_id("b")].clone();
    member.topic_regex = Some("(".to_owned());
    stored.members.insert(member_id("b"), member);
    stored.target.insert(member_id("gone"), all);
    let group = ConsumerGroup::load(GroupConfig::default(), 1_000, stored, &rig.topics);
    assert_eq!((group.epoch().get(), group.view().members.len()), (50, 2));
    assert_eq!(group.view().members[1].topic_regex, None);
}

#[test]
fn a_group_that_is_deleted_leaves_nothing_behind() {
    let mut rig = two();
    rig.settle();
    for change in rig.stored.clone().removal() {
        rig.stored.apply(change);
    }
    assert!(rig.stored.is_nothing());
    let empty = ConsumerGroup::load(GroupConfig::default(), 0, rig.stored, &rig.topics);
    assert_eq!((empty.state(), empty.epoch().get()), (GroupState::Empty, 0));
}
