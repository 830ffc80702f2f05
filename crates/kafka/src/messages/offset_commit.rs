//! OffsetCommit (key 8): stores how far a group has read.

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Commits offsets of a group.
    struct OffsetCommitRequest(key OffsetCommit, versions 2..=9, flexible from 8) {
        /// The group.
        group_id: String, 0..;
        /// The generation that the member knows, or its epoch in a group of KIP-848; -1: not as a member.
        generation_id_or_member_epoch: i32 = -1, 1..;
        /// Who commits; empty: nobody of the group.
        member_id: String, 1..;
        /// The name of a static member (KIP-345).
        group_instance_id: Option<String>, 7..;
        /// How long to keep the offsets; -1: as the broker does.
        retention_time_ms: i64 = -1, 2..=4;
        /// By topic.
        topics: Vec<OffsetCommitRequestTopic>, 0..;
    }

    /// The partitions of a topic.
    struct OffsetCommitRequestTopic {
        /// The topic's name.
        name: String, 0..=9;
        /// By partition.
        partitions: Vec<OffsetCommitRequestPartition>, 0..;
    }

    /// What to commit of a partition.
    struct OffsetCommitRequestPartition {
        /// Which partition.
        partition_index: i32, 0..;
        /// The next offset to be read.
        committed_offset: i64, 0..;
        /// The leader epoch of the last record that was read (KIP-320); -1: unknown.
        committed_leader_epoch: i32 = -1, 6..;
        /// Anything that the client wants to find again beside the offset.
        committed_metadata: Option<String> = Some(String::new()), 0..;
    }

    /// What became of each partition.
    struct OffsetCommitResponse(key OffsetCommit, versions 2..=9, flexible from 8) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 3..;
        /// By topic.
        topics: Vec<OffsetCommitResponseTopic>, 0..;
    }

    /// The partitions of a topic.
    struct OffsetCommitResponseTopic {
        /// The topic's name.
        name: String, 0..=9;
        /// By partition.
        partitions: Vec<OffsetCommitResponsePartition>, 0..;
    }

    /// What became of a partition.
    struct OffsetCommitResponsePartition {
        /// Which partition.
        partition_index: i32, 0..;
        /// Why nothing was committed.
        error_code: Option<ErrorCode>, 0..;
    }
}
