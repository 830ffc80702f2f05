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
    let cluster = FakeCluster::start(3).await;
    let topic = cluster.create("t", 1);
    let client = Cluster::connect(config(&cluster)).await.unwrap();
    let failed: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = Arc::clone(&failed);
    let settings = ProducerConfig { batch_records: 1, batch_bytes: 1024, ..Default::default() };
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
