//! Peers that mean harm, or are broken: none of them keeps the others from being served.

use std::io::ErrorKind;
use std::sync::Arc;

use yak_log::dir::MemDir;
use yak_protocol::WatchLine;

use super::rig::*;
use crate::server::MAX_LINE_BYTES;

/// A server, and a broker that lives by its heartbeats.
fn with_broker() -> (Running, Peer, yak_model::api::SessionOpened) {
    let server = Running::start(&MemDir::new());
    let mut peer = server.peer();
    let session = Process::new(1).join(&mut peer);
    (server, peer, session)
}

#[test]
fn a_line_without_an_end_is_refused_at_its_limit_and_closed() {
    let (server, mut broker, session) = with_broker();
    let mut peer = server.peer();
    peer.send(b"{\"op\":\"status\",\"secret\":\"");
    let piece = vec![b'x'; 1 << 20];
    // It stops reading once it has refused: the rest may find the connection reset.
    let mut sent = 0;
    while sent < MAX_LINE_BYTES + (1 << 20) && peer.try_send(&piece).is_ok() {
        sent += piece.len();
        assert!(!beat(&mut broker, &session).unwrap().fenced, "heartbeats are answered meanwhile");
    }
    match peer.try_line() {
        Ok(Some(line)) => assert!(line.contains("MESSAGE_TOO_LARGE") && line.contains("closing"), "{line}"),
        // The reset overtook the reply.
        Ok(None) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    assert!(sent >= MAX_LINE_BYTES - (8 << 20), "it was refused after {sent} bytes already");
    server.stop().unwrap();
}

#[test]
fn lines_that_are_begun_and_not_ended_hold_nobody_up_nor_the_end() {
    let (server, mut broker, session) = with_broker();
    let mut halves: Vec<Peer> = (0..50).map(|_| server.peer()).collect();
    for half in &mut halves {
        half.send(br#"{"op":"register_broker","broker_id":1,"#);
    }
    for _ in 0..20 {
        assert!(!beat(&mut broker, &session).unwrap().fenced);
    }
    assert_eq!(server.status().brokers.len(), 1);
    // A half that is completed is a request like any other.
    halves[0].send(b"\"nonsense\":1}\n");
    let reply = halves[0].line().unwrap();
    assert!(reply.contains("\"error\""), "{reply}");
    server.stop().unwrap();
}

#[test]
fn connections_over_the_cap_are_told_so_and_brokers_that_are_there_go_on() {
    let server = Running::with(
        Arc::new(MemDir::new()),
        crate::server::ServerOptions { max_connections: 5, ..options() },
    );
    let mut broker = server.peer();
    let session = Process::new(1).join(&mut broker);
    let mut others: Vec<Peer> = (0..4).map(|_| server.peer()).collect();
    for other in &mut others {
        assert!(other.ask(r#"{"op":"status"}"#).contains("\"ok\""));
    }
    let line = server.peer().line().unwrap();
    assert!(line.contains("THROTTLING_QUOTA_EXCEEDED") && line.contains("max.connections"), "{line}");
    assert!(!beat(&mut broker, &session).unwrap().fenced);
    drop(others);
    let begun = std::time::Instant::now();
    while !server.peer().ask(r#"{"op":"status"}"#).contains("\"ok\"") {
        assert!(begun.elapsed().as_secs() < 20, "there is room again");
    }
    server.stop().unwrap();
}

#[test]
fn watchers_that_read_nothing_hold_nobody_up_and_get_everything_when_they_do() {
    let (server, mut broker, session) = with_broker();
    let mut stuck: Vec<Watching> = (0..20).map(|_| server.peer().watch(None, true)).collect();
    let mut peer = server.peer();
    // Far more than sockets hold: each of these lines is about a megabyte.
    let mut last = 0;
    for number in 0..8 {
        let reply = peer.ask(&format!(
            r#"{{"op":"create_topics","topic":"t{number}","partitions":2500,"timeout_ms":20000}}"#
        ));
        assert!(reply.contains("\"ok\""), "{reply}");
        assert!(!beat(&mut broker, &session).unwrap().fenced, "the broker lives");
        last = server.status().index.get();
    }
    for watching in &mut stuck[..2] {
        // Whether by lines or, where those are gone, by an image: it comes to the same index.
        let mut at = 0;
        while at < last {
            if let WatchLine::Line(line) = watching.next() {
                at = line.index.get();
            }
        }
        assert_eq!(at, last);
    }
    server.stop().unwrap();
}

#[test]
fn numbers_at_their_ends_are_values_like_others_or_refused_by_name() {
    let server = Running::start(&MemDir::new());
    let mut peer = server.peer();
    let register = |id: &str| {
        format!(
            r#"{{"op":"register_broker","broker_id":{id},"incarnation_id":"AgICAgICQgKCAgICAgICAg","directory_ids":[],"host":"h","port":1}}"#
        )
    };
    for (line, says) in [
        (register("2147483648"), "broker_id"),
        (register("-1"), "broker_id"),
        (register("1e3"), "broker_id"),
        (r#"{"op":"watch","after":18446744073709551616}"#.to_owned(), "after"),
        (r#"{"op":"watch","after":-1}"#.to_owned(), "after"),
        (r#"{"op":"heartbeat","broker_epoch":9223372036854775808}"#.to_owned(), "broker_epoch"),
        (r#"{"op":"create_topics","topic":"t","partitions":2147483647}"#.to_owned(), "partitions"),
        (r#"{"op":"create_partitions","topic":"t","total":2147483647}"#.to_owned(), "does not exist"),
        (r#"{"op":"metadata","topics":null,"everything":true}"#.to_owned(), "everything"),
        (r#"{"op":"status","op":"status"}"#.to_owned(), "op"),
        (format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)), "INVALID_REQUEST"),
        ("\u{0}".repeat(100), "INVALID_REQUEST"),
    ] {
        let reply = peer.ask(&line);
        let head: String = line.chars().take(80).collect();
        assert!(reply.contains("\"error\"") && reply.contains(says), "{head}: {reply}");
    }
    assert!(peer.ask(&register("2147483647")).contains("\"broker_epoch\":2"), "it is an id like another");
    let status = server.status();
    assert_eq!((status.index.get(), status.brokers.len()), (2, 1), "nothing else was written");
    server.stop().unwrap();
}
