//! ListOffsets (key 2): the offset of a time, or of an end of the log.

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks for offsets.
    struct ListOffsetsRequest(key ListOffsets, versions 1..=10, flexible from 6) {
        /// A replica's broker id; -1: a client.
        replica_id: i32, 0..;
        /// 0: the end is the high watermark; 1: the last stable offset.
        isolation_level: i8, 2..;
        /// By topic.
        topics: Vec<ListOffsetsTopic>, 0..;
        /// How long to wait for storage elsewhere (KIP-1075).
        timeout_ms: i32, 10..;
    }

    /// The partitions of a topic.
    struct ListOffsetsTopic {
        /// The topic's name.
        name: String, 0..;
        /// By partition.
        partitions: Vec<ListOffsetsPartition>, 0..;
    }

    /// What is asked of a partition.
    struct ListOffsetsPartition {
        /// Which partition.
        partition_index: i32, 0..;
        /// The leader epoch that the client knows (KIP-320); -1: none.
        current_leader_epoch: i32 = -1, 4..;
        /// The first record at or after this time. -1: the end. -2: the start. -3: the latest time (from version
        /// 7). -4: the start of what is stored here (8). -5: the end of what is stored elsewhere (9).
        timestamp: i64, 0..;
    }

    /// The offsets.
    struct ListOffsetsResponse(key ListOffsets, versions 1..=10, flexible from 6) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 2..;
        /// By topic.
        topics: Vec<ListOffsetsTopicResponse>, 0..;
    }

    /// The partitions of a topic.
    struct ListOffsetsTopicResponse {
        /// The topic's name.
        name: String, 0..;
        /// By partition.
        partitions: Vec<ListOffsetsPartitionResponse>, 0..;
    }

    /// A partition's offset.
    struct ListOffsetsPartitionResponse {
        /// Which partition.
        partition_index: i32, 0..;
        /// Why there is no answer.
        error_code: Option<ErrorCode>, 0..;
        /// The time of the record at `offset`; -1 where no time was asked for, or nothing was found.
        timestamp: i64 = -1, 1..;
        /// The offset; -1: nothing was found.
        offset: i64 = -1, 1..;
        /// The leader epoch of the record at `offset`; -1: none.
        leader_epoch: i32 = -1, 4..;
    }
}
