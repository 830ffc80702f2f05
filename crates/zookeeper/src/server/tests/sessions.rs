//! Who lives, who is fenced, and how soon; what a restart of the zookeeper changes: nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use yak_log::dir::MemDir;
use yak_model::api::{ClientPresence, ClientRole, Heartbeat, Register};
use yak_model::{BrokerId, ErrorCode};

use super::rig::*;
use crate::tests::gate::GatedDir;

#[test]
fn a_process_registers_and_is_unfenced_when_its_logs_are_recovered() {
    let server = Running::start(&MemDir::new());
    let mut peer = server.peer();
    let session = Process::new(1).register(&mut peer).unwrap();
    assert!(session.fenced && session.session_timeout_ms == 1_000);
    let not_yet = Heartbeat {
        broker_epoch: session.broker_epoch,
        applied: session.index,
        recovered: false,
        clients: None,
    };
    assert!(peer.call(&not_yet).unwrap().fenced);
    assert!(server.status().brokers[0].fenced, "a broker that has not recovered stays fenced");
    while beat(&mut peer, &session).unwrap().fenced {
        std::thread::sleep(Duration::from_millis(5));
    }
    let status = server.wait("unfenced", |status| !status.brokers[0].fenced);
    assert!(status.brokers[0].connected && status.brokers[0].heartbeat_age_ms.is_some());
    assert_eq!(status.brokers[0].broker_epoch, session.broker_epoch);
    server.stop().unwrap();
}

#[test]
fn silence_for_a_session_time_is_death() {
    let server = Running::start(&MemDir::new());
    let mut watching = server.peer().watch(None, true);
    let mut peer = server.peer();
    let session = Process::new(1).join(&mut peer);
    let last = Instant::now();
    while !watching.news().starts_with("broker 1 fenced: no heartbeat for") {}
    let after = last.elapsed();
    assert!(after >= Duration::from_millis(990), "it was given {after:?} only");
    assert!(beat(&mut peer, &session).unwrap().fenced, "the session is still its own");
    while beat(&mut peer, &session).unwrap().fenced {
        // It must have applied the line that fenced it: that of its registration is not enough.
        let applied = server.status().index;
        let heartbeat =
            Heartbeat { broker_epoch: session.broker_epoch, applied, recovered: true, clients: None };
        peer.call(&heartbeat).unwrap();
    }
    server.stop().unwrap();
}

#[test]
fn a_closed_connection_suspends_at_once_and_fences_after_the_grace() {
    let server = Running::start(&MemDir::new());
    let mut watching = server.peer().watch(None, true);
    let mut peer = server.peer();
    Process::new(1).join(&mut peer);
    drop(peer);
    let mut news = Vec::new();
    while news.last().is_none_or(|line: &String| !line.contains("fenced:")) {
        news.push(watching.news());
    }
    let [.., unfenced, suspended, fenced] = &news[..] else { panic!("{news:?}") };
    assert!(unfenced == "broker 1 is ready", "{news:?}");
    assert_eq!(suspended, "Suspended(BrokerId(1))", "{news:?}");
    assert!(fenced.contains("connection"), "the cause tells how it was noticed: {fenced}");
    server.stop().unwrap();
}

#[test]
fn while_a_broker_is_suspended_clients_are_not_sent_to_it() {
    let mut patient = options();
    patient.sessions.grace_ms = 1_000;
    let server = Running::with(Arc::new(MemDir::new()), patient);
    let mut peer = server.peer();
    let process = Process::new(1);
    let session = process.join(&mut peer);
    let mut asking = server.peer();
    asking.ask(r#"{"op":"create_topics","topic":"t"}"#);
    let leads = r#""leader":1"#;
    assert!(asking.ask(r#"{"op":"metadata"}"#).contains(leads));
    drop(peer);
    let begun = Instant::now();
    while asking.ask(r#"{"op":"metadata"}"#).contains(leads) {
        assert!(begun.elapsed() < Duration::from_millis(900), "it is noticed at once");
    }
    let mut peer = server.peer();
    assert!(!peer.call(&process.resumption(&session)).unwrap().fenced, "it is back in time");
    assert!(asking.ask(r#"{"op":"metadata"}"#).contains(leads), "and leads as before");
    server.stop().unwrap();
}

#[test]
fn whoever_resumes_in_time_is_restored_and_the_journal_knows_nothing_of_it() {
    let server = Running::start(&MemDir::new());
    let mut watching = server.peer().watch(None, true);
    let mut peer = server.peer();
    let process = Process::new(1);
    let session = process.join(&mut peer);
    let index = server.status().index;
    drop(peer);
    while watching.news() != "Suspended(BrokerId(1))" {}
    let mut peer = server.peer();
    let resumed = peer.call(&process.resumption(&session)).unwrap();
    assert_eq!(resumed.broker_epoch, session.broker_epoch);
    assert_eq!(resumed.key, session.key);
    assert_eq!(watching.news(), "Restored(BrokerId(1))");
    assert!(!beat(&mut peer, &session).unwrap().fenced);
    assert_eq!(server.status().index, index);
    server.stop().unwrap();
}

#[test]
fn a_restart_of_the_zookeeper_fences_nobody_and_the_key_stays() {
    let dir = MemDir::new();
    let server = Running::start(&dir);
    let process = Process::new(1);
    let session = process.join(&mut server.peer());
    server.stop().unwrap();

    let server = Running::start(&dir);
    let index = server.status().index;
    let mut peer = server.peer();
    let resumed = peer.call(&process.resumption(&session)).unwrap();
    assert_eq!((resumed.key, resumed.fenced), (session.key, false));
    // Longer than a session lasts, in which it beats as a broker does.
    for _ in 0..6 {
        assert!(!beat(&mut peer, &session).unwrap().fenced);
        std::thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(server.status().index, index, "no line was written");
    server.stop().unwrap();
}

#[test]
fn who_does_not_come_back_after_a_restart_of_the_zookeeper_is_fenced() {
    let dir = MemDir::new();
    let server = Running::start(&dir);
    Process::new(1).join(&mut server.peer());
    server.stop().unwrap();
    let begun = Instant::now();
    let server = Running::start(&dir);
    server.wait("fenced", |status| status.brokers[0].fenced);
    assert!(begun.elapsed() >= Duration::from_millis(990), "it has a whole session time");
    server.stop().unwrap();
}

#[test]
fn heartbeats_are_answered_while_a_sync_hangs() {
    let dir = GatedDir::new(MemDir::new());
    let server = Running::with(Arc::new(dir.clone()), options());
    let mut peer = server.peer();
    let session = Process::new(1).join(&mut peer);
    dir.close();
    let mut creating = server.peer();
    creating.send(b"{\"op\":\"create_topics\",\"topic\":\"t\"}\n");
    dir.wait_for_sync();
    for _ in 0..100 {
        assert!(!beat(&mut peer, &session).unwrap().fenced);
    }
    dir.open_gate();
    assert!(creating.line().unwrap().contains("\"ok\""));
    server.stop().unwrap();
}

#[test]
fn what_brokers_say_of_their_clients_is_shown_until_they_are_fenced() {
    let server = Running::start(&MemDir::new());
    let mut peer = server.peer();
    let session = Process::new(1).join(&mut peer);
    let register = Register {
        role: ClientRole::Producer,
        client_id: "yak-producer-1".to_owned(),
        topics: Vec::new(),
        group: None,
    };
    let presence = ClientPresence { register, address: "127.0.0.1:5000".to_owned() };
    let clients = Some(vec![presence.clone()]);
    let heartbeat =
        Heartbeat { broker_epoch: session.broker_epoch, applied: session.index, recovered: true, clients };
    peer.call(&heartbeat).unwrap();
    assert_eq!(server.status().brokers[0].clients, [presence]);
    beat(&mut peer, &session).unwrap();
    assert_eq!(server.status().brokers[0].clients.len(), 1, "no news is no change");
    drop(peer);
    server.wait("fenced", |status| status.brokers[0].fenced);
    server.wait("forgotten", |status| status.brokers[0].clients.is_empty());
    server.stop().unwrap();
}

#[test]
fn a_second_process_waits_until_the_first_is_dead() {
    let server = Running::start(&MemDir::new());
    let mut first = server.peer();
    let former = Process::new(1);
    let session = former.join(&mut first);
    let newcomer = Process::new(1);
    let refused = newcomer.register(&mut server.peer()).unwrap_err();
    assert_eq!(refused.code, ErrorCode::DuplicateBrokerRegistration);
    assert!(refused.message.contains("another process of broker 1"), "{refused}");
    drop(first);
    server.wait("noticed", |status| !status.brokers[0].connected);
    let mut second = server.peer();
    let replaced = newcomer.register(&mut second).unwrap();
    assert!(replaced.broker_epoch > session.broker_epoch);
    let stale = server.peer().call(&former.resumption(&session)).unwrap_err();
    assert_eq!(stale.code, ErrorCode::StaleBrokerEpoch);
    assert_eq!(server.status().brokers.len(), 1);
    assert_eq!(server.status().brokers[0].broker_id, BrokerId::new(1));
    server.stop().unwrap();
}

#[test]
fn a_registration_whose_connection_ends_during_its_sync_blocks_nobody() {
    let dir = GatedDir::new(MemDir::new());
    let server = Running::with(Arc::new(dir.clone()), options());
    dir.close();
    let mut gone = server.peer();
    gone.begin(&Process::new(1).request);
    dir.wait_for_sync();
    drop(gone);
    dir.open_gate();
    server.wait("registered", |status| status.brokers.len() == 1);
    let mut peer = server.peer();
    let next = Process::new(1);
    next.join(&mut peer);
    server.stop().unwrap();
}
