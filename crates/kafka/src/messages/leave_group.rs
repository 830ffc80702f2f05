//! LeaveGroup (key 13): removes members of a classic group: one up to version 2, any number after it (KIP-345).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Leaves a group.
    struct LeaveGroupRequest(key LeaveGroup, versions 0..=5, flexible from 4) {
        /// The group.
        group_id: String, 0..;
        /// Who leaves.
        member_id: String, 0..=2;
        /// Who leaves.
        members: Vec<MemberIdentity>, 3..;
    }

    /// A member that leaves.
    struct MemberIdentity {
        /// Its id; empty if a static member is removed by its name.
        member_id: String, 3..;
        /// The name of a static member.
        group_instance_id: Option<String>, 3..;
        /// Why it leaves (KIP-800).
        reason: Option<String>, 5..;
    }

    /// What became of each member.
    struct LeaveGroupResponse(key LeaveGroup, versions 0..=5, flexible from 4) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 1..;
        /// Why nobody left.
        error_code: Option<ErrorCode>, 0..;
        /// By member.
        members: Vec<MemberResponse>, 3..;
    }

    /// What became of a member.
    struct MemberResponse {
        /// Its id.
        member_id: String, 3..;
        /// The name of a static member.
        group_instance_id: Option<String> = Some(String::new()), 3..;
        /// Why it did not leave.
        error_code: Option<ErrorCode>, 3..;
    }
}
