//! OffsetForLeaderEpoch (key 23): where a leader's epoch ends (KIP-101, KIP-320).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks where epochs end.
    struct OffsetForLeaderEpochRequest(key OffsetForLeaderEpoch, versions 2..=4, flexible from 4) {
        /// A replica's broker id; -1: a client; -2: not told.
        replica_id: i32 = -2, 3..;
        /// By topic.
        topics: Vec<OffsetForLeaderTopic>, 0..;
    }

    /// The partitions of a topic.
    struct OffsetForLeaderTopic {
        /// The topic's name.
        topic: String, 0..;
        /// By partition.
        partitions: Vec<OffsetForLeaderPartition>, 0..;
    }

    /// What is asked of a partition.
    struct OffsetForLeaderPartition {
        /// Which partition.
        partition: i32, 0..;
        /// The leader epoch that the client knows; -1: none.
        current_leader_epoch: i32 = -1, 2..;
        /// The epoch whose end is wanted.
        leader_epoch: i32, 0..;
    }

    /// Where they end.
    struct OffsetForLeaderEpochResponse(key OffsetForLeaderEpoch, versions 2..=4, flexible from 4) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 2..;
        /// By topic.
        topics: Vec<OffsetForLeaderTopicResult>, 0..;
    }

    /// The partitions of a topic.
    struct OffsetForLeaderTopicResult {
        /// The topic's name.
        topic: String, 0..;
        /// By partition.
        partitions: Vec<EpochEndOffset>, 0..;
    }

    /// Where a partition's epoch ends.
    struct EpochEndOffset {
        /// Why there is no answer.
        error_code: Option<ErrorCode>, 0..;
        /// Which partition.
        partition: i32, 0..;
        /// The largest epoch that is not above the one that was asked for; -1: none.
        leader_epoch: i32 = -1, 1..;
        /// Where that epoch ends; -1: unknown.
        end_offset: i64 = -1, 0..;
    }
}
