//! Changes: answered with the index at which they are to be seen, in the order in which they were asked for.

use std::io::ErrorKind;
use std::sync::Arc;

use yak_log::dir::{Fault, FaultKind, MemDir};
use yak_model::api::{
    AllocateProducerIds, CreateTopics, ForwardedCreateTopics, ShutdownBroker, TopicDefaults,
};
use yak_model::{BrokerEpoch, BrokerId, ErrorCode};
use yak_protocol::AtController;

use super::rig::*;
use crate::server::ServeError;
use crate::tests::gate::GatedDir;

#[test]
fn topics_come_to_be_change_and_go_by_hand() {
    let server = Running::start(&MemDir::new());
    let mut broker = server.peer();
    Process::new(1).join(&mut broker);
    let mut peer = server.peer();
    for (line, says) in [
        (r#"{"op":"create_topics","topic":"t","partitions":2}"#, r#""index":4"#),
        (r#"{"op":"create_topics","topic":"t"}"#, "TOPIC_ALREADY_EXISTS"),
        (r#"{"op":"create_partitions","topic":"t","total":3}"#, r#""index":5"#),
        (r#"{"op":"alter_configs","topic":"t","configs":{"retention.ms":"1000"}}"#, r#""index":6"#),
        (r#"{"op":"metadata","topics":["t","u"]}"#, "topic 'u' does not exist"),
        (r#"{"op":"elect_leaders","kind":"preferred"}"#, r#""ok""#),
        (r#"{"op":"delete_topics","topics":["t"]}"#, r#""index":7"#),
    ] {
        let reply = peer.ask(line);
        assert!(reply.contains(says), "{line}: {reply}");
    }
    server.stop().unwrap();
}

#[test]
fn changes_in_a_row_share_a_sync_and_are_answered_in_order() {
    let dir = GatedDir::new(MemDir::new());
    let server = Running::with(Arc::new(dir.clone()), options());
    let mut broker = server.peer();
    Process::new(1).join(&mut broker);
    let mut peer = server.peer();
    dir.close();
    let before = dir.syncs();
    peer.send(b"{\"id\":0,\"op\":\"create_topics\",\"topic\":\"t0\"}\n");
    dir.wait_for_sync();
    let lines: String =
        (1..=20).map(|n| format!("{{\"id\":{n},\"op\":\"create_topics\",\"topic\":\"t{n}\"}}\n")).collect();
    peer.send(lines.as_bytes());
    // Whatever is asked after them on another connection shows that they have arrived.
    server.status();
    dir.open_gate();
    for n in 0..=20 {
        let reply = peer.line().unwrap();
        assert!(reply.starts_with(&format!("{{\"id\":{n},\"ok\"")), "{reply}");
    }
    let syncs = dir.syncs() - before;
    assert!(syncs < 21, "twenty that waited together took {syncs} syncs with the first");
    server.stop().unwrap();
}

#[test]
fn what_a_broker_forwards_has_its_defaults() {
    let server = Running::start(&MemDir::new());
    let mut broker = server.peer();
    Process::new(1).join(&mut broker);
    let topic = plain_topic("t");
    let request = CreateTopics { topics: vec![topic], validate_only: false, timeout_ms: 5_000 };
    let defaults = Some(TopicDefaults { partitions: 3, replication_factor: 2, min_insync_replicas: 1 });
    let forwarded = AtController(ForwardedCreateTopics { request, defaults, on_first_use: true });
    let mut peer = server.peer();
    let created = peer.call(&forwarded).unwrap();
    assert_eq!(created.index, server.status().index);
    let reply = peer.ask(r#"{"op":"metadata","topics":["t"]}"#);
    assert_eq!(reply.matches(r#""leader":1"#).count(), 3, "{reply}");
    server.stop().unwrap();
}

fn plain_topic(name: &str) -> yak_model::api::CreateTopic {
    yak_model::api::CreateTopic {
        name: name.to_owned(),
        partitions: None,
        replication_factor: None,
        assignment: None,
        configs: std::collections::BTreeMap::new(),
    }
}

#[test]
fn what_brokers_ask_for_themselves_needs_their_present_registration() {
    let server = Running::start(&MemDir::new());
    let mut peer = server.peer();
    let session = Process::new(1).join(&mut peer);
    let (broker_id, broker_epoch) = (BrokerId::new(1), session.broker_epoch);
    let mut asking = server.peer();
    let ids = |broker_id, broker_epoch| AtController(AllocateProducerIds { broker_id, broker_epoch });
    let first = asking.call(&ids(broker_id, broker_epoch)).unwrap().body;
    let second = asking.call(&ids(broker_id, broker_epoch)).unwrap().body;
    assert_eq!(first.end, second.first);
    let stale = BrokerEpoch::new(broker_epoch.get() - 1);
    assert_eq!(asking.call(&ids(broker_id, stale)).unwrap_err().code, ErrorCode::StaleBrokerEpoch);
    let unknown = asking.call(&ids(BrokerId::new(9), broker_epoch)).unwrap_err();
    assert_eq!(unknown.code, ErrorCode::BrokerIdNotRegistered);
    let forged = AtController(ShutdownBroker { broker_id, broker_epoch: stale });
    assert_eq!(asking.call(&forged).unwrap_err().code, ErrorCode::StaleBrokerEpoch);
    asking.call(&AtController(ShutdownBroker { broker_id, broker_epoch })).unwrap();
    assert!(server.status().brokers[0].fenced);
    server.stop().unwrap();
}

#[test]
fn a_disk_that_fails_ends_the_server_with_the_reason() {
    let dir = MemDir::new();
    let server = Running::start(&dir);
    dir.inject(Fault {
        kind: FaultKind::SyncFile,
        after: 0,
        error: ErrorKind::Other,
        written: 0,
        sticky: false,
    });
    let mut peer = server.peer();
    peer.begin(&Process::new(1).request);
    let error = server.ended().unwrap_err();
    assert!(matches!(error, ServeError::Ended(_)), "{error}");
    assert!(error.to_string().contains("sync"), "{error}");
    // The answer, if it came in time, says that nobody knows.
    if let Some(reply) = peer.line() {
        assert!(reply.contains("REQUEST_TIMED_OUT"), "{reply}");
    }
}
