//! ConsumerGroupHeartbeat (key 68): all that a member of a group of KIP-848 says and is told.

use yak_model::{ErrorCode, Uuid};

use crate::table::table;

table! {
    /// Joins, stays in or leaves a group. What has not changed since the last heartbeat is null.
    struct ConsumerGroupHeartbeatRequest(key ConsumerGroupHeartbeat, versions 0..=1, flexible from 0) {
        /// The group.
        group_id: String, 0..;
        /// The member's id: from version 1 on it chooses it; in version 0 it is empty in the first heartbeat.
        member_id: String, 0..;
        /// The member's epoch; 0: it joins, -1: it leaves, -2: a static member leaves and will be back.
        member_epoch: i32, 0..;
        /// The name of a static member.
        instance_id: Option<String>, 0..;
        /// Where the client stands.
        rack_id: Option<String>, 0..;
        /// How long the group waits for the member to give up partitions; -1: unchanged.
        rebalance_timeout_ms: i32 = -1, 0..;
        /// The topics that it subscribes to.
        subscribed_topic_names: Option<Vec<String>>, 0..;
        /// A regular expression of topics that it subscribes to.
        subscribed_topic_regex: Option<String>, 1..;
        /// The way of assigning that it prefers.
        server_assignor: Option<String>, 0..;
        /// The partitions that it owns.
        topic_partitions: Option<Vec<TopicPartitions>>, 0..;
    }

    /// The partitions of a topic.
    struct TopicPartitions {
        /// The topic's id.
        topic_id: Uuid, 0..;
        /// Which partitions.
        partitions: Vec<i32>, 0..;
    }

    /// Where the member stands.
    struct ConsumerGroupHeartbeatResponse(key ConsumerGroupHeartbeat, versions 0..=1, flexible from 0) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// Why it is not a member.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 0..;
        /// Its id, when it joins.
        member_id: Option<String>, 0..;
        /// Its epoch.
        member_epoch: i32, 0..;
        /// When the next heartbeat is due.
        heartbeat_interval_ms: i32, 0..;
        /// The partitions that it may have now; null: those that it has.
        assignment: Option<Assignment>, 0..;
    }

    /// What a member gets.
    struct Assignment {
        /// By topic.
        topic_partitions: Vec<TopicPartitions>, 0..;
    }
}
