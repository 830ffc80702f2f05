//! DescribeConfigs (key 32): every key with its value, source, type and documentation (KIP-133, KIP-226, KIP-569).
//!
//! Resource types: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
//! Sources: 0 unknown, 1 topic, 2 dynamic broker, 3 dynamic default of brokers, 4 static broker, 5 default,
//! 6 dynamic broker logger, 7 client metrics, 8 group.
//! Types: 0 unknown, 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks for configurations.
    struct DescribeConfigsRequest(key DescribeConfigs, versions 1..=4, flexible from 4) {
        /// Of what.
        resources: Vec<DescribeConfigsResource>, 0..;
        /// Whether to say what a key would be if it were not set where it is.
        include_synonyms: bool, 1..;
        /// Whether to say what keys mean.
        include_documentation: bool, 3..;
    }

    /// A topic or broker.
    struct DescribeConfigsResource {
        /// What it is.
        resource_type: i8, 0..;
        /// Its name or id.
        resource_name: String, 0..;
        /// Which keys; null: all.
        configuration_keys: Option<Vec<String>> = Some(Vec::new()), 0..;
    }

    /// The configurations.
    struct DescribeConfigsResponse(key DescribeConfigs, versions 1..=4, flexible from 4) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// One for each resource.
        results: Vec<DescribeConfigsResult>, 0..;
    }

    /// The configuration of a topic or broker.
    struct DescribeConfigsResult {
        /// Why there is none.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 0..;
        /// What it is of.
        resource_type: i8, 0..;
        /// Its name or id.
        resource_name: String, 0..;
        /// Key by key.
        configs: Vec<DescribeConfigsResourceResult>, 0..;
    }

    /// A key.
    struct DescribeConfigsResourceResult {
        /// The key.
        name: String, 0..;
        /// Its value; null if it is secret or not set.
        value: Option<String> = Some(String::new()), 0..;
        /// Whether it cannot be changed.
        read_only: bool, 0..;
        /// Where the value comes from.
        config_source: i8 = -1, 1..;
        /// Whether it is secret.
        is_sensitive: bool, 0..;
        /// Where else it is set, in order of precedence.
        synonyms: Vec<DescribeConfigsSynonym>, 1..;
        /// The value's type.
        config_type: i8, 3..;
        /// What the key means.
        documentation: Option<String> = Some(String::new()), 3..;
    }

    /// A place where a key is set.
    struct DescribeConfigsSynonym {
        /// The key, as it is called there.
        name: String, 1..;
        /// Its value; null if it is secret or not set.
        value: Option<String> = Some(String::new()), 1..;
        /// The place.
        source: i8, 1..;
    }
}
