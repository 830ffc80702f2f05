//! CreatePartitions (key 37): gives topics more partitions (KIP-195).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Gives topics more partitions.
    struct CreatePartitionsRequest(key CreatePartitions, versions 0..=3, flexible from 2) {
        /// The topics.
        topics: Vec<CreatePartitionsTopic>, 0..;
        /// How long to wait until they have them.
        timeout_ms: i32, 0..;
        /// Whether to run every check and create nothing.
        validate_only: bool, 0..;
    }

    /// A topic that gets more partitions.
    struct CreatePartitionsTopic {
        /// Its name.
        name: String, 0..;
        /// How many it shall have in all.
        count: i32, 0..;
        /// Where the replicas of the new ones go; null: the cluster decides.
        assignments: Option<Vec<CreatePartitionsAssignment>> = Some(Vec::new()), 0..;
    }

    /// Where the replicas of a new partition go.
    struct CreatePartitionsAssignment {
        /// The brokers; the first is the preferred leader.
        broker_ids: Vec<i32>, 0..;
    }

    /// What became of each topic.
    struct CreatePartitionsResponse(key CreatePartitions, versions 0..=3, flexible from 2) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// By topic: each one that was named, or clients take it for lost.
        results: Vec<CreatePartitionsTopicResult>, 0..;
    }

    /// What became of a topic.
    struct CreatePartitionsTopicResult {
        /// Its name.
        name: String, 0..;
        /// Why it has no more partitions than before.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 0..;
    }
}
