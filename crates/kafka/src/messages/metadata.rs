//! Metadata (key 3): brokers, topics and who leads their partitions.

use yak_model::{ErrorCode, Uuid};

use crate::table::table;

table! {
    /// Asks for topics.
    struct MetadataRequest(key Metadata, versions 0..=13, flexible from 9) {
        /// Which topics. Null: all. Empty: none, but all in version 0, which has no null.
        topics: Option<Vec<MetadataRequestTopic>> = Some(Vec::new()), 0.., nullable 1..;
        /// Whether topics that do not exist may be created, if the broker's configuration allows it.
        allow_auto_topic_creation: bool = true, 4..;
        /// Whether to say what the client may do with the cluster.
        include_cluster_authorized_operations: bool, 8..=10;
        /// Whether to say what the client may do with each topic.
        include_topic_authorized_operations: bool, 8..;
    }

    /// A topic that is asked for, by name or id.
    struct MetadataRequestTopic {
        /// Its id; zero if it is asked for by name.
        topic_id: Uuid, 10..;
        /// Its name; null if it is asked for by id, which works from version 12 on.
        name: Option<String> = Some(String::new()), 0.., nullable 10..;
    }

    /// The cluster as the broker knows it.
    struct MetadataResponse(key Metadata, versions 0..=13, flexible from 9) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 3..;
        /// The brokers that are alive.
        brokers: Vec<MetadataResponseBroker>, 0..;
        /// The cluster's id.
        cluster_id: Option<String>, 2..;
        /// Whom to ask for changes; -1: unknown.
        controller_id: i32 = -1, 1..;
        /// The topics.
        topics: Vec<MetadataResponseTopic>, 0..;
        /// What the client may do with the cluster, as a set of bits; `i32::MIN` if that was not asked.
        cluster_authorized_operations: i32 = i32::MIN, 8..=10;
        /// What is wrong with the whole request; `REBOOTSTRAP_REQUIRED` is why it exists.
        error_code: Option<ErrorCode>, 13..;
    }

    /// A broker and its address.
    struct MetadataResponseBroker {
        /// Its id.
        node_id: i32, 0..;
        /// Its host, as the client reaches it.
        host: String, 0..;
        /// Its port.
        port: i32, 0..;
        /// Where it stands.
        rack: Option<String>, 1..;
    }

    /// A topic.
    struct MetadataResponseTopic {
        /// Why nothing is said of it.
        error_code: Option<ErrorCode>, 0..;
        /// Its name; null if it was asked for by an id that does not exist.
        name: Option<String> = Some(String::new()), 0.., nullable 12..;
        /// Its id; zero: none.
        topic_id: Uuid, 10..;
        /// Whether it is one of the cluster's own.
        is_internal: bool, 1..;
        /// Its partitions.
        partitions: Vec<MetadataResponsePartition>, 0..;
        /// What the client may do with it, as a set of bits; `i32::MIN` if that was not asked.
        topic_authorized_operations: i32 = i32::MIN, 8..;
    }

    /// A partition.
    struct MetadataResponsePartition {
        /// `LEADER_NOT_AVAILABLE`, or nothing.
        error_code: Option<ErrorCode>, 0..;
        /// Which partition.
        partition_index: i32, 0..;
        /// Who leads it; -1: nobody.
        leader_id: i32, 0..;
        /// How often the leader changed (KIP-320).
        leader_epoch: i32 = -1, 7..;
        /// Who stores it; the first is the preferred leader.
        replica_nodes: Vec<i32>, 0..;
        /// Who is in sync.
        isr_nodes: Vec<i32>, 0..;
        /// Who stores it and is not alive.
        offline_replicas: Vec<i32>, 5..;
    }
}
