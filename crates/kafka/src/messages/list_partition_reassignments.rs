//! ListPartitionReassignments (key 46): partitions whose replicas are on the move (KIP-455).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks which partitions are on the move.
    struct ListPartitionReassignmentsRequest(key ListPartitionReassignments, versions 0..=0, flexible from 0) {
        /// How long to wait for the answer.
        timeout_ms: i32 = 60_000, 0..;
        /// Of which topics; null: all.
        topics: Option<Vec<ListPartitionReassignmentsTopics>>, 0..;
    }

    /// The partitions of a topic.
    struct ListPartitionReassignmentsTopics {
        /// The topic's name.
        name: String, 0..;
        /// Which partitions.
        partition_indexes: Vec<i32>, 0..;
    }

    /// Which partitions are on the move.
    struct ListPartitionReassignmentsResponse(key ListPartitionReassignments, versions 0..=0, flexible from 0) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// Why there is no answer.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 0..;
        /// By topic.
        topics: Vec<OngoingTopicReassignment>, 0..;
    }

    /// The partitions of a topic.
    struct OngoingTopicReassignment {
        /// The topic's name.
        name: String, 0..;
        /// By partition.
        partitions: Vec<OngoingPartitionReassignment>, 0..;
    }

    /// A partition on the move.
    struct OngoingPartitionReassignment {
        /// Which partition.
        partition_index: i32, 0..;
        /// Who stores it now.
        replicas: Vec<i32>, 0..;
        /// Who is to store it.
        adding_replicas: Vec<i32>, 0..;
        /// Who is not to store it any more.
        removing_replicas: Vec<i32>, 0..;
    }
}
