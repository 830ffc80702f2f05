//! CreateTopics (key 19).

use yak_model::{ErrorCode, Uuid};

use crate::table::table;

table! {
    /// Creates topics.
    struct CreateTopicsRequest(key CreateTopics, versions 2..=7, flexible from 5) {
        /// The topics.
        topics: Vec<CreatableTopic>, 0..;
        /// How long to wait until they are created.
        timeout_ms: i32 = 60_000, 0..;
        /// Whether to run every check and create nothing.
        validate_only: bool, 1..;
    }

    /// A topic to be created.
    struct CreatableTopic {
        /// Its name.
        name: String, 0..;
        /// How many partitions; -1: the broker's default (from version 4), or as `assignments` say.
        num_partitions: i32, 0..;
        /// How many replicas; -1: the broker's default (from version 4), or as `assignments` say.
        replication_factor: i16, 0..;
        /// Where the replicas go; empty: the cluster decides.
        assignments: Vec<CreatableReplicaAssignment>, 0..;
        /// Its configuration, as far as it differs.
        configs: Vec<CreatableTopicConfig>, 0..;
    }

    /// Where the replicas of a partition go.
    struct CreatableReplicaAssignment {
        /// Which partition.
        partition_index: i32, 0..;
        /// The brokers; the first is the preferred leader.
        broker_ids: Vec<i32>, 0..;
    }

    /// A key of the configuration.
    struct CreatableTopicConfig {
        /// The key.
        name: String, 0..;
        /// Its value.
        value: Option<String> = Some(String::new()), 0..;
    }

    /// What became of each topic.
    struct CreateTopicsResponse(key CreateTopics, versions 2..=7, flexible from 5) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 2..;
        /// By topic.
        topics: Vec<CreatableTopicResult>, 0..;
    }

    /// What became of a topic.
    struct CreatableTopicResult {
        /// Its name.
        name: String, 0..;
        /// Its id.
        topic_id: Uuid, 7..;
        /// Why it was not created.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 1..;
        /// Why `configs` is null, if the client may not see it.
        topic_config_error_code: Option<ErrorCode>, 5.., tag 0;
        /// How many partitions it has; -1: not told.
        num_partitions: i32 = -1, 5..;
        /// How many replicas each has; -1: not told.
        replication_factor: i16 = -1, 5..;
        /// Its configuration, key by key.
        configs: Option<Vec<CreatableTopicConfigs>> = Some(Vec::new()), 5..;
    }

    /// A key of the configuration that a topic was created with.
    struct CreatableTopicConfigs {
        /// The key.
        name: String, 5..;
        /// Its value; null if it is secret.
        value: Option<String> = Some(String::new()), 5..;
        /// Whether it cannot be changed.
        read_only: bool, 5..;
        /// Where the value comes from; see [`super::describe_configs`].
        config_source: i8 = -1, 5..;
        /// Whether it is secret.
        is_sensitive: bool, 5..;
    }
}
