//! ElectLeaders (key 43): gives partitions to their preferred leader, or to whoever is left (KIP-183, KIP-460).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Elects leaders.
    struct ElectLeadersRequest(key ElectLeaders, versions 0..=2, flexible from 2) {
        /// 0: the preferred leader; 1: any replica that is alive, whatever is lost.
        election_type: i8, 1..;
        /// Of which partitions; null: all.
        topic_partitions: Option<Vec<TopicPartitions>> = Some(Vec::new()), 0..;
        /// How long to wait until they are elected.
        timeout_ms: i32 = 60_000, 0..;
    }

    /// The partitions of a topic.
    struct TopicPartitions {
        /// The topic's name.
        topic: String, 0..;
        /// Which partitions.
        partitions: Vec<i32>, 0..;
    }

    /// What became of each partition.
    struct ElectLeadersResponse(key ElectLeaders, versions 0..=2, flexible from 2) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// Why there is no answer.
        error_code: Option<ErrorCode>, 1..;
        /// By topic.
        replica_election_results: Vec<ReplicaElectionResult>, 0..;
    }

    /// The partitions of a topic.
    struct ReplicaElectionResult {
        /// The topic's name.
        topic: String, 0..;
        /// By partition.
        partition_result: Vec<PartitionResult>, 0..;
    }

    /// What became of a partition.
    struct PartitionResult {
        /// Which partition.
        partition_id: i32, 0..;
        /// Why no leader was elected.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 0..;
    }
}
