//! Lines typed at any broker of a small cluster, over real sockets.

mod leaders;
mod limits;
mod tail;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use yak_model::PartitionIndex;

use crate::replication::tests::rig::{Node, Rig, topic, until};

/// A connection as a person has one.
struct Hand(BufReader<TcpStream>);

impl Hand {
    async fn at(node: &Node) -> Self {
        Self(BufReader::new(TcpStream::connect(node.address).await.expect("it listens")))
    }

    async fn send(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).await.expect("written");
    }

    /// The next line; null at the end.
    async fn read(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).await.expect("readable");
        if line.is_empty() { Value::Null } else { serde_json::from_str(&line).expect("JSON") }
    }

    async fn ask(&mut self, line: &str) -> Value {
        self.send(line).await;
        self.read().await
    }

    async fn ok(&mut self, line: &str) -> Value {
        let reply = self.ask(line).await;
        assert!(reply["ok"].is_object(), "{line}: {reply}");
        reply["ok"].clone()
    }
}

/// Three brokers, and topic `t` whose partitions 0 to 2 are led by brokers 1 to 3, one replica each.
async fn scattered(rig: &Rig) -> Vec<Node> {
    scattered_over(rig, "[[1],[2],[3]]").await
}

async fn scattered_over(rig: &Rig, assignment: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    for id in 1..=3 {
        nodes.push(rig.start(id).await);
    }
    let create = format!(r#"{{"op":"create_topics","topic":"t","assignment":{assignment}}}"#);
    Hand::at(&nodes[0]).await.ok(&create).await;
    for node in &nodes {
        until("the topic is everywhere", || node.broker.image().topic(&topic()).is_some()).await;
    }
    nodes
}

/// What somebody sees who reads a whole partition at its leader.
async fn values(nodes: &[Node], partition: usize) -> Vec<String> {
    let line = format!(r#"{{"op":"fetch","topic":"t","partition":{partition},"offset":0,"max_wait_ms":0}}"#);
    let fetched = Hand::at(&nodes[partition]).await.ok(&line).await;
    let records = fetched["partitions"][0]["records"].as_array().expect("records").clone();
    records.iter().map(|record| record["value"].as_str().expect("text").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broker_takes_records_for_every_partition_and_reads_them() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    for (at, node) in nodes.iter().enumerate() {
        let mut hand = Hand::at(node).await;
        for partition in 0..3 {
            let produce = format!(
                r#"{{"id":"x","op":"produce","topic":"t","partition":{partition},"records":[
                {{"key":"k","value":"from {at}","timestamp":1700000000000,"headers":[{{"key":"h","value_base64":"/w=="}}]}},
                {{"value":{{"any": [1.50]}}}},{{"value":null}}]}}"#
            );
            let reply = hand.ask(&produce.replace('\n', "")).await;
            assert_eq!(reply["id"], "x");
            let leader = partition + 1;
            let ok = json!({"partitions": [{"partition": partition, "base_offset": 3 * at, "count": 3}],
                "acks": "all", "acked_by": [leader], "durable": true});
            assert_eq!(reply["ok"], ok);
            let fetch = format!(
                r#"{{"op":"fetch","topic":"t","partition":{partition},"offset":{},"values":"json"}}"#,
                3 * at
            );
            let fetched = hand.ok(&fetch).await;
            let fetched = &fetched["partitions"][0];
            assert_eq!(
                (&fetched["next_offset"], &fetched["high_watermark"]),
                (&json!(3 * at + 3), &json!(3 * at + 3))
            );
            let first = json!({"offset": 3 * at, "timestamp": 1_700_000_000_000_i64, "key": "k",
                "value": format!("from {at}"), "headers": [{"key": "h", "value_base64": "/w=="}]});
            assert_eq!(fetched["records"][0], first);
            assert_eq!(fetched["records"][1]["value"], json!({"any": [1.5]}));
            assert_eq!(fetched["records"][2]["value"], Value::Null);
            let list = format!(r#"{{"op":"list_offsets","topic":"t","partition":{partition}}}"#);
            assert_eq!(hand.ok(&list).await["partitions"][0]["offset"], 3 * at + 3);
        }
        // The client is this broker's, under its own name, and nobody else's.
        let clients = node.broker.clients.status(|_, _| None);
        assert_eq!(clients.len(), 1, "{clients:?}");
        assert_eq!((clients[0].client_id.as_str(), clients[0].records), ("(by hand)", 18));
        drop(hand);
        until("it deregisters", || node.broker.clients.presences().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_several_leaders_is_answered_in_its_own_order() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    let mut hand = Hand::at(&nodes[1]).await;
    let produced = hand
        .ok(r#"{"op":"produce","entries":[
            {"topic":"t","partition":2,"records":[{"value":"a"}]},
            {"topic":"t","partition":9,"records":[{"value":"b"}]},
            {"topic":"t","partition":1,"records":[{"value":"c"}]},
            {"topic":"t","partition":0,"compression":"zstd","records":[{"value":"d"},{"value":"e"}]},
            {"topic":"t","partition":2,"records":[{"value":"f"}]}]}"#
            .replace('\n', "")
            .as_str())
        .await;
    let places: Vec<_> = produced["partitions"]
        .as_array()
        .expect("partitions")
        .iter()
        .map(|place| (place["partition"].as_i64(), place["base_offset"].as_i64()))
        .collect();
    let expected = [(2, Some(0)), (9, None), (1, Some(0)), (0, Some(0)), (2, Some(1))];
    assert_eq!(places, expected.map(|(partition, offset)| (Some(partition), offset)));
    assert_eq!(produced["partitions"][1]["error"]["code"], "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(values(&nodes, 2).await, ["a", "f"]);

    let listed = hand.ok(r#"{"op":"list_offsets","entries":[{"topic":"t","partition":0},
        {"topic":"t","partition":2,"at":"earliest"},{"topic":"u","partition":0},{"topic":"t","partition":1}]}"#
        .replace('\n', "").as_str()).await;
    let offsets: Vec<_> = listed["partitions"]
        .as_array()
        .expect("partitions")
        .iter()
        .map(|one| one["offset"].clone())
        .collect();
    assert_eq!(offsets, [json!(2), json!(0), Value::Null, json!(1)]);

    let fetched = hand.ok(r#"{"op":"fetch","min_bytes":1,"max_wait_ms":10000,"entries":[
        {"topic":"t","partition":0,"offset":1},{"topic":"t","partition":1,"offset":1},{"topic":"t","partition":2,"offset":0}]}"#
        .replace('\n', "").as_str()).await;
    let next: Vec<_> = fetched["partitions"]
        .as_array()
        .expect("partitions")
        .iter()
        .map(|one| one["next_offset"].clone())
        .collect();
    assert_eq!(next, [json!(2), json!(1), json!(2)]);

    let deleted = hand
        .ok(r#"{"op":"delete_records","entries":[{"topic":"t","partition":2,"before_offset":1},
        {"topic":"t","partition":1,"before_offset":"high_watermark"}]}"#
            .replace('\n', "")
            .as_str())
        .await;
    let starts: Vec<_> = deleted["partitions"]
        .as_array()
        .expect("partitions")
        .iter()
        .map(|one| one["log_start_offset"].clone())
        .collect();
    assert_eq!(starts, [json!(1), json!(1)]);
    let gone = hand.ask(r#"{"op":"fetch","topic":"t","partition":2,"offset":0}"#).await;
    assert_eq!(gone["error"]["code"], "OFFSET_OUT_OF_RANGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_partition_records_go_by_key_or_in_turn() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    let mut hand = Hand::at(&nodes[0]).await;
    let produced = hand.ok(r#"{"op":"produce","topic":"t","records":[{"value":"0"},{"value":"1"},{"value":"2"},{"value":"3"},{"value":"4"},{"value":"5"}]}"#).await;
    assert_eq!(produced["partitions"].as_array().map(Vec::len), Some(3));
    let mut all = Vec::new();
    for partition in 0..3 {
        let values = values(&nodes, partition).await;
        assert_eq!(values.len(), 2, "in turn");
        all.extend(values);
    }
    all.sort_unstable();
    assert_eq!(all, ["0", "1", "2", "3", "4", "5"]);
    for (at, node) in nodes.iter().enumerate() {
        let line =
            format!(r#"{{"op":"produce","topic":"t","records":[{{"key":"same","value":"by key {at}"}}]}}"#);
        Hand::at(node).await.ok(&line).await;
    }
    let of_key = yak_model::partition_for_key(b"same", 3);
    let at = usize::try_from(of_key.get()).expect("small");
    assert_eq!(values(&nodes, at).await[2..], ["by key 0", "by key 1", "by key 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_one_connection_stay_in_order() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    let mut hand = Hand::at(&nodes[0]).await;
    // The last one to partition 1 is answered when all before it can be read.
    let count = 58;
    for number in 0..count {
        // Every third without an answer, and some to this broker's own partition.
        let (partition, acks) = (if number % 5 == 4 { 0 } else { 1 }, number % 3);
        let acks = ["\"all\"", "1", "0"][acks];
        hand.send(&format!(
            r#"{{"id":{number},"op":"produce","topic":"t","partition":{partition},"acks":{acks},"records":[{{"value":"{number}"}}]}}"#
        )).await;
    }
    hand.send(r#"{"id":"end","op":"list_offsets","topic":"t","partition":1}"#).await;
    for number in (0..count).filter(|number| number % 3 != 2) {
        let reply = hand.read().await;
        assert_eq!(reply["id"], number, "{reply}");
        assert_eq!(reply["ok"]["acks"], if number % 3 == 0 { json!("all") } else { json!(1) });
    }
    let end = hand.read().await;
    assert_eq!((&end["id"], &end["ok"]["partitions"][0]["offset"]), (&json!("end"), &json!(47)));
    let expected: Vec<String> =
        (0..count).filter(|number| number % 5 != 4).map(|number| number.to_string()).collect();
    assert_eq!(values(&nodes, 1).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_with_a_leader_epoch_is_not_forwarded() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    let epoch = rig.record(2).leader_epoch;
    let mut hand = Hand::at(&nodes[0]).await;
    for rest in [
        format!(r#""op":"produce","records":[{{"value":"x"}}],"leader_epoch":{epoch}"#),
        format!(r#""op":"fetch","offset":0,"leader_epoch":{epoch}"#),
        format!(r#""op":"list_offsets","leader_epoch":{epoch}"#),
    ] {
        let reply = hand.ask(&format!(r#"{{"topic":"t","partition":2,{rest}}}"#)).await;
        assert_eq!(reply["error"]["code"], "NOT_LEADER_OR_FOLLOWER", "{reply}");
        assert_eq!(reply["error"]["leader"]["broker_id"], 3, "{reply}");
    }
    assert_eq!(nodes[2].end(2).get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_created_by_its_first_records_wherever_they_are_typed() {
    let rig = Rig::new(&["num.partitions=3", "default.replication.factor=1"]);
    let mut nodes = Vec::new();
    for id in 1..=3 {
        nodes.push(rig.start(id).await);
    }
    for node in &nodes {
        until("it knows the others", || node.broker.image().brokers_by_registration().len() == 3).await;
    }
    let records: Vec<Value> = (0..6).map(|number| json!({"value": number.to_string()})).collect();
    let line = json!({"op": "produce", "topic": "t", "records": records}).to_string();
    let produced = Hand::at(&nodes[1]).await.ok(&line).await;
    let counts: Vec<_> = produced["partitions"]
        .as_array()
        .expect("partitions")
        .iter()
        .map(|one| one["count"].clone())
        .collect();
    assert_eq!(counts, [json!(2), json!(2), json!(2)]);
    let leaders: std::collections::BTreeSet<i32> =
        [rig.leader(0).await, rig.leader(1).await, rig.leader(2).await].into();
    assert_eq!(leaders.len(), 3, "or this test shows little");
}
