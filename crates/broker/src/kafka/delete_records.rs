//! DeleteRecords: the oldest records of partitions, up to an offset; asked of each partition's leader.

use std::sync::Arc;

use yak_kafka::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult,
};
use yak_model::api::{DeleteRecords, DeleteRecordsEntry};
use yak_model::{ErrorCode, Offset, PartitionIndex, TopicName};

use super::Asked;
use super::places::{Places, parse};
use crate::ops;

/// Stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;

pub(super) async fn delete_records(asked: Asked, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let (mut places, mut entries) = (Places::with_capacity(request.topics.len()), Vec::new());
    for topic in request.topics {
        let name = parse(&topic.name, ErrorCode::UnknownTopicOrPartition);
        let entry = |name: &TopicName, partition: DeleteRecordsPartition| {
            Ok(DeleteRecordsEntry {
                topic: name.clone(),
                partition: PartitionIndex::new(partition.partition_index),
                before_offset: (partition.offset != HIGH_WATERMARK).then(|| Offset::new(partition.offset)),
            })
        };
        places.take((topic.name, name), (topic.partitions, |one| one.partition_index), entry, &mut entries);
    }
    let timeout_ms = u32::try_from(request.timeout_ms).unwrap_or(0);
    let operation = DeleteRecords { entries, timeout_ms };
    let deleted = ops::delete_records::delete_records(Arc::clone(&asked.broker), operation).await;
    let results =
        deleted.map(|reply| reply.body.partitions.into_iter().map(|deleted| deleted.log_start_offset));
    let filled = places.fill(results, |partition_index, result| match result {
        Ok(log_start_offset) => DeleteRecordsPartitionResult {
            partition_index,
            low_watermark: log_start_offset.get(),
            error_code: None,
        },
        Err(rejection) => DeleteRecordsPartitionResult {
            partition_index,
            low_watermark: -1,
            error_code: Some(rejection.code),
        },
    });
    let topics = filled.into_iter().map(|(name, partitions)| DeleteRecordsTopicResult { name, partitions });
    DeleteRecordsResponse { topics: topics.collect(), ..DeleteRecordsResponse::default() }
}
