//! DeleteGroups (key 42): deletes groups that have no members, and their offsets (KIP-229).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Deletes groups.
    struct DeleteGroupsRequest(key DeleteGroups, versions 0..=2, flexible from 2) {
        /// Which ones.
        groups_names: Vec<String>, 0..;
    }

    /// What became of each group.
    struct DeleteGroupsResponse(key DeleteGroups, versions 0..=2, flexible from 2) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// By group.
        results: Vec<DeletableGroupResult>, 0..;
    }

    /// What became of a group.
    struct DeletableGroupResult {
        /// The group.
        group_id: String, 0..;
        /// Why it was not deleted.
        error_code: Option<ErrorCode>, 0..;
    }
}
