//! ConsumerGroupHeartbeat: all that members of server-side groups say (KIP-848).

use std::sync::Arc;

use yak_kafka::messages::consumer_group_heartbeat::{Assignment, TopicPartitions};
use yak_kafka::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use yak_model::api::{self, ConsumerGroupHeartbeat, Rejection};
use yak_model::{ErrorCode, MemberEpoch, PartitionIndex, TopicId, TopicName};

use super::members::{self, GroupClient};
use super::{Asked, rejected};
use crate::{ops, random};

/// From this version on members name themselves.
const NAMED_BY_ITSELF: i16 = 1;

pub(super) async fn consumer_group_heartbeat(
    (asked, client): (Asked, GroupClient),
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let heard = match operation(&asked, client, request) {
        Ok(operation) => {
            ops::consumer_group_heartbeat::consumer_group_heartbeat(Arc::clone(&asked.broker), operation)
                .await
        }
        Err(rejection) => Err(rejection),
    };
    match heard {
        Ok(reply) => ConsumerGroupHeartbeatResponse {
            member_id: Some(reply.body.member_id.to_string()),
            member_epoch: reply.body.member_epoch.get(),
            heartbeat_interval_ms: i32::try_from(reply.body.heartbeat_interval_ms).unwrap_or(i32::MAX),
            assignment: reply.body.assignment.map(assignment),
            ..ConsumerGroupHeartbeatResponse::default()
        },
        Err(rejection) => {
            let (error_code, error_message) = rejected(rejection);
            ConsumerGroupHeartbeatResponse {
                error_code,
                error_message,
                ..ConsumerGroupHeartbeatResponse::default()
            }
        }
    }
}

fn operation(
    asked: &Asked,
    client: GroupClient,
    request: ConsumerGroupHeartbeatRequest,
) -> Result<ConsumerGroupHeartbeat, Rejection> {
    let member_epoch = MemberEpoch::new(request.member_epoch);
    let is_unnamed =
        request.member_id.is_empty() && asked.version < NAMED_BY_ITSELF && member_epoch == MemberEpoch::JOIN;
    let member_id = if is_unnamed {
        members::member(yak_model::Uuid::from_random(random::bytes()).to_string())?
    } else {
        members::member(request.member_id)
            .map_err(|rejection| Rejection::new(ErrorCode::InvalidRequest, rejection.message))?
    };
    let topics = request.subscribed_topic_names.map(|names| {
        let names = names.iter().map(|name| super::places::parse(name, ErrorCode::InvalidTopicException));
        names.collect::<Result<Vec<TopicName>, Rejection>>()
    });
    Ok(ConsumerGroupHeartbeat {
        group_id: members::group(request.group_id)?,
        member_id,
        member_epoch,
        instance_id: members::instance(request.instance_id)?,
        rack_id: request.rack_id,
        rebalance_timeout_ms: u32::try_from(request.rebalance_timeout_ms).ok(),
        subscribed_topics: topics.transpose()?,
        subscribed_regex: request.subscribed_topic_regex,
        server_assignor: request.server_assignor,
        owned: request.topic_partitions.map(|owned| owned.into_iter().map(owned_topic).collect()),
        client_id: client.id,
        client_host: client.host,
    })
}

fn owned_topic(owned: TopicPartitions) -> api::TopicPartitions {
    api::TopicPartitions {
        topic_id: TopicId::new(owned.topic_id),
        partitions: owned.partitions.into_iter().map(PartitionIndex::new).collect(),
    }
}

fn assignment(topics: Vec<api::TopicPartitions>) -> Assignment {
    let topic = |topic: api::TopicPartitions| TopicPartitions {
        topic_id: topic.topic_id.uuid(),
        partitions: topic.partitions.into_iter().map(PartitionIndex::get).collect(),
    };
    Assignment { topic_partitions: topics.into_iter().map(topic).collect() }
}
