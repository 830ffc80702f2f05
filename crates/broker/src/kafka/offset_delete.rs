//! OffsetDelete: forgets what a group has committed (KIP-496).

use std::sync::Arc;

use yak_kafka::messages::offset_delete::{
    OffsetDeleteRequestPartition, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use yak_kafka::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use yak_model::api::{OffsetDelete, Rejection};
use yak_model::{ErrorCode, PartitionIndex, TopicName};

use super::places::{self, Places};
use super::{Asked, members};
use crate::ops;

pub(super) async fn offset_delete(asked: Asked, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let (mut places, mut partitions) = (Places::with_capacity(request.topics.len()), Vec::new());
    for topic in request.topics {
        let name = places::parse(&topic.name, ErrorCode::UnknownTopicOrPartition);
        let index = |partition: &OffsetDeleteRequestPartition| partition.partition_index;
        let entry = |name: &TopicName, partition: OffsetDeleteRequestPartition| {
            Ok((name.clone(), PartitionIndex::new(partition.partition_index)))
        };
        places.take((topic.name, name), (topic.partitions, index), entry, &mut partitions);
    }
    let deleted = match members::group(request.group_id) {
        Ok(group_id) => {
            let operation = OffsetDelete { group_id, partitions };
            ops::offsets::offset_delete(Arc::clone(&asked.broker), operation).await
        }
        Err(rejection) => Err(rejection),
    };
    let results = match deleted {
        Ok(reply) => reply.body.results,
        Err(rejection) => {
            return OffsetDeleteResponse {
                error_code: Some(rejection.code),
                ..OffsetDeleteResponse::default()
            };
        }
    };
    let answer = |partition_index, result: Result<(), Rejection>| OffsetDeleteResponsePartition {
        partition_index,
        error_code: result.err().map(|rejection| rejection.code),
    };
    let topics = places.fill(Ok(results), answer).into_iter();
    OffsetDeleteResponse {
        topics: topics.map(|(name, partitions)| OffsetDeleteResponseTopic { name, partitions }).collect(),
        ..OffsetDeleteResponse::default()
    }
}
