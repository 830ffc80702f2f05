//! IncrementalAlterConfigs (key 44): changes single keys of configurations (KIP-339).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Changes configurations.
    struct IncrementalAlterConfigsRequest(key IncrementalAlterConfigs, versions 0..=1, flexible from 1) {
        /// Of what.
        resources: Vec<AlterConfigsResource>, 0..;
        /// Whether to run every check and change nothing.
        validate_only: bool, 0..;
    }

    /// A topic or broker and what to change.
    struct AlterConfigsResource {
        /// What it is; see [`super::describe_configs`].
        resource_type: i8, 0..;
        /// Its name or id.
        resource_name: String, 0..;
        /// Key by key.
        configs: Vec<AlterableConfig>, 0..;
    }

    /// A key and what to do with it.
    struct AlterableConfig {
        /// The key.
        name: String, 0..;
        /// 0: set it. 1: back to its default. 2: append to the list. 3: take out of the list.
        config_operation: i8, 0..;
        /// The value; null when there is none to be told.
        value: Option<String> = Some(String::new()), 0..;
    }

    /// What became of each resource.
    struct IncrementalAlterConfigsResponse(key IncrementalAlterConfigs, versions 0..=1, flexible from 1) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// One for each resource.
        responses: Vec<AlterConfigsResourceResponse>, 0..;
    }

    /// What became of a topic's or broker's configuration.
    struct AlterConfigsResourceResponse {
        /// Why it was not changed.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 0..;
        /// What it is of.
        resource_type: i8, 0..;
        /// Its name or id.
        resource_name: String, 0..;
    }
}
