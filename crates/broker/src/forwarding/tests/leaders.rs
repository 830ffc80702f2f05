//! Leaders that are gone, hang, or break off: what somebody is told who typed a line elsewhere.

use std::sync::Mutex;

use tokio::net::TcpListener;
use yak_core::controller::FenceBroker;
use yak_model::api::{LogProof, RegisterBroker, UnfenceBroker};
use yak_model::{BrokerEpoch, BrokerId, DirectoryId, IncarnationId};

use super::*;
use crate::random;

/// What an impostor does with each line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Acts {
    /// It ends the connection.
    Closes,
    /// It says nothing.
    Hangs,
    /// It says this.
    Says(&'static str),
}

/// Something that is registered as broker 3, and whatever it is sent after the greetings.
pub(super) struct Impostor {
    pub(super) lines: Arc<Mutex<Vec<String>>>,
    epoch: BrokerEpoch,
    accepting: tokio::task::JoinHandle<()>,
}

impl Impostor {
    pub(super) async fn start(rig: &Rig, acts: Acts) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let registration = RegisterBroker {
            broker_id: BrokerId::new(3),
            incarnation_id: IncarnationId::from_random(random::bytes()),
            cluster_id: None,
            directory_ids: vec![DirectoryId::from_random(random::bytes())],
            host: "127.0.0.1".to_owned(),
            port,
            advertised: false,
            rack: None,
            proof: LogProof { undamaged: true, page_cache_kept: true },
        };
        let registered = rig.handle().submit(registration).await.expect("registered");
        let unfence = UnfenceBroker { broker_id: BrokerId::new(3), broker_epoch: registered.broker_epoch };
        rig.handle().submit(unfence).await.expect("unfenced");
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let hello = json!({"ok": {"protocol": 1, "server": "impostor", "broker_id": 3,
            "cluster_id": rig.handle().image().cluster_id().to_string()}});
        let noted = Arc::clone(&lines);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(BufReader::new(stream), hello.to_string(), acts, Arc::clone(&noted)));
            }
        });
        Self { lines, epoch: registered.broker_epoch, accepting }
    }

    async fn fence(&self, rig: &Rig) {
        let fence = FenceBroker {
            broker_id: BrokerId::new(3),
            broker_epoch: self.epoch,
            reason: "it hangs".to_owned(),
        };
        rig.handle().submit(fence).await.expect("fenced");
    }

    pub(super) fn count(&self) -> usize {
        self.lines.lock().expect("not poisoned").len()
    }
}

async fn serve(mut stream: BufReader<TcpStream>, hello: String, acts: Acts, noted: Arc<Mutex<Vec<String>>>) {
    let mut greeting = String::new();
    stream.read_line(&mut greeting).await.expect("a greeting");
    stream.write_all(format!("{hello}\n").as_bytes()).await.expect("written");
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.is_ok_and(|len| len > 0) {
            noted.lock().expect("not poisoned").push(line);
        } else {
            return;
        }
        match acts {
            Acts::Closes => return,
            Acts::Hangs => {}
            Acts::Says(what) => {
                stream.write_all(format!("{what}\n").as_bytes()).await.expect("written");
            }
        }
    }
}

/// Brokers 1 and 2, an impostor as broker 3, and topic `t` that it leads.
pub(super) async fn led_by_impostor(rig: &Rig, acts: Acts) -> (Vec<Node>, Impostor) {
    let nodes = vec![rig.start(1).await, rig.start(2).await];
    let impostor = Impostor::start(rig, acts).await;
    for node in &nodes {
        let knows = || node.broker.image().broker(BrokerId::new(3)).is_some_and(|known| !known.fenced);
        until("the impostor is known", knows).await;
    }
    let create = r#"{"op":"create_topics","topic":"t","assignment":[[3]]}"#;
    Hand::at(&nodes[0]).await.ok(create).await;
    (nodes, impostor)
}

fn produce(timeout_ms: u32) -> String {
    json!({"op": "produce", "topic": "t", "timeout_ms": timeout_ms, "records": [{"value": "once"}]})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_leader_breaks_off_is_unknown_and_not_sent_again() {
    let rig = Rig::new(&[]);
    let (nodes, impostor) = led_by_impostor(&rig, Acts::Closes).await;
    let reply = Hand::at(&nodes[0]).await.ask(&produce(10_000)).await;
    assert_eq!(reply["error"]["code"], "NETWORK_EXCEPTION", "{reply}");
    assert!(reply["error"]["message"].as_str().is_some_and(|text| text.contains("unknown")), "{reply}");
    assert!(reply["error"]["retry_after_ms"].is_u64(), "{reply}");
    assert_eq!(impostor.count(), 1, "never twice");
    let lines = impostor.lines.lock().expect("not poisoned").clone();
    let sent: Value = serde_json::from_str(&lines[0]).expect("JSON");
    assert_eq!(sent["forwarded_by"]["broker_id"], 1);
    assert!(sent["leader_epoch"].is_u64(), "{sent}");
    // To delete twice may delete what came between.
    let delete = r#"{"op":"delete_records","topic":"t","partition":0,"before_offset":"high_watermark"}"#;
    let reply = Hand::at(&nodes[0]).await.ask(delete).await;
    assert_eq!(reply["error"]["code"], "NETWORK_EXCEPTION", "{reply}");
    assert_eq!(impostor.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_leader_says_of_a_whole_request_is_said_of_each_entry() {
    let rig = Rig::new(&[]);
    let refusal = r#"{"error":{"code":"THROTTLING_QUOTA_EXCEEDED","message":"busy","retriable":true}}"#;
    let (nodes, _impostor) = led_by_impostor(&rig, Acts::Says(refusal)).await;
    let mut hand = Hand::at(&nodes[0]).await;
    let listed = hand
        .ok(r#"{"op":"list_offsets","entries":[{"topic":"t","partition":0},{"topic":"t","partition":0}]}"#)
        .await;
    for entry in listed["partitions"].as_array().expect("partitions") {
        assert_eq!(entry["error"]["message"], "busy", "{listed}");
    }
    let fetched = hand.ask(r#"{"op":"fetch","topic":"t","partition":0,"offset":0}"#).await;
    assert_eq!(fetched["error"]["message"], "busy", "{fetched}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_hangs_is_waited_for_until_the_deadline_or_its_end() {
    let rig = Rig::new(&[]);
    let (nodes, impostor) = led_by_impostor(&rig, Acts::Hangs).await;
    let reply = Hand::at(&nodes[1]).await.ask(&produce(50)).await;
    assert_eq!(reply["error"]["code"], "REQUEST_TIMED_OUT", "{reply}");
    assert!(reply["error"]["message"].as_str().is_some_and(|text| text.contains("unknown")), "{reply}");
    let mut hand = Hand::at(&nodes[1]).await;
    hand.send(&produce(300_000)).await;
    until("the line arrived", || impostor.count() == 2).await;
    impostor.fence(&rig).await;
    let reply = hand.read().await;
    assert_eq!(reply["error"]["code"], "NETWORK_EXCEPTION", "{reply}");
    assert_eq!(impostor.count(), 2, "never twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_for_its_epoch_is_asked_again_for_a_while() {
    let rig = Rig::new(&[]);
    let refusal = r#"{"error":{"code":"UNKNOWN_LEADER_EPOCH","message":"not yet","retriable":true}}"#;
    let (nodes, impostor) = led_by_impostor(&rig, Acts::Says(refusal)).await;
    let reply = Hand::at(&nodes[0]).await.ask(&produce(300)).await;
    assert_eq!(reply["error"]["code"], "UNKNOWN_LEADER_EPOCH", "{reply}");
    assert!(impostor.count() > 1, "nothing was appended, so it may be sent again");
    assert_eq!(nodes[0].broker.forwarding.idle(), 1, "over one and the same connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_cannot_be_reached_is_said_to_be_so() {
    let rig = Rig::new(&[]);
    let (nodes, impostor) = led_by_impostor(&rig, Acts::Closes).await;
    impostor.accepting.abort();
    until("nobody listens", || impostor.accepting.is_finished()).await;
    let mut hand = Hand::at(&nodes[0]).await;
    for line in [produce(300), r#"{"op":"fetch","topic":"t","partition":0,"offset":0}"#.to_owned()] {
        let reply = hand.ask(&line).await;
        assert_eq!(reply["error"]["code"], "LEADER_NOT_AVAILABLE", "{reply}");
        assert_eq!(reply["error"]["retriable"], true);
        assert!(reply["error"]["retry_after_ms"].is_u64(), "{reply}");
    }
    impostor.fence(&rig).await;
    let leaderless = || {
        let image = nodes[0].broker.image();
        image.partition(&topic(), PartitionIndex::new(0)).is_some_and(|record| record.leader.is_none())
    };
    until("nobody leads", leaderless).await;
    let reply = hand.ask(&produce(300)).await;
    assert_eq!(reply["error"]["code"], "LEADER_NOT_AVAILABLE", "{reply}");
    assert_eq!(impostor.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_leaders_death_lines_go_to_the_next_one() {
    let rig = Rig::new(&[]);
    let mut nodes = scattered_over(&rig, "[[3,1,2]]").await;
    until("all are in sync", || rig.record(0).in_sync_replicas.len() == 3).await;
    let mut hand = Hand::at(&nodes[1]).await;
    let line = r#"{"op":"produce","topic":"t","partition":0,"records":[{"value":"x"}]}"#;
    assert_eq!(hand.ok(line).await["partitions"][0]["base_offset"], 0);
    let held = r#"{"op":"fetch","topic":"t","partition":0,"offset":1,"max_wait_ms":20000}"#;
    // One of the two leads next, and answers by itself then.
    let mut readers = Vec::new();
    for node in &nodes[..2] {
        let mut reader = Hand::at(node).await;
        reader.send(held).await;
        until("it is asked of the leader", || node.broker.forwarding.in_use() == 1).await;
        readers.push(reader);
    }
    let leader = nodes.pop().expect("broker 3");
    rig.fence(&leader).await;
    leader.crash().await;
    let reply = hand.ok(line).await;
    assert_eq!(reply["partitions"][0]["base_offset"], 1, "{reply}");
    for reader in &mut readers {
        let fetched = reader.read().await;
        assert_eq!(fetched["ok"]["partitions"][0]["records"][0]["offset"], 1, "{fetched}");
    }
}
