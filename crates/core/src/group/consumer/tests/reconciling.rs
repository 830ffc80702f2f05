//! Partitions go from one member to another.

use super::*;

/// `a` has both partitions, and `b` has joined.
fn two() -> Rig {
    let mut rig = Rig::at_once(&[("t", 2)]);
    rig.grow("a", &["t"]);
    assert_eq!(rig.grow("b", &["t"]), BTreeSet::new(), "the first has not given up anything yet");
    rig
}

#[test]
fn a_partition_goes_over_when_its_owner_has_given_it_up() {
    let mut rig = two();
    assert_eq!(rig.group.state(), GroupState::Reconciling);
    assert!(!rig.beat("b"), "it is still waiting");
    // The first is told, and is in another epoch from then on.
    let told = rig.send(&heartbeat("a", 1)).unwrap();
    assert_eq!((told.member_epoch.get(), &told.assignment), (2, &Some(vec![of("t", &[0])])));
    let revoking = &rig.stored.current[&member_id("a")];
    assert_eq!((revoking.state, &revoking.revoking), (MemberState::Revoking, &vec![of("t", &[1])]));
    // As long as it says that it owns the other one, or does not say what it owns, nobody else does.
    let still = ConsumerGroupHeartbeat { owned: Some(vec![of("t", &[0, 1])]), ..heartbeat("a", 2) };
    assert_eq!(rig.send(&still).unwrap().assignment, told.assignment, "it is told again");
    assert_eq!(rig.send(&heartbeat("a", 2)).unwrap().assignment, None);
    assert!(!rig.beat("b"));
    rig.changed.clear();
    let gave_up = ConsumerGroupHeartbeat { owned: Some(vec![of("t", &[0])]), ..heartbeat("a", 2) };
    let reply = rig.send(&gave_up).unwrap();
    assert_eq!((reply.member_epoch.get(), &reply.assignment), (3, &None), "it goes on");
    assert!(rig.changed.contains(&member_id("b")), "who waits can be told");
    let got = ConsumerGroupHeartbeat { owned: Some(Vec::new()), ..heartbeat("b", 2) };
    assert_eq!(rig.send(&got).unwrap().assignment, Some(vec![of("t", &[1])]));
    assert_eq!(rig.group.state(), GroupState::Stable);
    assert_eq!(rig.rebalances.len(), 2);
}
