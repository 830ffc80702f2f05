//! What a broker's partitions become, image by image.

use std::sync::Arc;

use clap::Parser as _;
use yak_core::image::Image;
use yak_core::partition::ProduceRequest;
use yak_log::{Background, DirectoryOptions, LogDirectory, ManualClock, MemDir};
use yak_model::api::{Acks, ReadFrom};
use yak_model::metadata::{MetadataRecord, PartitionRecord, RecoveryState};
use yak_model::{
    BrokerId, DirectoryId, ErrorCode, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, TopicId, TopicName,
};
use yak_record::{BatchBuilder, Compression, RecordParts};

use super::{Append, Partitions};
use crate::args::BrokerArgs;
use crate::clock::Clock;
use crate::config::load;

const ME: BrokerId = BrokerId::new(1);
const OTHER: BrokerId = BrokerId::new(2);

fn topic() -> TopicName {
    "t".parse().expect("a topic")
}

fn partitions(dir: &MemDir) -> Partitions {
    let clock = Clock::start();
    let options = DirectoryOptions {
        broker_id: ME,
        cluster_id: None,
        new_directory_id: DirectoryId::from_random([1; 16]),
        reserve_bytes: 0,
        now: clock.wall(),
        // What is put away stays there to be looked at.
        background: Background::Manual(ManualClock::default()),
    };
    let directory = LogDirectory::open(Arc::new(dir.clone()), options).expect("a log directory");
    let args = BrokerArgs::try_parse_from(["yak-broker", "--standalone"]).expect("a command line");
    let config = load(&args, []).expect("a configuration").config;
    Partitions::new(ME, Arc::new(directory), &config, clock)
}

fn record(partition: i32, replicas: &[BrokerId], epoch: i32) -> PartitionRecord {
    PartitionRecord {
        topic: topic(),
        topic_id: TopicId::from_random([5; 16]),
        partition: PartitionIndex::new(partition),
        replicas: replicas.to_vec(),
        directory_ids: vec![DirectoryId::default(); replicas.len()],
        in_sync_replicas: replicas.to_vec(),
        eligible_leader_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        wanted: 2,
        leader: replicas.first().copied(),
        leader_epoch: LeaderEpoch::new(epoch),
        partition_epoch: PartitionEpoch::new(epoch),
        recovery_state: RecoveryState::Recovered,
    }
}

/// An image that has these records beside those of `before`.
fn after(before: &Image, records: impl IntoIterator<Item = PartitionRecord>) -> Image {
    let mut image = before.clone();
    for record in records {
        image.apply(&MetadataRecord::Partition(record)).expect("it fits");
    }
    image.set_index(before.index().next());
    image
}

fn created() -> Image {
    let mut image = Image::default();
    let created = MetadataRecord::TopicCreated { name: topic(), topic_id: TopicId::from_random([5; 16]) };
    image.apply(&created).expect("new");
    image
}

fn produce(partitions: &Partitions, partition: i32) -> Append {
    let mut builder = BatchBuilder::new();
    builder.push(&RecordParts { value: Some(b"v"), ..RecordParts::default() });
    let mut batch = builder.finish(Compression::None, None);
    let request = ProduceRequest {
        leader_epoch: None,
        acks: Acks::All,
        deadline_ms: u64::MAX,
        lease_until_ms: u64::MAX,
    };
    let hosted = partitions.get(&topic(), PartitionIndex::new(partition)).expect("it is here");
    hosted.append(&request, &mut batch).expect("appended")
}

fn directories(dir: &MemDir) -> Vec<String> {
    let mut names: Vec<String> = dir
        .files()
        .iter()
        .filter_map(|(path, _)| path.parent()?.to_str().map(str::to_owned))
        .filter(|name| name.starts_with("t-"))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn in_one_batch_a_replica_leaves_and_another_is_made() {
    let dir = MemDir::new();
    let partitions = partitions(&dir);
    let first = after(&created(), [record(0, &[ME, OTHER], 1), record(1, &[OTHER], 1)]);
    partitions.apply(&Image::default(), &first).expect("applied");
    assert_eq!(directories(&dir), ["t-0"]);
    let Append::Waiting(waiting) = produce(&partitions, 0) else {
        unreachable!("nobody has acknowledged it");
    };
    let leaving = partitions.get(&topic(), PartitionIndex::new(0)).expect("it is here");

    let second = after(&first, [record(0, &[OTHER], 2), record(1, &[OTHER, ME], 2)]);
    partitions.apply(&first, &second).expect("applied");
    let told = waiting.blocking_recv().expect("an answer").expect_err("it leads no more");
    assert_eq!(told.code, ErrorCode::NotEnoughReplicasAfterAppend, "unknown: {told}");
    let refused = partitions.get(&topic(), PartitionIndex::new(0)).expect_err("it is no replica");
    assert_eq!(refused.code, ErrorCode::NotLeaderOrFollower);
    // Whoever had it in hand is told the same.
    for who in [ReadFrom::Leader, ReadFrom::Any] {
        let refused = leaving.read_from(who, None, Offset::ZERO, 1).expect_err("it is no replica");
        assert_eq!(refused.code, ErrorCode::NotLeaderOrFollower, "{refused}");
    }
    assert!(leaving.following().is_none());
    let made = partitions.get(&topic(), PartitionIndex::new(1)).expect("it is here");
    assert_eq!(made.following().map(|(leader, _)| leader), Some(OTHER));
    let names = directories(&dir);
    assert!(names.iter().any(|name| name == "t-1") && !names.iter().any(|name| name == "t-0"), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("t-0.") && name.ends_with("-delete")), "{names:?}");

    let third = after(&second, [record(0, &[OTHER, ME], 3)]);
    partitions.apply(&second, &third).expect("applied");
    let again = partitions.get(&topic(), PartitionIndex::new(0)).expect("it is here again");
    assert_eq!(again.reader().log_end(), Offset::ZERO, "with nothing of what it had");
}

#[test]
fn a_replica_that_comes_back_before_it_was_seen_to_go_keeps_its_log() {
    let dir = MemDir::new();
    let partitions = partitions(&dir);
    let first = after(&created(), [record(0, &[ME, OTHER], 1)]);
    partitions.apply(&Image::default(), &first).expect("applied");
    let _waiting = produce(&partitions, 0);
    let away = after(&first, [record(0, &[OTHER], 2)]);
    let back = after(&away, [record(0, &[OTHER, ME], 3)]);
    partitions.apply(&first, &back).expect("applied");
    let kept = partitions.get(&topic(), PartitionIndex::new(0)).expect("it is here");
    assert_eq!(kept.reader().log_end(), Offset::new(1), "its leader says what of it is to be cut");
    assert!(kept.following().is_some());
    assert_eq!(directories(&dir), ["t-0"]);
}
