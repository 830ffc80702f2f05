//! CreateTopics: decided by the zookeeper; answered when this broker knows the topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use yak_kafka::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicConfigs,
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use yak_model::api::{ConfigEntry, CreateTopic, CreateTopics, CreatedTopic, DescribeConfigs, Rejection};
use yak_model::metadata::ConfigResource;
use yak_model::{BrokerId, ErrorCode};

use super::configs::source_number;
use super::{Asked, rejected};
use crate::ops;

/// From this version on the answer describes what was created.
const DESCRIBES: i16 = 5;

/// A topic's name, and why it was refused before anything was tried; else the operation has one for it, in this order.
type Place = (String, Option<Rejection>);

pub(super) async fn create_topics(asked: Asked, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let CreateTopicsRequest { topics, timeout_ms, validate_only } = request;
    let (mut places, mut wanted) = (Vec::<Place>::with_capacity(topics.len()), Vec::new());
    for topic in topics {
        let name = topic.name.clone();
        match wish(topic) {
            Ok(topic) => {
                wanted.push(topic);
                places.push((name, None));
            }
            Err(rejection) => places.push((name, Some(rejection))),
        }
    }
    let timeout_ms = u32::try_from(timeout_ms).unwrap_or(0);
    let operation = CreateTopics { topics: wanted, validate_only, timeout_ms };
    let created = ops::topics::create_topics(Arc::clone(&asked.broker), operation).await;
    let (created, whole) = match created {
        Ok(reply) => (reply.body.topics, None),
        Err(rejection) => (Vec::new(), Some(rejection)),
    };
    let mut created = created.into_iter();
    let results = places.into_iter().map(|(name, refused)| {
        let result = match refused.or_else(|| whole.clone()) {
            Some(rejection) => Err(rejection),
            None => match created.next() {
                Some(created) => created.map_err(|(_, rejection)| rejection),
                None => Err(Rejection::new(ErrorCode::UnknownServerError, "it was not answered")),
            },
        };
        topic_result(&asked, name, result)
    });
    CreateTopicsResponse { topics: results.collect(), ..CreateTopicsResponse::default() }
}

/// The topic as the operation takes it.
fn wish(topic: CreatableTopic) -> Result<CreateTopic, Rejection> {
    let CreatableTopic { name, num_partitions, replication_factor, assignments, configs } = topic;
    let assignment = if assignments.is_empty() { None } else { Some(assignment(assignments)?) };
    if assignment.is_some() && (num_partitions != -1 || replication_factor != -1) {
        let message = "with an assignment, the numbers of partitions and of replicas are -1";
        return Err(Rejection::new(ErrorCode::InvalidRequest, message));
    }
    let counts = assignment.is_none();
    Ok(CreateTopic {
        name,
        partitions: (counts && num_partitions != -1).then_some(num_partitions),
        replication_factor: (counts && replication_factor != -1).then_some(replication_factor),
        assignment,
        configs: values(configs)?,
    })
}

/// Replicas by partition, which are numbered without a gap.
fn assignment(assignments: Vec<CreatableReplicaAssignment>) -> Result<Vec<Vec<BrokerId>>, Rejection> {
    let count = assignments.len();
    let by_partition: BTreeMap<i32, Vec<BrokerId>> = assignments
        .into_iter()
        .map(|one| (one.partition_index, one.broker_ids.into_iter().map(BrokerId::new).collect()))
        .collect();
    let is_whole = by_partition.len() == count && by_partition.keys().copied().eq((0..).take(count));
    if !is_whole {
        let message = "an assignment names each partition once, from 0 on without a gap";
        return Err(Rejection::new(ErrorCode::InvalidReplicaAssignment, message));
    }
    Ok(by_partition.into_values().collect())
}

fn values(configs: Vec<CreatableTopicConfig>) -> Result<BTreeMap<String, String>, Rejection> {
    let value = |config: CreatableTopicConfig| match config.value {
        Some(value) => Ok((config.name, value)),
        None => {
            let message = format!("{}: a topic's value is not null", config.name);
            Err(Rejection::new(ErrorCode::InvalidConfig, message))
        }
    };
    configs.into_iter().map(value).collect()
}

fn topic_result(
    asked: &Asked,
    name: String,
    result: Result<CreatedTopic, Rejection>,
) -> CreatableTopicResult {
    match result {
        Ok(created) => CreatableTopicResult {
            topic_id: created.topic_id.uuid(),
            num_partitions: created.partitions,
            replication_factor: created.replication_factor,
            configs: (asked.version >= DESCRIBES).then(|| configs(asked, &created)),
            name,
            ..CreatableTopicResult::default()
        },
        Err(rejection) => {
            let (error_code, error_message) = rejected(rejection);
            CreatableTopicResult {
                name,
                error_code,
                error_message,
                configs: None,
                ..CreatableTopicResult::default()
            }
        }
    }
}

/// What the topic has been given; nothing while it was only validated.
fn configs(asked: &Asked, created: &CreatedTopic) -> Vec<CreatableTopicConfigs> {
    let resource = ConfigResource::Topic(created.name.clone());
    let described =
        ops::configs::describe_configs(&asked.broker, DescribeConfigs { resources: vec![(resource, None)] });
    let described = described.map(|reply| reply.body.resources).unwrap_or_default();
    let entries = described.into_iter().filter_map(|described| described.entries.ok()).flatten();
    entries.map(config).collect()
}

fn config(entry: ConfigEntry) -> CreatableTopicConfigs {
    CreatableTopicConfigs {
        name: entry.key,
        config_source: source_number(entry.source),
        read_only: entry.read_only,
        is_sensitive: entry.sensitive,
        value: entry.value,
    }
}
