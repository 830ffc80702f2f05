//! DeleteRecords (key 21): moves the start of logs (KIP-107).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Deletes the records before an offset.
    struct DeleteRecordsRequest(key DeleteRecords, versions 0..=2, flexible from 2) {
        /// By topic.
        topics: Vec<DeleteRecordsTopic>, 0..;
        /// How long to wait until they are deleted.
        timeout_ms: i32, 0..;
    }

    /// The partitions of a topic.
    struct DeleteRecordsTopic {
        /// The topic's name.
        name: String, 0..;
        /// By partition.
        partitions: Vec<DeleteRecordsPartition>, 0..;
    }

    /// What to delete of a partition.
    struct DeleteRecordsPartition {
        /// Which partition.
        partition_index: i32, 0..;
        /// The first offset to be kept; -1: the high watermark.
        offset: i64, 0..;
    }

    /// What became of each partition.
    struct DeleteRecordsResponse(key DeleteRecords, versions 0..=2, flexible from 2) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// By topic.
        topics: Vec<DeleteRecordsTopicResult>, 0..;
    }

    /// The partitions of a topic.
    struct DeleteRecordsTopicResult {
        /// The topic's name.
        name: String, 0..;
        /// By partition.
        partitions: Vec<DeleteRecordsPartitionResult>, 0..;
    }

    /// What became of a partition.
    struct DeleteRecordsPartitionResult {
        /// Which partition.
        partition_index: i32, 0..;
        /// The first offset that it has now.
        low_watermark: i64, 0..;
        /// Why nothing was deleted.
        error_code: Option<ErrorCode>, 0..;
    }
}
