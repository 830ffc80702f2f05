//! CreatePartitions: each topic by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use yak_kafka::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use yak_model::api::{CreatePartitions, Rejection};
use yak_model::limits::at_most_entries;
use yak_model::{BrokerId, ErrorCode};

use super::{Asked, rejected};
use crate::ops;

pub(super) async fn create_partitions(
    asked: Asked,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let CreatePartitionsRequest { topics, timeout_ms, validate_only } = request;
    let too_many = at_most_entries(topics.len()).err();
    let timeout_ms = u32::try_from(timeout_ms).unwrap_or(0);
    let deadline = Instant::now() + Duration::from_millis(timeout_ms.into());
    let mut results = Vec::with_capacity(topics.len());
    for topic in topics {
        let name = topic.name.clone();
        let result = match &too_many {
            Some(rejection) => Err(rejection.clone()),
            None => {
                // All together have the time that was given.
                let left = deadline.saturating_duration_since(Instant::now());
                let left = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
                create(&asked, topic, left, validate_only).await
            }
        };
        let (error_code, error_message) = result.err().map_or((None, None), rejected);
        results.push(CreatePartitionsTopicResult { name, error_code, error_message });
    }
    CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() }
}

async fn create(
    asked: &Asked,
    topic: CreatePartitionsTopic,
    timeout_ms: u32,
    validate_only: bool,
) -> Result<(), Rejection> {
    let CreatePartitionsTopic { name, count, assignments } = topic;
    let unknown = |invalid: yak_model::InvalidTopicName| {
        Rejection::new(ErrorCode::UnknownTopicOrPartition, invalid.to_string())
    };
    let replicas = |brokers: Vec<i32>| brokers.into_iter().map(BrokerId::new).collect();
    let operation = CreatePartitions {
        topic: name.parse().map_err(unknown)?,
        total: count,
        assignment: assignments
            .map(|assignments| assignments.into_iter().map(|one| replicas(one.broker_ids)).collect()),
        validate_only,
        timeout_ms,
    };
    ops::topics::create_partitions(Arc::clone(&asked.broker), operation).await.map(|_| ())
}
