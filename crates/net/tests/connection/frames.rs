//! Connections that speak frames.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use bytes::BytesMut;
use yak_net::{ConnectionLimits, Flow, Outbox, Refusal, Service};

use crate::server::{Echo, Server, read_all};

/// Speaks lines as [`Echo`] does, and frames: a frame comes back in capitals, `later:` after a moment, `first:` likewise
/// and with everything behind it waiting, which then counts `after:` it; `silent:` not at all, `close:` closes.
#[derive(Default)]
struct Framed {
    lines: Echo,
    finished: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

impl Service for Framed {
    const SPEAKS_FRAMES: bool = true;

    fn handle_line(&mut self, line: &[u8], outbox: &mut Outbox) -> Flow {
        self.lines.handle_line(line, outbox)
    }

    fn handle_frame(&mut self, bytes: &mut [u8], outbox: &mut Outbox) -> Flow {
        use std::sync::atomic::Ordering::SeqCst;
        let reply = frame(bytes);
        bytes.make_ascii_uppercase();
        let (verb, finished) = (bytes.split(|byte| *byte == b':').next().unwrap(), self.finished.clone());
        match verb {
            b"LATER" | b"FIRST" => {
                outbox.hold(async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    finished.fetch_add(1, SeqCst);
                    BytesMut::from(&reply[..])
                });
                return if verb == b"FIRST" { Flow::Finish } else { Flow::Continue };
            }
            b"AFTER" => {
                let count = self.finished.load(SeqCst).to_string();
                outbox.reply(|out| out.extend_from_slice(&frame(count.as_bytes())));
            }
            b"SILENT" => {}
            b"CLOSE" => return Flow::Close,
            _ => outbox.reply(|out| out.extend_from_slice(&frame(bytes))),
        }
        Flow::Continue
    }

    fn refuse(&mut self, why: Refusal, outbox: &mut Outbox) {
        self.lines.refuse(why, outbox);
    }
}

fn start(limits: ConnectionLimits) -> Server {
    Server::start_with::<Framed>(limits, 100, usize::MAX)
}

fn frames(frames: &[&str]) -> Vec<u8> {
    frames.iter().flat_map(|text| frame(text.as_bytes())).collect()
}

fn ends(stream: &mut TcpStream) {
    assert_eq!(read_all(stream), "");
}

#[test]
fn frames_are_answered_in_order_and_lines_on_the_same_port() {
    let server = start(ConnectionLimits::default());
    let sent = frames(&["a", "later:b", "silent:", "c"]);
    assert_eq!(server.talk(&sent).as_bytes(), frames(&["A", "later:b", "C"]));
    assert_eq!(server.talk(b"echo 1\n"), "1\n");
}

#[test]
fn what_must_be_finished_first_is() {
    let server = start(ConnectionLimits::default());
    let sent = frames(&["first:", "after:", "later:", "after:", "first:", "after:", "after:"]);
    assert_eq!(server.talk(&sent).as_bytes(), frames(&["first:", "1", "later:", "1", "first:", "3", "3"]));
}

#[test]
fn a_frame_may_arrive_byte_by_byte_and_as_long_as_is_allowed() {
    let server = start(ConnectionLimits { max_request_bytes: 0x1_7f7f, ..Default::default() });
    let mut stream = server.connect();
    for byte in frames(&["ab", "c"]) {
        stream.write_all(&[byte]).unwrap();
    }
    let mut reply = [0; 11];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply[..], frames(&["AB", "C"]));
    // A length that is text, too.
    let longest = "x".repeat(0x1_7f7f);
    assert_eq!(server.talk(&frames(&[&longest])).as_bytes(), frames(&[&longest.to_uppercase()]));
}

#[test]
fn a_length_that_cannot_be_one_closes_after_what_was_asked_before() {
    let server = start(ConnectionLimits { max_request_bytes: 1000, ..Default::default() });
    for length in [0_i32, -1, i32::MIN, 1001, i32::MAX] {
        let mut stream = server.connect();
        stream.write_all(&frames(&["later:a"])).unwrap();
        stream.write_all(&length.to_be_bytes()).unwrap();
        assert_eq!(read_all(&mut stream).as_bytes(), frames(&["later:a"]), "{length}");
    }
}

#[test]
fn half_a_frame_is_dropped_with_its_connection() {
    let limits = ConnectionLimits { request_deadline: Duration::from_millis(50), ..Default::default() };
    let server = start(limits);
    let mut silent = server.connect();
    silent.write_all(&[0, 0]).unwrap();
    ends(&mut silent);
    let mut silent = server.connect();
    silent.write_all(&[0, 0, 0, 9, 1]).unwrap();
    ends(&mut silent);
    let mut gone = server.connect();
    gone.write_all(&[0, 0, 0, 9, 1]).unwrap();
    gone.shutdown(Shutdown::Write).unwrap();
    ends(&mut gone);
}

#[test]
fn a_service_can_close() {
    let server = start(ConnectionLimits::default());
    let mut stream = server.connect();
    stream.write_all(&frames(&["later:a", "close:", "b"])).unwrap();
    assert_eq!(read_all(&mut stream).as_bytes(), frames(&["later:a"]));
}
