//! Heartbeat (key 12): a member of a classic group is alive.

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Keeps a member's session.
    struct HeartbeatRequest(key Heartbeat, versions 0..=4, flexible from 4) {
        /// The group.
        group_id: String, 0..;
        /// The generation that the member knows.
        generation_id: i32, 0..;
        /// The member's id.
        member_id: String, 0..;
        /// The name of a static member (KIP-345).
        group_instance_id: Option<String>, 3..;
    }

    /// Whether the member is still one of the group.
    struct HeartbeatResponse(key Heartbeat, versions 0..=4, flexible from 4) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 1..;
        /// Why it is not, or has to join again.
        error_code: Option<ErrorCode>, 0..;
    }
}
