//! What the port refuses, and how it says so.

use std::sync::Arc;

use yak_log::dir::MemDir;
use yak_model::{ClusterId, ErrorCode, MetadataIndex};
use yak_protocol::ControllerStatus;

use super::rig::*;

#[test]
fn with_a_secret_set_a_forged_registration_is_refused() {
    let secret = Some("open sesame".to_owned());
    let server = Running::with(Arc::new(MemDir::new()), options_with(secret.clone()));
    let mut peer = server.peer();
    let mut process = Process::new(1);
    for (forged, says) in [
        (None, "this cluster has a cluster.secret"),
        (Some("open sesam"), "not the one of this cluster"),
        (Some("open sesamE"), "not the one of this cluster"),
        (Some(""), "not the one of this cluster"),
    ] {
        process.request.secret = forged.map(str::to_owned);
        let refused = process.register(&mut peer).unwrap_err();
        assert_eq!(refused.code, ErrorCode::ClusterAuthorizationFailed);
        assert!(refused.message.contains(says) && !refused.message.contains("sesame"), "{refused}");
    }
    assert_eq!(server.status().brokers, [], "nothing was registered");
    // Nor does who lacks it make the zookeeper believe that its journal is old.
    let status = ControllerStatus { seen: Some(MetadataIndex::new(1_000)), secret: None };
    server.peer().call(&status).unwrap();
    process.request.secret = secret;
    process.register(&mut peer).unwrap();
    server.stop().unwrap();
}

#[test]
fn an_older_journal_serves_nobody_once_a_broker_says_so() {
    let server = Running::start(&MemDir::new());
    let mut early = server.peer();
    let session = Process::new(1).join(&mut early);
    let mut watching = server.peer().watch(None, true);
    let mut process = Process::new(2);
    process.request.seen = MetadataIndex::new(server.status().index.get() + 1);
    let refused = process.register(&mut server.peer()).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRegistration);
    assert!(refused.message.contains("start it with the newer journal"), "{refused}");

    let of_others = Process::new(3).register(&mut server.peer()).unwrap_err();
    assert_eq!(of_others.code, ErrorCode::InvalidRegistration, "also who has seen nothing");
    assert_eq!(beat(&mut early, &session).unwrap_err().code, ErrorCode::InvalidRegistration);
    for line in [r#"{"op":"create_topics","topic":"t"}"#, r#"{"op":"metadata"}"#, r#"{"op":"watch"}"#] {
        let reply = server.peer().ask(line);
        assert!(reply.contains("INVALID_REGISTRATION"), "{line}: {reply}");
    }
    while !watching.news().contains("INVALID_REGISTRATION") {}
    assert_eq!(server.status().brokers.len(), 1, "people may still look");
    server.stop().unwrap();
}

#[test]
fn a_broker_that_resumes_or_only_asks_proves_an_older_journal_too() {
    let dir = MemDir::new();
    let server = Running::start(&dir);
    let process = Process::new(1);
    let session = process.join(&mut server.peer());
    let mut ahead = process.resumption(&session);
    ahead.applied = MetadataIndex::new(1_000);
    let mut forged = ahead.clone();
    forged.incarnation_id = Process::new(1).request.registration.incarnation_id;
    assert_eq!(server.peer().call(&forged).unwrap_err().code, ErrorCode::StaleBrokerEpoch);
    Process::new(2).register(&mut server.peer()).expect("who is not known proves nothing");
    assert_eq!(server.peer().call(&ahead).unwrap_err().code, ErrorCode::InvalidRegistration);
    assert!(Process::new(3).register(&mut server.peer()).is_err());
    server.stop().unwrap();

    let server = Running::start(&dir);
    Process::new(3).register(&mut server.peer()).expect("a restart asks anew");
    let status = ControllerStatus { seen: Some(MetadataIndex::new(1_000)), secret: None };
    let report = server.peer().call(&status).expect("the asker sees for itself");
    assert!(report.index.get() < 1_000);
    assert_eq!(
        Process::new(4).register(&mut server.peer()).unwrap_err().code,
        ErrorCode::InvalidRegistration
    );
    server.stop().unwrap();
}

#[test]
fn a_broker_of_another_cluster_is_refused() {
    let server = Running::start(&MemDir::new());
    let mut process = Process::new(1);
    process.request.registration.cluster_id = Some(ClusterId::from_random([9; 16]));
    // What it saw of its own cluster's journal is nothing to this one.
    process.request.seen = MetadataIndex::new(1_000);
    let refused = process.register(&mut server.peer()).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InconsistentClusterId);
    process.request.registration.cluster_id = None;
    process.request.seen = MetadataIndex::new(0);
    process.register(&mut server.peer()).expect("a refusal leaves nothing behind");
    server.stop().unwrap();
}

#[test]
fn heartbeats_need_a_session_of_this_connection_and_registration() {
    let server = Running::start(&MemDir::new());
    let mut peer = server.peer();
    let mut session = Process::new(1).join(&mut peer);
    let refused = beat(&mut server.peer(), &session).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRequest);
    session.broker_epoch = yak_model::BrokerEpoch::new(77);
    assert_eq!(beat(&mut peer, &session).unwrap_err().code, ErrorCode::StaleBrokerEpoch);
    server.stop().unwrap();
}

#[test]
fn lines_that_are_none_are_answered_and_the_connection_goes_on() {
    let server = Running::start(&MemDir::new());
    let mut peer = server.peer();
    for (line, says) in [
        ("{", "INVALID_REQUEST"),
        (r#"{"op":"heartbeat"}"#, "broker_epoch"),
        (r#"{"id":7,"op":"regster_broker"}"#, "did you mean"),
        (r#"{"op":"produce","topic":"t","value":"v"}"#, "INVALID_REQUEST"),
        (r#"{"op":"create_topics","topic":"a b"}"#, "INVALID_TOPIC_EXCEPTION"),
        (r#"{"op":"create_topics","topic":"t","replication_factor":2}"#, "INVALID_REPLICATION_FACTOR"),
        (r#"{"op":"hello","protocol":[2,3]}"#, "UNSUPPORTED_VERSION"),
    ] {
        let reply = peer.ask(line);
        assert!(reply.contains("\"error\"") && reply.contains(says), "{line}: {reply}");
    }
    let hello = peer.ask(r#"{"op":"hello","protocol":[1,1],"client":"me"}"#);
    assert!(hello.contains("yak-zookeeper/") && !hello.contains("broker_id"), "{hello}");
    let mut peer = server.peer();
    let reply = peer.ask("GET / HTTP/1.1");
    assert!(reply.contains("not HTTP"), "{reply}");
    assert_eq!(peer.line(), None);
    server.stop().unwrap();
}
