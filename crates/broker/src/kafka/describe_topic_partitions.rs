//! DescribeTopicPartitions: as Metadata, page by page, with the replicas that may lead though they are not in sync
//! (KIP-966).

use std::collections::{BTreeMap, BTreeSet};

use yak_core::image::Image;
use yak_kafka::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use yak_model::api::{Metadata, PartitionMetadata, TopicMetadata};
use yak_model::{BrokerId, ErrorCode, TopicName};

use super::Asked;
use super::authorized::TOPIC_OPERATIONS;
use crate::ops;

/// Most partitions of one page, whatever is asked for (Kafka's `max.request.partition.size.limit`).
const MAX_PARTITIONS: usize = 2_000;

type Topic = DescribeTopicPartitionsResponseTopic;

pub(super) async fn describe_topic_partitions(
    asked: Asked,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let DescribeTopicPartitionsRequest { topics, response_partition_limit, cursor } = request;
    let named: Vec<String> = topics.into_iter().map(|topic| topic.name).collect();
    let valid: BTreeSet<TopicName> = named.iter().filter_map(|name| name.parse().ok()).collect();
    // Without names: all there are. Nothing is created by a description.
    let wanted = (!named.is_empty()).then(|| valid.iter().cloned().collect());
    let operation = Metadata { topics: wanted, allow_auto_create: false };
    let found = ops::metadata::metadata(std::sync::Arc::clone(&asked.broker), operation).await;
    let found = match found {
        Ok(reply) => reply.body.topics,
        Err(rejection) => valid.into_iter().map(|name| Err((name, rejection.clone()))).collect(),
    };
    let mut all: BTreeMap<String, Result<TopicMetadata, ErrorCode>> =
        named.into_iter().map(|name| (name, Err(ErrorCode::InvalidTopicException))).collect();
    all.extend(found.into_iter().map(|topic| match topic {
        Ok(topic) => (topic.name.to_string(), Ok(topic)),
        Err((name, rejection)) => (name.to_string(), Err(rejection.code)),
    }));
    let limit = usize::try_from(response_partition_limit).ok().filter(|limit| *limit > 0);
    page(&asked.broker.image(), all, cursor, limit.unwrap_or(MAX_PARTITIONS).min(MAX_PARTITIONS))
}

/// As many partitions as fit, in order of topic and number, from the cursor on.
fn page(
    image: &Image,
    all: BTreeMap<String, Result<TopicMetadata, ErrorCode>>,
    cursor: Option<Cursor>,
    mut left: usize,
) -> DescribeTopicPartitionsResponse {
    let mut response = DescribeTopicPartitionsResponse::default();
    let cursor = cursor.unwrap_or_default();
    for (name, topic) in all.into_iter().skip_while(|(name, _)| *name < cursor.topic_name) {
        if left == 0 {
            response.next_cursor = Some(Cursor { topic_name: name, partition_index: 0 });
            break;
        }
        let first = if name == cursor.topic_name { cursor.partition_index } else { 0 };
        match topic {
            Ok(topic) => {
                let rest = topic.partitions.iter().filter(|partition| partition.partition.get() >= first);
                let mut rest = rest.peekable();
                let partitions: Vec<_> =
                    rest.by_ref().take(left).map(|one| partition(image, &topic.name, one)).collect();
                left -= partitions.len();
                let next = rest.peek().map(|next| next.partition.get());
                response.topics.push(described(&topic, partitions));
                if let Some(partition_index) = next {
                    response.next_cursor = Some(Cursor { topic_name: name, partition_index });
                    break;
                }
            }
            Err(code) => {
                response.topics.push(Topic { error_code: Some(code), name: Some(name), ..Topic::default() });
            }
        }
    }
    response
}

fn described(topic: &TopicMetadata, partitions: Vec<DescribeTopicPartitionsResponsePartition>) -> Topic {
    Topic {
        error_code: None,
        name: Some(topic.name.to_string()),
        topic_id: topic.topic_id.uuid(),
        is_internal: topic.is_internal,
        partitions,
        topic_authorized_operations: TOPIC_OPERATIONS,
    }
}

fn partition(
    image: &Image,
    topic: &TopicName,
    partition: &PartitionMetadata,
) -> DescribeTopicPartitionsResponsePartition {
    let numbers = |brokers: &[BrokerId]| brokers.iter().map(|broker| broker.get()).collect();
    let record = image.partition(topic, partition.partition);
    DescribeTopicPartitionsResponsePartition {
        error_code: partition.leader.is_none().then_some(ErrorCode::LeaderNotAvailable),
        partition_index: partition.partition.get(),
        leader_id: partition.leader.map_or(-1, BrokerId::get),
        leader_epoch: partition.leader_epoch.get(),
        replica_nodes: numbers(&partition.replicas),
        isr_nodes: numbers(&partition.in_sync_replicas),
        eligible_leader_replicas: Some(
            record.map(|record| numbers(&record.eligible_leader_replicas)).unwrap_or_default(),
        ),
        last_known_elr: Some(Vec::new()),
        offline_replicas: numbers(&partition.offline_replicas),
    }
}
