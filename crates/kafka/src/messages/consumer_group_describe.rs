//! ConsumerGroupDescribe (key 69): the state and the members of groups of KIP-848.

use yak_model::{ErrorCode, Uuid};

use crate::table::table;

table! {
    /// Asks about groups.
    struct ConsumerGroupDescribeRequest(key ConsumerGroupDescribe, versions 0..=1, flexible from 0) {
        /// Which ones.
        group_ids: Vec<String>, 0..;
        /// Whether to say what the client may do with them.
        include_authorized_operations: bool, 0..;
    }

    /// The groups.
    struct ConsumerGroupDescribeResponse(key ConsumerGroupDescribe, versions 0..=1, flexible from 0) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// By group.
        groups: Vec<DescribedGroup>, 0..;
    }

    /// A group.
    struct DescribedGroup {
        /// Why it is not described.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 0..;
        /// The group.
        group_id: String, 0..;
        /// `Empty`, `Assigning`, `Reconciling`, `Stable` or `Dead`.
        group_state: String, 0..;
        /// Counts changes of members, subscriptions and topics.
        group_epoch: i32, 0..;
        /// For which of these the target assignment was made.
        assignment_epoch: i32, 0..;
        /// The way of assigning.
        assignor_name: String, 0..;
        /// By member.
        members: Vec<Member>, 0..;
        /// What the client may do, one bit each; `i32::MIN`: it did not ask.
        authorized_operations: i32 = i32::MIN, 0..;
    }

    /// A member.
    struct Member {
        /// Its id.
        member_id: String, 0..;
        /// The name of a static member.
        instance_id: Option<String>, 0..;
        /// Where its client stands.
        rack_id: Option<String>, 0..;
        /// Its epoch.
        member_epoch: i32, 0..;
        /// What its client calls itself.
        client_id: String, 0..;
        /// From where it is connected.
        client_host: String, 0..;
        /// The topics that it subscribes to.
        subscribed_topic_names: Vec<String>, 0..;
        /// A regular expression of topics that it subscribes to.
        subscribed_topic_regex: Option<String>, 0..;
        /// What it has.
        assignment: Assignment, 0..;
        /// What it is to have.
        target_assignment: Assignment, 0..;
        /// -1: unknown, 0: it speaks the classic protocol, 1: that of KIP-848.
        member_type: i8 = -1, 1..;
    }

    /// Partitions of a member.
    struct Assignment {
        /// By topic.
        topic_partitions: Vec<TopicPartitions>, 0..;
    }

    /// The partitions of a topic.
    struct TopicPartitions {
        /// The topic's id.
        topic_id: Uuid, 0..;
        /// Its name.
        topic_name: String, 0..;
        /// Which partitions.
        partitions: Vec<i32>, 0..;
    }
}
