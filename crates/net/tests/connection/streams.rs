//! Connections that have become streams.

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use yak_net::ConnectionLimits;

use crate::server::{Server, Watched, read_all, wait_until};

#[test]
fn a_request_while_streaming_is_an_error_and_a_close() {
    let server = Server::plain();
    let mut stream = server.connect();
    stream.write_all(b"count 4000000\necho 1\n").unwrap();
    let text = read_all(&mut stream);
    assert!(text.ends_with("refused: RequestWhileStreaming\n"), "{}", text.len());
}

#[test]
fn a_request_in_the_packet_that_begins_the_stream_is_refused_before_anything_is_streamed() {
    let server = Server::plain();
    assert_eq!(server.talk(b"idle\n\n echo 1"), "refused: RequestWhileStreaming\n");
}

#[test]
fn whitespace_is_passed_over_whenever_it_comes() {
    let server = Server::plain();
    assert_eq!(server.talk(b"count 2\n\n"), "1\n0\n");
    assert_eq!(server.talk(b"count 2\n \r\n\t"), "1\n0\n");
    let mut stream = server.connect();
    stream.write_all(b"idle\n \n").unwrap();
    for _ in 0..3 {
        stream.write_all(b"\n  ").unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.host.tracker.len(), 1);
    stream.write_all(b"echo 1\n").unwrap();
    assert_eq!(read_all(&mut stream), "refused: RequestWhileStreaming\n");
}

#[test]
fn a_half_closed_peer_that_is_gone_ends_an_idle_stream() {
    let server = Server::plain();
    let mut stream = server.connect();
    stream.write_all(b"idle\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    wait_until("it is served", || !server.host.tracker.is_empty());
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.host.tracker.len(), 1, "half-closed is not gone");
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    server.wait_until_empty();
}

#[test]
fn a_half_closed_peer_costs_nothing_while_the_stream_is_idle() {
    let mut watched = Watched::start(ConnectionLimits::default());
    watched.client.write_all(b"idle\n").unwrap();
    watched.client.shutdown(Shutdown::Write).unwrap();
    let polls = watched.polls_within(Duration::from_millis(300));
    assert!(polls < 50, "{polls} polls");
}
