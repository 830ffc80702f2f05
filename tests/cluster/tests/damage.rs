//! Damaged and missing files, too many of them, and a disk without room: named, contained, and not forgotten.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use yak_testkit::{Broker, BrokerBuilder, Socket, wait_for};

fn segment(data: &Path, topic: &str) -> PathBuf {
    data.join(format!("{topic}-0/00000000000000000000.log"))
}

/// Topics with ten synced records each.
fn fill(socket: &mut Socket, topics: &[&str]) {
    for topic in topics {
        socket.ok(&format!(
            r#"{{"op":"create_topics","topics":[{{"name":"{topic}","configs":{{"flush":"sync"}}}}]}}"#
        ));
        for value in 0..10 {
            socket.ok(&format!(
                r#"{{"op":"produce","topic":"{topic}","records":[{{"value":"value-{value}"}}]}}"#
            ));
        }
    }
}

/// Turns `value-3` into `value-7` on the disk.
fn falsify(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(7).position(|window| window == b"value-3").unwrap();
    bytes[at + 6] = b'7';
    fs::write(path, bytes).unwrap();
}

fn serves(socket: &mut Socket, topic: &str) {
    let reply = socket.ok(&format!(r#"{{"op":"fetch","topic":"{topic}","partition":0,"offset":0}}"#));
    assert_eq!(reply["partitions"][0]["records"].as_array().unwrap().len(), 10, "{reply}");
}

fn is_offline(socket: &mut Socket, topic: &str) -> String {
    let (code, message) =
        socket.error(&format!(r#"{{"op":"fetch","topic":"{topic}","partition":0,"offset":0}}"#));
    assert_eq!(code, "KAFKA_STORAGE_ERROR", "{message}");
    let (code, _) =
        socket.error(&format!(r#"{{"op":"produce","topic":"{topic}","records":[{{"value":"v"}}]}}"#));
    assert_eq!(code, "KAFKA_STORAGE_ERROR");
    message
}

#[test]
fn inv_19_a_byte_that_changes_under_a_running_broker_is_reported_and_never_served() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    let broker = Broker::start(&data);
    let mut socket = broker.connect();
    fill(&mut socket, &["t", "u"]);
    falsify(&segment(&data, "t"));
    let (code, message) = socket.error(r#"{"op":"fetch","topic":"t","partition":0,"offset":0}"#);
    assert_eq!(code, "KAFKA_STORAGE_ERROR", "{message}");
    let mut tail = broker.connect();
    tail.send(r#"{"op":"tail","topic":"t","from":"beginning"}"#);
    let text = tail.read_to_end();
    assert!(text.contains("KAFKA_STORAGE_ERROR") && !text.contains("value-7\""), "{text}");
    serves(&mut socket, "u");
}

#[test]
fn inv_19_damage_is_found_again_after_a_clean_restart() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    let broker = Broker::start(&data);
    let mut socket = broker.connect();
    fill(&mut socket, &["t", "u"]);
    // A clean start writes the small files of the partition, so that the next one could be trusted.
    assert_eq!(broker.stop(), Some(0));
    Broker::start(&data).kill();
    falsify(&segment(&data, "t"));
    for _ in 0..2 {
        let broker = Broker::start(&data);
        let mut socket = broker.connect();
        is_offline(&mut socket, "t");
        serves(&mut socket, "u");
        assert_eq!(broker.stop(), Some(0));
    }
}

#[test]
fn a_partition_whose_small_files_are_broken_is_offline_alone() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    let broker = Broker::start(&data);
    fill(&mut broker.connect(), &["t", "u", "v"]);
    broker.kill();
    fs::write(data.join("t-0/partition.metadata"), "version: 0\ntopic_id: nonsense").unwrap();
    // Empty: made, but never filled before the power went. What it said is in the metadata.
    fs::write(data.join("u-0/partition.metadata"), "").unwrap();
    let broker = Broker::start(&data);
    let mut socket = broker.connect();
    assert!(is_offline(&mut socket, "t").contains("partition.metadata"));
    serves(&mut socket, "u");
    serves(&mut socket, "v");
}

#[test]
fn a_topic_that_is_offline_can_be_deleted_and_created_again() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    let broker = Broker::start(&data);
    fill(&mut broker.connect(), &["t"]);
    broker.kill();
    falsify(&segment(&data, "t"));
    let broker = Broker::start(&data);
    let mut socket = broker.connect();
    is_offline(&mut socket, "t");
    socket.ok(r#"{"op":"delete_topics","topics":["t"]}"#);
    fill(&mut socket, &["t"]);
    serves(&mut socket, "t");
    assert_eq!(broker.stop(), Some(0));
    serves(&mut Broker::start(&data).connect(), "t");
}

#[test]
fn a_topic_created_on_a_full_disk_waits_for_room_and_the_broker_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    let broker = BrokerBuilder::new(&data).small_disk(8 * 1024).set("log.dir.reserve.bytes", "0").start();
    let mut socket = broker.connect();
    fill(&mut socket, &["t"]);
    let filler = broker.inside(&data).join("filler");
    // Fails when the disk is full, which is what it is for.
    drop(fs::write(&filler, vec![0; 16 << 20]));
    socket.ask(r#"{"op":"create_topics","topics":[{"name":"u"}]}"#);
    let reply = socket.ask(r#"{"op":"produce","topic":"u","records":[{"value":"v"}]}"#);
    assert_eq!(reply["error"]["retriable"], true, "{reply}");
    serves(&mut socket, "t");
    fs::remove_file(&filler).unwrap();
    wait_for("the topic, once there is room", || {
        socket.ask(r#"{"op":"produce","topic":"u","records":[{"value":"v"}]}"#).get("ok").map(drop)
    });
}

#[test]
fn too_few_file_descriptors_refuse_what_needs_them_and_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    let builder = BrokerBuilder::new(&data).open_files(120);
    let broker = builder.start();
    let mut socket = broker.connect();
    fill(&mut socket, &["t"]);
    let mut turned_away = 0;
    // (How many descriptors a broker needs for itself depends on the processors of the machine.)
    let idle: Vec<Socket> = (0..150).map(|_| broker.connect()).collect();
    for mut connection in idle {
        turned_away +=
            u32::from(connection.ask_or_turned_away(r#"{"op":"list_offsets","topic":"t","partition":0}"#));
    }
    assert!(turned_away > 30, "{turned_away} of 150 were turned away");
    serves(&mut socket, "t");
    // More partitions than descriptors: whatever becomes of them, the others live, also after a crash.
    socket.send(r#"{"op":"create_topics","topics":[{"name":"wide","partitions":300}]}"#);
    socket.read();
    serves(&mut socket, "t");
    broker.kill();
    let broker = builder.start();
    let mut socket = broker.connect();
    serves(&mut socket, "t");
    socket.ok(r#"{"op":"produce","topic":"t","records":[{"value":"after"}]}"#);
}
