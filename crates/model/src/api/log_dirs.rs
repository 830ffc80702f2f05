//! Describe log dirs: where a broker keeps its partitions, how large they are, and how full the disk is.

use super::Rejection;
use crate::{PartitionIndex, TopicName, TopicPartition};

/// Asks a broker for its log directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeLogDirs {
    /// Of which partitions; `None` for all. Those that are not here are left out.
    pub partitions: Option<Vec<TopicPartition>>,
}

/// One for each directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeLogDirsReply {
    /// The directories.
    pub directories: Vec<LogDirDescription>,
}

/// A directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirDescription {
    /// Where it is.
    pub path: String,
    /// Bytes of the file system it is on; `None` if that is not known.
    pub total_bytes: Option<u64>,
    /// Bytes of it that the broker may still write; `None` if that is not known.
    pub usable_bytes: Option<u64>,
    /// The logs in it, by topic and number; or why the directory is offline (`KAFKA_STORAGE_ERROR`).
    pub logs: Result<Vec<LogDescription>, Rejection>,
}

/// A partition's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDescription {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Bytes of its segments.
    pub size_bytes: u64,
    /// How far its end lies behind the high watermark, as Kafka counts it: of a replica that has all that was
    /// acknowledged, 0.
    pub offset_lag: u64,
    /// Whether it is to replace another one when it has caught up with it; there are none such yet.
    pub is_future: bool,
}
