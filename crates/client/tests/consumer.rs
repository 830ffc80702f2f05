//! The consumer against fake brokers: positions, ends, long polling, leaders, faults.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::{FakeCluster, FakePartition, Fault};
use tokio::time::timeout;
use yak_client::{
    Assignment, ClientError, Cluster, Consumer, ConsumerConfig, Event, Header, OutOfRange, Producer,
    ProducerConfig, Record, Stop,
};
use yak_model::api::TailStart;
use yak_model::{ErrorCode, Offset, PartitionIndex, TimestampMs, TopicName, TopicPartition};

const SOON: Duration = Duration::from_secs(10);

/// Produces `v<first>` to `v<end - 1>`, a batch of ten at a time, strictly round robin.
async fn produce(cluster: &FakeCluster, topic: &TopicName, numbers: std::ops::Range<u64>) {
    let client = Cluster::connect(cluster.config()).await.unwrap();
    let config = ProducerConfig { batch_records: 10, linger: SOON, ..Default::default() };
    let mut producer = Producer::start(&client, config, |_| {}).await.unwrap();
    let handle = producer.open(topic).await.unwrap();
    for number in numbers {
        producer.send(handle, Record::value(format!("v{number}").as_bytes()), number).await.unwrap();
    }
    let stats = producer.close(SOON).await;
    assert_eq!(stats.outstanding() + stats.failed + stats.unknown, 0);
}

async fn consumer(cluster: &FakeCluster, config: ConsumerConfig) -> Consumer {
    Consumer::new(&Cluster::connect(cluster.config()).await.unwrap(), config).unwrap()
}

fn values(chunk: &yak_client::Chunk) -> Vec<String> {
    chunk.records().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
}

/// Everything up to the stop.
async fn read_all(consumer: &mut Consumer) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(event) = timeout(SOON, consumer.next()).await.expect("it stops").unwrap() {
        if let Event::Records(chunk) = event {
            all.extend(values(&chunk));
        }
    }
    all
}

/// The next event that is not about records, after as many records as come before it.
async fn next_news(consumer: &mut Consumer) -> Event {
    loop {
        match timeout(SOON, consumer.next()).await.expect("something happens").unwrap() {
            Some(Event::Records(_)) => {}
            Some(news) => return news,
            None => panic!("it stopped"),
        }
    }
}

/// The next chunk.
async fn next_values(consumer: &mut Consumer) -> Vec<String> {
    loop {
        match timeout(SOON, consumer.next()).await.expect("records come").unwrap() {
            Some(Event::Records(chunk)) => return values(&chunk),
            Some(_) => {}
            None => panic!("it stopped"),
        }
    }
}

fn numbered(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| format!("v{number}")).collect()
}

#[tokio::test]
async fn everything_from_the_beginning_to_the_end() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 0..1_000).await;
    let config = ConsumerConfig { partition_bytes: 500, ..Default::default() };
    let mut consumer = consumer(&cluster, config).await;
    consumer.assign_topic(&topic, TailStart::Beginning, Stop::AtEnd).await.unwrap();
    produce(&cluster, &topic, 1_000..1_010).await;
    assert_eq!(read_all(&mut consumer).await, numbered(0..1_000), "and not what came later");
    assert!(cluster.requests("fetch") > 10, "many small replies");
    assert_eq!(consumer.position(&topic, PartitionIndex::new(0)), Some(Offset::new(1_000)));
    assert!(cluster.lock().registered.contains(&("consumer".to_owned(), "test".to_owned())));
}

#[tokio::test]
async fn every_start_and_stop() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 0..50).await;
    cluster.lock().topics.get_mut(&topic).unwrap()[0].log.delete_before(Offset::new(10));
    for (start, stop, expected) in [
        (TailStart::Beginning, Stop::AtEnd, 10..50),
        (TailStart::End, Stop::AtEnd, 0..0),
        (TailStart::Offset(Offset::new(33)), Stop::AtEnd, 33..50),
        (TailStart::Offset(Offset::new(13)), Stop::Before(Offset::new(17)), 13..17),
        (TailStart::Last(5), Stop::AtEnd, 45..50),
        (TailStart::Last(500), Stop::AtEnd, 10..50),
        // In the fake log a time is an offset.
        (TailStart::Time(TimestampMs::new(48)), Stop::AtEnd, 48..50),
    ] {
        let mut consumer = consumer(&cluster, ConsumerConfig::default()).await;
        let partition = PartitionIndex::new(0);
        consumer.assign(&[Assignment { topic: topic.clone(), partition, start, stop }]).await.unwrap();
        assert_eq!(read_all(&mut consumer).await, numbered(expected), "{start:?} {stop:?}");
    }
}

#[tokio::test]
async fn an_idle_consumer_gets_new_records_at_once_and_none_twice() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 0..10).await;
    let mut consumer = consumer(&cluster, ConsumerConfig::default()).await;
    consumer.assign_topic(&topic, TailStart::End, Stop::Never).await.unwrap();
    let positions = consumer.positions();
    assert_eq!((positions[0].older(), positions[0].lag()), (10, 0));
    for round in 0..5 {
        // Dropping the future while it waits loses nothing.
        assert!(timeout(Duration::from_millis(20), consumer.next()).await.is_err(), "nothing yet");
        produce(&cluster, &topic, 10 + round..11 + round).await;
        assert_eq!(next_values(&mut consumer).await, numbered(10 + round..11 + round));
    }
}

#[tokio::test]
async fn several_topics_and_partitions_take_turns() {
    let cluster = FakeCluster::start(2).await;
    let (one, two) = (cluster.create("one", 3), cluster.create("two", 2));
    produce(&cluster, &one, 0..300).await;
    produce(&cluster, &two, 0..200).await;
    let config = ConsumerConfig { partition_bytes: 300, fetch_bytes: 600, ..Default::default() };
    let mut consumer = consumer(&cluster, config).await;
    consumer.assign_topic(&one, TailStart::Beginning, Stop::AtEnd).await.unwrap();
    consumer.assign_topic(&two, TailStart::Beginning, Stop::AtEnd).await.unwrap();
    let mut all = read_all(&mut consumer).await;
    assert_eq!(all.len(), 500);
    all.sort();
    let mut expected = [numbered(0..300), numbered(0..200)].concat();
    expected.sort();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn what_a_record_holds_comes_back() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let client = Cluster::connect(cluster.config()).await.unwrap();
    let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
    let handle = producer.open(&topic).await.unwrap();
    let headers =
        [Header::new("plain", Some(b"v")), Header::new("esc\"aped", None), Header::new("raw", Some(b"\xff"))];
    let sent = [
        Record {
            headers: &headers,
            timestamp: Some(TimestampMs::new(77)),
            ..Record::keyed(b"k\"ey", b"va\nlue")
        },
        Record { value: None, ..Record::keyed(b"\xfe\xff", b"") },
        Record { headers: &headers[..1], ..Record::value(b"\xf0\x9f\x98\x80\x00\x80") },
        Record::value(b""),
    ];
    for record in sent {
        producer.send(handle, record, 0).await.unwrap();
    }
    producer.close(SOON).await;
    let mut consumer = consumer(&cluster, ConsumerConfig::default()).await;
    consumer.assign_topic(&topic, TailStart::Beginning, Stop::AtEnd).await.unwrap();
    let mut got = Vec::new();
    while let Some(event) = consumer.next().await.unwrap() {
        let Event::Records(chunk) = event else { continue };
        for record in chunk.records() {
            let headers: Vec<_> = record
                .headers
                .iter()
                .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
                .collect();
            got.push((record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec), headers));
            if record.offset == Offset::ZERO {
                assert_eq!(record.timestamp, TimestampMs::new(77));
            }
        }
    }
    let expected: Vec<_> = sent
        .iter()
        .map(|record| {
            let headers: Vec<_> = record
                .headers
                .iter()
                .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
                .collect();
            (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec), headers)
        })
        .collect();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn seeking_drops_what_was_fetched_in_advance() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 0..100).await;
    let config = ConsumerConfig { partition_bytes: 300, ..Default::default() };
    let mut consumer = consumer(&cluster, config).await;
    consumer.assign_topic(&topic, TailStart::Beginning, Stop::Never).await.unwrap();
    let partition = TopicPartition::new(topic.clone(), PartitionIndex::new(0));
    assert_eq!(next_values(&mut consumer).await[0], "v0");
    consumer.seek(&partition, Offset::new(70)).unwrap();
    assert_eq!(next_values(&mut consumer).await[0], "v70");
    assert_eq!(next_values(&mut consumer).await[0], "v80");
    while consumer.position(&topic, partition.partition) != Some(Offset::new(100)) {
        next_values(&mut consumer).await;
    }
    assert!(timeout(Duration::from_millis(20), consumer.next()).await.is_err(), "held at the end");
    consumer.seek(&partition, Offset::new(5)).unwrap();
    assert_eq!(next_values(&mut consumer).await[0], "v5");
    let nowhere = TopicPartition::new(topic, PartitionIndex::new(9));
    assert!(matches!(consumer.seek(&nowhere, Offset::ZERO), Err(ClientError::Usage(_))));
}

#[tokio::test]
async fn an_offset_out_of_range_goes_where_it_is_told() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 0..50).await;
    cluster.lock().topics.get_mut(&topic).unwrap()[0].log.delete_before(Offset::new(20));
    for (policy, expected) in
        [(OutOfRange::Earliest, Some(20)), (OutOfRange::Latest, Some(50)), (OutOfRange::Fail, None)]
    {
        let config = ConsumerConfig { out_of_range: policy, ..Default::default() };
        let mut consumer = consumer(&cluster, config).await;
        consumer.assign_topic(&topic, TailStart::Offset(Offset::new(3)), Stop::Never).await.unwrap();
        match (timeout(SOON, consumer.next()).await.unwrap(), expected) {
            (Ok(Some(Event::Reset { from, to, .. })), Some(expected)) => {
                assert_eq!((from.get(), to.get()), (3, expected));
            }
            (Err(error), None) => assert_eq!(error.to_string(), "offset 3 of t-0 is out of range"),
            (other, _) => panic!("{policy:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_new_leader_is_followed_and_told() {
    let cluster = FakeCluster::start(2).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 0..10).await;
    let mut consumer =
        consumer(&cluster, ConsumerConfig { max_wait: Duration::from_millis(50), ..Default::default() })
            .await;
    consumer.assign_topic(&topic, TailStart::Beginning, Stop::Never).await.unwrap();
    assert_eq!(next_values(&mut consumer).await, numbered(0..10));
    cluster.lead(&topic, 0, Some(2));
    produce(&cluster, &topic, 10..20).await;
    match next_news(&mut consumer).await {
        Event::LeaderChanged { from, to, leader_epoch, .. } => {
            assert_eq!((from, to, leader_epoch.get()), (Some(1.into()), Some(2.into()), 1));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(next_values(&mut consumer).await, numbered(10..20));
}

#[tokio::test]
async fn a_broken_reply_is_fetched_again() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 0..100).await;
    let refuse = Fault::Reject(ErrorCode::LeaderNotAvailable);
    cluster.script("fetch", [Fault::None, Fault::CloseInReply, Fault::None, refuse, Fault::CloseBefore]);
    let config = ConsumerConfig { partition_bytes: 300, ..Default::default() };
    let mut consumer = consumer(&cluster, config).await;
    consumer.assign_topic(&topic, TailStart::Beginning, Stop::AtEnd).await.unwrap();
    assert_eq!(read_all(&mut consumer).await, numbered(0..100));
}

#[tokio::test]
async fn an_outage_is_told_once_and_survived() {
    let mut cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 0..10).await;
    let mut consumer = consumer(&cluster, ConsumerConfig::default()).await;
    consumer.assign_topic(&topic, TailStart::Beginning, Stop::Never).await.unwrap();
    assert_eq!(next_values(&mut consumer).await, numbered(0..10));
    cluster.kill(1).await;
    match next_news(&mut consumer).await {
        Event::Waiting { error } => assert!(error.to_string().contains("127.0.0.1"), "{error}"),
        other => panic!("{other:?}"),
    }
    cluster.restart(1).await;
    produce(&cluster, &topic, 10..20).await;
    assert_eq!(next_values(&mut consumer).await, numbered(10..20));
}

#[tokio::test]
async fn a_short_outage_is_not_worth_a_word() {
    let mut cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let mut consumer = consumer(&cluster, ConsumerConfig::default()).await;
    consumer.assign_topic(&topic, TailStart::End, Stop::Never).await.unwrap();
    assert!(timeout(Duration::from_millis(20), consumer.next()).await.is_err(), "nothing yet");
    cluster.kill(1).await;
    cluster.restart(1).await;
    // Longer than an outage must last to be told, and shorter than the fetch is held.
    assert!(timeout(Duration::from_millis(1_500), consumer.next()).await.is_err(), "still nothing");
    produce(&cluster, &topic, 0..3).await;
    assert_eq!(next_values(&mut consumer).await, numbered(0..3));
}

#[tokio::test]
async fn an_outage_that_lasts_too_long_is_an_error() {
    let mut cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let config = ConsumerConfig { outage_timeout: Some(Duration::from_millis(200)), ..Default::default() };
    let mut consumer = consumer(&cluster, config).await;
    consumer.assign_topic(&topic, TailStart::Beginning, Stop::Never).await.unwrap();
    cluster.kill(1).await;
    let error = timeout(SOON, consumer.next()).await.unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::NetworkException);
}

#[tokio::test]
async fn added_partitions_are_read_from_their_beginning() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let mut consumer = consumer(&cluster, ConsumerConfig::default()).await;
    consumer.assign_topic(&topic, TailStart::End, Stop::Never).await.unwrap();
    let mut added = FakePartition { leader: Some(1.into()), ..Default::default() };
    let mut builder = yak_record::BatchBuilder::new();
    builder.push(&yak_record::RecordParts { value: Some(b"early"), ..Default::default() });
    added.log.append(&builder.finish(yak_record::Compression::None, None)).unwrap();
    cluster.lock().topics.get_mut(&topic).unwrap().push(added);
    match next_news(&mut consumer).await {
        Event::PartitionsAdded { first, total } => {
            assert_eq!((first.to_string(), total), ("t-1".to_owned(), 2))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(next_values(&mut consumer).await, ["early"]);
}

#[tokio::test]
async fn a_deleted_topic_is_an_error() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let mut consumer =
        consumer(&cluster, ConsumerConfig { max_wait: Duration::from_millis(20), ..Default::default() })
            .await;
    consumer.assign_topic(&topic, TailStart::End, Stop::Never).await.unwrap();
    cluster.lock().topics.remove(&topic);
    let error = timeout(SOON, consumer.next()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "topic 't' does not exist");
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_assigned() {
    let cluster = FakeCluster::start(1).await;
    cluster.lock().auto_create = false;
    let topic = cluster.create("t", 2);
    let mut consumer = consumer(&cluster, ConsumerConfig::default()).await;
    let error = consumer.assign_topic(&"u".parse().unwrap(), TailStart::End, Stop::Never).await.unwrap_err();
    assert_eq!(error.to_string(), "topic 'u' does not exist");
    let partition = PartitionIndex::new(2);
    let assignment = Assignment { topic, partition, start: TailStart::End, stop: Stop::Never };
    let error = consumer.assign(&[assignment]).await.unwrap_err();
    assert_eq!(error.to_string(), "topic 't' has no partition 2; it has 2, numbered from 0");
    assert_eq!(consumer.next().await.unwrap().map(|_| ()), None, "nothing is assigned");
}
