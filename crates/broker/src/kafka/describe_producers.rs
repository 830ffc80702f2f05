//! DescribeProducers: who wrote to partitions with a producer id lately; asked of each partition's leader (KIP-664).

use std::collections::BTreeSet;

use yak_kafka::messages::describe_producers::{PartitionResponse, ProducerState, TopicResponse};
use yak_kafka::messages::{DescribeProducersRequest, DescribeProducersResponse};
use yak_model::api::{ActiveProducer, DescribeProducers};
use yak_model::{ErrorCode, Offset, PartitionIndex, TopicName, TopicPartition};

use super::places::{Places, parse, repeated};
use super::{Asked, rejected};
use crate::ops;

pub(super) fn describe_producers(
    asked: &Asked,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let (mut places, mut partitions) = (Places::with_capacity(request.topics.len()), Vec::new());
    let mut seen = BTreeSet::new();
    for topic in request.topics {
        let name = parse(&topic.name, ErrorCode::InvalidTopicException);
        let entry = |name: &TopicName, index| {
            let partition = TopicPartition::new(name.clone(), PartitionIndex::new(index));
            if seen.insert(partition.clone()) { Ok(partition) } else { Err(repeated(&partition)) }
        };
        places.take((topic.name, name), (topic.partition_indexes, |index| *index), entry, &mut partitions);
    }
    let found = ops::describe_producers::describe_producers(&asked.broker, DescribeProducers { partitions });
    let results = found.map(|reply| reply.body.partitions.into_iter().map(|one| one.producers));
    let filled = places.fill(results, |partition_index, result| match result {
        Ok(producers) => PartitionResponse {
            partition_index,
            active_producers: producers.into_iter().map(state).collect(),
            ..PartitionResponse::default()
        },
        Err(rejection) => {
            let (error_code, error_message) = rejected(rejection);
            PartitionResponse { partition_index, error_code, error_message, ..PartitionResponse::default() }
        }
    });
    let topics = filled.into_iter().map(|(name, partitions)| TopicResponse { name, partitions });
    DescribeProducersResponse { topics: topics.collect(), ..DescribeProducersResponse::default() }
}

fn state(producer: ActiveProducer) -> ProducerState {
    ProducerState {
        producer_id: producer.producer_id.get(),
        producer_epoch: producer.producer_epoch.get().into(),
        last_sequence: producer.last_sequence.get(),
        last_timestamp: producer.last_timestamp.get(),
        // Of the transactions that it has not.
        coordinator_epoch: -1,
        current_txn_start_offset: producer.transaction_start.map_or(-1, Offset::get),
    }
}
