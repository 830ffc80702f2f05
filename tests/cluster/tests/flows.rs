//! Records from producers to consumers of one broker: how they spread, who gets what, and when.

use std::thread::scope;
use std::time::Instant;

use serde_json::Value;
use tempfile::tempdir;
use yak_testkit::{Broker, Finished, Running, run, run_with_input, wait_for};

fn tool(name: &str, broker: &Broker, args: &[&str], input: &str) -> Finished {
    let args = [&["--bootstrap-server", broker.bootstrap()], args].concat();
    run_with_input(name, &args, input.as_bytes()).ok()
}

fn produce(broker: &Broker, topic: &str, args: &[&str], lines: &str) -> Finished {
    tool("yak-producer", broker, &[&["--topic", topic], args].concat(), lines)
}

fn create(broker: &Broker, topic: &str, partitions: &str) {
    tool("yak-topics", broker, &["--create", "--topic", topic, "--partitions", partitions], "");
}

fn consume(broker: &Broker, topic: &str, args: &[&str]) -> String {
    tool("yak-consumer", broker, &[&["--topic", topic, "--exit"], args].concat(), "").text()
}

/// How many consumers the broker lists.
fn consumers(broker: &Broker) -> usize {
    let status = tool("yak-status", broker, &["--json"], "").text();
    let status: Value = serde_json::from_str(status.lines().next().unwrap_or_default()).expect("JSON");
    let clients = status["clients"].as_array().cloned().unwrap_or_default();
    clients.iter().filter(|client| client["role"] == "consumer").count()
}

#[test]
fn two_records_without_a_key_go_to_two_partitions_one_each() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    create(&broker, "t", "2");
    let report = produce(&broker, "t", &["--report"], "a\nb\n").text();
    let mut places: Vec<&str> = report.lines().collect();
    places.sort_unstable();
    assert_eq!(places, ["t-0@0", "t-1@0"]);
}

#[test]
fn the_picture_of_three_partitions_can_be_drawn_exactly() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    create(&broker, "t", "3");
    for (partition, lines) in [("0", "a\nb\n"), ("1", "c\nd\ne\nf\n"), ("2", "g\n")] {
        produce(&broker, "t", &["--partition", partition], lines);
    }
    let text = consume(&broker, "t", &["--from-beginning", "--print", "partition,offset"]);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let expected =
        [(0, 0, "a"), (0, 1, "b"), (1, 0, "c"), (1, 1, "d"), (1, 2, "e"), (1, 3, "f"), (2, 0, "g")];
    let expected = expected.map(|(p, o, value)| format!("Partition:{p}\tOffset:{o}\t{value}"));
    assert_eq!(lines, expected);
}

#[test]
fn a_record_keeps_key_value_headers_and_timestamp() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    let mut socket = broker.connect();
    let line = r#"{"op":"produce","topic":"t","records":[{"key":"k","value":"v","timestamp":1700000000000,
                  "headers":[{"key":"h","value":"x"}]}]}"#;
    socket.ok(&line.replace('\n', " "));
    let text = consume(&broker, "t", &["--from-beginning", "--json"]);
    let record: Value = serde_json::from_str(text.trim_end()).unwrap();
    assert_eq!((&record["key"], &record["value"]), (&Value::from("k"), &Value::from("v")));
    assert_eq!(record["timestamp"], 1_700_000_000_000_i64);
    assert_eq!(record["headers"], serde_json::json!([{"key": "h", "value": "x"}]));
    assert_eq!((&record["partition"], &record["offset"]), (&Value::from(0), &Value::from(0)));
}

#[test]
fn every_consumer_gets_everything_and_reading_removes_nothing() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    let text: String = (0..500).map(|n| format!("{n}\n")).collect();
    create(&broker, "t", "1");
    produce(&broker, "t", &[], &text);
    scope(|scope| {
        let readers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| consume(&broker, "t", &["--from-beginning"]))).collect();
        for reader in readers {
            assert_eq!(reader.join().unwrap(), text);
        }
    });
    assert_eq!(consume(&broker, "t", &["--from-beginning"]), text, "somebody who was away gets it too");
    assert_eq!(consume(&broker, "t", &["--offset", "490"]), text[text.find("490").unwrap()..]);
}

#[test]
fn without_from_beginning_a_consumer_gets_what_is_sent_after_it_registered() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    create(&broker, "t", "1");
    produce(&broker, "t", &[], "before\n");
    let args = ["--bootstrap-server", broker.bootstrap(), "--topic", "t", "--max-messages", "2"];
    let consumer = Running::start("yak-consumer", &args);
    wait_for("the consumer to register", || (consumers(&broker) == 1).then_some(()));
    produce(&broker, "t", &[], "after\nlater\n");
    let finished = consumer.finish().ok();
    assert_eq!(finished.text(), "after\nlater\n");
}

#[test]
fn several_producers_write_to_several_topics_while_a_consumer_reads_them() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    let topics = ["visits", "clicks"];
    for topic in topics {
        create(&broker, topic, "2");
    }
    let args = ["--bootstrap-server", broker.bootstrap(), "--topic", "visits", "--topic", "clicks"];
    let consumer = Running::start("yak-consumer", &[&args[..], &["--from-beginning", "-n", "1200"]].concat());
    scope(|scope| {
        for producer in 0..3 {
            for topic in topics {
                let broker = &broker;
                scope.spawn(move || {
                    let text: String = (0..200).map(|n| format!("{topic}/{producer}/{n}\n")).collect();
                    produce(broker, topic, &[], &text)
                });
            }
        }
    });
    let text = consumer.finish().ok().text();
    let mut got: Vec<&str> = text.lines().collect();
    got.sort_unstable();
    let mut sent: Vec<String> = Vec::new();
    for topic in topics {
        sent.extend((0..3).flat_map(|producer| (0..200).map(move |n| format!("{topic}/{producer}/{n}"))));
    }
    sent.sort_unstable();
    assert_eq!(got, sent);
}

#[test]
fn a_producer_may_not_wait_or_may_keep_a_pace() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    create(&broker, "t", "1");
    produce(&broker, "t", &["--acks", "0"], "a\nb\nc\n");
    wait_for("what nobody waited for", || {
        (consume(&broker, "t", &["--from-beginning"]) == "a\nb\nc\n").then_some(())
    });
    // Ten records at 50 a second take at least nine pauses of 20 ms; how much longer does not matter.
    let begin = Instant::now();
    produce(&broker, "t", &["--rate", "50"], &"tick\n".repeat(10));
    assert!(begin.elapsed().as_millis() >= 180, "{:?}", begin.elapsed());
}

#[test]
fn a_missing_topic_is_created_for_a_producer_and_for_a_consumer() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    produce(&broker, "by-producer", &[], "x\n");
    assert_eq!(consume(&broker, "by-consumer", &["--from-beginning"]), "");
    let listed = run("yak-topics", &["--bootstrap-server", broker.bootstrap(), "--list"]).ok();
    assert_eq!(listed.text(), "by-consumer\nby-producer\n");
}

#[test]
fn the_classic_commands_work_as_they_are_spelt() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    create(&broker, "test", "1");
    let produced = run_with_input(
        "yak-producer",
        &["--broker-list", broker.bootstrap(), "--topic", "test"],
        b"This is a message\nThis is another message\n",
    );
    assert_eq!(produced.code, Some(0), "{}", produced.stderr);
    let args = ["--bootstrap-server", broker.bootstrap(), "--topic", "test", "--from-beginning"];
    let consumer = Running::start("yak-consumer", &[&args[..], &["--max-messages", "2"]].concat());
    assert_eq!(consumer.finish().ok().text(), "This is a message\nThis is another message\n");
}
