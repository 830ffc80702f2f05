//! JoinGroup (key 11): enters a classic group's next generation.

use bytes::Bytes;
use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Joins a group, or joins it again.
    struct JoinGroupRequest(key JoinGroup, versions 0..=9, flexible from 6) {
        /// The group.
        group_id: String, 0..;
        /// After how long without a heartbeat the member is gone.
        session_timeout_ms: i32, 0..;
        /// How long the group waits for the member to join again; -1: as long as the session (version 0).
        rebalance_timeout_ms: i32 = -1, 1..;
        /// The id that the coordinator gave; empty: none yet.
        member_id: String, 0..;
        /// The name of a static member (KIP-345).
        group_instance_id: Option<String>, 5..;
        /// What kind of group this is: `consumer`, `connect`.
        protocol_type: String, 0..;
        /// The ways of assigning that the member knows, the preferred one first.
        protocols: Vec<JoinGroupRequestProtocol>, 0..;
        /// Why it joins (KIP-800).
        reason: Option<String>, 8..;
    }

    /// A way of assigning.
    struct JoinGroupRequestProtocol {
        /// Its name.
        name: String, 0..;
        /// What the leader is to know of the member: of consumers a [`Subscription`](crate::consumer_protocol::Subscription).
        metadata: Bytes, 0..;
    }

    /// The generation that was entered.
    struct JoinGroupResponse(key JoinGroup, versions 0..=9, flexible from 6) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 2..;
        /// Why it was not entered.
        error_code: Option<ErrorCode>, 0..;
        /// Its number.
        generation_id: i32 = -1, 0..;
        /// What kind of group this is.
        protocol_type: Option<String>, 7..;
        /// The way of assigning that all members know.
        protocol_name: Option<String> = Some(String::new()), 0.., nullable 7..;
        /// The member that assigns.
        leader: String, 0..;
        /// Whether the leader is to keep the assignment that there is (KIP-814).
        skip_assignment: bool, 9..;
        /// The member's id.
        member_id: String, 0..;
        /// All members; for the leader alone.
        members: Vec<JoinGroupResponseMember>, 0..;
    }

    /// A member, as the leader sees it.
    struct JoinGroupResponseMember {
        /// Its id.
        member_id: String, 0..;
        /// The name of a static member.
        group_instance_id: Option<String>, 5..;
        /// What it said of itself for this way of assigning.
        metadata: Bytes, 0..;
    }
}
