//! What `describe_configs` answers, from the same table as `--print-config`.
//!
//! ```text
//!   topic's own value ─► this broker's, set while it runs ─► all brokers' ─► file, environment, flags ─► default
//! ```
//! The first that is there is in effect; the others are its synonyms.

use std::collections::BTreeMap;

use yak_core::image::{ConfigMap, Image};
use yak_model::BrokerId;
use yak_model::api::{ConfigEntry, ConfigSource, ConfigSynonym, ConfigType};
use yak_model::config::{
    ConfigKey, ConfigKind, Effect, Origin, Settings, TOPIC_KEYS, dynamic_broker_key, dynamic_broker_keys,
};
use yak_model::metadata::ConfigResource;

use super::keys::BROKER_KEYS;

/// Topic-level keys that Kafka knew until 3.9, and that nobody looks for in a description.
const FORMER: [&str; 2] = ["message.downconversion.enable", "message.format.version"];

/// Where a broker's values come from.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// What was written before the start.
    pub settings: &'a Settings,
    /// What was set on this broker while it runs.
    pub broker: &'a ConfigMap,
    /// What was set on all brokers while they run.
    pub default: &'a ConfigMap,
}

impl<'a> Layers<'a> {
    /// Those of a broker, by its settings and the metadata.
    #[must_use]
    pub fn new(settings: &'a Settings, image: &'a Image, broker_id: BrokerId) -> Self {
        let broker = image.config(&ConfigResource::Broker(broker_id));
        Self { settings, broker, default: image.config(&ConfigResource::ClusterDefault) }
    }

    /// Every place that has a value under one of these names of one thing, the place that counts first, each with its
    /// value as a value of the first name.
    fn values(&self, names: &[&'static str]) -> Vec<(ConfigSynonym, String)> {
        let mut values = Vec::new();
        let dynamic =
            [(ConfigSource::DynamicBroker, self.broker), (ConfigSource::DynamicDefault, self.default)];
        for (source, layer) in dynamic {
            for name in names {
                if let Some(text) = layer.get(*name)
                    && let Some(value) =
                        dynamic_broker_key(name).and_then(|key| key.as_topic_value(text).ok())
                {
                    values.push((synonym(name, text.clone(), source), value));
                }
            }
        }
        let Some(main) = names.first() else { return values };
        // Under the first name stands what counts of all of them.
        let setting = self.settings.get(main);
        let value = setting.value.to_string();
        if setting.origin != Origin::Default {
            for name in names.iter().filter(|name| self.settings.get(name).origin != Origin::Default) {
                let text = self.settings.text(name);
                values.push((synonym(name, text, ConfigSource::StaticBroker), value.clone()));
            }
        } else if !value.is_empty() {
            values.push((synonym(main, value.clone(), ConfigSource::Default), value));
        }
        let row = BROKER_KEYS.find(main).filter(|row| !row.default.is_empty());
        if let (Some(row), true) = (row, setting.origin != Origin::Default) {
            values
                .push((synonym(main, row.default.to_owned(), ConfigSource::Default), row.default.to_owned()));
        }
        values
    }
}

/// The broker's own values.
#[must_use]
pub fn describe_broker(layers: &Layers<'_>) -> Vec<ConfigEntry> {
    let describe = |(key, _): (&'static ConfigKey, _)| {
        let mut names = vec![key.name];
        if let Some(topic_key) = key.topic_key {
            names.extend(dynamic_broker_keys(topic_key).map(|key| key.name).filter(|name| *name != key.name));
        }
        entry(key, layers.values(&names), key.documentation.to_owned())
    };
    layers.settings.iter().map(describe).collect()
}

/// What was set on all brokers while they run.
#[must_use]
pub fn describe_default(default: &ConfigMap) -> Vec<ConfigEntry> {
    let describe = |(name, value): (&String, &String)| {
        let key = BROKER_KEYS.find(name)?;
        let values = vec![(synonym(name, value.clone(), ConfigSource::DynamicDefault), value.clone())];
        Some(entry(key, values, key.documentation.to_owned()))
    };
    default.iter().filter_map(describe).collect()
}

/// A topic's values: `overrides` as they are stored, everything else from the broker, or from the table where no broker
/// has a say.
#[must_use]
pub fn describe_topic(layers: &Layers<'_>, overrides: &BTreeMap<String, String>) -> Vec<ConfigEntry> {
    let is_known = |key: &&ConfigKey| !FORMER.contains(&key.name);
    let describe = |key: &ConfigKey| {
        let mut values = Vec::new();
        if let Some(text) = overrides.get(key.name) {
            let value = key.kind.parse(text).map_or_else(|_| text.clone(), |value| value.to_string());
            values.push((synonym(key.name, value.clone(), ConfigSource::Topic), value));
        }
        values.extend(layers.values(&broker_names(key.name)));
        if values.is_empty() {
            values.push((
                synonym(key.name, key.default.to_owned(), ConfigSource::Default),
                key.default.to_owned(),
            ));
        }
        let documentation = match key.effect {
            Effect::Works => key.documentation.to_owned(),
            Effect::None(reason) => format!("{} It has no effect here: {reason}.", key.documentation),
        };
        entry(key, values, documentation)
    };
    TOPIC_KEYS.iter().filter(is_known).map(describe).collect()
}

/// The names of the broker's default of a topic-level key, that which counts most first.
fn broker_names(topic_key: &str) -> Vec<&'static str> {
    let main = BROKER_KEYS.keys.iter().find(|key| key.topic_key == Some(topic_key)).map(|key| key.name);
    let others = dynamic_broker_keys(topic_key).map(|key| key.name).filter(|name| Some(*name) != main);
    main.into_iter().chain(others).collect()
}

fn synonym(key: &str, value: String, source: ConfigSource) -> ConfigSynonym {
    ConfigSynonym { key: key.to_owned(), value: Some(value), source }
}

fn entry(key: &ConfigKey, values: Vec<(ConfigSynonym, String)>, documentation: String) -> ConfigEntry {
    let sensitive = key.kind == ConfigKind::Secret;
    let in_effect = values.first();
    let source = in_effect.map_or(ConfigSource::Default, |(synonym, _)| synonym.source);
    let value = in_effect.map(|(_, value)| value.clone()).filter(|_| !sensitive);
    let hide = |(synonym, _)| ConfigSynonym { value: None, ..synonym };
    let synonyms = values.into_iter();
    let synonyms =
        if sensitive { synonyms.map(hide).collect() } else { synonyms.map(|(it, _)| it).collect() };
    ConfigEntry {
        key: key.name.to_owned(),
        value,
        source,
        config_type: ConfigType::of(key.kind),
        read_only: key.read_only,
        sensitive,
        synonyms,
        documentation: documentation.into(),
    }
}
