//! What coordinators keep, as records of `__consumer_offsets`, and back.

mod consumer;
mod loaded;

use yak_core::group::classic::{StoredGroup, StoredMember};
use yak_kafka::group_records::{
    GroupKey, GroupMetadataValue, GroupValue, MemberMetadata, OffsetCommitValue, encode_key, encode_value,
};
use yak_model::api::{CommittedOffset, GroupProtocol};
use yak_model::{GenerationId, GroupId, InstanceId, LeaderEpoch, MemberId, Offset, TimestampMs, TopicId};

pub(super) use self::consumer::change;
pub(super) use self::loaded::Loaded;
use super::committed::{Committed, Place};
use super::state::{Group, Machine};
use super::writes::StoredRecord;

/// A commit, or its tombstone.
pub(super) fn commit(
    group: &GroupId,
    (topic, partition): &Place,
    committed: Option<&Committed>,
) -> StoredRecord {
    let key = GroupKey::OffsetCommit {
        group_id: group.to_string(),
        topic: topic.to_string(),
        partition: partition.get(),
    };
    let value = |committed: &Committed| {
        let CommittedOffset { offset, leader_epoch, metadata, commit_time } = &committed.offset;
        GroupValue::OffsetCommit(OffsetCommitValue {
            offset: offset.get(),
            leader_epoch: leader_epoch.map_or(-1, LeaderEpoch::get),
            metadata: metadata.clone(),
            commit_timestamp: commit_time.get(),
            topic_id: committed.topic_id.uuid(),
            ..OffsetCommitValue::default()
        })
    };
    record(&key, committed.map(value).as_ref())
}

/// A classic group, in its state since `now`.
pub(super) fn classic_group(id: &GroupId, group: &StoredGroup, now: TimestampMs) -> StoredRecord {
    let value = GroupMetadataValue {
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        generation: group.generation_id.get(),
        protocol: group.protocol.clone(),
        leader: group.leader.as_ref().map(ToString::to_string),
        current_state_timestamp: now.get(),
        members: group.members.iter().map(member).collect(),
    };
    record(&classic_key(id), Some(&GroupValue::GroupMetadata(value)))
}

fn classic_key(id: &GroupId) -> GroupKey {
    GroupKey::GroupMetadata { group_id: id.to_string() }
}

fn member(member: &StoredMember) -> MemberMetadata {
    MemberMetadata {
        member_id: member.member_id.to_string(),
        group_instance_id: member.instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout: ms(member.rebalance_timeout_ms),
        session_timeout: ms(member.session_timeout_ms),
        subscription: member.protocol.metadata.clone(),
        assignment: member.assignment.clone(),
    }
}

/// Tombstones of everything that is known of a group but its commits, and of what it was before.
pub(super) fn tombstones(id: &GroupId, group: &Group) -> Vec<StoredRecord> {
    let mut records = group.replaced.clone();
    match &group.machine {
        Machine::None => {}
        Machine::Classic(_) => records.push(record(&classic_key(id), None)),
        Machine::Consumer(consumer) => {
            let removal = consumer.stored().removal();
            records.extend(removal.iter().map(|removed| change(id, removed)));
        }
    }
    records
}

fn record(key: &GroupKey, value: Option<&GroupValue>) -> StoredRecord {
    StoredRecord { key: encode_key(key), value: value.map(encode_value) }
}

fn ms(ms: u32) -> i32 {
    i32::try_from(ms).unwrap_or(i32::MAX)
}

/// A commit as it was stored.
fn read_commit(value: OffsetCommitValue) -> Committed {
    let OffsetCommitValue { offset, leader_epoch, metadata, commit_timestamp, topic_id, .. } = value;
    Committed {
        topic_id: TopicId::new(topic_id),
        offset: CommittedOffset {
            offset: Offset::new(offset),
            leader_epoch: (leader_epoch >= 0).then(|| LeaderEpoch::new(leader_epoch)),
            metadata,
            commit_time: TimestampMs::new(commit_timestamp),
        },
    }
}

/// A classic group as it was stored, and since when it has been so.
fn read_classic(value: GroupMetadataValue) -> (StoredGroup, Option<TimestampMs>) {
    let since = value.current_state_timestamp;
    let protocol = value.protocol;
    let member = |stored: MemberMetadata| {
        Some(StoredMember {
            member_id: MemberId::new(stored.member_id).ok()?,
            instance_id: stored.group_instance_id.and_then(|id| InstanceId::new(id).ok()),
            client_id: stored.client_id,
            client_host: stored.client_host,
            rebalance_timeout_ms: u32::try_from(stored.rebalance_timeout).unwrap_or_default(),
            session_timeout_ms: u32::try_from(stored.session_timeout).unwrap_or_default(),
            protocol: GroupProtocol {
                name: protocol.clone().unwrap_or_default(),
                metadata: stored.subscription,
            },
            assignment: stored.assignment,
        })
    };
    let members: Vec<StoredMember> = value.members.into_iter().filter_map(member).collect();
    let leader = value.leader.and_then(|id| MemberId::new(id).ok());
    let group = StoredGroup {
        generation_id: GenerationId::new(value.generation),
        protocol_type: Some(value.protocol_type).filter(|text| !text.is_empty()),
        // What another program wrote may name a leader that is no member.
        leader: leader
            .filter(|id| members.iter().any(|member| member.member_id == *id))
            .or_else(|| members.first().map(|member| member.member_id.clone())),
        members,
        protocol,
    };
    (group, (since >= 0).then(|| TimestampMs::new(since)))
}
