//! Values as JSON, with the fields that their version has.

use yak_kafka::consumer_protocol::{
    LATEST_VERSION, PROTOCOL_TYPE, TopicPartitions, decode_assignment, decode_subscription,
};
use yak_kafka::group_records::{
    ClassicMemberMetadata, ConsumerGroupMemberMetadataValue, CurrentPartitions, GroupMetadataValue,
    GroupValue, MemberMetadata, OffsetCommitValue, TopicMetadata,
};

use super::super::json::Object;

pub(super) fn to_json(value: &GroupValue, version: i16) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::begin(&mut out).text("version", &version.to_string());
    object.object("data", |data| fields(data, value, version)).close();
    out
}

fn fields<'a>(data: Object<'a>, value: &GroupValue, version: i16) -> Object<'a> {
    match value {
        GroupValue::OffsetCommit(value) => offset(data, value, version),
        GroupValue::GroupMetadata(value) => group(data, value, version),
        GroupValue::ConsumerGroupMetadata(value) => {
            let data = data.number("epoch", value.epoch);
            let data = unless(data, "metadataHash", value.metadata_hash, 0);
            unless(data, "creationTimeMs", value.creation_time_ms, -1)
        }
        GroupValue::ConsumerGroupPartitionMetadata(value) => data.objects("topics", &value.topics, topic),
        GroupValue::ConsumerGroupMemberMetadata(value) => member_of_kip_848(data, value),
        GroupValue::ConsumerGroupTargetAssignmentMetadata(value) => {
            let data = data.number("assignmentEpoch", value.assignment_epoch);
            unless(data, "assignmentTimestamp", value.assignment_timestamp, 0)
        }
        GroupValue::ConsumerGroupTargetAssignmentMember(value) => {
            data.objects("topicPartitions", &value.topic_partitions, |object, topic| {
                object.text("topicId", &topic.topic_id.to_string()).numbers("partitions", &topic.partitions)
            })
        }
        GroupValue::ConsumerGroupCurrentMemberAssignment(value) => data
            .number("memberEpoch", value.member_epoch)
            .number("previousMemberEpoch", value.previous_member_epoch)
            .number("state", value.state)
            .objects("assignedPartitions", &value.assigned_partitions, current)
            .objects("partitionsPendingRevocation", &value.partitions_pending_revocation, current),
        GroupValue::ConsumerGroupRegularExpression(value) => data
            .texts("topics", &value.topics)
            .number("version", value.version)
            .number("timestamp", value.timestamp),
    }
}

/// A tagged number, left out if it has its default.
fn unless<'a>(object: Object<'a>, name: &str, value: i64, default: i64) -> Object<'a> {
    if value == default { object } else { object.number(name, value) }
}

fn offset<'a>(data: Object<'a>, value: &OffsetCommitValue, version: i16) -> Object<'a> {
    let mut data = data.number("offset", value.offset);
    if version >= 3 {
        data = data.number("leaderEpoch", value.leader_epoch);
    }
    data = data.text("metadata", &value.metadata).number("commitTimestamp", value.commit_timestamp);
    if version == 1 {
        data = data.number("expireTimestamp", value.expire_timestamp);
    }
    if value.topic_id.is_zero() { data } else { data.text("topicId", &value.topic_id.to_string()) }
}

fn group<'a>(data: Object<'a>, value: &GroupMetadataValue, version: i16) -> Object<'a> {
    let mut data = data
        .text("protocolType", &value.protocol_type)
        .number("generation", value.generation)
        .nullable_text("protocol", value.protocol.as_deref())
        .nullable_text("leader", value.leader.as_deref());
    if version >= 2 {
        data = data.number("currentStateTimestamp", value.current_state_timestamp);
    }
    let is_consumers = value.protocol_type == PROTOCOL_TYPE;
    data.objects("members", &value.members, |object, one| member(object, one, (version, is_consumers)))
}

/// What members of consumers say is shown as such, if it can be read.
fn member<'a>(
    object: Object<'a>,
    value: &MemberMetadata,
    (version, of_consumers): (i16, bool),
) -> Object<'a> {
    let mut object = object.text("memberId", &value.member_id);
    if version >= 3 {
        object = object.nullable_text("groupInstanceId", value.group_instance_id.as_deref());
    }
    object = object.text("clientId", &value.client_id).text("clientHost", &value.client_host);
    if version >= 1 {
        object = object.number("rebalanceTimeout", value.rebalance_timeout);
    }
    object = object.number("sessionTimeout", value.session_timeout);
    if of_consumers {
        assignment(subscription(object, &value.subscription), &value.assignment)
    } else {
        object.base64("subscription", Some(&value.subscription)).base64("assignment", Some(&value.assignment))
    }
}

fn subscription<'a>(object: Object<'a>, bytes: &[u8]) -> Object<'a> {
    match decode_subscription(bytes) {
        Ok((version, value)) if version <= LATEST_VERSION => object.object("subscription", |mut object| {
            object = object.texts("topics", &value.topics).base64("userData", value.user_data.as_deref());
            if version >= 1 {
                object = object.objects("ownedPartitions", &value.owned_partitions, partitions);
            }
            if version >= 2 {
                object = object.number("generationId", value.generation_id);
            }
            if version >= 3 {
                object = object.nullable_text("rackId", value.rack_id.as_deref());
            }
            object
        }),
        _ => object.base64("subscription", Some(bytes)),
    }
}

fn assignment<'a>(object: Object<'a>, bytes: &[u8]) -> Object<'a> {
    match decode_assignment(bytes) {
        Ok((version, value)) if version <= LATEST_VERSION => object.object("assignment", |object| {
            object
                .objects("assignedPartitions", &value.assigned_partitions, partitions)
                .base64("userData", value.user_data.as_deref())
        }),
        _ => object.base64("assignment", Some(bytes)),
    }
}

fn partitions<'a>(object: Object<'a>, value: &TopicPartitions) -> Object<'a> {
    object.text("topic", &value.topic).numbers("partitions", &value.partitions)
}

fn topic<'a>(object: Object<'a>, value: &TopicMetadata) -> Object<'a> {
    object
        .text("topicId", &value.topic_id.to_string())
        .text("topicName", &value.topic_name)
        .number("numPartitions", value.num_partitions)
        .objects("partitionMetadata", &value.partition_metadata, |object, partition| {
            object.number("partition", partition.partition).texts("racks", &partition.racks)
        })
}

fn member_of_kip_848<'a>(data: Object<'a>, value: &ConsumerGroupMemberMetadataValue) -> Object<'a> {
    let data = data
        .nullable_text("instanceId", value.instance_id.as_deref())
        .nullable_text("rackId", value.rack_id.as_deref())
        .text("clientId", &value.client_id)
        .text("clientHost", &value.client_host)
        .texts("subscribedTopicNames", &value.subscribed_topic_names)
        .nullable_text("subscribedTopicRegex", value.subscribed_topic_regex.as_deref())
        .number("rebalanceTimeoutMs", value.rebalance_timeout_ms)
        .nullable_text("serverAssignor", value.server_assignor.as_deref());
    match &value.classic_member_metadata {
        None => data.json("classicMemberMetadata", b"null"),
        Some(classic) if *classic == ClassicMemberMetadata::default() => data,
        Some(classic) => data.object("classicMemberMetadata", |object| {
            let object = object.number("sessionTimeoutMs", classic.session_timeout_ms);
            object.objects("supportedProtocols", &classic.supported_protocols, |object, protocol| {
                object.text("name", &protocol.name).base64("metadata", Some(&protocol.metadata))
            })
        }),
    }
}

fn current<'a>(object: Object<'a>, value: &CurrentPartitions) -> Object<'a> {
    let object = object.text("topicId", &value.topic_id.to_string()).numbers("partitions", &value.partitions);
    match &value.assignment_epochs {
        None => object.json("assignmentEpochs", b"null"),
        Some(epochs) if epochs.is_empty() => object,
        Some(epochs) => object.numbers("assignmentEpochs", epochs),
    }
}
