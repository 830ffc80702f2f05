//! DescribeProducers (key 61): which producers a partition knows (KIP-664).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks for producers.
    struct DescribeProducersRequest(key DescribeProducers, versions 0..=0, flexible from 0) {
        /// By topic.
        topics: Vec<TopicRequest>, 0..;
    }

    /// The partitions of a topic.
    struct TopicRequest {
        /// The topic's name.
        name: String, 0..;
        /// Which partitions.
        partition_indexes: Vec<i32>, 0..;
    }

    /// The producers.
    struct DescribeProducersResponse(key DescribeProducers, versions 0..=0, flexible from 0) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// By topic.
        topics: Vec<TopicResponse>, 0..;
    }

    /// The partitions of a topic.
    struct TopicResponse {
        /// The topic's name.
        name: String, 0..;
        /// By partition.
        partitions: Vec<PartitionResponse>, 0..;
    }

    /// The producers of a partition.
    struct PartitionResponse {
        /// Which partition.
        partition_index: i32, 0..;
        /// Why there is no answer.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 0..;
        /// The producers.
        active_producers: Vec<ProducerState>, 0..;
    }

    /// What a partition knows of a producer.
    struct ProducerState {
        /// Its id.
        producer_id: i64, 0..;
        /// Its epoch; 32 bits wide here alone.
        producer_epoch: i32, 0..;
        /// The sequence of its last record; -1: none.
        last_sequence: i32 = -1, 0..;
        /// When that was appended; -1: unknown.
        last_timestamp: i64 = -1, 0..;
        /// The epoch of the transaction's coordinator.
        coordinator_epoch: i32, 0..;
        /// Where its open transaction begins; -1: none is open.
        current_txn_start_offset: i64 = -1, 0..;
    }
}
