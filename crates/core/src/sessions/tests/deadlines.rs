//! Who dies, and when: to the millisecond, and not of the judge's own lateness.

use super::*;

const SILENT: &str = "fence 1: no heartbeat for 1000 ms";
const CLOSED: &str = "fence 1: connection closed and not resumed within 250 ms";

#[test]
fn a_broker_that_is_silent_for_999_ms_lives_and_for_1000_dies() {
    let mut rig = Rig::with_live_broker();
    rig.pass(999);
    assert!(rig.take_said().is_empty() && rig.is_live());
    rig.pass(1);
    assert_eq!(rig.take_said(), [SILENT]);
    assert!(!rig.is_live());
}

#[test]
fn a_heartbeat_gives_a_whole_session_time() {
    let mut rig = Rig::with_live_broker();
    rig.pass(999);
    rig.beat(1).expect("it lives");
    rig.pass(999);
    assert!(rig.is_live());
    rig.pass(1);
    assert_eq!(rig.take_said(), [SILENT]);
}

#[test]
fn a_closed_connection_suspends_at_once_and_kills_after_250_ms() {
    let mut rig = Rig::with_live_broker();
    rig.close(1);
    assert_eq!(rig.take_said(), ["suspended 1"]);
    assert_eq!(rig.sessions.suspended().collect::<Vec<_>>(), [BrokerId::new(1)]);
    rig.pass(249);
    assert!(rig.take_said().is_empty() && rig.is_live());
    rig.pass(1);
    assert_eq!(rig.take_said(), [CLOSED]);
    assert_eq!(rig.sessions.suspended().count(), 0, "that it is fenced says it all");
}

#[test]
fn the_grace_is_whole_also_late_in_the_session_time() {
    let mut rig = Rig::with_live_broker();
    rig.pass(900);
    rig.close(1);
    rig.pass(249);
    assert!(rig.is_live());
    rig.pass(1);
    assert_eq!(rig.take_said(), ["suspended 1", CLOSED]);
}

#[test]
fn the_judges_absence_kills_nobody() {
    let mut rig = Rig::with_live_broker();
    rig.pass(900);
    // What arrived meanwhile was lost with the connection, say; it still has a whole session time.
    rig.stall(3_000);
    assert!(rig.is_live());
    rig.pass(999);
    assert!(rig.is_live());
    rig.pass(1);
    assert_eq!(
        rig.take_said(),
        ["fence 1: no heartbeat for 4900 ms"],
        "the journal has the time that passed"
    );
}

#[test]
fn deadlines_move_by_as_much_as_the_judge_was_late() {
    let mut rig = Rig::with_live_broker();
    rig.pass(800);
    rig.stall(201);
    // 1000 + 201.
    rig.pass(199);
    assert!(rig.is_live());
    rig.pass(1);
    let said = "fence 1: no heartbeat for 1201 ms".to_owned();
    assert_eq!((rig.take_said(), rig.now_ms), (vec![said], 1_201));
}

#[test]
fn two_hundred_milliseconds_are_not_late_yet() {
    let mut rig = Rig::with_live_broker();
    rig.pass(800);
    rig.stall(200);
    assert_eq!(rig.take_said(), [SILENT]);
}

#[test]
fn the_grace_moves_too() {
    let mut rig = Rig::with_live_broker();
    rig.close(1);
    rig.stall(3_000);
    assert!(rig.is_live());
    rig.pass(249);
    assert!(rig.is_live());
    rig.pass(1);
    let closed = "fence 1: connection closed and not resumed within 3250 ms";
    assert_eq!(rig.take_said(), ["suspended 1", closed]);
}

#[test]
fn a_heartbeat_handled_before_a_late_tick_gives_one_session_time_and_no_more() {
    let mut rig = Rig::with_live_broker();
    rig.now_ms += 3_000;
    rig.beat(1).expect("it had arrived");
    rig.stall(0);
    rig.pass(1_000);
    assert_eq!(rig.take_said(), [SILENT]);
}

#[test]
fn time_in_which_nobody_could_die_is_no_lateness() {
    let mut rig = Rig::new();
    assert_eq!(rig.sessions.next_tick(), None);
    rig.now_ms = 100_000;
    rig.register(1, 1, 1).expect("it registers");
    assert_eq!(rig.sessions.next_tick(), None, "who is fenced cannot die");
    rig.now_ms = 200_000;
    rig.beat(1).expect("it beats");
    assert_eq!(rig.sessions.next_tick(), Some(200_100));
    rig.pass(1_000);
    assert_eq!(rig.take_said(), ["unfence 1", SILENT]);
}

#[test]
fn a_fencing_that_found_no_room_is_asked_for_again() {
    let mut rig = Rig::with_live_broker();
    rig.full = true;
    rig.pass(1_000);
    assert_eq!(rig.take_said(), [SILENT]);
    assert!(rig.is_live());
    rig.full = false;
    rig.pass(100);
    assert_eq!(rig.take_said(), ["fence 1: no heartbeat for 1100 ms"]);
    assert!(!rig.is_live());
}

#[test]
fn who_is_being_fenced_is_answered_as_fenced() {
    let mut rig = Rig::with_live_broker();
    rig.pass(950);
    rig.now_ms = 1_000;
    // The controller has not decided yet.
    rig.sessions.handle_time(1_000);
    let heartbeat = Heartbeat {
        broker_epoch: rig.epoch(1),
        applied: rig.controller.image().index(),
        recovered: true,
        clients: None,
    };
    let reply = rig.sessions.handle_heartbeat(1_000, connection(1), &heartbeat, MetadataIndex::new(9));
    assert_eq!(reply, Ok(HeartbeatReply { fenced: true, index: MetadataIndex::new(9) }));
    assert_eq!(rig.take_said(), [SILENT], "once asked, it is not asked for again, nor taken back");
}

#[test]
#[should_panic(expected = "the monotonic clock went back")]
fn time_does_not_go_back() {
    let mut rig = Rig::with_live_broker();
    rig.sessions.handle_time(5);
    rig.sessions.handle_time(4);
}
