//! DescribeTopicPartitions (key 75): topics page by page (KIP-966).

use yak_model::{ErrorCode, Uuid};

use crate::table::table;

table! {
    /// Asks for topics.
    struct DescribeTopicPartitionsRequest(key DescribeTopicPartitions, versions 0..=0, flexible from 0) {
        /// Which topics; none: all.
        topics: Vec<TopicRequest>, 0..;
        /// How many partitions are wanted at once.
        response_partition_limit: i32 = 2000, 0..;
        /// Where to begin; null: at the first.
        cursor: Option<Cursor>, 0..;
    }

    /// A topic that is asked for.
    struct TopicRequest {
        /// Its name.
        name: String, 0..;
    }

    /// A page.
    struct DescribeTopicPartitionsResponse(key DescribeTopicPartitions, versions 0..=0, flexible from 0) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// The topics, in order of name.
        topics: Vec<DescribeTopicPartitionsResponseTopic>, 0..;
        /// Where the next page begins; null: there is none.
        next_cursor: Option<Cursor>, 0..;
    }

    /// A topic.
    struct DescribeTopicPartitionsResponseTopic {
        /// Why nothing is said of it.
        error_code: Option<ErrorCode>, 0..;
        /// Its name.
        name: Option<String> = Some(String::new()), 0..;
        /// Its id; zero: none.
        topic_id: Uuid, 0..;
        /// Whether it is one of the cluster's own.
        is_internal: bool, 0..;
        /// Its partitions.
        partitions: Vec<DescribeTopicPartitionsResponsePartition>, 0..;
        /// What the client may do with it, as a set of bits; `i32::MIN` if that was not asked.
        topic_authorized_operations: i32 = i32::MIN, 0..;
    }

    /// A partition.
    struct DescribeTopicPartitionsResponsePartition {
        /// `LEADER_NOT_AVAILABLE`, or nothing.
        error_code: Option<ErrorCode>, 0..;
        /// Which partition.
        partition_index: i32, 0..;
        /// Who leads it; -1: nobody.
        leader_id: i32, 0..;
        /// How often the leader changed.
        leader_epoch: i32 = -1, 0..;
        /// Who stores it; the first is the preferred leader.
        replica_nodes: Vec<i32>, 0..;
        /// Who is in sync.
        isr_nodes: Vec<i32>, 0..;
        /// Who may lead besides those in sync.
        eligible_leader_replicas: Option<Vec<i32>>, 0..;
        /// Who was known to be able to lead last.
        last_known_elr: Option<Vec<i32>>, 0..;
        /// Who stores it and is not alive.
        offline_replicas: Vec<i32>, 0..;
    }

    /// The first partition of a page.
    struct Cursor {
        /// Its topic.
        topic_name: String, 0..;
        /// Which partition.
        partition_index: i32, 0..;
    }
}
