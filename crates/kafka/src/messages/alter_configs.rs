//! AlterConfigs (key 33): replaces configurations as a whole (KIP-133).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Replaces configurations: a key that is not named has its default again.
    struct AlterConfigsRequest(key AlterConfigs, versions 0..=2, flexible from 2) {
        /// Of what.
        resources: Vec<AlterConfigsResource>, 0..;
        /// Whether to run every check and change nothing.
        validate_only: bool, 0..;
    }

    /// A topic or broker and its new configuration.
    struct AlterConfigsResource {
        /// What it is; see [`super::describe_configs`].
        resource_type: i8, 0..;
        /// Its name or id.
        resource_name: String, 0..;
        /// Key by key.
        configs: Vec<AlterableConfig>, 0..;
    }

    /// A key.
    struct AlterableConfig {
        /// The key.
        name: String, 0..;
        /// Its value.
        value: Option<String> = Some(String::new()), 0..;
    }

    /// What became of each resource.
    struct AlterConfigsResponse(key AlterConfigs, versions 0..=2, flexible from 2) {
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
