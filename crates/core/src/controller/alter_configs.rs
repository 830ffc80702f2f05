//! Alter configs: set and unset values, a resource whole or not at all (KIP-339).

use std::collections::{BTreeMap, BTreeSet};

use yak_model::api::{AlterConfigs, ConfigAlteration, ConfigChange, Rejection};
use yak_model::config::{ConfigKind, ConfigProblem, dynamic_broker_key, topic_key};
use yak_model::metadata::{ConfigResource, MetadataRecord};
use yak_model::{ErrorCode, TopicName};

use super::Draft;
use super::command::Decide;
use super::create_topics::{check_config, check_length};
use super::fence_broker::change_partitions;
use super::partition_change::PartitionChange;
use crate::image::ConfigMap;

impl Decide for AlterConfigs {
    type Reply = Vec<Result<(), Rejection>>;

    /// Keys of topics are checked here, and those of brokers that can be changed while they run. Of others a broker
    /// that forwards the command says what they are, whose table they stand in.
    fn decide(self, draft: &mut Draft<'_>) -> Result<Self::Reply, Rejection> {
        let mut results = Vec::with_capacity(self.resources.len());
        let mut seen = BTreeSet::new();
        for (resource, alterations) in self.resources {
            if !seen.insert(resource.clone()) {
                let message = format!("{} stands in the request more than once", describe(&resource));
                results.push(Err(Rejection::new(ErrorCode::InvalidRequest, message)));
                continue;
            }
            results.push(alter(draft, resource, alterations, self.replace));
        }
        if self.validate_only {
            draft.discard();
        }
        Ok(results)
    }
}

fn alter(
    draft: &mut Draft<'_>,
    resource: ConfigResource,
    alterations: Vec<ConfigAlteration>,
    replace: bool,
) -> Result<(), Rejection> {
    check_resource(draft, &resource)?;
    let present = draft.image().config(&resource).clone();
    let values = new_values(&resource, &present, alterations, replace)?;
    for (key, value) in &values {
        check(&resource, (key, value.as_deref()), present.get(key).map(String::as_str))?;
    }
    let mut changes = values.into_iter().filter(|(key, value)| present.get(key) != value.as_ref()).peekable();
    if changes.peek().is_none() {
        return Ok(());
    }
    draft.because(format!("configuration of {} altered on request", describe(&resource)));
    for (key, value) in changes {
        draft.push(MetadataRecord::Config { resource: resource.clone(), key, value });
    }
    if let ConfigResource::Topic(name) = &resource {
        settle(draft, name);
    }
    Ok(())
}

fn check_resource(draft: &Draft<'_>, resource: &ConfigResource) -> Result<(), Rejection> {
    match resource {
        ConfigResource::Topic(name) => draft.topic(name).map(drop),
        ConfigResource::Broker(id) if draft.image().broker(*id).is_none() => {
            let message = format!("broker {id} is not registered");
            Err(Rejection::new(ErrorCode::BrokerIdNotRegistered, message))
        }
        ConfigResource::Broker(_) | ConfigResource::ClusterDefault => Ok(()),
    }
}

/// The value of each key that is named, or that a replacement takes away.
fn new_values(
    resource: &ConfigResource,
    present: &ConfigMap,
    alterations: Vec<ConfigAlteration>,
    replace: bool,
) -> Result<BTreeMap<String, Option<String>>, Rejection> {
    let mut values = BTreeMap::new();
    for ConfigAlteration { key, change } in alterations {
        let value = match change {
            ConfigChange::Set(value) => Some(value),
            ConfigChange::Unset => None,
            ConfigChange::Append(items) => {
                let mut list = list(resource, present, &key)?;
                for item in split(&items) {
                    if !list.contains(&item) {
                        list.push(item);
                    }
                }
                Some(list.join(","))
            }
            ConfigChange::Subtract(items) => {
                let mut list = list(resource, present, &key)?;
                let gone: Vec<String> = split(&items).collect();
                list.retain(|item| !gone.contains(item));
                Some(list.join(","))
            }
        };
        if values.contains_key(&key) {
            let message = format!("{key}: altered more than once");
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        values.insert(key, value);
    }
    if replace {
        let is_decided = |key: &str| {
            matches!(resource, ConfigResource::Topic(_)) && topic_key(key).is_some_and(|row| row.read_only)
        };
        for key in present.keys().filter(|key| !is_decided(key)) {
            values.entry(key.clone()).or_insert(None);
        }
    }
    Ok(values)
}

/// The items of a list as it is, or by default; `INVALID_CONFIG` if the key is no list.
fn list(resource: &ConfigResource, present: &ConfigMap, key: &str) -> Result<Vec<String>, Rejection> {
    check_length(key, "")?;
    let row = match resource {
        ConfigResource::Topic(_) => topic_key(key),
        _ => dynamic_broker_key(key).and_then(|row| topic_key(row.topic_key)),
    };
    match row {
        Some(row) if matches!(row.kind, ConfigKind::List | ConfigKind::Choices(_)) => {
            Ok(split(present.get(key).map_or(row.default, String::as_str)).collect())
        }
        _ => {
            let message =
                format!("{key}: is no list, so nothing can be appended to it or subtracted from it");
            Err(Rejection::new(ErrorCode::InvalidConfig, message))
        }
    }
}

fn split(items: &str) -> impl Iterator<Item = String> {
    items.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned)
}

/// Checks a key and what its value shall be.
fn check(
    resource: &ConfigResource,
    (key, value): (&str, Option<&str>),
    present: Option<&str>,
) -> Result<(), Rejection> {
    if !matches!(resource, ConfigResource::Topic(_)) {
        return check_of_broker(key, value);
    }
    // Unsetting an unknown key says that it is unknown, by way of a value that fits no key.
    check_config(key, value.or(topic_key(key).map(|row| row.default)).unwrap_or_default())?;
    if topic_key(key).is_some_and(|row| row.read_only) && present != value {
        let message = format!("{key}: is decided when the topic is created");
        return Err(Rejection::new(ErrorCode::InvalidConfig, message));
    }
    Ok(())
}

/// A value of brokers, which they take over at once: those there are by the table that they read it with.
fn check_of_broker(key: &str, value: Option<&str>) -> Result<(), Rejection> {
    check_length(key, value.unwrap_or_default())?;
    let Some(row) = dynamic_broker_key(key) else {
        let message = format!("{key}: is no key that can be changed while brokers run");
        return Err(Rejection::new(ErrorCode::InvalidRequest, message));
    };
    let invalid = |problem: ConfigProblem| Rejection::new(ErrorCode::InvalidConfig, problem.to_string());
    value.map_or(Ok(()), |value| row.check(value).map_err(invalid))
}

/// With a smaller minimum the ISR may have become large enough: then nobody is eligible any more. And a topic that would
/// rather lose records than wait from now on waits no longer.
fn settle(draft: &mut Draft<'_>, name: &TopicName) {
    change_partitions(draft, |image, topic, partition| {
        if topic.name() != name {
            return None;
        }
        let mut change = PartitionChange::new(topic, partition);
        change.elect(image);
        change.finish()
    });
}

fn describe(resource: &ConfigResource) -> String {
    match resource {
        ConfigResource::Topic(name) => format!("topic {name}"),
        ConfigResource::Broker(id) => format!("broker {id}"),
        ConfigResource::ClusterDefault => "all brokers".to_owned(),
    }
}
