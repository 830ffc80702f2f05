//! Few links, and nobody who is no broker uses them.

use yak_model::{BrokerEpoch, ReplicationKey};

use super::leaders::{Acts, led_by_impostor};
use super::*;
use crate::forwarding::MAX_LINKS;

#[tokio::test(flavor = "multi_thread")]
async fn links_to_a_broker_are_few() {
    let rig = Rig::new(&[]);
    let (nodes, impostor) = led_by_impostor(&rig, Acts::Hangs).await;
    let line = |timeout_ms: u32| {
        json!({"op": "produce", "topic": "t", "timeout_ms": timeout_ms, "records": [{"value": "x"}]})
            .to_string()
    };
    let mut hands = Vec::new();
    for _ in 0..MAX_LINKS {
        let mut hand = Hand::at(&nodes[0]).await;
        hand.send(&line(300_000)).await;
        hands.push(hand);
    }
    until("as many lines as there are links", || impostor.count() == MAX_LINKS).await;
    let reply = Hand::at(&nodes[0]).await.ask(&line(10)).await;
    assert_eq!(reply["error"]["code"], "LEADER_NOT_AVAILABLE", "nothing was sent: {reply}");
    assert!(reply["error"]["message"].as_str().is_some_and(|text| text.contains("in use")), "{reply}");
    assert_eq!(impostor.count(), MAX_LINKS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_used_again_and_closed_when_nobody_does() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    for _ in 0..10 {
        let mut hand = Hand::at(&nodes[0]).await;
        hand.ok(r#"{"op":"produce","topic":"t","partition":1,"records":[{"value":"x"}]}"#).await;
    }
    assert_eq!(nodes[0].broker.forwarding.idle(), 1);
    until("it is closed", || nodes[0].broker.forwarding.idle() == 0).await;
    Hand::at(&nodes[0]).await.ok(r#"{"op":"list_offsets","topic":"t","partition":1}"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_leader_is_asked_over_a_new_link() {
    let rig = Rig::new(&[]);
    let mut nodes = scattered(&rig).await;
    let line = r#"{"op":"produce","topic":"t","partition":2,"records":[{"value":"x"}]}"#;
    let mut hand = Hand::at(&nodes[0]).await;
    hand.ok(line).await;
    nodes.pop().expect("broker 3").crash().await;
    nodes.push(rig.start(3).await);
    assert_eq!(hand.ok(line).await["partitions"][0]["base_offset"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_forwards_but_a_broker() {
    let rig = Rig::new(&[]);
    let nodes = scattered(&rig).await;
    let mark = |id: i32, epoch: BrokerEpoch, key: ReplicationKey| json!({"broker_id": id, "broker_epoch": epoch.get(), "key": key.to_string()});
    let epoch = nodes[0].broker.epoch();
    let genuine = mark(1, epoch, rig.key);
    let requests = [
        json!({"op": "produce", "topic": "t", "partition": 1, "records": [{"value": "x"}]}),
        json!({"op": "fetch", "topic": "t", "partition": 1, "offset": 0, "max_wait_ms": 0}),
        json!({"op": "list_offsets", "topic": "t", "partition": 1}),
        json!({"op": "delete_records", "topic": "t", "partition": 1, "before_offset": 0}),
    ];
    let marked = |request: &Value, mark: &Value| {
        let mut marked = request.clone();
        marked["forwarded_by"] = mark.clone();
        marked.to_string()
    };
    let mut hand = Hand::at(&nodes[1]).await;
    for request in &requests {
        let forged = [
            (mark(1, epoch, ReplicationKey::from_random([8; 16])), "CLUSTER_AUTHORIZATION_FAILED"),
            (mark(1, epoch, ReplicationKey::default()), "CLUSTER_AUTHORIZATION_FAILED"),
            (mark(1, BrokerEpoch::new(epoch.get() + 1_000), rig.key), "STALE_BROKER_EPOCH"),
            (mark(9, epoch, rig.key), "STALE_BROKER_EPOCH"),
        ];
        for (mark, code) in &forged {
            let reply = hand.ask(&marked(request, mark)).await;
            assert_eq!(reply["error"]["code"], *code, "{reply}");
        }
    }
    assert_eq!(nodes[1].end(1).get(), 0, "nothing of it was done");
    for request in &requests {
        hand.ok(&marked(request, &genuine)).await;
    }
    assert_eq!(nodes[1].end(1).get(), 1, "the genuine ones work, or this test shows nothing");
    assert!(nodes[1].broker.clients.presences().is_empty(), "nobody of these is a client here");
    // One hop: whoever does not lead says so.
    for request in &requests {
        let reply = Hand::at(&nodes[2]).await.ask(&marked(request, &genuine)).await;
        let error =
            [&reply["error"], &reply["ok"]["partitions"][0]["error"]].into_iter().find(|e| e.is_object());
        assert_eq!(error.expect("a refusal")["code"], "NOT_LEADER_OR_FOLLOWER", "{reply}");
    }
    let reply = hand.ask(&marked(&json!({"op": "metadata"}), &genuine)).await;
    assert_eq!(reply["error"]["code"], "INVALID_REQUEST", "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_grows_too_long_is_refused_before_it_is_sent() {
    let rig = Rig::new(&["socket.request.max.bytes=2000", "message.max.bytes=1500"]);
    let nodes = scattered(&rig).await;
    let line = |count: usize| {
        let records = vec![json!({"value": "x"}); count];
        json!({"op": "produce", "topic": "t", "partition": 2, "records": records}).to_string()
    };
    let longest = (1..).take_while(|count| line(*count).len() <= 2_000).last().expect("some");
    let mut hand = Hand::at(&nodes[0]).await;
    // What says who forwards it to whom comes on top.
    let reply = hand.ask(&line(longest)).await;
    assert_eq!(reply["error"]["code"], "MESSAGE_TOO_LARGE", "{reply}");
    assert_eq!(nodes[2].end(2).get(), 0);
    let short = r#"{"op":"produce","topic":"t","partition":2,"records":[{"value":"x"}]}"#;
    hand.ok(short).await;
}
