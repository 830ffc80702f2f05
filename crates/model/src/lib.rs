//! Words of the domain: ids, offsets, epochs, error codes, limits, configuration tables, metadata records
//! and the operations.
//!
//! Everything here is plain data, without I/O, clock or serde. The wire crates convert to and from it, the
//! core decides with it, the log stores it. [`api`] defines each operation of a broker once, for every
//! protocol that speaks it.

pub mod api;
pub mod config;
mod error;
mod group;
mod ids;
pub mod limits;
pub mod metadata;
mod partitioner;
mod topic;
mod uuid;

pub use error::{ErrorCode, Retry};
pub use group::{GroupId, InstanceId, InvalidGroupName, MemberId};
pub use ids::{
    BrokerEpoch, BrokerId, GenerationId, LeaderEpoch, MemberEpoch, MetadataIndex, Offset, PartitionEpoch,
    PartitionIndex, ProducerEpoch, ProducerId, Sequence, Term, TimestampMs,
};
pub use partitioner::{murmur2, partition_for_key};
pub use topic::{InvalidTopicName, TopicName, TopicPartition};
pub use uuid::{ClusterId, DirectoryId, IncarnationId, InvalidUuid, ReplicationKey, TopicId, Uuid};
