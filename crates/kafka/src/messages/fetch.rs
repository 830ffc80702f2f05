//! Fetch (key 1): the request, and the parts of the response; [`crate::FetchResponse`] is put together of them.

use yak_model::Uuid;

use crate::table::table;

table! {
    /// Asks for batches.
    struct FetchRequest(key Fetch, versions 4..=17, flexible from 12) {
        /// The cluster that the sender means; of replicas alone.
        cluster_id: Option<String>, 12.., tag 0;
        /// A replica's broker id; -1: a client.
        replica_id: i32 = -1, 0..=14;
        /// What replaces `replica_id` (KIP-903).
        replica_state: ReplicaState, 15.., tag 1;
        /// How long to wait for `min_bytes`.
        max_wait_ms: i32, 0..;
        /// How many bytes are worth an answer.
        min_bytes: i32, 0..;
        /// How many bytes the response may have; a first batch may have more.
        max_bytes: i32 = i32::MAX, 3..;
        /// 0: all records up to the high watermark; 1: of transactions only those that are committed.
        isolation_level: i8, 4..;
        /// The fetch session (KIP-227); 0: none.
        session_id: i32, 7..;
        /// Which request of the session this is; -1: a full fetch without a session.
        session_epoch: i32 = -1, 7..;
        /// From where, by topic.
        topics: Vec<FetchTopic>, 0..;
        /// What leaves the session.
        forgotten_topics_data: Vec<ForgottenTopic>, 7..;
        /// Where the client stands (KIP-392).
        rack_id: String, 11..;
    }

    /// A replica that fetches.
    struct ReplicaState {
        /// Its broker id; -1: a client.
        replica_id: i32 = -1, 15..;
        /// Its broker epoch; -1: unknown.
        replica_epoch: i64 = -1, 15..;
    }

    /// The partitions of a topic.
    struct FetchTopic {
        /// The topic's name.
        topic: String, 0..=12;
        /// The topic's id.
        topic_id: Uuid, 13..;
        /// From where, by partition.
        partitions: Vec<FetchPartition>, 0..;
    }

    /// From where to fetch a partition.
    struct FetchPartition {
        /// Which partition.
        partition: i32, 0..;
        /// The leader epoch that the client knows (KIP-320); -1: none.
        current_leader_epoch: i32 = -1, 9..;
        /// The first offset that is wanted.
        fetch_offset: i64, 0..;
        /// The leader epoch of the last record that the client has (KIP-595); -1: none.
        last_fetched_epoch: i32 = -1, 12..;
        /// The first offset that a replica has; -1: a client.
        log_start_offset: i64 = -1, 5..;
        /// How many bytes are wanted; a first batch may have more.
        partition_max_bytes: i32, 0..;
        /// The directory in which a replica has it (KIP-853).
        replica_directory_id: Uuid, 17.., tag 0;
    }

    /// Partitions that leave the session.
    struct ForgottenTopic {
        /// The topic's name.
        topic: String, 7..=12;
        /// The topic's id.
        topic_id: Uuid, 13..;
        /// Which partitions.
        partitions: Vec<i32>, 7..;
    }

    /// Up to where the leader's log and that of who fetches are the same at most (KIP-595).
    struct EpochEndOffset {
        /// The largest epoch that may be common; -1: none.
        epoch: i32 = -1, 12..;
        /// Where it ends; -1: unknown.
        end_offset: i64 = -1, 12..;
    }

    /// A partition's leader.
    struct LeaderIdAndEpoch {
        /// Its id; -1: unknown.
        leader_id: i32 = -1, 12..;
        /// Its epoch; -1: unknown.
        leader_epoch: i32 = -1, 12..;
    }

    /// A snapshot to be fetched instead; of controllers alone.
    struct SnapshotId {
        /// Where it ends.
        end_offset: i64 = -1, 0..;
        /// Its epoch.
        epoch: i32 = -1, 0..;
    }

    /// A transaction whose records a reader of committed ones leaves out.
    struct AbortedTransaction {
        /// Whose.
        producer_id: i64, 4..;
        /// Where it begins.
        first_offset: i64, 4..;
    }

    /// A broker's address.
    struct NodeEndpoint {
        /// Its id.
        node_id: i32, 16..;
        /// Its host.
        host: String, 16..;
        /// Its port.
        port: i32, 16..;
        /// Where it stands.
        rack: Option<String>, 16..;
    }
}
