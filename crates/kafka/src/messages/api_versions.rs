//! ApiVersions (key 18): what a broker speaks; a client's first request.

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks which APIs the broker has, and in which versions.
    struct ApiVersionsRequest(key ApiVersions, versions 0..=4, flexible from 3) {
        /// What the client calls its software.
        client_software_name: String, 3..;
        /// The version of that software.
        client_software_version: String, 3..;
    }

    /// What the broker has. To a version that it does not know it answers by version 0 and
    /// `UNSUPPORTED_VERSION`.
    struct ApiVersionsResponse(key ApiVersions, versions 0..=4, flexible from 3) {
        /// What is wrong with the request.
        error_code: Option<ErrorCode>, 0..;
        /// The APIs.
        api_keys: Vec<ApiVersion>, 0..;
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 1..;
        /// Features that the broker could have. Up to version 3 none with a minimum of 0 may be listed (KIP-584,
        /// KAFKA-17011).
        supported_features: Vec<SupportedFeatureKey>, 3.., tag 0;
        /// Grows with each change of `finalized_features`; -1: unknown.
        finalized_features_epoch: i64 = -1, 3.., tag 1;
        /// Features that the cluster has.
        finalized_features: Vec<FinalizedFeatureKey>, 3.., tag 2;
        /// Of controllers that come from ZooKeeper.
        zk_migration_ready: bool, 3.., tag 3;
    }

    /// The versions of an API.
    struct ApiVersion {
        /// Which API; see [`crate::ApiKey`].
        api_key: i16, 0..;
        /// The first version.
        min_version: i16, 0..;
        /// The last version.
        max_version: i16, 0..;
    }

    /// A feature that the broker could have.
    struct SupportedFeatureKey {
        /// Its name.
        name: String, 3..;
        /// The first level.
        min_version: i16, 3..;
        /// The last level.
        max_version: i16, 3..;
    }

    /// A feature that the cluster has.
    struct FinalizedFeatureKey {
        /// Its name.
        name: String, 3..;
        /// The highest level that is in use.
        max_version_level: i16, 3..;
        /// The lowest level that is in use.
        min_version_level: i16, 3..;
    }
}
