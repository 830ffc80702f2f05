//! Values: what is kept of a group, its members and its offsets.

use bytes::Bytes;
use yak_model::Uuid;

use crate::table::table;

table! {
    /// A committed offset. Read in versions 0 to 4; written in 3, with a topic id in 4, with an expiry of its own in 1.
    struct OffsetCommitValue {
        /// The next offset to be read.
        offset: i64, 0..;
        /// The leader epoch of the last record that was read; -1: unknown.
        leader_epoch: i32 = -1, 3..;
        /// Anything that the client wants to find again beside the offset.
        metadata: String, 0..;
        /// When it was committed, in ms since 1970.
        commit_timestamp: i64, 0..;
        /// When it expires, in ms since 1970; -1: when the broker's retention says so.
        expire_timestamp: i64 = -1, 1..=1;
        /// The topic's id; zero: unknown.
        topic_id: Uuid, 4.., tag 0;
    }

    /// A classic group. Read in versions 0 to 4; written in 3, which every Kafka from 2.3 on can read.
    struct GroupMetadataValue {
        /// What kind of group it is: `consumer`, `connect`; empty: it only commits offsets.
        protocol_type: String, 0..;
        /// Its generation.
        generation: i32, 0..;
        /// The way of assigning that was chosen; null: none, the group is empty.
        protocol: Option<String>, 0..;
        /// The member that assigns; null: none.
        leader: Option<String>, 0..;
        /// When it came into its state, in ms since 1970; -1: unknown.
        current_state_timestamp: i64 = -1, 2..;
        /// Its members.
        members: Vec<MemberMetadata>, 0..;
    }

    /// A member of a classic group.
    struct MemberMetadata {
        /// Its id.
        member_id: String, 0..;
        /// The name of a static member (KIP-345).
        group_instance_id: Option<String>, 3..;
        /// What its client calls itself.
        client_id: String, 0..;
        /// From where it was connected.
        client_host: String, 0..;
        /// How long the group waits for it to join again, in ms.
        rebalance_timeout: i32, 1..;
        /// After how long without a heartbeat it is gone, in ms.
        session_timeout: i32, 0..;
        /// What it said of itself for the chosen way of assigning.
        subscription: Bytes, 0..;
        /// What the leader gave it.
        assignment: Bytes, 0..;
    }

    /// A group of KIP-848.
    struct ConsumerGroupMetadataValue {
        /// Counts changes of members, subscriptions and topics.
        epoch: i32, 0..;
        /// A hash of the topics that it subscribes to (KIP-1101); 0: unknown.
        metadata_hash: i64, 0.., tag 0;
        /// When it was created, in ms since 1970 (KIP-1282); -1: unknown.
        creation_time_ms: i64 = -1, 0.., tag 1;
    }

    /// The topics that a group subscribes to, as Kafka 4.0 and before kept them; later ones delete this.
    struct ConsumerGroupPartitionMetadataValue {
        /// By topic.
        topics: Vec<TopicMetadata>, 0..;
    }

    /// A topic that a group subscribes to.
    struct TopicMetadata {
        /// Its id.
        topic_id: Uuid, 0..;
        /// Its name.
        topic_name: String, 0..;
        /// How many partitions it has.
        num_partitions: i32, 0..;
        /// Where its replicas stand.
        partition_metadata: Vec<PartitionMetadata>, 0..;
    }

    /// Where the replicas of a partition stand.
    struct PartitionMetadata {
        /// Which partition.
        partition: i32, 0..;
        /// Their racks.
        racks: Vec<String>, 0..;
    }

    /// A member of a group of KIP-848, as it describes itself.
    struct ConsumerGroupMemberMetadataValue {
        /// The name of a static member.
        instance_id: Option<String>, 0..;
        /// Where its client stands.
        rack_id: Option<String>, 0..;
        /// What its client calls itself.
        client_id: String, 0..;
        /// From where it was connected.
        client_host: String, 0..;
        /// The topics that it subscribes to.
        subscribed_topic_names: Vec<String>, 0..;
        /// A regular expression of topics that it subscribes to.
        subscribed_topic_regex: Option<String>, 0..;
        /// How long the group waits for it to give up partitions.
        rebalance_timeout_ms: i32 = -1, 0..;
        /// The way of assigning that it prefers.
        server_assignor: Option<String>, 0..;
        /// What a member that speaks the classic protocol is beside that; null: it does not. Kafka takes what is left
        /// out for a classic member of no protocol, not for null.
        classic_member_metadata: Option<ClassicMemberMetadata> = Some(ClassicMemberMetadata::default()), 0.., tag 0;
    }

    /// A member that speaks the classic protocol in a group of KIP-848.
    struct ClassicMemberMetadata {
        /// After how long without a heartbeat it is gone.
        session_timeout_ms: i32, 0..;
        /// The ways of assigning that it knows.
        supported_protocols: Vec<ClassicProtocol>, 0..;
    }

    /// A way of assigning.
    struct ClassicProtocol {
        /// Its name.
        name: String, 0..;
        /// What the member says of itself for it.
        metadata: Bytes, 0..;
    }

    /// For which epoch of its group the target assignment was made.
    struct ConsumerGroupTargetAssignmentMetadataValue {
        /// The epoch.
        assignment_epoch: i32, 0..;
        /// When it was made, in ms since 1970 (KIP-1263); 0: unknown.
        assignment_timestamp: i64, 0.., tag 0;
    }

    /// What a member is to have.
    struct ConsumerGroupTargetAssignmentMemberValue {
        /// By topic.
        topic_partitions: Vec<TargetPartitions>, 0..;
    }

    /// The partitions of a topic that a member is to have.
    struct TargetPartitions {
        /// The topic's id.
        topic_id: Uuid, 0..;
        /// Which partitions.
        partitions: Vec<i32>, 0..;
    }

    /// What a member has.
    struct ConsumerGroupCurrentMemberAssignmentValue {
        /// The epoch that the member is told.
        member_epoch: i32, 0..;
        /// The epoch before, with which a member comes that missed the last answer.
        previous_member_epoch: i32, 0..;
        /// 0: stable, 1: it has to give up partitions, 2: it waits for others to do so; 127: unknown.
        state: i8, 0..;
        /// What it has.
        assigned_partitions: Vec<CurrentPartitions>, 0..;
        /// What it has to give up.
        partitions_pending_revocation: Vec<CurrentPartitions>, 0..;
    }

    /// The partitions of a topic that a member has.
    struct CurrentPartitions {
        /// The topic's id.
        topic_id: Uuid, 0..;
        /// Which partitions.
        partitions: Vec<i32>, 0..;
        /// The epoch in which each was assigned (KIP-1251); null or empty: unknown.
        assignment_epochs: Option<Vec<i32>> = Some(Vec::new()), 0.., tag 0;
    }

    /// The topics that a regular expression of a group matches.
    struct ConsumerGroupRegularExpressionValue {
        /// Their names.
        topics: Vec<String>, 0..;
        /// The version of the cluster's metadata in which they were looked up.
        version: i64, 0..;
        /// When, in ms since 1970.
        timestamp: i64, 0..;
    }
}
