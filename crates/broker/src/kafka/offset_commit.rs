//! OffsetCommit: stores how far a group has come.

use std::sync::Arc;

use yak_kafka::messages::offset_commit::{
    OffsetCommitRequestPartition, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use yak_kafka::messages::{OffsetCommitRequest, OffsetCommitResponse};
use yak_model::api::{OffsetCommit, OffsetCommitEntry, Rejection};
use yak_model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicName};

use super::places::{self, Places};
use super::{Asked, members};
use crate::ops;

pub(super) async fn offset_commit(asked: Asked, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let OffsetCommitRequest {
        group_id,
        generation_id_or_member_epoch,
        member_id,
        group_instance_id,
        topics,
        ..
    } = request;
    let (mut places, mut entries) = (Places::with_capacity(topics.len()), Vec::new());
    for topic in topics {
        let name = places::parse(&topic.name, ErrorCode::UnknownTopicOrPartition);
        let index = |partition: &OffsetCommitRequestPartition| partition.partition_index;
        places.take((topic.name, name), (topic.partitions, index), entry, &mut entries);
    }
    // As nobody of the group: a tool, or a consumer that assigns its partitions itself.
    let is_member = !member_id.is_empty() || generation_id_or_member_epoch >= 0;
    let member = is_member
        .then(|| members::identity(member_id, group_instance_id, generation_id_or_member_epoch))
        .transpose();
    let committed = match (members::group(group_id), member) {
        (Ok(group_id), Ok(member)) => {
            let operation = OffsetCommit { group_id, member, entries };
            ops::offsets::offset_commit(Arc::clone(&asked.broker), operation).await
        }
        (Err(rejection), _) | (_, Err(rejection)) => Err(rejection),
    };
    let answer = |partition_index, result: Result<(), Rejection>| OffsetCommitResponsePartition {
        partition_index,
        error_code: result.err().map(|rejection| rejection.code),
    };
    let topics = places.fill(committed.map(|reply| reply.body.results), answer);
    OffsetCommitResponse {
        topics: topics
            .into_iter()
            .map(|(name, partitions)| OffsetCommitResponseTopic { name, partitions })
            .collect(),
        ..OffsetCommitResponse::default()
    }
}

fn entry(topic: &TopicName, partition: OffsetCommitRequestPartition) -> Result<OffsetCommitEntry, Rejection> {
    let epoch = partition.committed_leader_epoch;
    Ok(OffsetCommitEntry {
        topic: topic.clone(),
        topic_id: None,
        partition: PartitionIndex::new(partition.partition_index),
        offset: Offset::new(partition.committed_offset),
        leader_epoch: (epoch >= 0).then(|| LeaderEpoch::new(epoch)),
        metadata: partition.committed_metadata.unwrap_or_default(),
    })
}
