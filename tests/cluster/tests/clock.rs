//! INV-33: a clock that was set back deletes nothing and stops nobody.

use std::time::{SystemTime, UNIX_EPOCH};

use yak_testkit::{BrokerBuilder, Socket, wait_for};

fn offset(socket: &mut Socket, topic: &str, at: &str) -> Option<u64> {
    let reply = socket.ok(&format!(r#"{{"op":"list_offsets","topic":"{topic}","partition":0,"at":{at}}}"#));
    reply["partitions"][0]["offset"].as_u64()
}

#[test]
fn inv_33_a_clock_set_back_deletes_nothing_and_records_go_on() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let builder =
        BrokerBuilder::new(&directory.path().join("broker-1")).set("log.retention.check.interval.ms", "50");
    let broker = builder.start();
    let mut socket = broker.connect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis();
    // As a broker finds them whose clock was half an hour ahead and was then set right.
    let ahead = now + 30 * 60 * 1000;
    socket.ok(r#"{"op":"create_topics","topics":[{"name":"t","configs":{"retention.ms":"1h","segment.bytes":"1KiB"}}]}"#);
    for n in 0..50 {
        socket.ok(&format!(
            r#"{{"op":"produce","topic":"t","records":[{{"value":"v{n}","timestamp":{ahead}}}]}}"#
        ));
    }
    broker.kill();
    let broker = builder.start();
    let mut socket = broker.connect();
    for n in 50..100 {
        let reply = socket.ok(&format!(r#"{{"op":"produce","topic":"t","records":[{{"value":"v{n}"}}]}}"#));
        assert_eq!(reply["partitions"][0]["base_offset"], n, "{reply}");
    }
    // Retention has looked at every log once it has deleted what really is old.
    socket.ok(r#"{"op":"create_topics","topics":[{"name":"old","configs":{"retention.ms":"1000"}}]}"#);
    socket.ok(r#"{"op":"produce","topic":"old","records":[{"value":"v","timestamp":1000}]}"#);
    wait_for("retention", || (offset(&mut socket, "old", "\"earliest\"") == Some(1)).then_some(()));
    assert_eq!(offset(&mut socket, "t", "\"earliest\""), Some(0));
    assert_eq!(offset(&mut socket, "t", "\"latest\""), Some(100));
    // By time: the first record that is not older, in order of offset.
    assert_eq!(offset(&mut socket, "t", &format!(r#"{{"time":{now}}}"#)), Some(0));
    assert_eq!(broker.stop(), Some(0));
}
