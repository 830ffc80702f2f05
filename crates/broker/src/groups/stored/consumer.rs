//! Server-side groups as records (KIP-848), one record for each thing that changes by itself.

use yak_core::group::consumer::{MemberState, StoredChange, StoredCurrent, StoredMember};
use yak_kafka::group_records::{
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataValue,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataValue, CurrentPartitions,
    GroupKey, GroupValue, TargetPartitions,
};
use yak_model::api::TopicPartitions;
use yak_model::{GroupId, InstanceId, MemberEpoch, MemberId, PartitionIndex, TopicId, TopicName};

use super::super::writes::StoredRecord;
use super::{ms, record};

/// A change, or the tombstone of what is removed.
pub(in super::super) fn change(group: &GroupId, change: &StoredChange) -> StoredRecord {
    let group_id = group.to_string();
    let member_id = |id: &MemberId| id.to_string();
    match change {
        StoredChange::Epoch(epoch) => {
            let value = epoch.map(|epoch| {
                GroupValue::ConsumerGroupMetadata(ConsumerGroupMetadataValue {
                    epoch: epoch.get(),
                    ..ConsumerGroupMetadataValue::default()
                })
            });
            record(&GroupKey::ConsumerGroupMetadata { group_id }, value.as_ref())
        }
        StoredChange::TargetEpoch(epoch) => {
            let value = epoch.map(|epoch| {
                let value = ConsumerGroupTargetAssignmentMetadataValue {
                    assignment_epoch: epoch.get(),
                    ..ConsumerGroupTargetAssignmentMetadataValue::default()
                };
                GroupValue::ConsumerGroupTargetAssignmentMetadata(value)
            });
            record(&GroupKey::ConsumerGroupTargetAssignmentMetadata { group_id }, value.as_ref())
        }
        StoredChange::Member(id, member) => {
            let key = GroupKey::ConsumerGroupMemberMetadata { group_id, member_id: member_id(id) };
            record(&key, member.as_ref().map(write_member).as_ref())
        }
        StoredChange::Target(id, target) => {
            let key = GroupKey::ConsumerGroupTargetAssignmentMember { group_id, member_id: member_id(id) };
            record(&key, target.as_deref().map(write_target).as_ref())
        }
        StoredChange::Current(id, current) => {
            let key = GroupKey::ConsumerGroupCurrentMemberAssignment { group_id, member_id: member_id(id) };
            record(&key, current.as_ref().map(write_current).as_ref())
        }
    }
}

fn write_member(member: &StoredMember) -> GroupValue {
    GroupValue::ConsumerGroupMemberMetadata(ConsumerGroupMemberMetadataValue {
        instance_id: member.instance_id.as_ref().map(ToString::to_string),
        rack_id: member.rack_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        subscribed_topic_names: member.topics.iter().map(ToString::to_string).collect(),
        subscribed_topic_regex: member.topic_regex.clone(),
        rebalance_timeout_ms: ms(member.rebalance_timeout_ms),
        server_assignor: member.server_assignor.clone(),
        classic_member_metadata: None,
    })
}

fn write_target(target: &[TopicPartitions]) -> GroupValue {
    let topic_partitions = target.iter().map(|topic| TargetPartitions {
        topic_id: topic.topic_id.uuid(),
        partitions: numbers(&topic.partitions),
    });
    GroupValue::ConsumerGroupTargetAssignmentMember(ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: topic_partitions.collect(),
    })
}

fn write_current(current: &StoredCurrent) -> GroupValue {
    GroupValue::ConsumerGroupCurrentMemberAssignment(ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: current.member_epoch.get(),
        previous_member_epoch: current.previous_epoch.get(),
        state: match current.state {
            MemberState::Stable => 0,
            MemberState::Revoking => 1,
            MemberState::Waiting => 2,
        },
        assigned_partitions: write_partitions(&current.assigned),
        partitions_pending_revocation: write_partitions(&current.revoking),
    })
}

fn write_partitions(topics: &[TopicPartitions]) -> Vec<CurrentPartitions> {
    let topic = |topic: &TopicPartitions| CurrentPartitions {
        topic_id: topic.topic_id.uuid(),
        partitions: numbers(&topic.partitions),
        assignment_epochs: None,
    };
    topics.iter().map(topic).collect()
}

fn numbers(partitions: &[PartitionIndex]) -> Vec<i32> {
    partitions.iter().map(|index| index.get()).collect()
}

/// A record of a server-side group as the change that it was; `None` if it is of no use here.
pub(super) fn read(key: &GroupKey, value: Option<GroupValue>) -> Option<StoredChange> {
    let member = |id: &String| MemberId::new(id.as_str()).ok();
    Some(match (key, value) {
        (GroupKey::ConsumerGroupMetadata { .. }, None) => StoredChange::Epoch(None),
        (GroupKey::ConsumerGroupMetadata { .. }, Some(GroupValue::ConsumerGroupMetadata(value))) => {
            StoredChange::Epoch(Some(MemberEpoch::new(value.epoch)))
        }
        (GroupKey::ConsumerGroupTargetAssignmentMetadata { .. }, None) => StoredChange::TargetEpoch(None),
        (
            GroupKey::ConsumerGroupTargetAssignmentMetadata { .. },
            Some(GroupValue::ConsumerGroupTargetAssignmentMetadata(value)),
        ) => StoredChange::TargetEpoch(Some(MemberEpoch::new(value.assignment_epoch))),
        (GroupKey::ConsumerGroupMemberMetadata { member_id, .. }, None) => {
            StoredChange::Member(member(member_id)?, None)
        }
        (
            GroupKey::ConsumerGroupMemberMetadata { member_id, .. },
            Some(GroupValue::ConsumerGroupMemberMetadata(value)),
        ) => StoredChange::Member(member(member_id)?, Some(read_member(value))),
        (GroupKey::ConsumerGroupTargetAssignmentMember { member_id, .. }, None) => {
            StoredChange::Target(member(member_id)?, None)
        }
        (
            GroupKey::ConsumerGroupTargetAssignmentMember { member_id, .. },
            Some(GroupValue::ConsumerGroupTargetAssignmentMember(value)),
        ) => {
            let topics = value.topic_partitions.into_iter();
            let target = topics.map(|topic| read_partitions(topic.topic_id, topic.partitions)).collect();
            StoredChange::Target(member(member_id)?, Some(target))
        }
        (GroupKey::ConsumerGroupCurrentMemberAssignment { member_id, .. }, None) => {
            StoredChange::Current(member(member_id)?, None)
        }
        (
            GroupKey::ConsumerGroupCurrentMemberAssignment { member_id, .. },
            Some(GroupValue::ConsumerGroupCurrentMemberAssignment(value)),
        ) => StoredChange::Current(member(member_id)?, Some(read_current(value))),
        // Of other kinds, or what Kafka keeps besides and is found anew here: topics, and what expressions match.
        _ => return None,
    })
}

fn read_member(value: ConsumerGroupMemberMetadataValue) -> StoredMember {
    let topics = value.subscribed_topic_names.iter();
    StoredMember {
        instance_id: value.instance_id.and_then(|id| InstanceId::new(id).ok()),
        rack_id: value.rack_id,
        client_id: value.client_id,
        client_host: value.client_host,
        topics: topics.filter_map(|name| name.parse::<TopicName>().ok()).collect(),
        topic_regex: value.subscribed_topic_regex,
        rebalance_timeout_ms: u32::try_from(value.rebalance_timeout_ms).unwrap_or_default(),
        server_assignor: value.server_assignor,
    }
}

fn read_current(value: ConsumerGroupCurrentMemberAssignmentValue) -> StoredCurrent {
    let partitions = |topics: Vec<CurrentPartitions>| {
        topics.into_iter().map(|topic| read_partitions(topic.topic_id, topic.partitions)).collect()
    };
    StoredCurrent {
        member_epoch: MemberEpoch::new(value.member_epoch),
        previous_epoch: MemberEpoch::new(value.previous_member_epoch),
        state: match value.state {
            1 => MemberState::Revoking,
            2 => MemberState::Waiting,
            _ => MemberState::Stable,
        },
        assigned: partitions(value.assigned_partitions),
        revoking: partitions(value.partitions_pending_revocation),
    }
}

fn read_partitions(topic_id: yak_model::Uuid, partitions: Vec<i32>) -> TopicPartitions {
    TopicPartitions {
        topic_id: TopicId::new(topic_id),
        partitions: partitions.into_iter().map(PartitionIndex::new).collect(),
    }
}
