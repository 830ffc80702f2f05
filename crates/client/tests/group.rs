//! A member of a group against a fake coordinator: what it starts, commits, gives up and loses.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::group::GroupEnd;
use support::{FakeCluster, Fault, eventually};
use tokio::time::timeout;
use yak_client::{
    ClientError, Cluster, Consumer, ConsumerConfig, Event, GroupConfig, GroupStart, Producer, ProducerConfig,
    Record, StartedAt, Stop,
};
use yak_model::{BrokerId, ErrorCode, GroupId, Offset, PartitionIndex, TopicName, TopicPartition};

const SOON: Duration = Duration::from_secs(10);

/// Produces so many records to each partition of a topic.
async fn produce(cluster: &FakeCluster, topic: &TopicName, count: u64) {
    let client = Cluster::connect(cluster.config()).await.unwrap();
    let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
    let handle = producer.open(topic).await.unwrap();
    for number in 0..count {
        producer.send(handle, Record::value(format!("v{number}").as_bytes()), number).await.unwrap();
    }
    let stats = producer.close(SOON).await;
    assert_eq!(stats.outstanding() + stats.failed + stats.unknown, 0);
}

fn config(topic: &TopicName) -> GroupConfig {
    let mut config = GroupConfig::new(GroupId::new("g").unwrap(), vec![topic.clone()]);
    config.start = GroupStart::Earliest;
    config
}

async fn join(cluster: &FakeCluster, config: GroupConfig) -> Consumer {
    let client = Cluster::connect(cluster.config()).await.unwrap();
    let mut consumer = Consumer::new(&client, ConsumerConfig::default()).unwrap();
    consumer.subscribe(config).await.unwrap();
    consumer
}

async fn next(consumer: &mut Consumer) -> Event {
    timeout(SOON, consumer.next()).await.expect("something happens").unwrap().expect("it goes on")
}

/// Partitions and where they begin, and why.
fn assigned(event: Event) -> Vec<(i32, i64, StartedAt)> {
    let Event::Assigned { partitions, .. } = event else { panic!("not an assignment: {event:?}") };
    partitions.iter().map(|at| (at.partition.partition.get(), at.offset.get(), at.at)).collect()
}

/// Partition and offsets of the next records.
async fn next_records(consumer: &mut Consumer) -> (i32, i64, i64) {
    match next(consumer).await {
        Event::Records(chunk) => {
            let first = chunk.records().next().unwrap().offset.get();
            (chunk.partition().get(), first, chunk.next_offset().get())
        }
        other => panic!("not records: {other:?}"),
    }
}

fn at(topic: &TopicName, partition: i32) -> TopicPartition {
    TopicPartition::new(topic.clone(), PartitionIndex::new(partition))
}

#[tokio::test]
async fn a_member_begins_where_its_group_stands_and_commits_where_it_does_not() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 2);
    produce(&cluster, &topic, 10).await;
    {
        let mut state = cluster.lock();
        state.assign(&topic, &[0, 1]);
        state.group.committed.insert((topic.clone(), 1.into()), Offset::new(3));
    }
    let mut consumer = join(&cluster, config(&topic)).await;
    let started = assigned(next(&mut consumer).await);
    assert_eq!(started, [(0, 0, StartedAt::Beginning), (1, 3, StartedAt::Committed)]);
    assert_eq!(cluster.lock().group.commits, [(1, 0, 0)], "the first position, and nothing else");
    let mut read = [next_records(&mut consumer).await, next_records(&mut consumer).await];
    read.sort_unstable();
    assert_eq!(read, [(0, 0, 5), (1, 3, 5)]);
    eventually("it says what it owns", || cluster.lock().group.said == [(1, vec![0, 1])]).await;
    assert_eq!(cluster.lock().registered_groups, ["g", "g"], "its stream, and its fetches");
    assert_eq!(consumer.member().unwrap().0.as_str(), "member-1");

    consumer.commit().await.unwrap();
    assert_eq!(cluster.lock().group.commits[1..], [(1, 0, 5), (1, 1, 5)]);
    let committed = consumer.committed(&[at(&topic, 1)]).await.unwrap();
    assert_eq!(committed[0].as_ref().unwrap().offset, Offset::new(5));
    consumer.close().await.unwrap();
    assert_eq!(cluster.lock().group.commits.len(), 3, "nothing new to commit");
    assert_eq!(cluster.lock().group.left, ["member-1"]);
}

#[tokio::test]
async fn a_member_says_that_it_lives_whatever_it_does_with_its_records() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    cluster.lock().group.heartbeat_interval_ms = 10;
    cluster.lock().assign(&topic, &[0]);
    let mut consumer = join(&cluster, config(&topic)).await;
    assigned(next(&mut consumer).await);
    // Nobody asks for more.
    eventually("it says so", || cluster.lock().group.alive.len() >= 3).await;
    assert!(cluster.lock().group.alive.iter().all(|epoch| *epoch == 1));
    cluster.lock().assign(&topic, &[0]);
    eventually("in its new epoch", || cluster.lock().group.alive.last() == Some(&2)).await;
}

#[tokio::test]
async fn without_commits_the_configuration_decides() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 10).await;
    cluster.lock().assign(&topic, &[0]);
    let mut latest = config(&topic);
    latest.start = GroupStart::Latest;
    let mut consumer = join(&cluster, latest).await;
    assert_eq!(assigned(next(&mut consumer).await), [(0, 10, StartedAt::End)]);
    assert_eq!(cluster.lock().group.commits, [(1, 0, 10)]);

    cluster.lock().group.committed.clear();
    let mut none = config(&topic);
    none.start = GroupStart::Fail;
    let mut consumer = join(&cluster, none).await;
    let error = timeout(SOON, consumer.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::NoCommittedOffset { .. }), "{error}");
}

#[tokio::test]
async fn what_is_taken_is_committed_before_it_is_given_up() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 2);
    produce(&cluster, &topic, 10).await;
    cluster.lock().assign(&topic, &[0, 1]);
    let mut consumer = join(&cluster, config(&topic)).await;
    assert_eq!(assigned(next(&mut consumer).await).len(), 2);
    let mut read = [next_records(&mut consumer).await, next_records(&mut consumer).await];
    read.sort_unstable();
    eventually("it says what it owns", || cluster.lock().group.said.len() == 1).await;
    cluster.lock().assign(&topic, &[1]);
    let Event::Revoked { partitions, .. } = next(&mut consumer).await else { panic!("it keeps both") };
    assert_eq!(partitions, [(at(&topic, 0), Offset::new(5))]);
    assert_eq!(cluster.lock().group.said.len(), 1, "its owner has not come back yet");
    // The owner comes back; there is nothing more for it.
    assert!(timeout(Duration::from_millis(50), consumer.next()).await.is_err());
    eventually("it gives up", || cluster.lock().group.said.last() == Some(&(2, vec![1]))).await;
    assert_eq!(cluster.lock().group.commits.last(), Some(&(2, 0, 5)), "committed before");
    assert!(consumer.position(&topic, 0.into()).is_none());
    let error = consumer.commit_offsets(vec![(at(&topic, 0), Offset::new(1), String::new())]).await;
    assert!(matches!(error, Err(ClientError::Usage(_))), "{error:?}");
}

#[tokio::test]
async fn an_owner_that_commits_itself_may_do_so_when_it_is_told() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 10).await;
    cluster.lock().assign(&topic, &[0]);
    let mut consumer = join(&cluster, GroupConfig { auto_commit: None, ..config(&topic) }).await;
    assert_eq!(assigned(next(&mut consumer).await).len(), 1);
    assert_eq!(next_records(&mut consumer).await, (0, 0, 10));
    cluster.lock().assign(&topic, &[]);
    assert!(matches!(next(&mut consumer).await, Event::Revoked { .. }));
    consumer.commit_offsets(vec![(at(&topic, 0), Offset::new(7), "half".to_owned())]).await.unwrap();
    let Ok(event) = timeout(SOON, consumer.next()).await else { panic!("it is told that nothing is left") };
    assert_eq!(assigned(event.unwrap().unwrap()), []);
    assert_eq!(cluster.lock().group.commits, [(1, 0, 0), (2, 0, 7)], "and nothing by itself");
    eventually("it gives up", || cluster.lock().group.said.last() == Some(&(2, vec![]))).await;
}

#[tokio::test]
async fn after_an_interruption_it_goes_on_where_it_was() {
    let mut cluster = FakeCluster::start(2).await;
    let topic = cluster.create("t", 1);
    cluster.lead(&topic, 0, Some(1));
    cluster.lock().group.coordinator = Some(BrokerId::new(2));
    produce(&cluster, &topic, 10).await;
    cluster.lock().assign(&topic, &[0]);
    let mut consumer = join(&cluster, GroupConfig { auto_commit: None, ..config(&topic) }).await;
    assert_eq!(assigned(next(&mut consumer).await), [(0, 0, StartedAt::Beginning)]);
    assert_eq!(next_records(&mut consumer).await, (0, 0, 10));
    // The coordinator dies; broker 1 takes over, and what was not committed is remembered here.
    cluster.kill(2).await;
    cluster.lock().group.coordinator = Some(BrokerId::new(1));
    assert_eq!(assigned(next(&mut consumer).await), [(0, 10, StartedAt::Position)]);
    consumer.commit().await.unwrap();
    assert_eq!(cluster.lock().group.commits, [(1, 0, 0), (1, 0, 10)]);
    assert_eq!(cluster.lock().group.joined, ["member-1", "member-1"], "the same member");

    // Somebody else has read on meanwhile.
    cluster.lock().group.committed.insert((topic.clone(), 0.into()), Offset::new(12));
    cluster.lock().end_streams(GroupEnd::Closed);
    assert_eq!(assigned(next(&mut consumer).await), [(0, 12, StartedAt::Committed)]);
}

#[tokio::test]
async fn what_comes_back_to_somebody_else_is_lost() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 2);
    produce(&cluster, &topic, 10).await;
    cluster.lock().assign(&topic, &[0, 1]);
    let mut consumer = join(&cluster, config(&topic)).await;
    assert_eq!(assigned(next(&mut consumer).await).len(), 2);
    {
        let mut state = cluster.lock();
        state.end_streams(GroupEnd::Closed);
        state.assign(&topic, &[1]);
    }
    loop {
        match next(&mut consumer).await {
            Event::Lost { partitions, .. } => {
                assert_eq!(partitions.len(), 1);
                assert_eq!(partitions[0].0, at(&topic, 0));
                break;
            }
            Event::Records(_) => {}
            other => panic!("not lost: {other:?}"),
        }
    }
    assert_eq!(assigned(next(&mut consumer).await).len(), 1);

    cluster.lock().end_streams(GroupEnd::Fenced(ErrorCode::FencedMemberEpoch));
    loop {
        match next(&mut consumer).await {
            Event::Lost { error, .. } => {
                assert_eq!(error.code(), ErrorCode::FencedMemberEpoch);
                break;
            }
            Event::Records(_) => {}
            other => panic!("not lost: {other:?}"),
        }
    }
    let again = assigned(next(&mut consumer).await);
    assert_eq!((again.len(), again[0].2), (1, StartedAt::Committed), "it joins again, as somebody new");
}

#[tokio::test]
async fn a_commit_is_said_again_until_it_is_heard() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 10).await;
    cluster.lock().assign(&topic, &[0]);
    let mut consumer = join(&cluster, GroupConfig { auto_commit: None, ..config(&topic) }).await;
    assert_eq!(assigned(next(&mut consumer).await).len(), 1);
    assert_eq!(next_records(&mut consumer).await, (0, 0, 10));
    for fault in [
        Fault::Reject(ErrorCode::NotCoordinator),
        Fault::Reject(ErrorCode::CoordinatorLoadInProgress),
        Fault::CloseBefore,
        Fault::CloseBeforeReply,
    ] {
        cluster.script("offset_commit", [fault]);
        consumer.commit().await.unwrap();
    }
    // An epoch that the member is about to hear of.
    cluster.script("offset_commit", [Fault::Reject(ErrorCode::StaleMemberEpoch)]);
    let (committed, ()) = tokio::join!(consumer.commit(), async {
        eventually("it was refused", || cluster.requests("offset_commit") == 10).await;
        cluster.lock().assign(&topic, &[0]);
    });
    committed.unwrap();
    assert_eq!(cluster.lock().group.commits.last(), Some(&(2, 0, 10)));
    cluster.script("offset_commit", [Fault::Reject(ErrorCode::OffsetMetadataTooLarge)]);
    let error = consumer.commit().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::OffsetMetadataTooLarge);
    cluster.script("offset_commit", [Fault::Reject(ErrorCode::OffsetMetadataTooLarge)]);
    consumer.commit_async().unwrap();
    let event = next(&mut consumer).await;
    assert!(matches!(event, Event::CommitFailed { .. }), "{event:?}");
}

#[tokio::test]
async fn it_commits_by_itself_from_time_to_time_and_at_the_end() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    produce(&cluster, &topic, 10).await;
    cluster.lock().assign(&topic, &[0]);
    let often = GroupConfig { auto_commit: Some(Duration::from_millis(20)), ..config(&topic) };
    let mut consumer = join(&cluster, often).await;
    assert_eq!(assigned(next(&mut consumer).await).len(), 1);
    assert_eq!(next_records(&mut consumer).await, (0, 0, 10));
    assert_eq!(cluster.lock().group.commits.len(), 1, "its owner has not taken it yet");
    assert!(timeout(Duration::from_millis(500), consumer.next()).await.is_err());
    assert_eq!(cluster.lock().group.commits, [(1, 0, 0), (1, 0, 10)], "and only once");

    let mut consumer = join(&cluster, config(&topic)).await;
    assert_eq!(assigned(next(&mut consumer).await), [(0, 10, StartedAt::Committed)]);
    produce(&cluster, &topic, 5).await;
    let end = next_records(&mut consumer).await.2;
    consumer.close().await.unwrap();
    assert_eq!(cluster.lock().group.commits.last(), Some(&(1, 0, end)));
}

#[tokio::test]
async fn a_paused_partition_waits_and_a_stop_ends_everything() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 2);
    produce(&cluster, &topic, 20).await;
    cluster.lock().assign(&topic, &[0, 1]);
    let mut consumer = join(&cluster, GroupConfig { stop: Stop::AtEnd, ..config(&topic) }).await;
    assert_eq!(assigned(next(&mut consumer).await).len(), 2);
    consumer.pause(&at(&topic, 0)).unwrap();
    assert_eq!(next_records(&mut consumer).await, (1, 0, 10));
    assert!(matches!(next(&mut consumer).await, Event::Stopped { .. }));
    assert!(timeout(Duration::from_millis(50), consumer.next()).await.is_err());
    consumer.resume(&at(&topic, 0)).unwrap();
    assert_eq!(next_records(&mut consumer).await, (0, 0, 10));
    consumer.seek(&at(&topic, 0), Offset::new(4)).unwrap();
    assert_eq!(next_records(&mut consumer).await, (0, 4, 10));
    while let Some(event) = timeout(SOON, consumer.next()).await.unwrap().unwrap() {
        assert!(matches!(event, Event::Stopped { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_joined_is_an_error() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    cluster.script("group_stream", [Fault::Reject(ErrorCode::UnsupportedAssignor)]);
    let mut consumer = join(&cluster, config(&topic)).await;
    let error = timeout(SOON, consumer.next()).await.unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnsupportedAssignor);

    let client = Cluster::connect(cluster.config()).await.unwrap();
    let mut consumer = Consumer::new(&client, ConsumerConfig::default()).unwrap();
    let nothing = GroupConfig { topics: vec![], ..config(&topic) };
    assert!(matches!(consumer.subscribe(nothing).await, Err(ClientError::Usage(_))));
    consumer.subscribe(config(&topic)).await.unwrap();
    assert!(matches!(consumer.subscribe(config(&topic)).await, Err(ClientError::Usage(_))));
    assert!(matches!(
        consumer.commit_offsets_async(vec![(at(&topic, 0), Offset::ZERO, String::new())]),
        Err(ClientError::Usage(_))
    ));
}

#[tokio::test]
async fn a_silent_coordinator_is_left_for_another() {
    let cluster = FakeCluster::start(2).await;
    let topic = cluster.create("t", 1);
    cluster.lead(&topic, 0, Some(1));
    cluster.lock().group.coordinator = Some(BrokerId::new(2));
    produce(&cluster, &topic, 10).await;
    cluster.lock().assign(&topic, &[0]);
    let mut consumer = join(&cluster, GroupConfig { auto_commit: None, ..config(&topic) }).await;
    assert_eq!(assigned(next(&mut consumer).await).len(), 1);
    assert_eq!(next_records(&mut consumer).await, (0, 0, 10));
    cluster.hang(2);
    cluster.lock().group.coordinator = Some(BrokerId::new(1));
    // A commit to the one that hangs goes to the other one, as soon as the stream has been silent for a second.
    consumer.commit().await.unwrap();
    assert_eq!(cluster.lock().group.commits.last(), Some(&(1, 0, 10)));
}
