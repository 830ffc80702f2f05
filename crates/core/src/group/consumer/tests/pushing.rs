//! Members on a group stream, who are told at once what is new to them.

use super::*;

fn told(rig: &mut Rig, id: &str) -> Assignment {
    let told = rig.group.assignment_for(rig.now_ms, &member_id(id)).expect("it is a member");
    rig.drain();
    told
}

#[test]
fn what_is_new_is_told_without_being_asked_for() {
    let mut rig = Rig::at_once(&[("t", 2)]);
    rig.grow("a", &["t"]);
    let first = told(&mut rig, "a");
    assert_eq!((first.member_epoch.get(), first.is_complete), (1, true));
    rig.changed.clear();
    rig.grow("b", &["t"]);
    assert_eq!(rig.changed, ["a", "b"].map(member_id).into());
    let less = told(&mut rig, "a");
    assert_eq!((less.member_epoch.get(), &less.partitions[..]), (2, &[of("t", &[0])][..]));
    assert!(!less.is_complete, "it has something to do");
    assert_eq!(rig.stored.current[&member_id("a")].state, MemberState::Revoking, "that is stored first");
    assert_eq!(told(&mut rig, "a"), less, "to be told twice changes nothing");
    let waiting = told(&mut rig, "b");
    assert!(waiting.partitions.is_empty() && !waiting.is_complete);
    rig.changed.clear();
    let gave_up = ConsumerGroupHeartbeat { owned: Some(vec![of("t", &[0])]), ..heartbeat("a", 2) };
    rig.send(&gave_up).unwrap();
    assert_eq!(rig.changed, ["a", "b"].map(member_id).into(), "one has another epoch, one a partition");
    assert_eq!((told(&mut rig, "a").member_epoch.get(), rig.check("a", 3)), (3, Ok(())));
    let got = told(&mut rig, "b");
    assert_eq!((got.is_complete, &got.partitions[..]), (true, &[of("t", &[1])][..]));
    assert_eq!(rig.group.assignment_for(rig.now_ms, &member_id("nobody")), None);
}

#[test]
fn being_told_is_no_sign_of_life() {
    let mut rig = Rig::at_once(&[("t", 2)]);
    rig.grow("a", &["t"]);
    rig.pass(44_999);
    told(&mut rig, "a");
    rig.pass(1);
    assert!(rig.group.is_empty());
}

#[test]
fn a_heartbeat_that_was_overtaken_by_a_push_gives_nothing_up() {
    let mut rig = Rig::at_once(&[("t", 3)]);
    // Each newcomer gets the first of the three, and the others move on.
    let in_order =
        |id: &str| ConsumerGroupHeartbeat { server_assignor: Some("range".to_owned()), ..join(id, &["t"]) };
    rig.grow_by(&in_order("a"));
    rig.grow_by(&in_order("b"));
    // `b` waits in its epoch, and says so.
    let epoch = told(&mut rig, "b").member_epoch.get();
    let on_its_way = ConsumerGroupHeartbeat { owned: Some(Vec::new()), ..heartbeat("b", epoch) };
    // Meanwhile it is given a partition, and is told to give it up again.
    rig.beat("a");
    rig.beat("a");
    let got = told(&mut rig, "b");
    assert_eq!(got.partitions, [of("t", &[2])]);
    for id in ["0", "1"] {
        rig.grow_by(&in_order(id));
    }
    assert!(told(&mut rig, "b").partitions.is_empty());
    // What it said before proves nothing.
    rig.send(&on_its_way).unwrap();
    assert_eq!(rig.stored.current[&member_id("b")].revoking, [of("t", &[2])]);
    let epoch = told(&mut rig, "b").member_epoch.get();
    let gave_up = ConsumerGroupHeartbeat { owned: Some(Vec::new()), ..heartbeat("b", epoch) };
    rig.send(&gave_up).unwrap();
    assert_eq!(rig.stored.current[&member_id("b")].revoking, []);
}
