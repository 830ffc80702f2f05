//! What `describe_configs` answers, from the same table as `--print-config`.

use std::collections::BTreeMap;

use yak_model::api::{ConfigEntry, ConfigSource};
use yak_model::config::{ConfigKey, Origin, Settings, TOPIC_KEYS, TopicConfig};

use super::keys::BROKER_KEYS;

/// The broker's own values.
#[must_use]
pub fn describe_broker(settings: &Settings) -> Vec<ConfigEntry> {
    settings
        .iter()
        .filter(|(_, setting)| !setting.value.to_string().is_empty())
        .map(|(key, setting)| entry(key, setting.value.to_string(), source(&setting.origin)))
        .collect()
}

/// A topic's values: `overrides` as they are stored, everything else that has an effect from the broker.
#[must_use]
pub fn describe_topic(
    settings: &Settings,
    base: &TopicConfig,
    overrides: &BTreeMap<String, String>,
) -> Vec<ConfigEntry> {
    TOPIC_KEYS
        .iter()
        .filter_map(|key| match overrides.get(key.name) {
            Some(text) => {
                let value = key.kind.parse(text).map_or_else(|_| text.clone(), |value| value.to_string());
                Some(entry(key, value, ConfigSource::Topic))
            }
            None => base.get(key.name).map(|value| entry(key, value, inherited(settings, key.name))),
        })
        .collect()
}

/// Where the broker's default of a topic-level key comes from.
fn inherited(settings: &Settings, topic_key: &str) -> ConfigSource {
    let broker_key = BROKER_KEYS.keys.iter().find(|key| key.topic_key == Some(topic_key));
    broker_key.map_or(ConfigSource::Default, |key| source(&settings.get(key.name).origin))
}

const fn source(origin: &Origin) -> ConfigSource {
    match origin {
        Origin::Default => ConfigSource::Default,
        _ => ConfigSource::StaticBroker,
    }
}

fn entry(key: &ConfigKey, value: String, source: ConfigSource) -> ConfigEntry {
    ConfigEntry {
        key: key.name.to_owned(),
        value,
        source,
        read_only: key.read_only,
        documentation: key.documentation.into(),
    }
}
