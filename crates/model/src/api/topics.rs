//! Create, alter and delete topics; delete records.

use std::collections::BTreeMap;

use super::Rejection;
use crate::{BrokerId, Offset, PartitionIndex, TopicId, TopicName};

/// Creates topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopics {
    /// Each is created or refused by itself.
    pub topics: Vec<CreateTopic>,
    /// Only say what would happen.
    pub validate_only: bool,
    /// Longest wait until they can be used.
    pub timeout_ms: u32,
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopic {
    /// Its name; not yet validated, so that one bad name does not spoil the request.
    pub name: String,
    /// How many partitions; `None` takes the server's `num.partitions`.
    pub partitions: Option<i32>,
    /// How many replicas; `None` takes the server's `default.replication.factor`, or as many as there are.
    pub replication_factor: Option<i16>,
    /// Replicas of each partition, instead of the two above.
    pub assignment: Option<Vec<Vec<BrokerId>>>,
    /// Topic-level configuration.
    pub configs: BTreeMap<String, String>,
}

/// A topic that exists now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its name.
    pub name: TopicName,
    /// Names it for ever; zero if only validated.
    pub topic_id: TopicId,
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas were wanted.
    pub replication_factor: i16,
    /// An older topic with nearly the same name.
    pub similar: Option<TopicName>,
}

/// Deletes topics, each by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteTopics {
    /// Which, by name.
    pub topics: Vec<TopicName>,
    /// Which, by id: of a topic that was deleted and created anew, only the one that is meant.
    pub topic_ids: Vec<TopicId>,
    /// Longest wait until they are gone.
    pub timeout_ms: u32,
}

/// Gives a topic more partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePartitions {
    /// Which topic.
    pub topic: TopicName,
    /// How many it shall have in all.
    pub total: i32,
    /// Replicas of each new partition.
    pub assignment: Option<Vec<Vec<BrokerId>>>,
    /// Only say what would happen.
    pub validate_only: bool,
    /// Longest wait until they can be used.
    pub timeout_ms: u32,
}

/// Deletes the oldest records of partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRecords {
    /// Where, and up to which offset.
    pub entries: Vec<DeleteRecordsEntry>,
    /// Longest wait until it is done.
    pub timeout_ms: u32,
}

/// Up to where to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRecordsEntry {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The first offset to keep; `None` means the high watermark (Kafka's -1).
    pub before_offset: Option<Offset>,
}

/// What is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedRecords {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The first offset still there, or why nothing was deleted.
    pub log_start_offset: Result<Offset, Rejection>,
}

/// One result for each topic to create, in the order asked; a refused one with its name as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopicsReply {
    /// What was created.
    pub topics: Vec<Result<CreatedTopic, (String, Rejection)>>,
}

/// One result for each topic to delete, in the order asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteTopicsReply {
    /// What is gone of those that were named.
    pub topics: Vec<Result<TopicName, (TopicName, Rejection)>>,
    /// What is gone of those that were asked for by id.
    pub topic_ids: Vec<Result<DeletedTopic, (TopicId, Rejection)>>,
}

/// A topic that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    /// The name that it had.
    pub name: TopicName,
    /// The id that names it for ever.
    pub topic_id: TopicId,
}

/// The topic has more partitions now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePartitionsReply {
    /// The topic.
    pub topic: TopicName,
    /// How many it has in all.
    pub total: i32,
}

/// One result for each entry, in the order asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRecordsReply {
    /// What is left.
    pub partitions: Vec<DeletedRecords>,
}
