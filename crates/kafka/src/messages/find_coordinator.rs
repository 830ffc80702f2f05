//! FindCoordinator (key 10): which broker leads a group or a transaction.

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks for coordinators: one up to version 3, any number after it.
    struct FindCoordinatorRequest(key FindCoordinator, versions 0..=6, flexible from 3) {
        /// The group or transactional id.
        key: String, 0..=3;
        /// What the keys are. 0: groups, 1: transactions, 2: share groups (from version 6).
        key_type: i8, 1..;
        /// The groups or transactional ids (KIP-699).
        coordinator_keys: Vec<String>, 4..;
    }

    /// The coordinators.
    struct FindCoordinatorResponse(key FindCoordinator, versions 0..=6, flexible from 3) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 1..;
        /// Why there is none.
        error_code: Option<ErrorCode>, 0..=3;
        /// The same in words.
        error_message: Option<String>, 1..=3;
        /// The broker's id.
        node_id: i32, 0..=3;
        /// Its host.
        host: String, 0..=3;
        /// Its port.
        port: i32, 0..=3;
        /// One for each key.
        coordinators: Vec<Coordinator>, 4..;
    }

    /// The coordinator of a key.
    struct Coordinator {
        /// The group or transactional id.
        key: String, 4..;
        /// The broker's id.
        node_id: i32, 4..;
        /// Its host.
        host: String, 4..;
        /// Its port.
        port: i32, 4..;
        /// Why there is none.
        error_code: Option<ErrorCode>, 4..;
        /// The same in words.
        error_message: Option<String>, 4..;
    }
}
