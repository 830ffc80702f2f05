//! The producer against fake brokers: order, acknowledgement, retries, faults.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::{FakeCluster, Fault, eventually};
use yak_client::{ClientError, Cluster, Outcome, Partitioner, Producer, ProducerConfig, PushError, Record};
use yak_model::api::Acks;
use yak_model::{ErrorCode, Offset, PartitionIndex, TopicName};

const SOON: Duration = Duration::from_secs(10);

/// What was reported, a line for each record.
type Log = Arc<Mutex<Vec<(u64, String)>>>;

async fn start(cluster: &FakeCluster, config: ProducerConfig) -> (Producer, Log) {
    let log: Log = Arc::default();
    let writer = Arc::clone(&log);
    let on_delivery = move |delivery: &yak_client::Delivery<'_>| {
        for (index, token) in delivery.tokens.iter().enumerate() {
            let what = match &delivery.outcome {
                Outcome::Acknowledged(what) => match what.base_offset {
                    Some(base) => format!("{}@{}", what.partition, base.plus(i64::try_from(index).unwrap())),
                    None => format!("{}@?", what.partition),
                },
                Outcome::Failed(error) => format!("failed {}", error.code()),
                Outcome::Unknown(error) => format!("unknown {}", error.code()),
            };
            writer.lock().unwrap().push((*token, what));
        }
    };
    let cluster = Cluster::connect(cluster.config()).await.unwrap();
    (Producer::start(&cluster, config, on_delivery).await.unwrap(), log)
}

/// Sends `v<first>` to `v<end - 1>`.
async fn send(producer: &mut Producer, topic: &TopicName, numbers: std::ops::Range<u64>) {
    let handle = producer.open(topic).await.unwrap();
    for number in numbers {
        let value = format!("v{number}");
        producer.send(handle, Record::value(value.as_bytes()), number).await.unwrap();
    }
}

fn numbered(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| format!("v{number}")).collect()
}

#[tokio::test]
async fn records_arrive_in_order_and_each_is_reported_once() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let (mut producer, log) =
        start(&cluster, ProducerConfig { batch_records: 10, ..Default::default() }).await;
    send(&mut producer, &topic, 0..1_000).await;
    assert!(producer.flush(SOON).await);
    assert_eq!(cluster.values(&topic, 0), numbered(0..1_000));
    let expected: Vec<_> = (0..1_000).map(|number| (number, format!("0@{number}"))).collect();
    assert_eq!(*log.lock().unwrap(), expected);
    let stats = producer.close(SOON).await;
    assert_eq!((stats.pushed, stats.acknowledged, stats.failed, stats.unknown), (1_000, 1_000, 0, 0));
    assert_eq!(cluster.lock().registered, [("producer".to_owned(), "test".to_owned())]);
}

#[tokio::test]
async fn a_missing_topic_is_created_and_said_so() {
    let cluster = FakeCluster::start(1).await;
    cluster.lock().partitions_of_new_topics = 3;
    let (mut producer, _) = start(&cluster, ProducerConfig::default()).await;
    let handle = producer.open(&"new".parse().unwrap()).await.unwrap();
    let info = producer.topic(handle);
    assert_eq!((info.created, info.partition_count()), (true, 3));
    assert_eq!(producer.open(&"new".parse().unwrap()).await.unwrap(), handle, "once is enough");
}

#[tokio::test]
async fn a_missing_topic_that_may_not_be_created_is_an_error_with_a_suggestion() {
    let cluster = FakeCluster::start(1).await;
    cluster.lock().auto_create = false;
    cluster.create("orders", 1);
    let (mut producer, _) = start(&cluster, ProducerConfig::default()).await;
    let error = producer.open(&"ordres".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), "topic 'ordres' does not exist");
    let hint = "did you mean 'orders'? create it with `yak-topics --create --topic ordres --partitions 3`";
    assert_eq!(error.hint().as_deref(), Some(hint));
}

#[tokio::test]
async fn without_keys_records_go_round_strictly() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 3);
    let (mut producer, _) = start(&cluster, ProducerConfig::default()).await;
    send(&mut producer, &topic, 0..8).await;
    assert!(producer.flush(SOON).await);
    assert_eq!(cluster.values(&topic, 0), ["v0", "v3", "v6"]);
    assert_eq!(cluster.values(&topic, 1), ["v1", "v4", "v7"]);
    assert_eq!(cluster.values(&topic, 2), ["v2", "v5"]);
}

#[tokio::test]
async fn sticky_fills_one_batch_after_the_other() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 2);
    let config = ProducerConfig {
        partitioner: Partitioner::Sticky,
        batch_records: 4,
        linger: SOON,
        ..Default::default()
    };
    let (mut producer, _) = start(&cluster, config).await;
    send(&mut producer, &topic, 0..10).await;
    assert!(producer.flush(SOON).await);
    assert_eq!(cluster.values(&topic, 0), ["v0", "v1", "v2", "v3", "v8", "v9"]);
    assert_eq!(cluster.values(&topic, 1), ["v4", "v5", "v6", "v7"]);
}

#[tokio::test]
async fn keys_and_explicit_partitions_decide() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 5);
    let (mut producer, _) = start(&cluster, ProducerConfig::default()).await;
    let handle = producer.open(&topic).await.unwrap();
    for _ in 0..3 {
        producer.send(handle, Record::keyed(b"foobar", b"keyed"), 0).await.unwrap();
    }
    let fixed = Record { partition: Some(PartitionIndex::new(4)), ..Record::keyed(b"foobar", b"fixed") };
    producer.send(handle, fixed, 0).await.unwrap();
    let missing = Record { partition: Some(PartitionIndex::new(5)), ..Record::value(b"x") };
    let error = producer.send(handle, missing, 0).await.unwrap_err();
    assert_eq!(error.to_string(), "topic 't' has no partition 5; it has 5, numbered from 0");
    assert!(producer.flush(SOON).await);
    let home = usize::try_from(yak_model::partition_for_key(b"foobar", 5).get()).unwrap();
    assert_eq!(cluster.values(&topic, home), ["keyed"; 3]);
    assert_eq!(cluster.values(&topic, 4), ["fixed"]);
}

#[tokio::test]
async fn a_lost_reply_is_retried_without_a_duplicate() {
    for fault in [Fault::CloseInReply, Fault::CloseBeforeReply, Fault::CloseBefore] {
        let cluster = FakeCluster::start(1).await;
        let topic = cluster.create("t", 1);
        cluster.script("produce", [Fault::None, fault.clone(), Fault::None, fault]);
        let (mut producer, log) =
            start(&cluster, ProducerConfig { batch_records: 7, ..Default::default() }).await;
        send(&mut producer, &topic, 0..100).await;
        assert!(producer.flush(SOON).await);
        assert_eq!(cluster.values(&topic, 0), numbered(0..100));
        let tokens: Vec<_> = log.lock().unwrap().iter().map(|(token, _)| *token).collect();
        assert_eq!(tokens, (0..100).collect::<Vec<_>>(), "reported in order");
        assert!(producer.stats().retries >= 2);
    }
}

#[tokio::test]
async fn retriable_refusals_are_retried_in_order() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let refuse = Fault::Reject(ErrorCode::NotEnoughReplicas);
    let after = Fault::RejectAfter(ErrorCode::NotEnoughReplicasAfterAppend);
    cluster.script("produce", [refuse.clone(), Fault::None, after, Fault::None, Fault::None, refuse]);
    let (mut producer, _) = start(&cluster, ProducerConfig { batch_records: 3, ..Default::default() }).await;
    send(&mut producer, &topic, 0..60).await;
    assert!(producer.flush(SOON).await);
    assert_eq!(cluster.values(&topic, 0), numbered(0..60));
}

#[tokio::test]
async fn a_refused_batch_fails_alone_and_those_behind_it_arrive() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    cluster.script("produce", [Fault::None, Fault::Reject(ErrorCode::InvalidRecord)]);
    let config = ProducerConfig { batch_records: 5, linger: SOON, ..Default::default() };
    let (mut producer, log) = start(&cluster, config).await;
    send(&mut producer, &topic, 0..30).await;
    assert!(producer.flush(SOON).await);
    let mut expected = numbered(0..30);
    expected.drain(5..10);
    assert_eq!(cluster.values(&topic, 0), expected);
    let failed: Vec<_> = log
        .lock()
        .unwrap()
        .iter()
        .filter(|(_, what)| what == "failed INVALID_RECORD")
        .map(|(token, _)| *token)
        .collect();
    assert_eq!(failed, [5, 6, 7, 8, 9]);
    let stats = producer.close(SOON).await;
    assert_eq!((stats.acknowledged, stats.failed), (25, 5));
}

#[tokio::test]
async fn a_broker_that_forgot_the_producer_gets_a_new_epoch() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let (mut producer, _) = start(&cluster, ProducerConfig { batch_records: 2, ..Default::default() }).await;
    send(&mut producer, &topic, 0..10).await;
    assert!(producer.flush(SOON).await);
    cluster.lock().topics.get_mut(&topic).unwrap()[0].log.forget_producers();
    send(&mut producer, &topic, 10..30).await;
    assert!(producer.flush(SOON).await);
    assert_eq!(cluster.values(&topic, 0), numbered(0..30));
}

#[tokio::test]
async fn a_new_leader_is_followed() {
    let cluster = FakeCluster::start(2).await;
    let topic = cluster.create("t", 1);
    let (mut producer, _) = start(&cluster, ProducerConfig { batch_records: 4, ..Default::default() }).await;
    send(&mut producer, &topic, 0..20).await;
    assert!(producer.flush(SOON).await);
    cluster.lead(&topic, 0, Some(2));
    send(&mut producer, &topic, 20..40).await;
    assert!(producer.flush(SOON).await);
    cluster.lead(&topic, 0, None);
    send(&mut producer, &topic, 40..50).await;
    assert!(!producer.flush(Duration::from_millis(100)).await, "nobody leads");
    cluster.lead(&topic, 0, Some(1));
    assert!(producer.flush(SOON).await);
    assert_eq!(cluster.values(&topic, 0), numbered(0..50));
}

#[tokio::test]
async fn a_broker_that_comes_back_is_found_again() {
    let mut cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 2);
    let (mut producer, log) = start(&cluster, ProducerConfig::default()).await;
    send(&mut producer, &topic, 0..10).await;
    assert!(producer.flush(SOON).await);
    cluster.kill(1).await;
    send(&mut producer, &topic, 10..30).await;
    assert!(!producer.flush(Duration::from_millis(100)).await);
    cluster.restart(1).await;
    assert!(producer.flush(SOON).await);
    assert_eq!(cluster.values(&topic, 0).len() + cluster.values(&topic, 1).len(), 30);
    assert_eq!(log.lock().unwrap().len(), 30);
}

#[tokio::test]
async fn a_hung_broker_costs_its_connection() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    cluster.script("produce", [Fault::Hang]);
    let client = yak_client::ClientConfig { request_timeout: Duration::from_millis(300), ..cluster.config() };
    let client = Cluster::connect(client).await.unwrap();
    let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
    send(&mut producer, &topic, 0..3).await;
    assert!(producer.flush(SOON).await);
    assert_eq!(cluster.values(&topic, 0), numbered(0..3));
}

#[tokio::test]
async fn what_is_not_acknowledged_in_time_is_failed_or_unknown() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let refusals = std::iter::repeat_n(Fault::Reject(ErrorCode::NotEnoughReplicas), 1_000);
    cluster.script("produce", refusals);
    let config = ProducerConfig { delivery_timeout: Duration::from_millis(200), ..Default::default() };
    let (mut producer, log) = start(&cluster, config.clone()).await;
    send(&mut producer, &topic, 0..2).await;
    assert!(producer.flush(SOON).await);
    assert_eq!(producer.stats().failed, 2);
    assert!(log.lock().unwrap().iter().all(|(_, what)| what == "failed REQUEST_TIMED_OUT"));

    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    cluster.script("produce", [Fault::Hang]);
    let (mut producer, log) = start(&cluster, config).await;
    send(&mut producer, &topic, 0..1).await;
    assert!(producer.flush(SOON).await);
    assert_eq!(log.lock().unwrap()[0], (0, "unknown REQUEST_TIMED_OUT".to_owned()));
}

#[tokio::test]
async fn closing_in_time_reports_everything() {
    let mut cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let (mut producer, log) = start(&cluster, ProducerConfig { linger: SOON, ..Default::default() }).await;
    send(&mut producer, &topic, 0..5).await;
    let stats = producer.close(SOON).await;
    assert_eq!((stats.acknowledged, log.lock().unwrap().len()), (5, 5), "lingering ends with closing");

    let (mut producer, log) = start(&cluster, ProducerConfig::default()).await;
    producer.open(&topic).await.unwrap();
    cluster.kill(1).await;
    send(&mut producer, &topic, 5..9).await;
    let stats = producer.close(Duration::from_millis(50)).await;
    assert_eq!((stats.acknowledged, stats.failed + stats.unknown), (0, 4));
    assert_eq!(log.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_record_too_large_is_refused_before_it_is_sent() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    cluster.lock().max_message_bytes = Some(1_000);
    let (mut producer, _) = start(&cluster, ProducerConfig::default()).await;
    let handle = producer.open(&topic).await.unwrap();
    let largest = vec![b'x'; producer.max_record_bytes(handle)];
    producer.send(handle, Record::value(&largest), 0).await.unwrap();
    let error = producer.send(handle, Record::value(&[b'x'; 1_000]), 1).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::MessageTooLarge);
    assert!(error.to_string().contains("accepts 1000"), "{error}");
    producer.send(handle, Record::value(b"small"), 2).await.unwrap();
    assert!(producer.flush(SOON).await);
    assert_eq!(cluster.values(&topic, 0).len(), 2);
}

#[tokio::test]
async fn full_memory_holds_the_feed_back() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    cluster.script("produce", [Fault::Slow(Duration::from_millis(100))]);
    let config =
        ProducerConfig { batch_bytes: 1_000, buffer_bytes: 10_000, max_in_flight: 1, ..Default::default() };
    let (mut producer, _) = start(&cluster, config).await;
    let handle = producer.open(&topic).await.unwrap();
    let value = [b'x'; 100];
    let mut pushed = 0;
    let mut waits = 0;
    while pushed < 1_000 {
        let mut feed = producer.feed();
        match feed.push(handle, &Record::value(&value), pushed) {
            Ok(()) => pushed += 1,
            Err(PushError::Full) => {
                drop(feed);
                waits += 1;
                producer.ready().await.unwrap();
            }
            Err(PushError::Refused(error)) => panic!("{error}"),
        }
    }
    assert!(waits > 0);
    assert!(producer.flush(SOON).await);
    assert_eq!(producer.stats().acknowledged, 1_000);
}

#[tokio::test]
async fn idle_records_go_at_once_and_busy_ones_keep_company() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    cluster.script("produce", [Fault::Slow(Duration::from_millis(50))]);
    let (mut producer, _) = start(&cluster, ProducerConfig::default()).await;
    send(&mut producer, &topic, 0..1).await;
    eventually("the first is on its way", || cluster.requests("produce") == 1).await;
    send(&mut producer, &topic, 1..20).await;
    assert!(producer.flush(SOON).await);
    assert_eq!(cluster.lock().produced, [1, 19]);
}

#[tokio::test]
async fn a_single_record_can_be_awaited() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let (mut producer, _) = start(&cluster, ProducerConfig { linger: SOON, ..Default::default() }).await;
    let handle = producer.open(&topic).await.unwrap();
    for offset in 0..3 {
        let acknowledged = producer.send_and_wait(handle, Record::value(b"x"), 0).await.unwrap();
        assert_eq!(acknowledged.base_offset, Some(Offset::new(offset)));
        assert!(acknowledged.durable);
    }
    cluster.script("produce", [Fault::Reject(ErrorCode::InvalidRecord)]);
    let error = producer.send_and_wait(handle, Record::value(b"x"), 0).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidRecord);
}

#[tokio::test]
async fn acks_0_are_not_waited_for() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let config = ProducerConfig { acks: Acks::None, idempotent: false, ..Default::default() };
    let (mut producer, log) = start(&cluster, config).await;
    send(&mut producer, &topic, 0..100).await;
    assert!(producer.flush(SOON).await);
    assert!(log.lock().unwrap().iter().all(|(_, what)| what == "0@?"));
    eventually("they arrive", || cluster.values(&topic, 0).len() == 100).await;
    assert_eq!(cluster.values(&topic, 0), numbered(0..100));
}

#[tokio::test]
async fn contradictions_are_refused() {
    let cluster = FakeCluster::start(1).await;
    let client = Cluster::connect(cluster.config()).await.unwrap();
    for (config, problem) in [
        (
            ProducerConfig { acks: Acks::Leader, ..Default::default() },
            "an idempotent producer needs acks=all",
        ),
        (
            ProducerConfig { max_in_flight: 6, ..Default::default() },
            "max.in.flight.requests.per.connection must be 1 to 5",
        ),
    ] {
        let error = Producer::start(&client, config, |_| {}).await.unwrap_err();
        assert_eq!(error, ClientError::Usage(problem.to_owned()));
    }
}

#[tokio::test]
async fn new_partitions_are_used_and_deleted_topics_fail() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let (mut producer, log) = start(&cluster, ProducerConfig::default()).await;
    send(&mut producer, &topic, 0..4).await;
    assert!(producer.flush(SOON).await);
    cluster
        .lock()
        .topics
        .get_mut(&topic)
        .unwrap()
        .push(support::FakePartition { leader: Some(1.into()), ..Default::default() });
    let mut number = 4;
    while cluster.values(&topic, 1).is_empty() {
        send(&mut producer, &topic, number..number + 1).await;
        assert!(producer.flush(SOON).await);
        number += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(number < 2_000, "the second partition is never found");
    }
    cluster.lock().topics.remove(&topic);
    log.lock().unwrap().clear();
    send(&mut producer, &topic, 0..2).await;
    assert!(producer.flush(SOON).await);
    let what: Vec<_> = log.lock().unwrap().iter().map(|(_, what)| what.clone()).collect();
    assert_eq!(what, ["failed UNKNOWN_TOPIC_OR_PARTITION"; 2]);
}
