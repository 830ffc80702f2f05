//! Answers of brokers and a zookeeper, by hand.

use std::collections::BTreeMap;

use yak_model::api::{
    BrokerMetadata, ClientPresence, ClientRole, ClientStatus, ElectionStatus, PartitionPosition,
    PartitionStatus, Register, ReplicaStatus, SessionReport, StatusReply, ZookeeperReport, ZookeeperStatus,
};
use yak_model::{
    BrokerEpoch, BrokerId, ClusterId, LeaderEpoch, MetadataIndex, Offset, PartitionIndex, TimestampMs,
};

use crate::status::overview::{Answers, Overview};

/// A reply of broker `id`, whose logs of `orders` end at `end`. Broker 3 is fenced.
pub(super) fn reply(id: i32, end: i64) -> StatusReply {
    StatusReply {
        cluster_id: ClusterId::from_random([7; 16]),
        broker_id: BrokerId::new(id),
        version: "0.1.0".to_owned(),
        uptime_ms: 123_000,
        zookeeper: ZookeeperStatus { address: "127.0.0.1:2181".to_owned(), index: MetadataIndex::new(42) },
        brokers: (1..=3).map(|known| broker(known, id)).collect(),
        partitions: vec![partition(0, Some(1), end), partition(1, None, end)],
        clients: Vec::new(),
        elections: vec![election(1_700_000_000_123, 4)],
    }
}

fn broker(id: i32, asked: i32) -> ReplicaStatus {
    ReplicaStatus {
        broker: BrokerMetadata {
            broker_id: BrokerId::new(id),
            host: "127.0.0.1".to_owned(),
            port: 9091 + u16::try_from(id).unwrap(),
            rack: None,
        },
        broker_epoch: BrokerEpoch::new(1),
        fenced: id == 3,
        heartbeat_age_ms: (id == asked).then_some(140),
        directory: (id == asked).then(|| format!("data/broker-{id}")),
    }
}

fn partition(number: i32, leader: Option<i32>, end: i64) -> PartitionStatus {
    PartitionStatus {
        topic: "orders".parse().unwrap(),
        partition: PartitionIndex::new(number),
        leader: leader.map(BrokerId::new),
        leader_epoch: LeaderEpoch::new(4),
        replicas: [1, 2, 3].map(BrokerId::new).to_vec(),
        in_sync_replicas: [1, 2].map(BrokerId::new).to_vec(),
        log_start_offset: Offset::ZERO,
        high_watermark: Offset::new(end - 1),
        log_end_offset: Offset::new(end),
        size_bytes: 123_456,
        segments: 1,
        offline: None,
    }
}

pub(super) fn election(time: i64, epoch: i32) -> ElectionStatus {
    ElectionStatus {
        time: TimestampMs::new(time),
        topic: "orders".parse().unwrap(),
        partition: PartitionIndex::new(0),
        from: Some(BrokerId::new(3)),
        to: Some(BrokerId::new(1)),
        leader_epoch: LeaderEpoch::new(epoch),
        cause: "broker 3 fenced: no heartbeat for 1000 ms".to_owned(),
    }
}

pub(super) fn client(role: ClientRole, partitions: i32) -> ClientStatus {
    let position = |number| PartitionPosition {
        topic: "orders".parse().unwrap(),
        partition: PartitionIndex::new(number),
        position: Offset::new(1_041),
        received: Offset::new(1_000),
        log_end_offset: Offset::new(1_041),
    };
    ClientStatus {
        registration: 1,
        role,
        client_id: if role == ClientRole::Producer { "yak-producer" } else { "yak-consumer" }.to_owned(),
        software: None,
        peer: "127.0.0.1:50412".to_owned(),
        group: None,
        connected_ms: 123_000,
        topics: vec!["orders".parse().unwrap()],
        records: 1_041,
        positions: (0..partitions).map(position).collect(),
    }
}

/// What the zookeeper says: broker 3 was silent for long, and had a producer.
pub(super) fn report() -> ZookeeperReport {
    let session = |id: i32| SessionReport {
        broker_id: BrokerId::new(id),
        broker_epoch: BrokerEpoch::new(1),
        host: "127.0.0.1".to_owned(),
        port: 9091 + u16::try_from(id).unwrap(),
        fenced: id == 3,
        connected: id != 3,
        heartbeat_age_ms: Some(if id == 3 { 3_200 } else { 210 }),
        clients: if id == 3 { vec![presence()] } else { vec![] },
    };
    ZookeeperReport {
        cluster_id: ClusterId::from_random([7; 16]),
        version: "0.1.0".to_owned(),
        index: MetadataIndex::new(42),
        journal: "data/zookeeper/journal-1.ndjson".to_owned(),
        brokers: (1..=3).map(session).collect(),
        leaderless: Vec::new(),
        elections: vec![election(1_700_000_000_123, 4)],
    }
}

fn presence() -> ClientPresence {
    ClientPresence {
        register: Register {
            role: ClientRole::Producer,
            client_id: "last-heard".to_owned(),
            topics: vec!["orders".parse().unwrap()],
            group: None,
        },
        address: "127.0.0.1:50500".to_owned(),
    }
}

/// Brokers 1 and 2 answer, broker 3 is dead.
pub(super) fn answers() -> Answers {
    let mut first = reply(1, 1_041);
    first.clients = vec![client(ClientRole::Producer, 0), client(ClientRole::Consumer, 5)];
    let others = [
        (BrokerId::new(2), Ok(reply(2, 1_024))),
        (BrokerId::new(3), Err("connection refused (127.0.0.1:9094)".to_owned())),
    ];
    Answers { first, others: BTreeMap::from(others), zookeeper: Some(Ok(report())) }
}

pub(super) fn overview() -> Overview {
    Overview::new(answers())
}
