//! INV-22: a full disk corrupts nothing, acknowledges nothing that is not there, and heals without a restart.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use yak_testkit::{Broker, BrokerBuilder, Socket};

/// Produces until it is refused; how many were acknowledged.
fn fill(socket: &mut Socket, value: &str) -> u64 {
    for acknowledged in 0..100_000 {
        let reply =
            socket.ask(&format!(r#"{{"op":"produce","topic":"t","records":[{{"value":"{value}"}}]}}"#));
        if let Some(error) = reply.get("error") {
            assert_eq!(error["code"], "KAFKA_STORAGE_ERROR", "{reply}");
            assert_eq!(error["retriable"], true, "{reply}");
            assert!(error["message"].as_str().unwrap().contains("no room on disk"), "{reply}");
            return acknowledged;
        }
    }
    unreachable!("the disk never filled");
}

/// Every acknowledged record is there, whole and in order.
fn check(broker: &Broker, expected: u64, value: &str) {
    let mut tail = broker.connect();
    tail.send(r#"{"op":"tail","topic":"t","from":"beginning","stop_at_end":true}"#);
    let text = tail.read_to_end();
    assert_eq!(text.lines().count() as u64, expected);
    assert!(text.lines().all(|line| line.contains(value)));
}

#[test]
fn inv_22_a_full_disk_refuses_produce_serves_the_rest_and_heals() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    // One run into the kernel's own refusal, one into the reserve that is kept for everything else.
    for reserve in ["0", "1MiB"] {
        let broker =
            BrokerBuilder::new(&data).small_disk(8 * 1024).set("log.dir.reserve.bytes", reserve).start();
        let filler = broker.inside(&data).join("filler");
        fs::write(&filler, vec![0; 3 << 20]).unwrap();
        let mut socket = broker.connect();
        let value = "x".repeat(10_000);
        let first = fill(&mut socket, &value);
        assert!(first > 50, "{first} were acknowledged before the disk was full");
        check(&broker, first, &value);
        socket.ok(r#"{"op":"metadata","topics":["t"]}"#);
        socket.ok(r#"{"op":"status"}"#);
        fs::remove_file(&filler).unwrap();
        let second = fill(&mut socket, &value);
        assert!(second > 50, "{second} were acknowledged after there was room again");
        check(&broker, first + second, &value);
    }
}
