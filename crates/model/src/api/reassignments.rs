//! List partition reassignments: which partitions are being given other replicas.

use crate::{BrokerId, PartitionIndex, TopicName, TopicPartition};

/// Asks for reassignments that are under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPartitionReassignments {
    /// Of which partitions; `None` for all. Those that are not being reassigned, or not there, are left out.
    pub partitions: Option<Vec<TopicPartition>>,
}

/// By topic and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPartitionReassignmentsReply {
    /// Those under way.
    pub partitions: Vec<OngoingReassignment>,
}

/// A partition that is being given other replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OngoingReassignment {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Every replica, those that come and those that go included.
    pub replicas: Vec<BrokerId>,
    /// Those that come.
    pub adding_replicas: Vec<BrokerId>,
    /// Those that go.
    pub removing_replicas: Vec<BrokerId>,
}
