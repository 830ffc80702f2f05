//! Groups by hand.

use std::collections::BTreeMap;

use bytes::Bytes;
use yak_model::api::{
    ClientRole, ClientStatus, CommittedOffset, DescribedGroup, DescribedMember, FindCoordinatorReply,
    GroupKind, GroupState, PartitionPosition, RebalanceRecord,
};
use yak_model::{BrokerId, GroupId, MemberId, Offset, PartitionIndex, TimestampMs, TopicPartition};

use crate::groups::view::{GroupView, LeaderView, PartitionView, TopicView};

pub(super) const NOW: TimestampMs = TimestampMs::new(1_700_000_000_000);

/// A stable server-side group of members with these partitions of `orders`, which has as many as are named and begins at
/// 0 and ends at 100; everything is committed.
pub(super) fn group(members: &[(&str, &[i32])]) -> GroupView {
    let described: Vec<_> = members.iter().map(|(name, partitions)| member(name, partitions)).collect();
    let mut partitions: Vec<PartitionView> = members
        .iter()
        .enumerate()
        .flat_map(|(owner, (_, numbers))| numbers.iter().map(move |number| partition(*number, Some(owner))))
        .collect();
    partitions.sort_by(|a, b| a.id.cmp(&b.id));
    let topics =
        BTreeMap::from([("orders".parse().unwrap(), TopicView { partitions: Some(partitions.len()) })]);
    GroupView {
        group: DescribedGroup {
            group_id: GroupId::new("g").unwrap(),
            kind: GroupKind::Consumer,
            state: if members.is_empty() { GroupState::Empty } else { GroupState::Stable },
            epoch: 4,
            assignment_epoch: 4,
            protocol_type: "consumer".to_owned(),
            assignor: "uniform".to_owned(),
            leader: None,
            members: described,
            rebalances: vec![RebalanceRecord {
                at: NOW,
                epoch: 4,
                cause: "b joins".to_owned(),
                took_ms: 12,
                members: members.len(),
            }],
        },
        coordinator: Some(FindCoordinatorReply {
            broker_id: BrokerId::new(1),
            host: "localhost".to_owned(),
            port: 9092,
        }),
        partitions,
        topics,
        readers: Vec::new(),
        now: NOW,
    }
}

pub(super) fn member(name: &str, partitions: &[i32]) -> DescribedMember {
    let assignment = assignment(partitions);
    DescribedMember {
        member_id: MemberId::new(name).unwrap(),
        instance_id: None,
        rack_id: None,
        client_id: "yak-consumer".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        member_epoch: 4,
        topics: vec!["orders".parse().unwrap()],
        topic_regex: None,
        target: assignment.clone(),
        assignment,
        metadata: Bytes::new(),
        assignment_bytes: Bytes::new(),
        last_heard_ms: 40,
    }
}

/// Of `orders`.
pub(super) fn assignment(partitions: &[i32]) -> Vec<(yak_model::TopicName, Vec<PartitionIndex>)> {
    if partitions.is_empty() {
        return Vec::new();
    }
    vec![("orders".parse().unwrap(), partitions.iter().copied().map(PartitionIndex::new).collect())]
}

pub(super) fn partition(number: i32, owner: Option<usize>) -> PartitionView {
    PartitionView {
        id: TopicPartition::new("orders".parse().unwrap(), PartitionIndex::new(number)),
        owner,
        committed: committed(100),
        position: None,
        received: None,
        start: Some(Offset::ZERO),
        end: Some(Offset::new(100)),
        waiting_since: None,
        leader: LeaderView::Broker(BrokerId::new(1)),
    }
}

pub(super) fn committed(offset: i64) -> Option<CommittedOffset> {
    Some(CommittedOffset {
        offset: Offset::new(offset),
        leader_epoch: None,
        metadata: String::new(),
        commit_time: NOW,
    })
}

/// A connection that has read so many records, and stands there in partition 0.
pub(super) fn reader(records: u64, position: i64) -> ClientStatus {
    ClientStatus {
        registration: 1,
        role: ClientRole::Consumer,
        client_id: "yak-consumer".to_owned(),
        software: None,
        peer: "127.0.0.1:5000".to_owned(),
        group: Some("g".to_owned()),
        connected_ms: 1,
        topics: vec![],
        records,
        positions: vec![PartitionPosition {
            topic: "orders".parse().unwrap(),
            partition: PartitionIndex::new(0),
            position: Offset::new(position),
            received: Offset::new(position),
            log_end_offset: Offset::new(100),
        }],
    }
}
