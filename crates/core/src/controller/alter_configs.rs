//! Alter configs: set and unset values, a resource whole or not at all (KIP-339).

use std::collections::BTreeSet;

use yak_model::api::{AlterConfigs, ConfigAlteration, Rejection};
use yak_model::config::topic_key;
use yak_model::metadata::{ConfigResource, MetadataRecord};
use yak_model::{ErrorCode, TopicName};

use super::Draft;
use super::command::Decide;
use super::create_topics::{check_config, check_length};
use super::fence_broker::change_partitions;
use super::partition_change::PartitionChange;

impl Decide for AlterConfigs {
    type Reply = Vec<Result<(), Rejection>>;

    /// Keys of topics are checked here. Keys of brokers are checked by the broker that forwards the command,
    /// whose table they stand in.
    fn decide(self, draft: &mut Draft<'_>) -> Result<Self::Reply, Rejection> {
        let mut results = Vec::with_capacity(self.resources.len());
        let mut seen = BTreeSet::new();
        for (resource, alterations) in self.resources {
            if !seen.insert(resource.clone()) {
                let message = format!("{} stands in the request more than once", describe(&resource));
                results.push(Err(Rejection::new(ErrorCode::InvalidRequest, message)));
                continue;
            }
            results.push(alter(draft, resource, alterations));
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
) -> Result<(), Rejection> {
    check(draft, &resource, &alterations)?;
    let present = draft.image().config(&resource);
    let is_change = |alteration: &ConfigAlteration| present.get(&alteration.key) != alteration.value.as_ref();
    let changes: Vec<ConfigAlteration> = alterations.into_iter().filter(is_change).collect();
    if changes.is_empty() {
        return Ok(());
    }
    draft.because(format!("configuration of {} altered on request", describe(&resource)));
    for ConfigAlteration { key, value } in changes {
        draft.push(MetadataRecord::Config { resource: resource.clone(), key, value });
    }
    if let ConfigResource::Topic(name) = &resource {
        settle(draft, name);
    }
    Ok(())
}

fn check(
    draft: &Draft<'_>,
    resource: &ConfigResource,
    changes: &[ConfigAlteration],
) -> Result<(), Rejection> {
    let mut keys = BTreeSet::new();
    if let Some(twice) = changes.iter().find(|change| !keys.insert(&change.key)) {
        let message = format!("{}: altered more than once", twice.key);
        return Err(Rejection::new(ErrorCode::InvalidRequest, message));
    }
    match resource {
        ConfigResource::Topic(name) => {
            draft.topic(name)?;
            changes.iter().try_for_each(|change| check_topic_change(draft, resource, change))
        }
        ConfigResource::Broker(id) if draft.image().broker(*id).is_none() => {
            let message = format!("broker {id} is not registered");
            Err(Rejection::new(ErrorCode::BrokerIdNotRegistered, message))
        }
        ConfigResource::Broker(_) | ConfigResource::ClusterDefault => {
            let mut lengths = changes.iter().map(|change| (&change.key, change.value.as_deref()));
            lengths.try_for_each(|(key, value)| check_length(key, value.unwrap_or_default()))
        }
    }
}

fn check_topic_change(
    draft: &Draft<'_>,
    resource: &ConfigResource,
    change: &ConfigAlteration,
) -> Result<(), Rejection> {
    let ConfigAlteration { key, value } = change;
    // Unsetting an unknown key says that it is unknown, by way of a value that fits no key.
    check_config(key, value.as_deref().or(topic_key(key).map(|row| row.default)).unwrap_or_default())?;
    let decided = topic_key(key).is_some_and(|row| row.read_only);
    if decided && draft.image().config(resource).get(key) != value.as_ref() {
        let message = format!("{key}: is decided when the topic is created");
        return Err(Rejection::new(ErrorCode::InvalidConfig, message));
    }
    Ok(())
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
