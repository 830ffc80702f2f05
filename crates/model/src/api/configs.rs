//! Describe and alter configuration.

use std::borrow::Cow;

use super::Rejection;
use crate::config::{ConfigKind, TimeUnit};
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

/// What kind of value a key has, as Kafka tells it to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// A text.
    String,
    /// A number of 32 bits.
    Int,
    /// A number of 16 bits.
    Short,
    /// A number of 64 bits.
    Long,
    /// A number with a fraction.
    Double,
    /// Texts, separated by commas.
    List,
    /// A class of Java.
    Class,
    /// A text that is never shown.
    Password,
}

impl ConfigType {
    /// The type of a kind.
    #[must_use]
    pub const fn of(kind: ConfigKind) -> Self {
        match kind {
            ConfigKind::Boolean => Self::Boolean,
            ConfigKind::Whole { max, .. } | ConfigKind::Size { max, .. } if max <= i32::MAX as i64 => {
                Self::Int
            }
            // As in Kafka: hours and minutes are small numbers.
            ConfigKind::Duration { max, unit, .. }
                if max <= i32::MAX as i64 || !matches!(unit, TimeUnit::Milliseconds) =>
            {
                Self::Int
            }
            ConfigKind::Whole { .. } | ConfigKind::Size { .. } | ConfigKind::Duration { .. } => Self::Long,
            ConfigKind::Ratio => Self::Double,
            ConfigKind::Choice(_) | ConfigKind::Text => Self::String,
            ConfigKind::Choices(_) | ConfigKind::List => Self::List,
            ConfigKind::Secret => Self::Password,
        }
    }
}

/// A place from which a value comes, or would come if those before it did not have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key there: of a topic's value, the broker's key that is its default.
    pub key: String,
    /// The value there; `None` if it is not shown.
    pub value: Option<String>,
    /// Where that is.
    pub source: ConfigSource,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Kafka's key name.
    pub key: String,
    /// The value in effect; `None` if there is none, or it is not shown.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
    /// What kind of value it is.
    pub config_type: ConfigType,
    /// Whether it can only be set before the start (of a broker) or at creation (of a topic).
    pub read_only: bool,
    /// Whether the value is secret: then it is never shown.
    pub sensitive: bool,
    /// Every place that has a value, the one in effect first.
    pub synonyms: Vec<ConfigSynonym>,
    /// What it does.
    pub documentation: Cow<'static, str>,
}

/// Changes configuration, each key by itself (Kafka's incremental alter, KIP-339), or all of it (its former alter).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlterConfigs {
    /// Of what, and what to change. A resource is changed whole or not at all.
    pub resources: Vec<(ConfigResource, Vec<ConfigAlteration>)>,
    /// Keys that are not named go back to their defaults, but for what was decided at creation.
    pub replace: bool,
    /// Only say what would happen.
    pub validate_only: bool,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigAlteration {
    /// Kafka's key name.
    pub key: String,
    /// What happens to its value.
    pub change: ConfigChange,
}

/// What happens to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// It is this one.
    Set(String),
    /// It goes back to the default.
    Unset,
    /// These items, separated by commas, are in the list, too.
    Append(String),
    /// These items, separated by commas, are not in the list any more.
    Subtract(String),
}

impl ConfigAlteration {
    /// A new value.
    pub fn set(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), change: ConfigChange::Set(value.into()) }
    }

    /// Back to the default.
    pub fn unset(key: impl Into<String>) -> Self {
        Self { key: key.into(), change: ConfigChange::Unset }
    }
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
