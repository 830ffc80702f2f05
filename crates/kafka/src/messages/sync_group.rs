//! SyncGroup (key 14): hands a classic group's assignment from its leader to its members.

use bytes::Bytes;
use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks for the member's assignment; the leader brings everybody's.
    struct SyncGroupRequest(key SyncGroup, versions 0..=5, flexible from 4) {
        /// The group.
        group_id: String, 0..;
        /// The generation that the member knows.
        generation_id: i32, 0..;
        /// The member's id.
        member_id: String, 0..;
        /// The name of a static member (KIP-345).
        group_instance_id: Option<String>, 3..;
        /// What kind of group this is (KIP-559).
        protocol_type: Option<String>, 5..;
        /// The way of assigning.
        protocol_name: Option<String>, 5..;
        /// By member; of the leader alone.
        assignments: Vec<SyncGroupRequestAssignment>, 0..;
    }

    /// What a member gets.
    struct SyncGroupRequestAssignment {
        /// The member's id.
        member_id: String, 0..;
        /// Of consumers an [`Assignment`](crate::consumer_protocol::Assignment).
        assignment: Bytes, 0..;
    }

    /// The member's assignment.
    struct SyncGroupResponse(key SyncGroup, versions 0..=5, flexible from 4) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 1..;
        /// Why there is none.
        error_code: Option<ErrorCode>, 0..;
        /// What kind of group this is (KIP-559).
        protocol_type: Option<String>, 5..;
        /// The way of assigning.
        protocol_name: Option<String>, 5..;
        /// What the leader gave it.
        assignment: Bytes, 0..;
    }
}
