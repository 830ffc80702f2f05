//! Describe and alter configuration.

use std::borrow::Cow;

use super::Rejection;
use crate::metadata::ConfigResource;

/// Asks for configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeConfigs {
    /// Of what, and which keys (`None` for all).
    pub resources: Vec<(ConfigResource, Option<Vec<String>>)>,
}

/// One result for each resource, in the order asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeConfigsReply {
    /// What was found.
    pub resources: Vec<DescribedConfigs>,
}

/// The configuration of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedConfigs {
    /// Of what.
    pub resource: ConfigResource,
    /// Its values, by key.
    pub entries: Result<Vec<ConfigEntry>, Rejection>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on this broker while running.
    DynamicBroker,
    /// Set on all brokers while running.
    DynamicDefault,
    /// From the broker's file, environment or flags.
    StaticBroker,
    /// Nobody set it.
    Default,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Kafka's key name.
    pub key: String,
    /// The value in effect.
    pub value: String,
    /// Where it comes from.
    pub source: ConfigSource,
    /// Whether it can only be set before the start.
    pub read_only: bool,
    /// What it does.
    pub documentation: Cow<'static, str>,
}

/// Changes configuration, each key by itself (Kafka's incremental alter, KIP-339).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterConfigs {
    /// Of what, and what to change. A resource is changed whole or not at all.
    pub resources: Vec<(ConfigResource, Vec<ConfigAlteration>)>,
    /// Only say what would happen.
    pub validate_only: bool,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigAlteration {
    /// Kafka's key name.
    pub key: String,
    /// The new value; `None` returns to the default.
    pub value: Option<String>,
}

/// One result for each resource, in the order asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterConfigsReply {
    /// What was changed.
    pub resources: Vec<AlteredConfigs>,
}

/// What became of the changes of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlteredConfigs {
    /// Of what.
    pub resource: ConfigResource,
    /// Whether all of its changes were made, or why none was.
    pub result: Result<(), Rejection>,
}
