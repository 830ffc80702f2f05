//! Connections over loopback: order, half-close, limits, slow readers, streams, shutdown.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod frames;
mod server;
mod slow_reader;
mod streams;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use yak_net::ConnectionLimits;

use crate::server::{Server, read_all};

#[test]
fn replies_leave_in_the_order_of_the_requests() {
    let server = Server::plain();
    assert_eq!(server.talk(b"echo 1\nlater 2\necho 3\nlater 4\necho 5\n"), "1\n2\n3\n4\n5\n");
}

#[test]
fn a_half_closed_peer_gets_everything_and_its_last_line_needs_no_newline() {
    let server = Server::plain();
    assert_eq!(server.talk(b"later 1\necho 2"), "1\n2\n");
    assert_eq!(server.talk(b"echo 1\ncount 3\n"), "1\n2\n1\n0\n");
    assert_eq!(server.talk(b""), "");
}

#[test]
fn many_requests_in_one_write_all_get_replies() {
    let server = Server::start(ConnectionLimits { max_in_flight: 2, ..Default::default() }, 100, usize::MAX);
    let input: String =
        (0..500).map(|i| format!("{} {i}\n", if i % 50 == 0 { "later" } else { "echo" })).collect();
    let expected: String = (0..500).map(|i| format!("{i}\n")).collect();
    assert_eq!(server.talk(input.as_bytes()), expected);
}

#[test]
fn a_line_over_the_limit_is_refused_while_a_neighbour_is_undisturbed() {
    let server =
        Server::start(ConnectionLimits { max_request_bytes: 1000, ..Default::default() }, 100, usize::MAX);
    let mut neighbour = server.connect();
    let mut stream = server.connect();
    stream.write_all(&vec![b'a'; 200_000]).unwrap();
    assert_eq!(read_all(&mut stream), "refused: RequestTooLong\n");
    neighbour.write_all(b"echo fine\n").unwrap();
    neighbour.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut neighbour), "fine\n");
    let longest = format!("echo {}\n", "x".repeat(995));
    assert_eq!(server.talk(longest.as_bytes()).len(), 996);
}

#[test]
fn memory_of_all_connections_together_is_bounded() {
    let server = Server::start(ConnectionLimits::default(), 100, 256 * 1024);
    let mut stream = server.connect();
    let mut sent = 0;
    while sent < 4 << 20 && stream.write_all(&[b'a'; 65536]).is_ok() {
        sent += 65536;
    }
    let mut text = String::new();
    // The reset of the refused rest may overtake the reply; what matters is that the server gave up.
    if stream.read_to_string(&mut text).is_ok() {
        assert_eq!(text, "refused: OverBudget\n");
    }
    assert_eq!(server.talk(b"echo fine\n"), "fine\n");
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.host.budget.used() > 0 {
        assert!(Instant::now() < deadline, "the charge of a closed connection is given back");
        std::thread::yield_now();
    }
}

#[test]
fn half_a_line_and_then_silence_is_refused() {
    let limits = ConnectionLimits { request_deadline: Duration::from_millis(50), ..Default::default() };
    let server = Server::start(limits, 100, usize::MAX);
    let mut stream = server.connect();
    stream.write_all(b"echo hel").unwrap();
    assert_eq!(read_all(&mut stream), "refused: RequestDeadline\n");
}

#[test]
fn an_idle_connection_is_closed_but_one_with_a_held_reply_is_not() {
    let limits = ConnectionLimits { max_idle: Duration::from_millis(10), ..Default::default() };
    let server = Server::start(limits, 100, usize::MAX);
    assert_eq!(read_all(&mut server.connect()), "");
    let mut stream = server.connect();
    stream.write_all(b"later 1\n").unwrap();
    assert_eq!(read_all(&mut stream), "1\n");
}

#[test]
fn http_tls_and_kafka_are_told_apart() {
    let server = Server::plain();
    assert_eq!(server.talk(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "refused: Speaks(Http)\n");
    assert_eq!(server.talk(&[0x16, 3, 1, 2, 0]), "refused: Speaks(Tls)\n");
    assert_eq!(server.talk(&[0, 0, 0, 9, 0, 18]), "refused: Speaks(Kafka)\n");
    assert_eq!(server.talk(b"GETTING\n"), "what?\n");
}

#[test]
fn connections_over_the_cap_are_turned_away_with_a_reason() {
    let server = Server::start(ConnectionLimits::default(), 1, usize::MAX);
    let mut first = server.connect();
    first.write_all(b"echo 1\n").unwrap();
    let mut reply = [0; 2];
    first.read_exact(&mut reply).unwrap();
    assert_eq!(read_all(&mut server.connect()), "too many connections (max.connections)\n");
    drop(first);
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.talk_once() != "2\n" {
        assert!(Instant::now() < deadline, "the place becomes free");
    }
}

#[test]
fn shutdown_lets_replies_in_progress_finish_and_ends_the_others() {
    let server = Server::start(
        ConnectionLimits { shutdown_grace: Duration::from_millis(500), ..Default::default() },
        100,
        usize::MAX,
    );
    let mut patient = server.connect();
    patient.write_all(b"echo 0\nlater 1\n").unwrap();
    let mut reply = [0; 2];
    patient.read_exact(&mut reply).unwrap();
    let mut hopeless = server.connect();
    hopeless.write_all(b"echo 0\nnever\n").unwrap();
    hopeless.read_exact(&mut reply).unwrap();
    server.host.shutdown.cancel();
    server.host.tracker.close();
    assert_eq!(read_all(&mut patient), "1\n");
    assert_eq!(read_all(&mut hopeless), "");
    server.runtime.block_on(server.host.tracker.wait());
}
