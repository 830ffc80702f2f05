//! DescribeGroups (key 15): the state and the members of classic groups.

use bytes::Bytes;
use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks about groups.
    struct DescribeGroupsRequest(key DescribeGroups, versions 0..=6, flexible from 5) {
        /// Which ones.
        groups: Vec<String>, 0..;
        /// Whether to say what the client may do with them.
        include_authorized_operations: bool, 3..;
    }

    /// The groups.
    struct DescribeGroupsResponse(key DescribeGroups, versions 0..=6, flexible from 5) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 1..;
        /// By group.
        groups: Vec<DescribedGroup>, 0..;
    }

    /// A group.
    struct DescribedGroup {
        /// Why it is not described.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words (KIP-1043).
        error_message: Option<String>, 6..;
        /// The group.
        group_id: String, 0..;
        /// `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable` or `Dead`.
        group_state: String, 0..;
        /// What kind of group this is; empty: of no member yet.
        protocol_type: String, 0..;
        /// The way of assigning, while the group is stable.
        protocol_data: String, 0..;
        /// By member.
        members: Vec<DescribedGroupMember>, 0..;
        /// What the client may do, one bit each; `i32::MIN`: it did not ask.
        authorized_operations: i32 = i32::MIN, 3..;
    }

    /// A member.
    struct DescribedGroupMember {
        /// Its id.
        member_id: String, 0..;
        /// The name of a static member (KIP-345).
        group_instance_id: Option<String>, 4..;
        /// What its client calls itself.
        client_id: String, 0..;
        /// From where it is connected.
        client_host: String, 0..;
        /// What it said of itself for this way of assigning, while the group is stable.
        member_metadata: Bytes, 0..;
        /// What the leader gave it, while the group is stable.
        member_assignment: Bytes, 0..;
    }
}
