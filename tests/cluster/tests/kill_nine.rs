//! `kill -9` of the broker under load, again and again: nothing acknowledged is lost, nothing comes twice.
//!
//! The producer here is written against the documented protocol alone (it shares no code with the client
//! library): idempotent, several lines in flight, and after every crash it sends again, with the same
//! sequence, whatever was not acknowledged. `YAK_KILLS` sets how many kills each mode gets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use yak_testkit::{Broker, BrokerBuilder, DEADLINE, Socket, wait_for};

const RECORDS_PER_LINE: u64 = 20;
/// Lines in flight: what an idempotent producer may have.
const WINDOW: usize = 5;

/// What producer and killer share.
struct Shared {
    address: Mutex<Option<SocketAddr>>,
    acknowledged: AtomicU64,
    stop: AtomicBool,
}

/// One line that is not acknowledged yet: its first value is also its sequence.
struct Line {
    first: u64,
    text: String,
}

struct Producer {
    shared: Arc<Shared>,
    producer_id: i64,
    next: u64,
    in_flight: VecDeque<Line>,
    resent: u64,
    last_offset: Option<u64>,
}

impl Producer {
    fn line(&self, first: u64) -> Line {
        let records: Vec<String> =
            (first..first + RECORDS_PER_LINE).map(|n| format!(r#"{{"value":"value-{n}"}}"#)).collect();
        let text = format!(
            r#"{{"op":"produce","topic":"t","partition":0,"acks":"all","producer_id":{},"producer_epoch":0,"base_sequence":{first},"records":[{}]}}"#,
            self.producer_id,
            records.join(",")
        );
        Line { first, text }
    }

    /// Produces over one connection until it fails or the test ends.
    fn run_connection(&mut self, address: SocketAddr) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        self.resent += self.in_flight.len() as u64;
        for line in &self.in_flight {
            stream.write_all(format!("{}\n", line.text).as_bytes())?;
        }
        loop {
            while self.in_flight.len() < WINDOW && !self.shared.stop.load(Ordering::Relaxed) {
                let line = self.line(self.next);
                self.next += RECORDS_PER_LINE;
                let text = format!("{}\n", line.text);
                // In flight from here on: a write that fails may have sent it.
                self.in_flight.push_back(line);
                stream.write_all(text.as_bytes())?;
            }
            if self.in_flight.is_empty() {
                return Ok(());
            }
            let mut reply = String::new();
            if reader.read_line(&mut reply)? == 0 || !reply.ends_with('\n') {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.acknowledged(&serde_json::from_str(&reply).unwrap_or_else(|e| panic!("{reply}: {e}")));
        }
    }

    fn acknowledged(&mut self, reply: &Value) {
        if reply["error"]["retriable"] == true {
            panic!("a standalone broker has no reason to refuse: {reply}");
        }
        let line = self.in_flight.pop_front().expect("a reply belongs to a request");
        let offset =
            reply["ok"]["partitions"][0]["base_offset"].as_u64().unwrap_or_else(|| panic!("{reply}"));
        // With one producer and no duplicate, value and offset are the same number: also for a line that was
        // written before a crash and acknowledged after it.
        assert_eq!(offset, line.first, "value-{} must be at its own offset: {reply}", line.first);
        assert!(self.last_offset.is_none_or(|last| last < offset), "acknowledgements come in order");
        self.last_offset = Some(offset);
        self.shared.acknowledged.store(line.first + RECORDS_PER_LINE, Ordering::SeqCst);
    }

    fn run(mut self) -> Self {
        let deadline = Instant::now() + Duration::from_secs(1800);
        while !(self.shared.stop.load(Ordering::Relaxed) && self.in_flight.is_empty()) {
            assert!(Instant::now() < deadline, "the run ends in time");
            let address = *self.shared.address.lock().unwrap();
            let ended = address.map(|address| self.run_connection(address));
            if !matches!(ended, Some(Ok(()))) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self
    }
}

fn publish(shared: &Shared, broker: Option<&Broker>) {
    *shared.address.lock().unwrap() = broker.map(|broker| broker.bootstrap().parse().unwrap());
}

/// Reads the whole topic back as a person would.
fn read_back(broker: &Broker) -> Vec<(u64, String)> {
    let mut socket: Socket = broker.connect();
    socket.send(r#"{"op":"tail","topic":"t","from":"beginning","stop_at_end":true}"#);
    let text = socket.read_to_end();
    text.lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            let offset = record["offset"].as_u64().unwrap_or_else(|| panic!("{line}"));
            (offset, record["value"].as_str().unwrap_or_else(|| panic!("{line}")).to_owned())
        })
        .collect()
}

fn kills() -> u32 {
    std::env::var("YAK_KILLS").map_or(100, |kills| kills.parse().unwrap())
}

fn kill_loop(flush: &str) {
    let directory = tempfile::tempdir().unwrap();
    let builder = BrokerBuilder::new(&directory.path().join("broker-1"))
        .set("log.flush.mode", flush)
        // Small segments, so that kills also fall into rolling.
        .set("log.segment.bytes", "256KiB");
    let mut broker = builder.start();
    let mut socket = broker.connect();
    socket.ok(&format!(
        r#"{{"op":"create_topics","topics":[{{"name":"t","partitions":1,"configs":{{"flush":"{flush}"}}}}]}}"#
    ));
    let producer_id = socket.ok(r#"{"op":"init_producer_id"}"#)["producer_id"].as_i64().unwrap();
    let shared = Arc::new(Shared {
        address: Mutex::new(None),
        acknowledged: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });
    publish(&shared, Some(&broker));
    let producer = Producer {
        shared: Arc::clone(&shared),
        producer_id,
        next: 0,
        in_flight: VecDeque::new(),
        resent: 0,
        last_offset: None,
    };
    let producer = std::thread::spawn(move || producer.run());
    for kill in 0..kills() {
        // Each kill falls somewhere into a stream of acknowledgements, a different number of them each time.
        let until = shared.acknowledged.load(Ordering::SeqCst) + u64::from(kill % 7) * 37 * RECORDS_PER_LINE;
        wait_for("the producer's progress", || {
            assert!(!producer.is_finished(), "the producer failed");
            (shared.acknowledged.load(Ordering::SeqCst) > until).then_some(())
        });
        let acknowledged = shared.acknowledged.load(Ordering::SeqCst);
        publish(&shared, None);
        broker.kill();
        broker = builder.start();
        let end = broker.connect().ok(
            r#"{"op":"list_offsets","topic":"t","partition":0,"at":"latest"}"#,
        )["partitions"][0]["offset"].as_u64().unwrap();
        assert!(end >= acknowledged, "kill {kill}: {acknowledged} were acknowledged, {end} are there");
        publish(&shared, Some(&broker));
    }
    shared.stop.store(true, Ordering::SeqCst);
    let producer = producer.join().expect("the producer checks every acknowledgement");
    let sent = producer.next;
    let records = read_back(&broker);
    assert_eq!(records.len() as u64, sent, "everything was acknowledged in the end, once");
    for (n, (offset, value)) in records.iter().enumerate() {
        assert_eq!((*offset, value.as_str()), (n as u64, format!("value-{n}").as_str()));
    }
    assert!(producer.resent > 0, "no kill hit a line in flight: the test proved nothing");
    eprintln!(
        "flush={flush}: {} kills, {sent} records acknowledged, {} lines sent again, 0 lost, 0 twice",
        kills(),
        producer.resent
    );
}

#[test]
fn kill_nine_loses_and_repeats_nothing_with_flush_os() {
    kill_loop("os");
}

#[test]
fn kill_nine_loses_and_repeats_nothing_with_flush_sync() {
    kill_loop("sync");
}
