//! The ways in which the logs of a leader and a follower part (KIP-101, KIP-279), over real logs: after a few exchanges
//! they are the same, and nothing that was common was cut.

use std::sync::Arc;

use bytes::BytesMut;
use yak_core::partition::{
    Followed, FollowerAnswer, FollowerFetch, Replica, ReplicaIdentity, ReplicaLog as _,
};
use yak_log::{
    Background, DirectoryOptions, FlushMode, LogConfig, LogDirectory, ManualClock, MemDir, NewLog,
};
use yak_model::api::ReplicaData;
use yak_model::metadata::{PartitionRecord, RecoveryState};
use yak_model::{
    BrokerEpoch, BrokerId, ClusterId, DirectoryId, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex,
    TimestampMs, TopicId, TopicPartition,
};
use yak_record::{BatchBuilder, Compression, RecordParts};
use yak_test_sim::disk_log::DiskLog;
use yak_test_sim::oracle::{Record, read_back};

const NOW: TimestampMs = TimestampMs::new(1_766_836_000_000);

/// Epochs with how many records each has; a record's value names its epoch, so that logs which agree on epochs agree.
type Shape = &'static [(i32, i64)];

struct Side {
    replica: Replica<DiskLog>,
    _directory: LogDirectory,
}

fn topic_id() -> TopicId {
    TopicId::from_random([7; 16])
}

fn partition() -> TopicPartition {
    TopicPartition::new("t".parse().unwrap(), PartitionIndex::new(0))
}

fn side(id: i32, shape: Shape) -> Side {
    let options = DirectoryOptions {
        broker_id: BrokerId::new(id),
        cluster_id: Some(ClusterId::from_random([1; 16])),
        new_directory_id: DirectoryId::from_random([2; 16]),
        reserve_bytes: 0,
        now: NOW,
        background: Background::Manual(ManualClock::default()),
    };
    let directory = LogDirectory::open(Arc::new(MemDir::new()), options).unwrap();
    let config = LogConfig {
        segment_bytes: 400,
        index_interval_bytes: 100,
        flush: FlushMode::Os,
        ..LogConfig::default()
    };
    let new = NewLog { partition: partition(), topic_id: topic_id(), config };
    let mut log = directory.create_logs(&[new]).unwrap().pop().unwrap();
    for (epoch, records) in shape {
        for _ in 0..*records {
            let value = u64::try_from(*epoch).unwrap().to_be_bytes();
            let mut builder = BatchBuilder::new();
            builder.push(&RecordParts {
                timestamp: Some(NOW),
                value: Some(&value),
                ..RecordParts::default()
            });
            let mut batch = builder.finish(Compression::None, None);
            log.append_as_leader(&mut batch, LeaderEpoch::new(*epoch), NOW).unwrap();
        }
    }
    let identity = ReplicaIdentity {
        broker_id: BrokerId::new(id),
        partition: partition(),
        topic_id: topic_id(),
        flush: FlushMode::Os,
    };
    let replica = Replica::new(identity, DiskLog::new(log), Offset::ZERO, 1);
    Side { replica, _directory: directory }
}

fn record(epoch: i32) -> PartitionRecord {
    PartitionRecord {
        topic: "t".parse().unwrap(),
        topic_id: topic_id(),
        partition: PartitionIndex::new(0),
        replicas: vec![BrokerId::new(1), BrokerId::new(2)],
        directory_ids: vec![DirectoryId::default(); 2],
        in_sync_replicas: vec![BrokerId::new(1)],
        eligible_leader_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        wanted: 2,
        leader: Some(BrokerId::new(1)),
        leader_epoch: LeaderEpoch::new(epoch),
        partition_epoch: PartitionEpoch::new(0),
        recovery_state: RecoveryState::Recovered,
    }
}

fn content(side: &Side) -> Vec<(i64, i32, u64)> {
    let log = side.replica.log();
    let records: Vec<Record> = read_back(log.reader(), log.start().get(), log.end().get()).unwrap();
    records.into_iter().map(|record| (record.offset, record.epoch, record.value)).collect()
}

/// One exchange; whether the follower has everything.
fn exchange(leader: &mut Side, follower: &mut Side, least: &mut i64) -> bool {
    let (_, entry) = follower.replica.following().unwrap();
    let fetch = FollowerFetch {
        broker_id: BrokerId::new(2),
        broker_epoch: BrokerEpoch::new(12),
        leader_epoch: entry.leader_epoch,
        fetch_offset: entry.fetch_offset,
        last_fetched_epoch: entry.last_fetched_epoch,
        durable_offset: Offset::ZERO,
        sent_after_ms: None,
    };
    let answer = leader.replica.handle_follower_fetch(0, &fetch).unwrap();
    let mut records = BytesMut::new();
    let (diverging, bound) = match answer {
        FollowerAnswer::Diverging(end, bound) => (Some(end), bound),
        FollowerAnswer::Send(bound) => {
            let log = leader.replica.log();
            if entry.fetch_offset < log.end() {
                let range = log.reader().read(entry.fetch_offset, 200, log.end()).unwrap();
                range.read_into(&mut records).unwrap();
            }
            (None, bound)
        }
    };
    let data = ReplicaData {
        high_watermark: bound.high_watermark,
        log_start_offset: bound.log_start_offset,
        diverging,
        records: records.as_ref(),
    };
    let followed =
        follower.replica.handle_fetched((0, NOW), (BrokerId::new(1), entry.leader_epoch), &data).unwrap();
    if let Followed::Truncated { to, .. } = followed {
        *least = (*least).min(to.get());
    }
    records.is_empty() && diverging.is_none() && followed == Followed::Appended
}

#[test]
fn the_seven_ways_in_which_logs_part() {
    let cases: [(&str, Shape, Shape, i32); 7] = [
        ("the follower is behind", &[(0, 8)], &[(0, 5)], 1),
        ("it has more of the leader's last epoch", &[(0, 5)], &[(0, 9)], 1),
        ("it has records of a leader that was deposed, in the same place", &[(0, 4), (2, 4)], &[(0, 7)], 3),
        ("it led in an epoch of which the leader has nothing", &[(0, 4), (2, 3)], &[(0, 4), (1, 5)], 3),
        (
            "leaders changed fast, and each has epochs that the other lacks",
            &[(0, 3), (2, 2), (4, 4)],
            &[(0, 2), (1, 2), (3, 5)],
            5,
        ),
        ("it knows only later epochs than the leader has records of", &[(0, 6)], &[(0, 2), (3, 7)], 4),
        ("they have nothing in common", &[(2, 5)], &[(1, 3), (3, 4)], 4),
    ];
    for (name, leads, follows, epoch) in cases {
        let (mut leader, mut follower) = (side(1, leads), side(2, follows));
        let (a, b) = (content(&leader), content(&follower));
        let common = i64::try_from(a.iter().zip(&b).take_while(|(a, b)| a == b).count()).unwrap();
        leader.replica.handle_partition_record(0, &record(epoch));
        follower.replica.handle_partition_record(0, &record(epoch));
        let mut least = i64::MAX;
        let rounds = (0..60).position(|_| exchange(&mut leader, &mut follower, &mut least));
        assert!(rounds.is_some(), "{name}: never comes to an end");
        assert_eq!(content(&follower), content(&leader), "{name}");
        assert!(least >= common, "{name}: cut to {least}, and {common} were common");
        assert_eq!(content(&leader), a, "{name}: the leader's log is the log");
    }
}
