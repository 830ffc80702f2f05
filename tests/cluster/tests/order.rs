//! Requests of one connection are executed in the order in which they arrived, whatever some of them wait for.

use yak_testkit::{Broker, Socket};

fn start() -> (tempfile::TempDir, Broker) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let broker = Broker::start(&directory.path().join("broker-1"));
    (directory, broker)
}

/// Sends lines in one packet and reads as many replies.
fn pipeline<const N: usize>(socket: &mut Socket, lines: [&str; N]) -> [serde_json::Value; N] {
    socket.send(&lines.join("\n"));
    lines.map(|_| socket.read())
}

#[test]
fn records_produced_behind_a_deletion_are_not_deleted() {
    let (_directory, broker) = start();
    let mut socket = broker.connect();
    socket.ok(r#"{"op":"produce","topic":"t","records":[{"value":"early"}]}"#);
    for round in 1..50 {
        let [deleted, produced] = pipeline(
            &mut socket,
            [
                r#"{"op":"delete_records","topic":"t","partition":0,"before_offset":"high_watermark"}"#,
                r#"{"op":"produce","topic":"t","records":[{"value":"late"}]}"#,
            ],
        );
        assert_eq!(deleted["ok"]["partitions"][0]["log_start_offset"], round, "{deleted}");
        assert_eq!(produced["ok"]["partitions"][0]["base_offset"], round, "{produced}");
    }
}

#[test]
fn records_produced_behind_a_topics_deletion_go_into_the_new_topic() {
    let (_directory, broker) = start();
    let mut socket = broker.connect();
    socket.ok(r#"{"op":"produce","topic":"t","records":[{"value":"a"},{"value":"b"}]}"#);
    let [_, produced, fetched] = pipeline(
        &mut socket,
        [
            r#"{"op":"delete_topics","topics":["t"]}"#,
            r#"{"op":"produce","topic":"t","records":[{"value":"new"}]}"#,
            r#"{"op":"fetch","topic":"t","partition":0,"offset":0}"#,
        ],
    );
    assert_eq!(produced["ok"]["partitions"][0]["base_offset"], 0, "{produced}");
    assert_eq!(fetched["ok"]["partitions"][0]["records"][0]["value"], "new", "{fetched}");
}

#[test]
fn a_fetch_behind_the_produce_that_creates_its_topic_finds_it() {
    let (_directory, broker) = start();
    let mut socket = broker.connect();
    for n in 0..20 {
        let lines = [
            format!(r#"{{"op":"produce","topic":"new-{n}","records":[{{"value":"v"}}]}}"#),
            format!(r#"{{"op":"produce","topic":"new-{n}","records":[{{"value":"w"}}]}}"#),
            format!(r#"{{"op":"list_offsets","topic":"new-{n}","partition":0,"at":"latest"}}"#),
            format!(r#"{{"op":"fetch","topic":"new-{n}","partition":0,"offset":0}}"#),
        ];
        let [first, second, latest, fetched] =
            pipeline(&mut socket, [&lines[0], &lines[1], &lines[2], &lines[3]]);
        assert_eq!(first["ok"]["partitions"][0]["base_offset"], 0, "{first}");
        assert_eq!(second["ok"]["partitions"][0]["base_offset"], 1, "{second}");
        assert_eq!(latest["ok"]["partitions"][0]["offset"], 2, "{latest}");
        assert_eq!(fetched["ok"]["partitions"][0]["records"].as_array().map(Vec::len), Some(2), "{fetched}");
    }
}

#[test]
fn a_change_behind_a_held_fetch_is_made_at_once() {
    let (_directory, broker) = start();
    let mut socket = broker.connect();
    socket.ok(r#"{"op":"produce","topic":"t","records":[{"value":"a"}]}"#);
    socket.send(r#"{"op":"fetch","topic":"t","partition":0,"offset":1,"max_wait_ms":60000}"#);
    socket.send(r#"{"op":"create_topics","topics":[{"name":"u"}]}"#);
    let mut other = broker.connect();
    yak_testkit::wait_for("the topic, though the reply to its creation is held", || {
        other.ask(r#"{"op":"list_offsets","topic":"u","partition":0}"#).get("ok").map(drop)
    });
    other.ok(r#"{"op":"produce","topic":"t","records":[{"value":"b"}]}"#);
    assert_eq!(socket.read()["ok"]["partitions"][0]["records"][0]["value"], "b");
    assert_eq!(socket.read()["ok"]["topics"][0]["name"], "u");
}
