//! OffsetFetch (key 9): tells how far groups have read: one group up to version 7, any number after it (KIP-709).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks for offsets.
    struct OffsetFetchRequest(key OffsetFetch, versions 1..=9, flexible from 6) {
        /// The group.
        group_id: String, 0..=7;
        /// The topics; null: all that the group committed.
        topics: Option<Vec<OffsetFetchRequestTopic>> = Some(Vec::new()), 0..=7, nullable 2..=7;
        /// By group.
        groups: Vec<OffsetFetchRequestGroup>, 8..;
        /// Whether an offset that a transaction may still change is an error (KIP-447).
        require_stable: bool, 7..;
    }

    /// The partitions of a topic.
    struct OffsetFetchRequestTopic {
        /// The topic's name.
        name: String, 0..=7;
        /// Which partitions.
        partition_indexes: Vec<i32>, 0..=7;
    }

    /// The topics of a group.
    struct OffsetFetchRequestGroup {
        /// The group.
        group_id: String, 8..;
        /// Who asks, of a group of KIP-848; null: nobody of the group.
        member_id: Option<String>, 9..;
        /// The epoch that the member knows; -1: not as a member.
        member_epoch: i32 = -1, 9..;
        /// The topics; null: all that the group committed.
        topics: Option<Vec<OffsetFetchRequestTopics>> = Some(Vec::new()), 8..;
    }

    /// The partitions of a topic.
    struct OffsetFetchRequestTopics {
        /// The topic's name.
        name: String, 8..=9;
        /// Which partitions.
        partition_indexes: Vec<i32>, 8..;
    }

    /// The offsets.
    struct OffsetFetchResponse(key OffsetFetch, versions 1..=9, flexible from 6) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 3..;
        /// By topic.
        topics: Vec<OffsetFetchResponseTopic>, 0..=7;
        /// Why there are none.
        error_code: Option<ErrorCode>, 2..=7;
        /// By group.
        groups: Vec<OffsetFetchResponseGroup>, 8..;
    }

    /// The partitions of a topic.
    struct OffsetFetchResponseTopic {
        /// The topic's name.
        name: String, 0..=7;
        /// By partition.
        partitions: Vec<OffsetFetchResponsePartition>, 0..=7;
    }

    /// What was committed of a partition.
    struct OffsetFetchResponsePartition {
        /// Which partition.
        partition_index: i32, 0..=7;
        /// The next offset to be read; -1: nothing was committed.
        committed_offset: i64, 0..=7;
        /// The leader epoch of the last record that was read; -1: unknown.
        committed_leader_epoch: i32 = -1, 5..=7;
        /// What the client left beside the offset.
        metadata: Option<String> = Some(String::new()), 0..=7;
        /// Why there is no offset.
        error_code: Option<ErrorCode>, 0..=7;
    }

    /// The offsets of a group.
    struct OffsetFetchResponseGroup {
        /// The group.
        group_id: String, 8..;
        /// By topic.
        topics: Vec<OffsetFetchResponseTopics>, 8..;
        /// Why there are none.
        error_code: Option<ErrorCode>, 8..;
    }

    /// The partitions of a topic.
    struct OffsetFetchResponseTopics {
        /// The topic's name.
        name: String, 8..=9;
        /// By partition.
        partitions: Vec<OffsetFetchResponsePartitions>, 8..;
    }

    /// What was committed of a partition.
    struct OffsetFetchResponsePartitions {
        /// Which partition.
        partition_index: i32, 8..;
        /// The next offset to be read; -1: nothing was committed.
        committed_offset: i64, 8..;
        /// The leader epoch of the last record that was read; -1: unknown.
        committed_leader_epoch: i32 = -1, 8..;
        /// What the client left beside the offset.
        metadata: Option<String> = Some(String::new()), 8..;
        /// Why there is no offset.
        error_code: Option<ErrorCode>, 8..;
    }
}
