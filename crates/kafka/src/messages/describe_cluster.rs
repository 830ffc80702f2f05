//! DescribeCluster (key 60): brokers and controller (KIP-700).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks who is in the cluster.
    struct DescribeClusterRequest(key DescribeCluster, versions 0..=2, flexible from 0) {
        /// Whether to say what the client may do with the cluster.
        include_cluster_authorized_operations: bool, 0..;
        /// 1: brokers, 2: controllers (KIP-919).
        endpoint_type: i8 = 1, 1..;
        /// Whether brokers are wanted too that are registered and not alive.
        include_fenced_brokers: bool, 2..;
    }

    /// Who is in the cluster.
    struct DescribeClusterResponse(key DescribeCluster, versions 0..=2, flexible from 0) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// Why there is no answer.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 0..;
        /// What `brokers` are. 1: brokers, 2: controllers.
        endpoint_type: i8 = 1, 1..;
        /// The cluster's id.
        cluster_id: String, 0..;
        /// Whom to ask for changes; -1: unknown.
        controller_id: i32 = -1, 0..;
        /// The brokers.
        brokers: Vec<DescribeClusterBroker>, 0..;
        /// What the client may do with the cluster, as a set of bits; `i32::MIN` if that was not asked.
        cluster_authorized_operations: i32 = i32::MIN, 0..;
    }

    /// A broker and its address.
    struct DescribeClusterBroker {
        /// Its id.
        broker_id: i32, 0..;
        /// Its host, as the client reaches it.
        host: String, 0..;
        /// Its port.
        port: i32, 0..;
        /// Where it stands.
        rack: Option<String>, 0..;
        /// Whether it is registered and not alive.
        is_fenced: bool, 2..;
    }
}
