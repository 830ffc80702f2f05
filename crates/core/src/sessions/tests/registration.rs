//! New processes: registered, refused, unfenced.

use super::*;

#[test]
fn a_broker_is_unfenced_once_it_has_recovered_and_applied_its_registration() {
    let mut rig = Rig::new();
    let epoch = rig.register(1, 1, 1).expect("it registers");
    let registered = MetadataIndex::new(u64::try_from(epoch.get()).unwrap());
    let before = MetadataIndex::new(registered.get() - 1);
    let reply = rig.beat_with(1, false, registered).expect("a session");
    assert_eq!(reply, HeartbeatReply { fenced: true, index: registered });
    rig.beat_with(1, true, before).expect("a session");
    assert!(rig.take_said().is_empty(), "not recovered, then not up to date");
    rig.beat_with(1, true, registered).expect("a session");
    assert_eq!(rig.take_said(), ["unfence 1"]);
    assert!(!rig.beat(1).expect("a session").fenced);
    assert!(rig.take_said().is_empty());
}

#[test]
fn an_unfencing_that_found_no_room_is_asked_for_with_the_next_heartbeat() {
    let mut rig = Rig::new();
    rig.register(1, 1, 1).expect("it registers");
    rig.full = true;
    rig.beat(1).expect("a session");
    rig.full = false;
    rig.beat(1).expect("a session");
    assert_eq!(rig.take_said(), ["unfence 1", "unfence 1"]);
    assert!(rig.is_live());
}

#[test]
fn a_second_process_is_refused_while_the_first_is_connected_and_beats() {
    let mut rig = Rig::with_live_broker();
    let refused = rig.register(1, 2, 2).expect_err("the first lives");
    assert_eq!(refused.code, ErrorCode::DuplicateBrokerRegistration);
    assert_eq!(
        refused.message,
        "another process of broker 1 is connected; stop it, or give one of the two another id"
    );
    rig.close(2);
    assert!(rig.take_said().is_empty(), "the refused one's connection means nothing");
    rig.beat(1).expect("the first goes on");
    rig.register(2, 2, 3).expect("another id is another broker");
}

#[test]
fn a_second_process_is_refused_also_while_the_first_recovers_its_logs() {
    let mut rig = Rig::new();
    rig.register(1, 1, 1).expect("it registers");
    assert_eq!(rig.register(1, 2, 2).expect_err("alive").code, ErrorCode::DuplicateBrokerRegistration);
    // Silent for longer than a session: nothing is to be lost by taking it for dead.
    rig.pass(1_000);
    rig.register(1, 2, 2).expect("the first is silent");
}

#[test]
fn a_new_process_may_register_as_soon_as_the_first_ones_connection_has_closed() {
    let mut rig = Rig::with_live_broker();
    let first = rig.epoch(1);
    rig.close(1);
    let second = rig.register(1, 2, 2).expect("a restart within the grace");
    assert!(second > first, "INV-7");
    assert_eq!(rig.take_said(), ["suspended 1", "restored 1"]);
    assert!(!rig.is_live(), "a registration is fenced");
    rig.pass(5_000);
    assert!(rig.take_said().is_empty(), "and cannot die");
}

#[test]
fn the_former_process_finds_its_session_over() {
    let mut rig = Rig::with_live_broker();
    let first = rig.epoch(1);
    rig.close(1);
    rig.register(1, 2, 2).expect("a restart");
    let resume = ResumeSession {
        broker_id: BrokerId::new(1),
        broker_epoch: first,
        incarnation_id: incarnation(1),
        applied: MetadataIndex::new(0),
    };
    let refused = rig.sessions.handle_resume(rig.now_ms, connection(3), &resume).expect_err("over");
    assert_eq!(refused.code, ErrorCode::StaleBrokerEpoch);
}

#[test]
fn of_two_processes_that_register_at_once_the_first_counts() {
    let mut rig = Rig::new();
    let id = BrokerId::new(1);
    rig.sessions.handle_register(0, connection(1), (id, incarnation(1))).expect("the first");
    let second = rig.sessions.handle_register(0, connection(2), (id, incarnation(2)));
    assert_eq!(second.expect_err("the second").code, ErrorCode::DuplicateBrokerRegistration);
    rig.sessions.handle_not_registered(0, connection(1), id);
    rig.sessions.handle_register(0, connection(2), (id, incarnation(2))).expect("the first was refused");
}

#[test]
fn a_connection_that_closes_while_it_registers_leaves_no_session_behind() {
    let mut rig = Rig::new();
    let id = BrokerId::new(1);
    rig.sessions.handle_register(0, connection(1), (id, incarnation(1))).expect("allowed");
    rig.sessions.handle_closed(0, connection(1));
    rig.submit(registration(1, 1)).expect("decided");
    let image = rig.controller.image().clone();
    rig.sessions.handle_registered(0, connection(1), id, &image);
    assert!(!rig.sessions.state(id).expect("it is registered").connected);
    let asked_again = rig.register(1, 1, 2).expect("the same process asks again");
    assert_eq!(asked_again, rig.epoch(1), "and gets the registration that it has");
    rig.beat(2).expect("a session");
    assert_eq!(rig.take_said(), ["unfence 1"]);
}

#[test]
fn a_heartbeat_needs_a_session_and_its_epoch() {
    let mut rig = Rig::with_live_broker();
    let refused = rig.beat(7).expect_err("no session");
    assert_eq!(refused.code, ErrorCode::InvalidRequest);
    let heartbeat = Heartbeat {
        broker_epoch: BrokerEpoch::new(99),
        applied: MetadataIndex::new(0),
        recovered: true,
        clients: None,
    };
    let refused = rig.sessions.handle_heartbeat(0, connection(1), &heartbeat, MetadataIndex::new(0));
    assert_eq!(refused.expect_err("another epoch").code, ErrorCode::StaleBrokerEpoch);
}

#[test]
fn a_clean_shutdown_is_no_death() {
    let mut rig = Rig::with_live_broker();
    let (broker_id, broker_epoch) = (BrokerId::new(1), rig.epoch(1));
    rig.submit(ShutdownBroker { broker_id, broker_epoch }).expect("it leaves");
    let image = rig.controller.image().clone();
    rig.sessions.handle_image(0, &image);
    // It says so itself: it does not want to be unfenced.
    assert!(rig.beat_with(1, false, image.index()).expect("a session").fenced);
    rig.close(1);
    rig.pass(5_000);
    assert!(rig.take_said().is_empty());
}
