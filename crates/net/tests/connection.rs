//! Connections over loopback: order, half-close, limits, streams, shutdown.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use yak_net::{
    Budget, ConnectionLimits, Flow, Host, LineService, Listener, Outbox, Refusal, ServiceFactory, StreamStep,
    Streamer,
};

/// Answers `echo X` with X, `later X` with X after a moment, `count N` with a stream of N lines.
struct Echo;

impl LineService for Echo {
    fn handle_line(&mut self, line: &[u8], outbox: &mut Outbox) -> Flow {
        if line.len() > 40000 && line.len() != 50005 || (line.len() == 50005 && (!line.starts_with(b"echo x") || line[5..].iter().any(|b| *b != b'x'))) { eprintln!("SERVER got len {} start {:?} odd {:?}", line.len(), String::from_utf8_lossy(&line[..20]), line[5..].iter().position(|b| *b != b'x')); }
        let text = String::from_utf8_lossy(line).into_owned();
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        match verb {
            "echo" => outbox.reply(|out| out.extend_from_slice(format!("{rest}\n").as_bytes())),
            "later" => {
                let rest = rest.to_owned();
                outbox.hold(async move {
                    tokio::task::yield_now().await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    BytesMut::from(format!("{rest}\n").as_bytes())
                });
            }
            "never" => outbox.hold(std::future::pending()),
            "count" => return Flow::Stream(Box::new(Count { left: rest.parse().unwrap_or(0) })),
            "close" => return Flow::Close,
            _ => outbox.reply(|out| out.extend_from_slice(b"what?\n")),
        }
        Flow::Continue
    }

    fn refuse(&mut self, why: Refusal, outbox: &mut Outbox) {
        outbox.reply(|out| out.extend_from_slice(format!("refused: {why:?}\n").as_bytes()));
    }
}

#[derive(Debug)]
struct Count {
    left: u32,
}

impl Streamer for Count {
    fn next<'a>(
        &'a mut self,
        out: &'a mut BytesMut,
    ) -> Pin<Box<dyn Future<Output = StreamStep> + Send + 'a>> {
        Box::pin(async move {
            if self.left == 0 {
                return StreamStep::End;
            }
            self.left -= 1;
            out.extend_from_slice(format!("{}\n", self.left).as_bytes());
            StreamStep::Bytes
        })
    }
}

struct Factory;

impl ServiceFactory for Factory {
    type Service = Echo;

    fn connect(&self, _: SocketAddr, _: SocketAddr) -> Echo {
        Echo
    }

    fn too_many(&self, what: &str) -> Vec<u8> {
        format!("{what}\n").into_bytes()
    }
}

struct Server {
    runtime: Runtime,
    address: SocketAddr,
    host: Host,
}

impl Server {
    fn start(limits: ConnectionLimits, cap: usize, budget: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let host = Host {
            limits: Arc::new(limits),
            budget: Budget::new(budget),
            shutdown: CancellationToken::new(),
            tracker: TaskTracker::new(),
        };
        let guard = runtime.enter();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_caps(cap, cap);
        drop(guard);
        let address = listener.address();
        runtime.spawn(listener.serve(Arc::new(Factory), host.clone()));
        Self { runtime, address, host }
    }

    fn plain() -> Self {
        Self::start(ConnectionLimits::default(), 100, usize::MAX)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends `input`, closes the sending half and returns everything that comes back.
    fn talk(&self, input: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(input).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_all(&mut stream)
    }
}

fn read_all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

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
    let mut last = String::new();
    for (i, l) in text.lines().enumerate() { let k = format!("len {} start {:?} odd {:?}", l.len(), &l[..l.len().min(20)], l.bytes().position(|b| b != b'x'));
      if k != last { eprintln!("line {i} {k}"); last = k; } }
    eprintln!("lines {}", text.lines().count());
    assert_eq!(text.len(), 400 * 50_001);
}

#[test]
fn a_line_over_the_limit_is_refused_while_a_neighbour_is_undisturbed() {
    let server =
        Server::start(ConnectionLimits { max_line_bytes: 1000, ..Default::default() }, 100, usize::MAX);
    let mut neighbour = server.connect();
    let mut stream = server.connect();
    stream.write_all(&vec![b'a'; 200_000]).unwrap();
    assert_eq!(read_all(&mut stream), "refused: LineTooLong\n");
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
    let limits = ConnectionLimits { line_deadline: Duration::from_millis(50), ..Default::default() };
    let server = Server::start(limits, 100, usize::MAX);
    let mut stream = server.connect();
    stream.write_all(b"echo hel").unwrap();
    assert_eq!(read_all(&mut stream), "refused: LineDeadline\n");
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
fn a_request_while_streaming_is_an_error_and_a_close() {
    let server = Server::plain();
    let mut stream = server.connect();
    stream.write_all(b"count 4000000\necho 1\n").unwrap();
    let text = read_all(&mut stream);
    assert!(text.ends_with("refused: RequestWhileStreaming\n"), "{}", text.len());
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

impl Server {
    fn talk_once(&self) -> String {
        let mut stream = self.connect();
        let sent = stream.write_all(b"echo 2\n").and_then(|()| stream.shutdown(Shutdown::Write));
        let mut text = String::new();
        match sent.and_then(|()| stream.read_to_string(&mut text)) {
            Ok(_) => text,
            Err(_) => String::new(),
        }
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
