//! ConsumerGroupDescribe: everything about server-side groups (KIP-848).

use yak_core::image::Image;
use yak_kafka::messages::consumer_group_describe::{Assignment, DescribedGroup, Member, TopicPartitions};
use yak_kafka::messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
use yak_model::api::{self, DescribeGroups, DescribedMember, GroupKind, Rejection};
use yak_model::{ErrorCode, PartitionIndex, TopicName};

use super::authorized::GROUP_OPERATIONS;
use super::{Asked, members, rejected};
use crate::ops;

/// Kafka's number of members that speak the server-side protocol.
const OF_CONSUMER_PROTOCOL: i8 = 1;

pub(super) fn consumer_group_describe(
    asked: &Asked,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let authorized_operations =
        if request.include_authorized_operations { GROUP_OPERATIONS } else { i32::MIN };
    let named = members::Named::new(request.group_ids);
    let reply = ops::groups::describe_groups(&asked.broker, &DescribeGroups { groups: named.groups() });
    let answered = named.fill(reply.map(|reply| reply.body.groups));
    let image = asked.broker.image();
    let groups = answered.into_iter().map(|(name, result)| {
        let described = result.and_then(|group| described(&image, group)).unwrap_or_else(|rejection| {
            let (error_code, error_message) = rejected(rejection);
            DescribedGroup { error_code, error_message, group_id: name, ..DescribedGroup::default() }
        });
        DescribedGroup { authorized_operations, ..described }
    });
    ConsumerGroupDescribeResponse { groups: groups.collect(), ..ConsumerGroupDescribeResponse::default() }
}

fn described(image: &Image, group: api::DescribedGroup) -> Result<DescribedGroup, Rejection> {
    if group.kind != GroupKind::Consumer {
        // Java's tools ask by DescribeGroups then.
        let message = format!("group '{}' is not a server-side group", group.group_id);
        return Err(Rejection::new(ErrorCode::GroupIdNotFound, message));
    }
    Ok(DescribedGroup {
        group_id: group.group_id.to_string(),
        group_state: group.state.name().to_owned(),
        group_epoch: group.epoch,
        assignment_epoch: group.assignment_epoch,
        assignor_name: group.assignor,
        members: group.members.into_iter().map(|one| member(image, one)).collect(),
        ..DescribedGroup::default()
    })
}

fn member(image: &Image, member: DescribedMember) -> Member {
    let DescribedMember { assignment, target, topics, .. } = member;
    Member {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.map(|id| id.to_string()),
        rack_id: member.rack_id,
        member_epoch: member.member_epoch,
        client_id: member.client_id,
        client_host: member.client_host,
        subscribed_topic_names: topics.iter().map(TopicName::to_string).collect(),
        subscribed_topic_regex: member.topic_regex,
        assignment: assigned(image, assignment),
        target_assignment: assigned(image, target),
        member_type: OF_CONSUMER_PROTOCOL,
    }
}

fn assigned(image: &Image, topics: Vec<(TopicName, Vec<PartitionIndex>)>) -> Assignment {
    let topic = |(name, partitions): (TopicName, Vec<PartitionIndex>)| {
        Some(TopicPartitions {
            topic_id: image.topic(&name)?.id().uuid(),
            topic_name: name.to_string(),
            partitions: partitions.into_iter().map(PartitionIndex::get).collect(),
        })
    };
    Assignment { topic_partitions: topics.into_iter().filter_map(topic).collect() }
}
