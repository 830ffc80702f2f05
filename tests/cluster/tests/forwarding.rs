//! Lines typed at any broker of a cluster of real processes: answered as if that broker led everything.

use serde_json::{Value, json};
use yak_testkit::{Cluster, Socket, wait_for};

/// Three brokers, and topic `t` with partitions that are led by broker 1, 2 and 3, each on all of them.
fn cluster() -> Cluster {
    let cluster = Cluster::start(3);
    cluster.connect(1).ok(r#"{"op":"create_topics","topic":"t","assignment":[[1,2,3],[2,3,1],[3,1,2]]}"#);
    for partition in 0..3 {
        for seen_by in 1..=3 {
            cluster.wait_for_isr(seen_by, ("t", partition), &[1, 2, 3]);
        }
    }
    cluster
}

fn produce(socket: &mut Socket, partition: i32, value: &str) -> Value {
    let line = json!({"op": "produce", "topic": "t", "partition": partition, "records": [{"value": value}]});
    socket.ok(&line.to_string())["partitions"][0].clone()
}

/// The values of a partition, read to its end.
fn values(socket: &mut Socket, partition: i32) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    let mut offset = 0;
    loop {
        let line =
            json!({"op": "fetch", "topic": "t", "partition": partition, "offset": offset, "max_wait_ms": 0});
        let fetched = socket.ok(&line.to_string())["partitions"][0].clone();
        offset = fetched["next_offset"].as_i64().expect("an offset");
        let records = fetched["records"].as_array().expect("records");
        if records.is_empty() {
            return values;
        }
        values.extend(records.iter().map(|record| record["value"].as_str().expect("text").to_owned()));
    }
}

#[test]
fn every_broker_takes_and_gives_everything() {
    let cluster = cluster();
    for id in 1..=3 {
        let mut socket = cluster.connect(id);
        for partition in 0..3 {
            let produced = produce(&mut socket, partition, &format!("typed at {id}"));
            assert_eq!(
                (&produced["partition"], &produced["base_offset"]),
                (&json!(partition), &json!(id - 1))
            );
            let list = format!(r#"{{"op":"list_offsets","topic":"t","partition":{partition}}}"#);
            assert_eq!(socket.ok(&list)["partitions"][0]["offset"], id);
        }
    }
    let expected = ["typed at 1", "typed at 2", "typed at 3"];
    for id in 1..=3 {
        let mut socket = cluster.connect(id);
        for partition in 0..3 {
            assert_eq!(values(&mut socket, partition), expected, "broker {id}, partition {partition}");
        }
        let mut tail = cluster.connect(id);
        tail.send(r#"{"op":"tail","topic":"t","from":"beginning","stop_at_end":true}"#);
        tail.finish_sending();
        let mut lines: Vec<(i64, i64)> = tail
            .read_to_end()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .map(|line| {
                let number = |name: &str| line[name].as_i64().unwrap_or_else(|| panic!("no {name}: {line}"));
                (number("partition"), number("offset"))
            })
            .collect();
        lines.sort_unstable();
        let all: Vec<_> =
            (0..3).flat_map(|partition| (0..3).map(move |offset| (partition, offset))).collect();
        assert_eq!(lines, all, "broker {id}");
    }
    // Meant for this very broker, a line is not passed on.
    let mut socket = cluster.connect(1);
    let epoch = cluster.partition(1, "t", 2).expect("there")["leader_epoch"].clone();
    let line = json!({"op": "produce", "topic": "t", "partition": 2, "leader_epoch": epoch,
        "records": [{"value": "x"}]});
    assert_eq!(socket.error(&line.to_string()).0, "NOT_LEADER_OR_FOLLOWER");
    let deleted = socket.ok(r#"{"op":"delete_records","topic":"t","partition":2,"before_offset":2}"#);
    assert_eq!(deleted["partitions"][0]["log_start_offset"], 2);
}

#[test]
fn what_is_typed_while_leaders_die_is_never_there_twice() {
    let mut cluster = cluster();
    let mut tail = cluster.connect(1);
    tail.send(r#"{"op":"tail","topic":"t","partition":1,"from":"beginning"}"#);
    let mut socket = cluster.connect(1);
    let mut known = Vec::new();
    let mut type_some = |known: &mut Vec<String>, range: std::ops::Range<i32>| {
        for number in range {
            let value = number.to_string();
            let line = json!({"op": "produce", "topic": "t", "partition": 1, "records": [{"value": value}]});
            let reply = socket.ask(&line.to_string());
            if reply["ok"].is_object() {
                known.push(value);
            } else {
                assert_eq!(reply["error"]["retriable"], true, "{reply}");
            }
        }
    };
    type_some(&mut known, 0..20);
    assert_eq!(known.len(), 20, "all is well yet");
    cluster.kill(2);
    type_some(&mut known, 20..40);
    assert!(known.len() > 30, "it goes on at the next leader: {known:?}");
    cluster.restart(2);
    cluster.wait_for_isr(1, ("t", 1), &[1, 2, 3]);
    let leader = cluster.wait_for_leader(1, ("t", 1), |leader| leader != 2);
    assert_eq!(leader, 3, "the head of the queue, and not the broker where it is typed");
    // One that hangs is noticed as well.
    cluster.pause(3);
    type_some(&mut known, 40..60);
    cluster.resume(3);
    cluster.wait_for_isr(1, ("t", 1), &[1, 2, 3]);
    type_some(&mut known, 60..70);
    let stored = wait_for("the end of the tail", || {
        let mut stored = Vec::new();
        while stored.last().map(String::as_str) != Some("69") {
            stored.push(tail.read()["value"].as_str().expect("a record").to_owned());
        }
        Some(stored)
    });
    let numbers: Vec<i32> = stored.iter().map(|value| value.parse().expect("a number")).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "in order, and nothing twice: {numbers:?}");
    assert!(known.iter().all(|value| stored.contains(value)), "what was acknowledged is there: {stored:?}");
    for id in 1..=3 {
        assert_eq!(values(&mut cluster.connect(id), 1), stored, "the same at broker {id}");
    }
}

#[test]
fn a_broker_that_was_stopped_does_not_tell_who_led_before() {
    let cluster = cluster();
    let mut asked = cluster.connect(3);
    asked.ok(r#"{"op":"hello","protocol":[1,1]}"#);
    cluster.pause(3);
    cluster.wait_for_leader(1, ("t", 2), |leader| leader != 3);
    // It lies there when the broker goes on.
    asked.send(r#"{"op":"metadata","topic":"t"}"#);
    cluster.resume(3);
    let answer = asked.read();
    let partitions = answer["ok"]["topics"][0]["partitions"].as_array().expect("partitions");
    assert_ne!(partitions[2]["leader"], 3, "{answer}");
}
