//! Peers that read slowly, or not at all.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use yak_net::ConnectionLimits;

use crate::server::{CHUNK, Server, Watched, read_all, wait_until};

const BIG: usize = 16 << 20;

fn write_deadline(millis: u64) -> ConnectionLimits {
    ConnectionLimits { write_deadline: Duration::from_millis(millis), ..Default::default() }
}

#[test]
fn a_reader_that_does_not_read_stops_being_read_and_loses_nothing() {
    let server =
        Server::start(ConnectionLimits { max_outbox_bytes: 4096, ..Default::default() }, 100, usize::MAX);
    let mut stream = server.connect();
    let line = format!("echo {}\n", "x".repeat(50_000));
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn({
        let line = line.clone();
        move || {
            for _ in 0..400 {
                writer.write_all(line.as_bytes()).unwrap();
            }
            writer.shutdown(Shutdown::Write).unwrap();
        }
    });
    let text = read_all(&mut stream);
    sender.join().unwrap();
    assert_eq!(text.len(), 400 * 50_001);
}

#[test]
fn lines_left_over_for_want_of_room_are_handled_before_more_is_read() {
    let limits = ConnectionLimits { max_outbox_bytes: 1, max_request_bytes: 1000, ..Default::default() };
    let server = Server::start(limits, 100, 0);
    let input: String = (0..5000).map(|i| format!("echo {i}\n")).collect();
    let expected: String = (0..5000).map(|i| format!("{i}\n")).collect();
    assert_eq!(server.talk(input.as_bytes()), expected);
}

#[test]
fn big_replies_are_made_as_they_are_read() {
    let mut watched = Watched::start(ConnectionLimits::default());
    watched.client.write_all(format!("big {BIG}\n").repeat(64).as_bytes()).unwrap();
    wait_until("the first reply is made", || watched.made.load(Ordering::SeqCst) > 0);
    let polls = watched.polls_within(Duration::from_millis(300));
    assert_eq!(watched.made.load(Ordering::SeqCst), 1);
    assert!(polls < 50, "{polls} polls while nobody reads");
    let mut received = vec![0; BIG];
    for before in 1..=4 {
        watched.client.read_exact(&mut received).unwrap();
        // The rest of the next one may be in the kernel's buffers, and one more then waits.
        assert!(watched.made.load(Ordering::SeqCst) <= before + 2);
    }
}

#[test]
fn a_peer_that_reads_nothing_is_closed_after_the_write_deadline() {
    let server = Server::start(write_deadline(200), 100, usize::MAX);
    let mut stream = server.connect();
    let began = Instant::now();
    stream.write_all(format!("big {BIG}\n").as_bytes()).unwrap();
    stream.read_exact(&mut [0]).unwrap();
    server.wait_until_empty();
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert!(stream.read_to_end(&mut Vec::new()).is_err(), "the peer learns that it was cut off");
}

#[test]
fn a_peer_that_stops_reading_is_closed_however_it_began() {
    let server = Server::start(write_deadline(2000), 100, usize::MAX);
    let mut stream = server.connect();
    stream.write_all(format!("big {BIG}\n").as_bytes()).unwrap();
    let mut received = vec![0; 512 * 1024];
    for _ in 0..3 {
        stream.read_exact(&mut received).unwrap();
        std::thread::sleep(Duration::from_millis(700));
    }
    server.wait_until_empty();
}

#[test]
fn a_peer_that_goes_on_asking_and_reads_nothing_is_closed_too() {
    let server =
        Server::start(ConnectionLimits { max_outbox_bytes: BIG, ..write_deadline(200) }, 100, usize::MAX);
    let mut stream = server.connect();
    stream.write_all(format!("big {}\n", BIG - 1).as_bytes()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    // Lines without a reply leave room for more of them.
    while stream.write_all(b"big 0\n").is_ok() {
        assert!(Instant::now() < deadline, "the connection ends");
        std::thread::sleep(Duration::from_micros(100));
    }
    server.wait_until_empty();
}

#[test]
fn a_peer_that_reads_a_little_now_and_then_is_not_closed() {
    let server = Server::start(write_deadline(2000), 100, usize::MAX);
    let mut stream = server.connect();
    stream.write_all(format!("big {BIG}\n").as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = vec![0; 32 * 1024];
    let (began, mut count) = (Instant::now(), 0);
    // Too little for the socket to be called writable within the deadline.
    while began.elapsed() < Duration::from_millis(5000) {
        stream.read_exact(&mut received).unwrap();
        count += received.len();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(count + read_all(&mut stream).len(), BIG);
}

#[test]
fn a_held_reply_takes_longer_than_the_write_deadline() {
    let server = Server::start(write_deadline(1), 100, usize::MAX);
    assert_eq!(server.talk(b"later 1\nlater 2\n"), "1\n2\n");
}

#[test]
fn the_reader_of_a_stream_may_pause_but_not_once_it_is_refused() {
    let server = Server::start(write_deadline(100), 100, usize::MAX);
    let (mut patient, mut greedy) = (server.connect(), server.connect());
    patient.write_all(b"flood 500\n").unwrap();
    greedy.write_all(b"flood 500\n").unwrap();
    wait_until("both are served", || server.host.tracker.len() == 2);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(server.host.tracker.len(), 2);
    greedy.write_all(b"echo 1\n").unwrap();
    wait_until("the refused one is closed", || server.host.tracker.len() == 1);
    patient.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut patient).len(), 500 * CHUNK);
    drop(greedy);
}

#[test]
fn the_reader_of_a_stream_that_paused_still_learns_why_it_is_refused() {
    let server = Server::start(write_deadline(1500), 100, usize::MAX);
    let mut stream = server.connect();
    stream.write_all(b"flood 500\n").unwrap();
    std::thread::sleep(Duration::from_millis(2000));
    stream.write_all(b"echo 1\n").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(read_all(&mut stream).ends_with("refused: RequestWhileStreaming\n"));
}
