//! Describe and alter configuration.

use std::sync::Arc;

use yak_model::ErrorCode;
use yak_model::api::{
    AlterConfigs, AlterConfigsReply, AlteredConfigs, ConfigAlteration, ConfigEntry, DescribeConfigs,
    DescribeConfigsReply, DescribedConfigs, Rejection, Reply,
};
use yak_model::metadata::ConfigResource;

use crate::answer::Outcome;
use crate::broker::Broker;
use crate::config::{describe_broker, describe_topic};
use yak_model::limits::at_most_entries;

/// How long an alteration may take to become durable.
const ALTER_TIMEOUT_MS: u32 = 10_000;

/// Every value with its source; with keys named, only those.
pub(crate) fn describe_configs(broker: &Broker, request: DescribeConfigs) -> Outcome<DescribeConfigsReply> {
    at_most_entries(request.resources.len())?;
    let describe = |(resource, keys): (ConfigResource, Option<Vec<String>>)| {
        let entries = entries(broker, &resource).map(|mut entries| {
            if let Some(keys) = keys {
                entries.retain(|entry| keys.contains(&entry.key));
            }
            entries
        });
        DescribedConfigs { resource, entries }
    };
    Ok(Reply::new(DescribeConfigsReply { resources: request.resources.into_iter().map(describe).collect() }))
}

fn entries(broker: &Broker, resource: &ConfigResource) -> Result<Vec<ConfigEntry>, Rejection> {
    match resource {
        ConfigResource::Topic(name) => {
            let image = broker.image();
            let topic = image.topic(name).ok_or_else(|| broker.unknown_topic(&image, name))?;
            Ok(describe_topic(&broker.settings, &broker.config.topic_defaults, topic.overrides()))
        }
        ConfigResource::Broker(id) if *id == broker.id() => Ok(describe_broker(&broker.settings)),
        ConfigResource::Broker(id) => {
            let message = format!("this is broker {}; ask broker {id} itself", broker.id());
            Err(Rejection::new(ErrorCode::InvalidRequest, message))
        }
        ConfigResource::ClusterDefault => Ok(Vec::new()),
    }
}

/// Changes topics' configuration, each resource whole or not at all. Returns when this broker works by it.
pub(crate) async fn alter_configs(broker: Arc<Broker>, request: AlterConfigs) -> Outcome<AlterConfigsReply> {
    at_most_entries(request.resources.len())?;
    let of_topics = |(resource, _): &(ConfigResource, Vec<ConfigAlteration>)| {
        matches!(resource, ConfigResource::Topic(_))
    };
    if !request.resources.iter().all(of_topics) {
        let message =
            "only topics can be configured while the broker runs; its own keys are set before it starts";
        return Err(Rejection::new(ErrorCode::InvalidConfig, message));
    }
    let resources: Vec<ConfigResource> =
        request.resources.iter().map(|(resource, _)| resource.clone()).collect();
    let results = broker.decide(request, ALTER_TIMEOUT_MS).await?;
    let altered =
        resources.into_iter().zip(results).map(|(resource, result)| AlteredConfigs { resource, result });
    Ok(Reply::new(AlterConfigsReply { resources: altered.collect() }))
}
