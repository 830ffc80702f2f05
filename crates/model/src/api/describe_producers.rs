//! Describe producers: who wrote to a partition with a producer id lately.

use super::Rejection;
use crate::{
    Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence, TimestampMs, TopicName, TopicPartition,
};

/// Asks leaders for the idempotent producers of partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeProducers {
    /// Of which.
    pub partitions: Vec<TopicPartition>,
}

/// One for each partition, in the order asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeProducersReply {
    /// What the leader knows.
    pub partitions: Vec<DescribedProducers>,
}

/// The producers of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedProducers {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Its producers, by id.
    pub producers: Result<Vec<ActiveProducer>, Rejection>,
}

/// A producer that is remembered, so that nothing of it is written twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of its last record; -1 if none is known.
    pub last_sequence: Sequence,
    /// The largest timestamp of its last batch; -1 if none is known.
    pub last_timestamp: TimestampMs,
    /// Where its unfinished transaction begins; `None` as long as there are no transactions.
    pub transaction_start: Option<Offset>,
}
