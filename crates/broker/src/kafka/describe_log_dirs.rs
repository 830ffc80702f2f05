//! DescribeLogDirs: where this broker keeps its partitions, and how full the disk is (KIP-113, KIP-827).

use std::collections::BTreeMap;

use yak_kafka::messages::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use yak_kafka::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use yak_model::api::{DescribeLogDirs, LogDescription, LogDirDescription};
use yak_model::{PartitionIndex, TopicName, TopicPartition};

use super::Asked;
use crate::ops;

pub(super) fn describe_log_dirs(asked: &Asked, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let operation = DescribeLogDirs { partitions: request.topics.map(partitions) };
    match ops::log_dirs::describe_log_dirs(&asked.broker, operation) {
        Ok(reply) => DescribeLogDirsResponse {
            results: reply.body.directories.into_iter().map(directory).collect(),
            ..DescribeLogDirsResponse::default()
        },
        Err(rejection) => {
            DescribeLogDirsResponse { error_code: Some(rejection.code), ..DescribeLogDirsResponse::default() }
        }
    }
}

/// What is no topic has no log here, and is left out like one that is not here.
fn partitions(topics: Vec<DescribableLogDirTopic>) -> Vec<TopicPartition> {
    let of_topic = |topic: DescribableLogDirTopic| {
        let name = topic.topic.parse::<TopicName>().ok();
        let numbers = topic.partitions.into_iter().map(PartitionIndex::new);
        numbers.filter_map(move |number| Some(TopicPartition::new(name.clone()?, number)))
    };
    topics.into_iter().flat_map(of_topic).collect()
}

fn directory(described: LogDirDescription) -> DescribeLogDirsResult {
    let bytes = |bytes: Option<u64>| bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let result = DescribeLogDirsResult {
        log_dir: described.path,
        total_bytes: bytes(described.total_bytes),
        usable_bytes: bytes(described.usable_bytes),
        ..DescribeLogDirsResult::default()
    };
    match described.logs {
        Ok(logs) => DescribeLogDirsResult { topics: topics(logs), ..result },
        Err(rejection) => DescribeLogDirsResult { error_code: Some(rejection.code), ..result },
    }
}

fn topics(logs: Vec<LogDescription>) -> Vec<DescribeLogDirsTopic> {
    let mut topics = BTreeMap::<TopicName, Vec<DescribeLogDirsPartition>>::new();
    for log in logs {
        topics.entry(log.topic).or_default().push(DescribeLogDirsPartition {
            partition_index: log.partition.get(),
            partition_size: i64::try_from(log.size_bytes).unwrap_or(i64::MAX),
            offset_lag: i64::try_from(log.offset_lag).unwrap_or(i64::MAX),
            is_future_key: log.is_future,
        });
    }
    let topic =
        |(name, partitions): (TopicName, _)| DescribeLogDirsTopic { name: name.to_string(), partitions };
    topics.into_iter().map(topic).collect()
}
