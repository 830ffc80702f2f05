//! Produce (key 0): the response. The request is [`crate::ProduceRequest`].

use yak_model::{ErrorCode, Uuid};

use crate::table::table;

table! {
    /// What became of each partition's batches. Versions 3 to 13.
    struct ProduceResponse(key Produce, versions 3..=13, flexible from 9) {
        /// By topic.
        responses: Vec<TopicProduceResponse>, 0..;
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 1..;
        /// Where the leaders are that the partitions name (KIP-951).
        node_endpoints: Vec<NodeEndpoint>, 10.., tag 0;
    }

    /// The partitions of a topic.
    struct TopicProduceResponse {
        /// The topic's name.
        name: String, 0..=12;
        /// The topic's id.
        topic_id: Uuid, 13..;
        /// By partition.
        partition_responses: Vec<PartitionProduceResponse>, 0..;
    }

    /// What became of a partition's batches.
    struct PartitionProduceResponse {
        /// Which partition.
        index: i32, 0..;
        /// Why they were not appended.
        error_code: Option<ErrorCode>, 0..;
        /// The first record's offset; -1 on an error.
        base_offset: i64, 0..;
        /// When they were appended, if the topic's timestamps say that; else -1.
        log_append_time_ms: i64 = -1, 2..;
        /// The first offset that the log has.
        log_start_offset: i64 = -1, 5..;
        /// Which records are to blame (KIP-467).
        record_errors: Vec<BatchIndexAndErrorMessage>, 8..;
        /// What is wrong, in words.
        error_message: Option<String>, 8..;
        /// Who leads now, if it is not this broker (KIP-951).
        current_leader: LeaderIdAndEpoch, 10.., tag 0;
    }

    /// A record that is to blame.
    struct BatchIndexAndErrorMessage {
        /// Which record of the batch, from 0.
        batch_index: i32, 8..;
        /// What is wrong with it.
        batch_index_error_message: Option<String>, 8..;
    }

    /// A partition's leader.
    struct LeaderIdAndEpoch {
        /// Its id; -1: unknown.
        leader_id: i32 = -1, 10..;
        /// Its epoch; -1: unknown.
        leader_epoch: i32 = -1, 10..;
    }

    /// A broker's address.
    struct NodeEndpoint {
        /// Its id.
        node_id: i32, 10..;
        /// Its host.
        host: String, 10..;
        /// Its port.
        port: i32, 10..;
        /// Where it stands.
        rack: Option<String>, 10..;
    }
}
