//! ElectLeaders: a clean hand-over to the preferred leader, or an unclean election (KIP-460).

use std::collections::BTreeMap;
use std::sync::Arc;

use yak_kafka::messages::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult, TopicPartitions,
};
use yak_model::api::{ElectLeaders, ElectionKind, Rejection};
use yak_model::{BrokerId, ErrorCode, PartitionIndex, TopicName, TopicPartition};

use super::places::{Places, parse};
use super::{Asked, rejected};
use crate::ops;

pub(super) async fn elect_leaders(asked: Asked, request: ElectLeadersRequest) -> ElectLeadersResponse {
    let kind = match request.election_type {
        0 => ElectionKind::Preferred,
        1 => ElectionKind::Unclean,
        _ => return refused(ErrorCode::InvalidRequest),
    };
    let timeout_ms = u32::try_from(request.timeout_ms).unwrap_or(0);
    let elect = |partitions| {
        let operation = ElectLeaders { kind, partitions, timeout_ms };
        ops::elect_leaders::elect_leaders(Arc::clone(&asked.broker), operation)
    };
    let replica_election_results = match request.topic_partitions {
        None => match elect(None).await {
            Ok(reply) => by_topic(reply.body.partitions),
            Err(rejection) => return refused(rejection.code),
        },
        Some(topics) => {
            let (places, partitions) = places(topics);
            let elected = elect(Some(partitions)).await;
            let results = elected.map(|reply| reply.body.partitions.into_iter().map(|(_, elected)| elected));
            let filled = places.fill(results, partition_result);
            let result = |(topic, partition_result)| ReplicaElectionResult { topic, partition_result };
            filled.into_iter().map(result).collect()
        }
    };
    ElectLeadersResponse { replica_election_results, ..ElectLeadersResponse::default() }
}

fn refused(code: ErrorCode) -> ElectLeadersResponse {
    ElectLeadersResponse { error_code: Some(code), ..ElectLeadersResponse::default() }
}

fn places(topics: Vec<TopicPartitions>) -> (Places<String>, Vec<TopicPartition>) {
    let (mut places, mut partitions) = (Places::with_capacity(topics.len()), Vec::new());
    for topic in topics {
        let name = parse(&topic.topic, ErrorCode::UnknownTopicOrPartition);
        let entry =
            |name: &TopicName, index| Ok(TopicPartition::new(name.clone(), PartitionIndex::new(index)));
        places.take((topic.topic, name), (topic.partitions, |index| *index), entry, &mut partitions);
    }
    (places, partitions)
}

fn by_topic(results: Vec<(TopicPartition, Result<BrokerId, Rejection>)>) -> Vec<ReplicaElectionResult> {
    let mut topics = BTreeMap::<TopicName, Vec<PartitionResult>>::new();
    for (id, elected) in results {
        topics.entry(id.topic).or_default().push(partition_result(id.partition.get(), elected));
    }
    let result = |(topic, partition_result): (TopicName, _)| ReplicaElectionResult {
        topic: topic.to_string(),
        partition_result,
    };
    topics.into_iter().map(result).collect()
}

fn partition_result(partition_id: i32, elected: Result<BrokerId, Rejection>) -> PartitionResult {
    let (error_code, error_message) = elected.err().map_or((None, None), rejected);
    PartitionResult { partition_id, error_code, error_message }
}
