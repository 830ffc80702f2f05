//! Members come.

use super::*;

#[test]
fn the_first_member_gets_everything_at_once() {
    let mut rig = Rig::new(&[("t", 3)]);
    let reply = rig.send(&join("a", &["t"])).unwrap();
    assert_eq!((reply.member_epoch.get(), reply.heartbeat_interval_ms), (1, 5_000));
    assert_eq!(reply.assignment, Some(vec![of("t", &[0, 1, 2])]));
    assert_eq!((rig.group.state(), rig.group.epoch().get()), (GroupState::Stable, 1));
    let [rebalance] = &rig.rebalances[..] else { panic!("{:?}", rig.rebalances) };
    assert!(rebalance.cause.contains("a joins") && rebalance.members == 1, "{rebalance:?}");
    // It is stored before anybody is told.
    assert_eq!(rig.stored.epoch, Some(MemberEpoch::new(1)));
    assert_eq!(rig.stored.current[&member_id("a")].assigned, vec![of("t", &[0, 1, 2])]);
    assert_eq!(rig.stored.target[&member_id("a")], vec![of("t", &[0, 1, 2])]);
    assert_eq!(rig.stored.members[&member_id("a")].rebalance_timeout_ms, 60_000);
}

#[test]
fn a_heartbeat_that_says_nothing_new_is_told_nothing_and_stores_nothing() {
    let mut rig = Rig::new(&[("t", 3)]);
    rig.grow("a", &["t"]);
    let stores = rig.stores;
    let reply = rig.send(&heartbeat("a", 1)).unwrap();
    assert_eq!((reply.member_epoch.get(), reply.assignment), (1, None));
    assert!(!rig.beat("a"));
    assert_eq!(rig.stores, stores);
}

#[test]
fn a_join_that_is_repeated_changes_nothing_and_is_answered_again() {
    let mut rig = Rig::new(&[("t", 3)]);
    let first = rig.send(&join("a", &["t"])).unwrap();
    let stores = rig.stores;
    assert_eq!(rig.send(&join("a", &["t"])), Ok(first));
    assert_eq!((rig.group.epoch().get(), rig.stores), (1, stores));
}

#[test]
fn a_join_says_which_topics_it_wants_and_owns_nothing() {
    let mut rig = Rig::new(&[("t", 3)]);
    let without = ConsumerGroupHeartbeat { subscribed_topics: None, ..join("a", &[]) };
    assert_eq!(rig.send(&without), Err(ErrorCode::InvalidRequest));
    let owns = ConsumerGroupHeartbeat { owned: Some(vec![of("t", &[0])]), ..join("a", &["t"]) };
    assert_eq!(rig.send(&owns), Err(ErrorCode::InvalidRequest));
    let hasty = ConsumerGroupHeartbeat { rebalance_timeout_ms: Some(0), ..join("a", &["t"]) };
    assert_eq!(rig.send(&hasty), Err(ErrorCode::InvalidRequest));
    assert_eq!(rig.send(&heartbeat("a", -3)), Err(ErrorCode::InvalidRequest));
    assert!(rig.group.is_empty() && rig.stored.is_nothing());
    // Nothing to want is a wish too, and what is not said has defaults.
    let modest = ConsumerGroupHeartbeat { owned: None, rebalance_timeout_ms: None, ..join("a", &[]) };
    assert_eq!(rig.send(&modest).unwrap().assignment, Some(Vec::new()));
    assert_eq!(rig.stored.members[&member_id("a")].rebalance_timeout_ms, 300_000);
}

#[test]
fn groups_have_a_size_and_assignors_have_names() {
    let mut rig = Rig::with(GroupConfig { max_size: 1, ..GroupConfig::default() }, &[("t", 3)]);
    let bad = ConsumerGroupHeartbeat { server_assignor: Some("best".to_owned()), ..join("a", &["t"]) };
    let rejection = rig.group.handle_heartbeat(rig.now_ms, &bad, &rig.topics).expect_err("refused");
    assert_eq!(rejection.code, ErrorCode::UnsupportedAssignor);
    assert!(rejection.message.contains("uniform, range"), "{}", rejection.message);
    rig.grow("a", &["t"]);
    assert_eq!(rig.send(&join("b", &["t"])), Err(ErrorCode::GroupMaxSizeReached));
    assert!(rig.send(&join("a", &["t"])).is_ok(), "it is one of them");
}

#[test]
fn ten_that_start_together_cost_three_assignments_and_no_partition_moves_twice() {
    let mut rig = Rig::new(&[("t", 30)]);
    for n in 0..10 {
        rig.grow(&format!("m{n}"), &["t"]);
        rig.pass(30);
        // Those that are pushed what is new to them do at once as they are told.
        for id in std::mem::take(&mut rig.changed) {
            rig.beat(id.as_str());
        }
    }
    rig.pass(200);
    rig.settle();
    assert_eq!(rig.loads(), [3; 10]);
    assert!(rig.moves.values().all(|moves| *moves <= 2), "{:?}", rig.moves);
    assert!(rig.moves.values().any(|moves| *moves > 0), "they took over from the first");
}
