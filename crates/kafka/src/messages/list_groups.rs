//! ListGroups (key 16): the groups that a broker coordinates.

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks for groups.
    struct ListGroupsRequest(key ListGroups, versions 0..=5, flexible from 3) {
        /// Those in one of these states (KIP-518); empty: in any.
        states_filter: Vec<String>, 4..;
        /// Those of one of these types (KIP-848); empty: of any.
        types_filter: Vec<String>, 5..;
    }

    /// The groups.
    struct ListGroupsResponse(key ListGroups, versions 0..=5, flexible from 3) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 1..;
        /// Why there are none.
        error_code: Option<ErrorCode>, 0..;
        /// By group.
        groups: Vec<ListedGroup>, 0..;
    }

    /// A group.
    struct ListedGroup {
        /// The group.
        group_id: String, 0..;
        /// What kind of members it has: `consumer`, `connect`.
        protocol_type: String, 0..;
        /// Its state.
        group_state: String, 4..;
        /// Its type: `classic` or `consumer`.
        group_type: String, 5..;
    }
}
