//! Members that are not heard of, or do not do what they are told, and targets that wait.

use super::*;

#[test]
fn a_silent_member_goes_after_its_session_timeout() {
    let mut rig = Rig::at_once(&[("t", 2)]);
    rig.grow("a", &["t"]);
    rig.grow("b", &["t"]);
    rig.settle();
    rig.pass(44_000);
    rig.beat("a");
    let epoch = rig.clients["b"].epoch;
    // Commits and fetches are no sign of life.
    assert_eq!(rig.check("b", epoch), Ok(()));
    rig.pass(999);
    assert_eq!(rig.check("b", epoch), Ok(()), "it has a moment left");
    rig.pass(1);
    assert_eq!(rig.check("b", epoch), Err(ErrorCode::UnknownMemberId));
    assert_eq!(rig.fenced, [(member_id("b"), ErrorCode::UnknownMemberId)]);
    rig.clients.remove("b");
    rig.settle();
    assert_eq!(rig.owned("a").len(), 2);
    assert!(rig.rebalances.last().unwrap().cause.contains("b was not heard of"), "{:?}", rig.rebalances);
}

#[test]
fn a_member_whose_stream_lasts_is_not_silent() {
    let mut rig = Rig::new(&[("t", 2)]);
    rig.grow("a", &["t"]);
    for _ in 0..10 {
        rig.pass(30_000);
        rig.group.handle_alive(rig.now_ms, &member_id("a"));
        rig.group.handle_alive(rig.now_ms, &member_id("nobody"));
    }
    assert!(!rig.beat("a"));
    rig.pass(45_000);
    assert!(rig.group.is_empty());
    assert_eq!(rig.group.next_deadline_ms(), None);
}

#[test]
fn a_member_that_does_not_give_up_in_time_is_out() {
    let mut rig = Rig::at_once(&[("t", 2)]);
    rig.grow_by(&ConsumerGroupHeartbeat { rebalance_timeout_ms: Some(20_000), ..join("a", &["t"]) });
    rig.grow("b", &["t"]);
    // It has not been told yet: its time has not begun.
    rig.pass(10_000);
    assert!(!rig.beat("b"));
    rig.beat("a");
    for _ in 0..4 {
        rig.pass(4_000);
        let busy = heartbeat("a", 2);
        rig.send(&busy).unwrap();
        assert!(!rig.beat("b"));
    }
    rig.pass(4_000);
    assert_eq!(rig.fenced, [(member_id("a"), ErrorCode::UnknownMemberId)]);
    rig.clients.remove("a");
    rig.settle();
    assert_eq!(rig.owned("b").len(), 2);
}

#[test]
fn members_that_join_soon_after_one_another_wait_for_one_target() {
    let mut rig = Rig::new(&[("t", 4)]);
    rig.grow("a", &["t"]);
    rig.pass(50);
    assert!(rig.grow("b", &["t"]).is_empty());
    assert_eq!(rig.group.state(), GroupState::Assigning);
    assert!(rig.grow("c", &["t"]).is_empty());
    let view = rig.group.view();
    assert_eq!((view.epoch.get(), view.target_epoch.get()), (3, 1));
    assert!(!rig.beat("a"), "there is nothing to give up yet");
    rig.changed.clear();
    rig.pass(149);
    assert_eq!(rig.group.state(), GroupState::Assigning);
    rig.pass(1);
    assert_eq!(rig.group.state(), GroupState::Reconciling);
    assert_eq!(rig.changed, [member_id("a")].into(), "who has to give up is first");
    rig.settle();
    assert_eq!(rig.loads(), [1, 1, 2]);
    // The group was calm since, so the next one waits for nothing.
    rig.pass(200);
    rig.leave("b").unwrap();
    assert_eq!(rig.group.state(), GroupState::Reconciling);
    rig.settle();
    assert_eq!(rig.loads(), [2, 2]);
}

#[test]
fn the_first_member_of_a_group_that_was_left_waits_for_nothing() {
    let mut rig = Rig::new(&[("t", 2)]);
    rig.grow("a", &["t"]);
    rig.leave("a").unwrap();
    assert_eq!(rig.rebalances.last().unwrap().members, 0);
    assert_eq!(rig.grow("b", &["t"]).len(), 2);
    assert_eq!(rig.group.state(), GroupState::Stable);
}
