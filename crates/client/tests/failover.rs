//! Leaders that die, hang and change, against several fake brokers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::{FakeCluster, Fault, eventually};
use tokio::time::{Instant, timeout};
use yak_client::{
    Address, Admin, ClientConfig, Cluster, Consumer, ConsumerConfig, Event, Outcome, Producer,
    ProducerConfig, Record, Stop,
};
use yak_model::api::{ReadFrom, TailStart};
use yak_model::{BrokerId, ErrorCode, TopicName};

const SOON: Duration = Duration::from_secs(10);

/// What a test would wait for if the library waited for a timeout.
const FOR_EVER: Duration = Duration::from_secs(300);

/// Every broker is named, and nobody's silence is waited for but the subscription's.
fn config(cluster: &FakeCluster) -> ClientConfig {
    let bootstrap = cluster.lock().addresses.values().cloned().collect();
    ClientConfig { bootstrap, request_timeout: FOR_EVER, metadata_max_age: FOR_EVER, ..cluster.config() }
}

struct Rig {
    cluster: FakeCluster,
    topic: TopicName,
    client: Cluster,
    producer: Producer,
    failed: Arc<Mutex<Vec<String>>>,
}

/// Three brokers, one partition led by broker 1, and a producer that has written `v0` there.
async fn rig() -> Rig {
    rig_with(ProducerConfig::default()).await
}

async fn rig_with(settings: ProducerConfig) -> Rig {
    let cluster = FakeCluster::start(3).await;
    let topic = cluster.create("t", 1);
    cluster.lock().max_message_bytes = Some(64 << 20);
    let client = Cluster::connect(config(&cluster)).await.unwrap();
    let failed: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = Arc::clone(&failed);
    let settings = ProducerConfig { batch_records: 1, batch_bytes: 1024, ..settings };
    let producer = Producer::start(&client, settings, move |delivery| {
        if let Outcome::Failed(error) | Outcome::Unknown(error) = &delivery.outcome {
            note.lock().unwrap().push(error.to_string());
        }
    });
    let producer = producer.await.unwrap();
    let mut rig = Rig { cluster, topic, client, producer, failed };
    rig.send(0..1).await;
    assert!(rig.producer.flush(SOON).await);
    eventually("the subscription", || rig.cluster.requests("subscribe") > 0).await;
    rig
}

impl Rig {
    async fn send(&mut self, numbers: std::ops::Range<u64>) {
        let handle = self.producer.open(&self.topic).await.unwrap();
        for number in numbers {
            let value = format!("v{number}");
            self.producer.send(handle, Record::value(value.as_bytes()), number).await.unwrap();
        }
    }

    /// Everything sent was acknowledged and is there once, in order.
    async fn all_arrived(&mut self, count: u64) {
        assert!(self.producer.flush(SOON).await, "{:?}", self.producer.stats());
        let expected: Vec<_> = (0..count).map(|number| format!("v{number}")).collect();
        assert_eq!(self.cluster.values(&self.topic, 0), expected);
        assert_eq!(*self.failed.lock().unwrap(), Vec::<String>::new());
        assert_eq!(self.producer.stats().acknowledged, count);
    }
}

#[tokio::test]
async fn a_hung_leader_is_left_when_the_subscription_tells_of_a_new_one() {
    let mut rig = rig().await;
    rig.cluster.hang(1);
    rig.send(1..20).await;
    eventually("the produce to the hung leader", || rig.producer.stats().pushed == 20).await;
    rig.cluster.lead(&rig.topic, 0, Some(2));
    rig.all_arrived(20).await;
}

#[tokio::test]
async fn what_a_leader_appended_before_it_hung_is_recognised_by_the_next() {
    let mut rig = rig().await;
    // Done, and never answered: the log is the same, as if it had been replicated.
    rig.cluster.script("produce", (0..5).map(|_| Fault::Swallow));
    rig.send(1..20).await;
    eventually("what may be under way", || rig.cluster.values(&rig.topic, 0).len() == 6).await;
    rig.cluster.hang(1);
    rig.cluster.lead(&rig.topic, 0, Some(3));
    rig.all_arrived(20).await;
    assert_eq!(rig.cluster.lock().topics[&rig.topic][0].log.duplicates, 5);
}

#[tokio::test]
async fn half_a_line_to_a_hung_leader_is_sent_whole_to_the_next() {
    let mut rig = rig_with(ProducerConfig { buffer_bytes: 64 << 20, ..Default::default() }).await;
    rig.cluster.hang(1);
    let handle = rig.producer.open(&rig.topic).await.unwrap();
    // The first is read before the broker hangs; the second is more than the sockets' buffers hold.
    let large: Vec<String> = (0..3).map(|number| number.to_string().repeat(8 << 20)).collect();
    for value in &large {
        rig.producer.send(handle, Record::value(value.as_bytes()), 0).await.unwrap();
    }
    rig.cluster.lead(&rig.topic, 0, Some(2));
    assert!(rig.producer.flush(SOON).await, "{:?}", rig.producer.stats());
    let values = rig.cluster.values(&rig.topic, 0);
    assert!(values[1..] == large, "{:?}", values.iter().map(String::len).collect::<Vec<_>>());
}

#[tokio::test]
async fn leaders_that_move_all_the_time_lose_repeat_and_reorder_nothing() {
    let mut rig = rig().await;
    let faults = [Fault::Swallow, Fault::CloseBeforeReply, Fault::CloseBefore, Fault::CloseInReply];
    let mut sent = 1;
    for round in 0..24 {
        // Some are acknowledged, some appended and not acknowledged, some not even read, when the leader changes.
        let fault = faults[round % faults.len()].clone();
        rig.cluster.script("produce", [Fault::None, fault.clone(), Fault::None, fault]);
        rig.send(sent..sent + 20).await;
        sent += 20;
        let appended = || rig.cluster.values(&rig.topic, 0).len() as u64;
        eventually("something is appended", || appended() > sent - 20).await;
        let leaders = [2, 3, 1];
        rig.cluster.lead(&rig.topic, 0, Some(leaders[round % leaders.len()]));
    }
    rig.all_arrived(sent).await;
    let log = &rig.cluster.lock().topics[&rig.topic][0].log;
    assert!(log.duplicates > 0, "retries were recognised");
}

#[tokio::test]
async fn a_hand_over_is_followed_by_its_hint_without_a_subscription() {
    let cluster = FakeCluster::start(2).await;
    let topic = cluster.create("t", 1);
    cluster.script("subscribe", (0..1_000).map(|_| Fault::Reject(ErrorCode::NetworkException)));
    let client = Cluster::connect(config(&cluster)).await.unwrap();
    let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
    let handle = producer.open(&topic).await.unwrap();
    for number in 0..6_i32 {
        let value = format!("v{number}");
        producer.send(handle, Record::value(value.as_bytes()), 0).await.unwrap();
        assert!(producer.flush(SOON).await, "{:?}", producer.stats());
        cluster.lead(&topic, 0, Some(2 - number % 2));
    }
    assert_eq!(cluster.values(&topic, 0), ["v0", "v1", "v2", "v3", "v4", "v5"]);
}

#[tokio::test]
async fn nobody_leads_for_longer_than_a_record_may_take() {
    let patience = Duration::from_millis(200);
    let mut rig = rig_with(ProducerConfig { delivery_timeout: patience, ..Default::default() }).await;
    rig.cluster.lead(&rig.topic, 0, None);
    let id = yak_model::TopicPartition::new(rig.topic.clone(), 0.into());
    eventually("the news", || rig.client.leader(&id).is_none()).await;
    rig.send(1..3).await;
    assert!(rig.producer.flush(SOON).await);
    assert_eq!(rig.producer.stats().failed, 2, "never sent, so failed");
    let said = rig.failed.lock().unwrap()[0].clone();
    assert!(said.contains("200 ms") && said.contains("t-0"), "{said}");
    rig.cluster.lead(&rig.topic, 0, Some(2));
    rig.send(3..4).await;
    assert!(rig.producer.flush(SOON).await);
    assert_eq!(rig.cluster.values(&rig.topic, 0), ["v0", "v3"], "the next goes on");
}

#[tokio::test]
async fn a_leader_that_hangs_for_longer_than_a_record_may_take() {
    let patience = Duration::from_millis(200);
    let mut rig = rig_with(ProducerConfig { delivery_timeout: patience, ..Default::default() }).await;
    rig.cluster.hang(1);
    rig.send(1..3).await;
    assert!(rig.producer.flush(SOON).await, "no request timeout is waited for");
    assert_eq!(rig.producer.stats().unknown, 2, "sent, so unknown");
}

#[tokio::test]
async fn a_partition_without_leader_is_waited_for_and_nothing_is_asked_meanwhile() {
    let mut rig = rig().await;
    rig.cluster.lead(&rig.topic, 0, None);
    rig.cluster.hang(1);
    rig.send(1..10).await;
    assert!(!rig.producer.flush(Duration::from_millis(300)).await);
    rig.cluster.lead(&rig.topic, 0, Some(3));
    rig.all_arrived(10).await;
}

#[tokio::test]
async fn a_killed_leader_costs_one_look() {
    let mut rig = rig().await;
    rig.cluster.kill(1).await;
    rig.send(1..10).await;
    rig.cluster.lead(&rig.topic, 0, Some(2));
    rig.all_arrived(10).await;
}

#[tokio::test]
async fn a_leader_that_comes_back_at_once_is_used_again() {
    let mut rig = rig().await;
    rig.cluster.kill(1).await;
    rig.send(1..10).await;
    rig.cluster.restart(1).await;
    rig.cluster.lead(&rig.topic, 0, Some(1));
    rig.all_arrived(10).await;
}

#[tokio::test]
async fn too_few_replicas_are_waited_for_with_the_same_sequence() {
    for code in [ErrorCode::NotEnoughReplicas, ErrorCode::NotEnoughReplicasAfterAppend] {
        let mut rig = rig().await;
        let fault = match code {
            ErrorCode::NotEnoughReplicas => Fault::Reject(code),
            _ => Fault::RejectAfter(code),
        };
        rig.cluster.script("produce", [fault.clone(), fault.clone(), fault]);
        rig.send(1..10).await;
        rig.all_arrived(10).await;
        assert!(rig.producer.stats().retries >= 3);
    }
}

#[tokio::test]
async fn fenced_and_unknown_epochs_are_asked_again() {
    let mut rig = rig().await;
    let faults = [ErrorCode::FencedLeaderEpoch, ErrorCode::UnknownLeaderEpoch];
    rig.cluster.script("produce", faults.map(Fault::Reject));
    rig.send(1..10).await;
    rig.all_arrived(10).await;
}

#[tokio::test]
async fn a_subscription_to_a_hung_broker_moves_on() {
    let rig = rig().await;
    let before = rig.cluster.requests("subscribe");
    rig.cluster.hang(1);
    let begin = Instant::now();
    eventually("another subscription", || rig.cluster.requests("subscribe") > before).await;
    assert!(begin.elapsed() >= Duration::from_millis(500), "silence is given its time");
    rig.cluster.lead(&rig.topic, 0, Some(2));
    let id = yak_model::TopicPartition::new(rig.topic.clone(), 0.into());
    let leads = || rig.client.leader(&id).map(|leader| leader.broker_id) == Some(BrokerId::new(2));
    eventually("the news", leads).await;
}

#[tokio::test]
async fn a_subscription_to_a_killed_broker_moves_on() {
    let mut rig = rig().await;
    rig.cluster.kill(1).await;
    rig.cluster.lead(&rig.topic, 0, Some(3));
    let id = yak_model::TopicPartition::new(rig.topic.clone(), 0.into());
    let leads = || rig.client.leader(&id).map(|leader| leader.broker_id) == Some(BrokerId::new(3));
    eventually("the news", leads).await;
}

#[tokio::test]
async fn a_broker_that_refuses_subscriptions_is_left_for_another() {
    let cluster = FakeCluster::start(2).await;
    let topic = cluster.create("t", 1);
    cluster.script("subscribe", [Fault::Reject(ErrorCode::NetworkException), Fault::CloseBefore]);
    let client = Cluster::connect(config(&cluster)).await.unwrap();
    let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
    producer.open(&topic).await.unwrap();
    eventually("a third subscription", || cluster.requests("subscribe") == 3).await;
    cluster.lead(&topic, 0, Some(2));
    let id = yak_model::TopicPartition::new(topic.clone(), 0.into());
    let leads = || client.leader(&id).map(|leader| leader.broker_id) == Some(BrokerId::new(2));
    eventually("the news", leads).await;
}

#[tokio::test]
async fn questions_leave_a_hung_broker_for_another() {
    let cluster = FakeCluster::start(2).await;
    cluster.create("t", 1);
    let client = Cluster::connect(config(&cluster)).await.unwrap();
    let admin = Admin::new(&client);
    admin.metadata(None).await.unwrap();
    cluster.hang(1);
    let metadata = timeout(SOON, admin.metadata(None)).await.expect("broker 2 is asked").unwrap();
    assert_eq!(metadata.topics.len(), 1);
    assert_eq!(client.connected_to(), cluster.lock().addresses[&BrokerId::new(2)]);
}

#[tokio::test]
async fn a_bootstrap_broker_that_hangs_is_not_waited_for_while_there_are_others() {
    let cluster = FakeCluster::start(1).await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(&cluster);
    config.connect_timeout = FOR_EVER;
    config.bootstrap.insert(0, Address::new("127.0.0.1", silent.local_addr().unwrap().port()));
    let client = timeout(SOON, Cluster::connect(config.clone())).await.expect("the other").unwrap();
    assert_eq!(client.connected_to(), config.bootstrap[1]);
}

/// The next values, and what else was told before them.
async fn next_values(consumer: &mut Consumer, told: &mut Vec<String>) -> Vec<String> {
    loop {
        match timeout(SOON, consumer.next()).await.expect("something happens").unwrap() {
            Some(Event::Records(chunk)) => {
                let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
                return chunk.records().map(|record| text(record.value.unwrap())).collect();
            }
            Some(Event::LeaderChanged { partition, from, to, leader_epoch }) => {
                let [from, to] = [from, to].map(|broker| broker.unwrap_or(BrokerId::NONE));
                told.push(format!("{partition}: {from} -> {to}, epoch {leader_epoch}"));
            }
            Some(other) => told.push(format!("{other:?}")),
            None => panic!("it stopped"),
        }
    }
}

#[tokio::test]
async fn a_consumer_leaves_a_hung_leader_without_gap_or_repetition() {
    let mut rig = rig().await;
    rig.send(1..10).await;
    rig.all_arrived(10).await;
    let config = ConsumerConfig { max_wait: FOR_EVER, ..Default::default() };
    let mut consumer = Consumer::new(&rig.client, config).unwrap();
    consumer.assign_topic(&rig.topic, TailStart::Beginning, Stop::Never).await.unwrap();
    let (mut read, mut told) = (Vec::new(), Vec::new());
    while read.len() < 10 {
        read.extend(next_values(&mut consumer, &mut told).await);
    }
    // Its next fetch is held there, and will never be answered.
    rig.cluster.hang(1);
    rig.cluster.lead(&rig.topic, 0, Some(2));
    rig.send(10..20).await;
    while read.len() < 20 {
        read.extend(next_values(&mut consumer, &mut told).await);
    }
    rig.all_arrived(20).await;
    assert_eq!(read, rig.cluster.values(&rig.topic, 0));
    assert_eq!(told, ["t-0: 1 -> 2, epoch 1"]);
}

#[tokio::test]
async fn a_leader_that_does_not_know_yet_what_may_be_read_is_waited_for() {
    let rig = rig().await;
    let passing = [
        ErrorCode::OffsetNotAvailable,
        ErrorCode::FencedLeaderEpoch,
        ErrorCode::UnknownLeaderEpoch,
        ErrorCode::LeaderNotAvailable,
    ];
    rig.cluster.script("fetch", passing.map(Fault::Reject));
    let mut consumer = Consumer::new(&rig.client, ConsumerConfig::default()).unwrap();
    consumer.assign_topic(&rig.topic, TailStart::Beginning, Stop::Never).await.unwrap();
    let mut told = Vec::new();
    assert_eq!(next_values(&mut consumer, &mut told).await, ["v0"]);
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test]
async fn a_follower_that_is_gone_is_left_for_the_leader() {
    let mut rig = rig().await;
    rig.cluster.lock().topics.get_mut(&rig.topic).unwrap()[0].followers = vec![BrokerId::new(3)];
    let config = ConsumerConfig { read_from: ReadFrom::Any, ..Default::default() };
    let client = Cluster::connect(self::config(&rig.cluster)).await.unwrap();
    let mut consumer = Consumer::new(&client, config.clone()).unwrap();
    consumer.assign_topic(&rig.topic, TailStart::Beginning, Stop::Never).await.unwrap();
    let mut told = Vec::new();
    assert_eq!(next_values(&mut consumer, &mut told).await, ["v0"]);
    assert_eq!(rig.cluster.lock().fetched_from, [BrokerId::new(3)]);
    // It still counts as in sync.
    rig.cluster.kill(3).await;
    rig.send(1..2).await;
    assert_eq!(next_values(&mut consumer, &mut told).await, ["v1"]);
    assert_eq!(rig.cluster.lock().fetched_from.last(), Some(&BrokerId::new(1)));
    // Nor is it waited for at the beginning.
    let mut another = Consumer::new(&client, config).unwrap();
    another.assign_topic(&rig.topic, TailStart::Offset(1.into()), Stop::Never).await.unwrap();
    assert_eq!(next_values(&mut another, &mut told).await, ["v1"]);
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test]
async fn a_follower_that_hangs_is_left_when_it_is_not_in_sync_any_more() {
    let mut rig = rig().await;
    rig.cluster.lock().topics.get_mut(&rig.topic).unwrap()[0].followers = vec![BrokerId::new(3)];
    let config = ConsumerConfig { read_from: ReadFrom::Any, max_wait: FOR_EVER, ..Default::default() };
    let client = Cluster::connect(self::config(&rig.cluster)).await.unwrap();
    let mut consumer = Consumer::new(&client, config).unwrap();
    consumer.assign_topic(&rig.topic, TailStart::Beginning, Stop::Never).await.unwrap();
    let mut told = Vec::new();
    assert_eq!(next_values(&mut consumer, &mut told).await, ["v0"]);
    rig.cluster.hang(3);
    rig.send(1..2).await;
    rig.cluster.lock().topics.get_mut(&rig.topic).unwrap()[0].followers.clear();
    assert_eq!(next_values(&mut consumer, &mut told).await, ["v1"]);
    assert_eq!(rig.cluster.lock().fetched_from.last(), Some(&BrokerId::new(1)));
}

#[tokio::test]
async fn any_replica_is_a_follower_and_the_leader_when_followers_refuse() {
    let rig = rig().await;
    rig.cluster.lock().topics.get_mut(&rig.topic).unwrap()[0].followers = vec![BrokerId::new(3)];
    let config = ConsumerConfig { read_from: ReadFrom::Any, ..Default::default() };
    let client = Cluster::connect(self::config(&rig.cluster)).await.unwrap();
    let mut told = Vec::new();
    for source in [3, 1] {
        let mut consumer = Consumer::new(&client, config.clone()).unwrap();
        consumer.assign_topic(&rig.topic, TailStart::Beginning, Stop::Never).await.unwrap();
        if source == 1 {
            rig.cluster.script("fetch", [Fault::Reject(ErrorCode::NotLeaderOrFollower)]);
        }
        assert_eq!(next_values(&mut consumer, &mut told).await, ["v0"]);
        assert_eq!(rig.cluster.lock().fetched_from.last(), Some(&BrokerId::new(source)));
    }
    assert!(told.is_empty(), "{told:?}");
}
