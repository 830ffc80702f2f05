//! The first connection to a leader that hangs, or is gone; and what is said while nobody answers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::{FakeCluster, eventually};
use tokio::time::timeout;
use yak_client::{
    ClientConfig, Cluster, Consumer, ConsumerConfig, Event, Producer, ProducerConfig, Record, Stop,
};
use yak_model::api::TailStart;

const SOON: Duration = Duration::from_secs(30);
/// What a test would wait for if the library waited for a timeout.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// Broker 2 is named, and nobody's silence is waited for but the subscription's.
fn config(cluster: &FakeCluster) -> ClientConfig {
    let bootstrap = vec![cluster.lock().addresses[&2.into()].clone()];
    let connect_timeout = FOR_EVER;
    ClientConfig {
        bootstrap,
        connect_timeout,
        request_timeout: FOR_EVER,
        metadata_max_age: FOR_EVER,
        ..cluster.config()
    }
}

#[tokio::test]
async fn a_producer_does_not_wait_for_a_hung_leader_once_another_leads() {
    let cluster = FakeCluster::start(2).await;
    let topic = cluster.create("t", 1);
    cluster.hang(1);
    let client = Cluster::connect(config(&cluster)).await.unwrap();
    let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
    let opening = producer.open(&topic);
    let news = async {
        eventually("broker 1 to be connected to in vain", || cluster.lock().unanswered > 0).await;
        eventually("the subscription", || cluster.requests("subscribe") > 0).await;
        cluster.lead(&topic, 0, Some(2));
    };
    let (handle, ()) =
        timeout(SOON, async { tokio::join!(opening, news) }).await.expect("news ends the wait");
    let handle = handle.unwrap();
    producer.send(handle, Record::value(b"v"), 0).await.unwrap();
    assert!(producer.flush(SOON).await, "{:?}", producer.stats());
    assert_eq!(cluster.values(&topic, 0), ["v"]);
}

#[tokio::test]
async fn a_consumer_does_not_wait_for_a_hung_leader_once_another_leads() {
    let cluster = FakeCluster::start(2).await;
    let topic = cluster.create("t", 1);
    let client = Cluster::connect(config(&cluster)).await.unwrap();
    let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
    let handle = producer.open(&topic).await.unwrap();
    producer.send(handle, Record::value(b"v"), 0).await.unwrap();
    assert!(producer.flush(SOON).await, "{:?}", producer.stats());

    let client = Cluster::connect(config(&cluster)).await.unwrap();
    let mut consumer = Consumer::new(&client, ConsumerConfig::default()).unwrap();
    cluster.hang(1);
    let (subscribed, unanswered) = (cluster.requests("subscribe"), cluster.lock().unanswered);
    let assigning = consumer.assign_topic(&topic, TailStart::Beginning, Stop::Never);
    let news = async {
        eventually("broker 1 to be connected to in vain", || cluster.lock().unanswered > unanswered).await;
        eventually("the subscription", || cluster.requests("subscribe") > subscribed).await;
        cluster.lead(&topic, 0, Some(2));
    };
    let (assigned, ()) =
        timeout(SOON, async { tokio::join!(assigning, news) }).await.expect("news ends the wait");
    assigned.unwrap();
    loop {
        match timeout(SOON, consumer.next()).await.expect("what the next leader has").unwrap() {
            Some(Event::Records(chunk)) => return assert_eq!(chunk.records().count(), 1),
            Some(_news) => {}
            None => unreachable!("reading never stops"),
        }
    }
}

#[tokio::test]
async fn a_leader_that_is_gone_is_not_waited_for_once_another_leads() {
    let mut cluster = FakeCluster::start(2).await;
    let topic = cluster.create("t", 1);
    cluster.kill(1).await;
    let client = Cluster::connect(config(&cluster)).await.unwrap();
    let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
    let opening = producer.open(&topic);
    let news = async {
        // The one that the greeting itself asks, because broker 1 refuses.
        let asked = cluster.requests("metadata");
        eventually("another look", || cluster.requests("metadata") > asked + 1).await;
        cluster.lead(&topic, 0, Some(2));
    };
    let (handle, ()) = timeout(SOON, async { tokio::join!(opening, news) }).await.expect("another leads");
    producer.send(handle.unwrap(), Record::value(b"v"), 0).await.unwrap();
    assert!(producer.flush(SOON).await, "{:?}", producer.stats());
    assert_eq!(cluster.values(&topic, 0), ["v"]);
}

/// A consumer that waits at the end of a topic for what comes.
async fn waiting(cluster: &FakeCluster) -> Consumer {
    let topic = cluster.create("t", 1);
    let client = Cluster::connect(config(cluster)).await.unwrap();
    let config = ConsumerConfig { max_wait: FOR_EVER, ..Default::default() };
    let mut consumer = Consumer::new(&client, config).unwrap();
    consumer.assign_topic(&topic, TailStart::Beginning, Stop::Never).await.unwrap();
    eventually("the subscription", || cluster.requests("subscribe") > 0).await;
    consumer
}

/// Whether the next thing that the consumer tells is this.
async fn tells(consumer: &mut Consumer, wanted: impl Fn(&Event) -> bool) -> bool {
    let event = timeout(SOON, consumer.next()).await.expect("something is told").unwrap();
    event.is_some_and(|event| wanted(&event))
}

#[tokio::test]
async fn brokers_that_are_gone_are_told_of_and_so_is_their_return() {
    let mut cluster = FakeCluster::start(2).await;
    let mut consumer = waiting(&cluster).await;
    cluster.kill(1).await;
    cluster.kill(2).await;
    assert!(tells(&mut consumer, |event| matches!(event, Event::Waiting { .. })).await);
    cluster.restart(1).await;
    cluster.restart(2).await;
    assert!(tells(&mut consumer, |event| matches!(event, Event::Resumed)).await);
}

#[tokio::test]
async fn brokers_that_all_hang_are_told_of_although_a_fetch_may_be_held_for_ever() {
    let cluster = FakeCluster::start(2).await;
    let mut consumer = waiting(&cluster).await;
    cluster.hang(1);
    cluster.hang(2);
    assert!(tells(&mut consumer, |event| matches!(event, Event::Waiting { .. })).await);
}
