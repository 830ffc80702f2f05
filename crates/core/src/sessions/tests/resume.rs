//! The same process goes on: over another connection, after silence, after the zookeeper's restart.

use super::*;

#[test]
fn a_resume_within_the_grace_changes_nothing() {
    let mut rig = Rig::with_live_broker();
    let index = rig.controller.image().index();
    rig.close(1);
    rig.pass(249);
    rig.resume(1, 2).expect("it resumes");
    assert_eq!(rig.take_said(), ["suspended 1", "restored 1"]);
    rig.pass(999);
    assert!(rig.is_live());
    assert_eq!(rig.controller.image().index(), index, "no record");
}

#[test]
fn a_resume_needs_the_incarnation_and_the_epoch_on_record() {
    let mut rig = Rig::with_live_broker();
    rig.close(1);
    let refused = rig.resume(2, 2).expect_err("another process");
    assert_eq!(refused.code, ErrorCode::StaleBrokerEpoch);
    let mut request = ResumeSession {
        broker_id: BrokerId::new(1),
        broker_epoch: BrokerEpoch::new(99),
        incarnation_id: incarnation(1),
        applied: MetadataIndex::new(0),
    };
    let refused = rig.sessions.handle_resume(rig.now_ms, connection(2), &request);
    assert_eq!(refused.expect_err("another epoch").code, ErrorCode::StaleBrokerEpoch);
    request.broker_id = BrokerId::new(9);
    let refused = rig.sessions.handle_resume(rig.now_ms, connection(2), &request);
    assert_eq!(refused.expect_err("nobody").code, ErrorCode::BrokerIdNotRegistered);
}

#[test]
fn a_resume_over_a_second_connection_replaces_the_first() {
    let mut rig = Rig::with_live_broker();
    rig.resume(1, 2).expect("it resumes");
    rig.close(1);
    assert!(rig.take_said().is_empty(), "the first one's close means nothing");
    rig.pass(999);
    rig.beat(2).expect("the second carries the session");
    assert_eq!(rig.beat(1).expect_err("the first does not").code, ErrorCode::InvalidRequest);
    rig.close(2);
    assert_eq!(rig.take_said(), ["suspended 1"]);
}

#[test]
fn a_session_fenced_for_silence_may_resume_and_is_unfenced_once_it_knows() {
    let mut rig = Rig::with_live_broker();
    let knows = rig.controller.image().index();
    rig.pass(1_000);
    let fenced = rig.controller.image().index();
    assert!(!rig.is_live());
    rig.resume(1, 2).expect("the same process");
    rig.take_said();
    assert!(rig.beat_with(2, true, knows).expect("a session").fenced);
    assert!(rig.take_said().is_empty(), "it does not know yet that it was fenced");
    rig.beat_with(2, true, fenced).expect("a session");
    assert_eq!(rig.take_said(), ["unfence 1"]);
    assert!(rig.is_live());
}

#[test]
fn after_the_zookeepers_restart_every_session_has_a_whole_session_time() {
    let mut rig = Rig::with_live_broker();
    rig.pass(900);
    rig.restart();
    rig.pass(999);
    assert!(rig.is_live());
    rig.resume(1, 1).expect("it resumes, over the first connection of this process");
    rig.pass(999);
    assert!(rig.take_said().is_empty() && rig.is_live());
    rig.pass(1);
    assert_eq!(rig.take_said(), ["fence 1: no heartbeat for 1000 ms"]);
}

#[test]
fn after_the_restart_the_grace_is_for_connections_of_this_process_only() {
    let mut rig = Rig::with_live_broker();
    rig.restart();
    rig.close(77);
    rig.pass(999);
    assert!(rig.take_said().is_empty() && rig.is_live());
    rig.pass(1);
    assert_eq!(rig.take_said(), ["fence 1: no heartbeat for 1000 ms"]);
}

#[test]
fn who_was_fenced_before_the_restart_resumes_and_must_know_everything_before_it() {
    let mut rig = Rig::with_live_broker();
    rig.pass(1_000);
    rig.restart();
    rig.resume(1, 1).expect("it resumes");
    rig.take_said();
    let end = rig.controller.image().index();
    rig.beat_with(1, true, MetadataIndex::new(end.get() - 1)).expect("a session");
    assert!(rig.take_said().is_empty());
    rig.beat_with(1, true, end).expect("a session");
    assert_eq!(rig.take_said(), ["unfence 1"]);
}

#[test]
fn who_is_unfenced_after_its_connection_closed_has_the_grace() {
    let mut rig = Rig::new();
    rig.register(1, 1, 1).expect("it registers");
    let (broker_id, broker_epoch) = (BrokerId::new(1), rig.epoch(1));
    rig.close(1);
    assert!(rig.take_said().is_empty(), "it leads nothing");
    rig.submit(UnfenceBroker { broker_id, broker_epoch }).expect("decided before");
    let image = rig.controller.image().clone();
    rig.sessions.handle_image(rig.now_ms, &image);
    assert_eq!(rig.take_said(), ["suspended 1"]);
    rig.pass(250);
    assert!(!rig.is_live());
}

#[test]
fn the_state_is_what_a_person_wants_to_see() {
    let mut rig = Rig::with_live_broker();
    let id = BrokerId::new(1);
    rig.pass(100);
    let state = rig.sessions.state(id);
    assert_eq!(state, Some(SessionState { connected: true, heartbeat_age_ms: Some(100) }));
    rig.restart();
    let state = rig.sessions.state(id);
    assert_eq!(state, Some(SessionState { connected: false, heartbeat_age_ms: None }));
    assert_eq!(rig.sessions.state(BrokerId::new(9)), None);
}
