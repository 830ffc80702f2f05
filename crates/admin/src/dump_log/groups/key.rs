//! Keys as JSON.

use yak_kafka::group_records::GroupKey;

use super::super::json::Object;

pub(super) fn to_json(key: &GroupKey) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::begin(&mut out).text("type", &key.record_type().number().to_string());
    object.object("data", |data| fields(data, key)).close();
    out
}

fn fields<'a>(data: Object<'a>, key: &GroupKey) -> Object<'a> {
    match key {
        GroupKey::OffsetCommit { group_id, topic, partition } => {
            data.text("group", group_id).text("topic", topic).number("partition", partition)
        }
        GroupKey::GroupMetadata { group_id } => data.text("group", group_id),
        GroupKey::ConsumerGroupMetadata { group_id }
        | GroupKey::ConsumerGroupPartitionMetadata { group_id }
        | GroupKey::ConsumerGroupTargetAssignmentMetadata { group_id } => data.text("groupId", group_id),
        GroupKey::ConsumerGroupMemberMetadata { group_id, member_id }
        | GroupKey::ConsumerGroupTargetAssignmentMember { group_id, member_id }
        | GroupKey::ConsumerGroupCurrentMemberAssignment { group_id, member_id } => {
            data.text("groupId", group_id).text("memberId", member_id)
        }
        GroupKey::ConsumerGroupRegularExpression { group_id, regular_expression } => {
            data.text("groupId", group_id).text("regularExpression", regular_expression)
        }
    }
}
