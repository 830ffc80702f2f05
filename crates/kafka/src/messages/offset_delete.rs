//! OffsetDelete (key 47): forgets committed offsets of a group (KIP-496). It was never made flexible.

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Deletes committed offsets.
    struct OffsetDeleteRequest(key OffsetDelete, versions 0..=0, flexible from i16::MAX) {
        /// The group.
        group_id: String, 0..;
        /// By topic.
        topics: Vec<OffsetDeleteRequestTopic>, 0..;
    }

    /// The partitions of a topic.
    struct OffsetDeleteRequestTopic {
        /// The topic's name.
        name: String, 0..;
        /// By partition.
        partitions: Vec<OffsetDeleteRequestPartition>, 0..;
    }

    /// A partition.
    struct OffsetDeleteRequestPartition {
        /// Which partition.
        partition_index: i32, 0..;
    }

    /// What became of each partition.
    struct OffsetDeleteResponse(key OffsetDelete, versions 0..=0, flexible from i16::MAX) {
        /// Why nothing was deleted.
        error_code: Option<ErrorCode>, 0..;
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// By topic.
        topics: Vec<OffsetDeleteResponseTopic>, 0..;
    }

    /// The partitions of a topic.
    struct OffsetDeleteResponseTopic {
        /// The topic's name.
        name: String, 0..;
        /// By partition.
        partitions: Vec<OffsetDeleteResponsePartition>, 0..;
    }

    /// What became of a partition.
    struct OffsetDeleteResponsePartition {
        /// Which partition.
        partition_index: i32, 0..;
        /// Why its offset was not deleted.
        error_code: Option<ErrorCode>, 0..;
    }
}
