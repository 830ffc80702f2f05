//! ListPartitionReassignments: partitions that are being given other replicas (KIP-455).

use std::collections::BTreeMap;

use yak_kafka::messages::list_partition_reassignments::{
    ListPartitionReassignmentsTopics, OngoingPartitionReassignment, OngoingTopicReassignment,
};
use yak_kafka::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};
use yak_model::api::{ListPartitionReassignments, OngoingReassignment};
use yak_model::{BrokerId, PartitionIndex, TopicName, TopicPartition};

use super::{Asked, rejected};
use crate::ops;

pub(super) fn list_partition_reassignments(
    asked: &Asked,
    request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let operation = ListPartitionReassignments { partitions: request.topics.map(partitions) };
    match ops::reassignments::list_partition_reassignments(&asked.broker, operation) {
        Ok(reply) => ListPartitionReassignmentsResponse {
            topics: topics(reply.body.partitions),
            ..ListPartitionReassignmentsResponse::default()
        },
        Err(rejection) => {
            let (error_code, error_message) = rejected(rejection);
            ListPartitionReassignmentsResponse {
                error_code,
                error_message,
                ..ListPartitionReassignmentsResponse::default()
            }
        }
    }
}

/// What is no topic is not being reassigned, and is left out like one that is not there.
fn partitions(topics: Vec<ListPartitionReassignmentsTopics>) -> Vec<TopicPartition> {
    let of_topic = |topic: ListPartitionReassignmentsTopics| {
        let name = topic.name.parse::<TopicName>().ok();
        let numbers = topic.partition_indexes.into_iter().map(PartitionIndex::new);
        numbers.filter_map(move |number| Some(TopicPartition::new(name.clone()?, number)))
    };
    topics.into_iter().flat_map(of_topic).collect()
}

fn topics(ongoing: Vec<OngoingReassignment>) -> Vec<OngoingTopicReassignment> {
    let numbers = |brokers: Vec<BrokerId>| brokers.into_iter().map(BrokerId::get).collect();
    let mut topics = BTreeMap::<TopicName, Vec<OngoingPartitionReassignment>>::new();
    for one in ongoing {
        topics.entry(one.topic).or_default().push(OngoingPartitionReassignment {
            partition_index: one.partition.get(),
            replicas: numbers(one.replicas),
            adding_replicas: numbers(one.adding_replicas),
            removing_replicas: numbers(one.removing_replicas),
        });
    }
    let topic =
        |(name, partitions): (TopicName, _)| OngoingTopicReassignment { name: name.to_string(), partitions };
    topics.into_iter().map(topic).collect()
}
