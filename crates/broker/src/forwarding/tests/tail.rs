//! Tails of what other brokers lead.

use super::*;

async fn produce(node: &Node, partition: usize, values: std::ops::Range<usize>) {
    let mut hand = Hand::at(node).await;
    for value in values {
        let line = json!({"op": "produce", "topic": "t", "partition": partition,
            "records": [{"value": format!("{partition}/{value}")}]});
        hand.ok(&line.to_string()).await;
    }
}

/// The next `count` records, as (partition, offset, value).
async fn records(hand: &mut Hand, count: usize) -> Vec<(i64, i64, String)> {
    let mut records = Vec::new();
    for _ in 0..count {
        let line = hand.read().await;
        assert!(line["offset"].is_i64(), "{line}");
        let number = |name: &str| line[name].as_i64().expect("a number");
        let value = line["value"].as_str().expect("text").to_owned();
        records.push((number("partition"), number("offset"), value));
    }
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_brings_what_all_brokers_lead_in_order() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    for (partition, node) in nodes.iter().enumerate() {
        produce(node, partition, 0..5).await;
    }
    for node in &nodes {
        let mut hand = Hand::at(node).await;
        hand.send(r#"{"op":"tail","topic":"t","from":"beginning","stop_at_end":true}"#).await;
        let mut got = records(&mut hand, 15).await;
        assert_eq!(hand.read().await, Value::Null, "it ends at the ends");
        got.sort_by_key(|(partition, ..)| *partition);
        let expected: Vec<_> = (0..3_i64)
            .flat_map(|partition| (0..5_i64).map(move |at| (partition, at, format!("{partition}/{at}"))))
            .collect();
        assert_eq!(got, expected, "in order within each partition");
        let clients = node.broker.clients.status(|_, _| None);
        let tailing: Vec<_> = clients.iter().filter(|client| client.records == 15).collect();
        assert!(tailing.len() <= 1, "nobody tails but the client of this broker: {clients:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_begins_where_it_is_told_and_goes_on() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    produce(&nodes[1], 1, 0..5).await;
    let times: Vec<i64> = {
        let line = r#"{"op":"fetch","topic":"t","partition":1,"offset":0}"#;
        let fetched = Hand::at(&nodes[1]).await.ok(line).await;
        let records = fetched["partitions"][0]["records"].as_array().expect("records").clone();
        records.iter().map(|record| record["timestamp"].as_i64().expect("a time")).collect()
    };
    let after = times[4] + 1;
    let mut tails = Vec::new();
    for (from, first) in [
        (json!("beginning"), 0),
        (json!({"offset": 3}), 3),
        (json!({"last": 2}), 3),
        (json!({"time": times[0]}), 0),
        (json!({"time": after}), 5),
        (json!("end"), 5),
    ] {
        let mut hand = Hand::at(&nodes[0]).await;
        let line =
            json!({"op": "tail", "topic": "t", "partition": 1, "from": from, "max_records": 6 - first});
        hand.send(&line.to_string()).await;
        tails.push((hand, first));
    }
    for (hand, first) in &mut tails {
        for (_, offset, _) in records(hand, usize::try_from(5 - *first).expect("positive")).await {
            assert_eq!(offset, *first);
            *first += 1;
        }
    }
    // Those that begin at the end are there before the next record only if they said so in time.
    until("all tails began", || nodes[0].broker.clients.presences().len() == 6).await;
    let pending = async {
        let mut produced = 5;
        loop {
            produce(&nodes[1], 1, produced..produced + 1).await;
            produced += 1;
        }
    };
    let sixth = async {
        for (hand, first) in &mut tails {
            let (partition, offset, value) = records(hand, 1).await.remove(0);
            assert!(
                partition == 1 && offset >= *first && value == format!("1/{offset}"),
                "{value} at {offset}"
            );
            assert_eq!(hand.read().await, Value::Null, "max_records were sent");
        }
    };
    tokio::select! {
        () = pending => unreachable!("it produces for ever"),
        () = sixth => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_cannot_begin_says_why() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    for (rest, code) in [
        (r#""partition":1,"from":{"offset":7}"#, "OFFSET_OUT_OF_RANGE"),
        (r#""partition":9"#, "UNKNOWN_TOPIC_OR_PARTITION"),
    ] {
        let mut hand = Hand::at(&nodes[0]).await;
        let reply = hand.ask(&format!(r#"{{"id":4,"op":"tail","topic":"t",{rest}}}"#)).await;
        assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(4), &json!(code)), "{reply}");
        assert_eq!(hand.read().await, Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_goes_on_at_the_next_leader() {
    let rig = Rig::new(&[]);
    let mut nodes = scattered_over(&rig, "[[3,1,2]]").await;
    until("all are in sync", || rig.record(0).in_sync_replicas.len() == 3).await;
    let mut tails = Vec::new();
    for replica in ["leader", "any"] {
        let mut hand = Hand::at(&nodes[1]).await;
        let line = json!({"op": "tail", "topic": "t", "from": "beginning", "replica": replica});
        hand.send(&line.to_string()).await;
        tails.push(hand);
    }
    produce(&nodes[0], 0, 0..3).await;
    for hand in &mut tails {
        assert_eq!(records(hand, 3).await[2], (0, 2, "0/2".to_owned()));
    }
    let leader = nodes.pop().expect("broker 3");
    rig.fence(&leader).await;
    leader.crash().await;
    produce(&nodes[0], 0, 3..6).await;
    for hand in &mut tails {
        let expected: Vec<_> = (3..6).map(|at| (0, at, format!("0/{at}"))).collect();
        assert_eq!(records(hand, 3).await, expected, "from the next offset");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_skips_what_was_deleted_at_the_leader() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    produce(&nodes[1], 1, 0..4).await;
    let mut hand = Hand::at(&nodes[0]).await;
    hand.send(r#"{"op":"tail","topic":"t","partition":1,"from":{"offset":4}}"#).await;
    // It waits at 4 and nobody reads what comes, so that some of it is deleted before it is asked for.
    let big = "x".repeat(400_000);
    let mut producer = Hand::at(&nodes[1]).await;
    for _ in 0..20 {
        let line = json!({"op": "produce", "topic": "t", "partition": 1, "records": [{"value": big}]});
        producer.ok(&line.to_string()).await;
    }
    producer.ok(r#"{"op":"delete_records","topic":"t","partition":1,"before_offset":23}"#).await;
    producer.ok(r#"{"op":"produce","topic":"t","partition":1,"records":[{"value":"last"}]}"#).await;
    let mut last = 3;
    loop {
        let line = hand.read().await;
        let offset = line["offset"].as_i64().unwrap_or_else(|| unreachable!("{line}"));
        assert!(offset > last, "{offset} after {last}");
        last = offset;
        if line["value"] == "last" {
            break;
        }
    }
    assert_eq!(last, 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_ends_with_its_topic() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    let mut hand = Hand::at(&nodes[0]).await;
    hand.send(r#"{"op":"tail","topic":"t","partition":1}"#).await;
    until("it is there", || nodes[0].broker.clients.presences().len() == 1).await;
    Hand::at(&nodes[0]).await.ok(r#"{"op":"delete_topics","topic":"t"}"#).await;
    assert_eq!(hand.read().await["error"]["code"], "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(hand.read().await, Value::Null);
}
