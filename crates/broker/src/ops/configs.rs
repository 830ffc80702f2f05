//! Describe and alter configuration.

use std::sync::Arc;

use yak_model::ErrorCode;
use yak_model::api::{
    AlterConfigs, AlterConfigsReply, AlteredConfigs, ConfigAlteration, ConfigChange, ConfigEntry,
    DescribeConfigs, DescribeConfigsReply, DescribedConfigs, Rejection, Reply,
};
use yak_model::config::{dynamic_broker_key, topic_key};
use yak_model::metadata::ConfigResource;

use crate::answer::Outcome;
use crate::broker::Broker;
use crate::config::{BROKER_KEYS, Layers, describe_broker, describe_default, describe_topic};
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
            Ok(describe_topic(&Layers::new(&broker.settings, &image, broker.id()), topic.overrides()))
        }
        ConfigResource::Broker(id) if *id == broker.id() => {
            Ok(describe_broker(&Layers::new(&broker.settings, &broker.image(), broker.id())))
        }
        ConfigResource::Broker(id) => {
            let message = format!("this is broker {}; ask broker {id} itself", broker.id());
            Err(Rejection::new(ErrorCode::InvalidRequest, message))
        }
        ConfigResource::ClusterDefault => {
            Ok(describe_default(broker.image().config(&ConfigResource::ClusterDefault)))
        }
    }
}

/// Changes configuration of topics, and what can be changed of brokers while they run, each resource whole or not at all.
/// Returns when this broker works by it.
pub(crate) async fn alter_configs(broker: Arc<Broker>, request: AlterConfigs) -> Outcome<AlterConfigsReply> {
    at_most_entries(request.resources.len())?;
    let AlterConfigs { resources, replace, validate_only } = request;
    let mut altered = Vec::with_capacity(resources.len());
    let mut decided = Vec::new();
    for (resource, alterations) in resources {
        let result = check(&broker, &resource, &alterations);
        if result.is_ok() {
            decided.push((resource.clone(), alterations));
        }
        altered.push(AlteredConfigs { resource, result });
    }
    if !decided.is_empty() {
        let request = AlterConfigs { resources: decided, replace, validate_only };
        let mut results = broker.decide(request, ALTER_TIMEOUT_MS).await?.into_iter();
        for altered in altered.iter_mut().filter(|altered| altered.result.is_ok()) {
            altered.result = results.next().unwrap_or_else(|| {
                Err(Rejection::new(ErrorCode::UnknownServerError, "an alteration was not answered"))
            });
        }
    }
    Ok(Reply::new(AlterConfigsReply { resources: altered }))
}

/// What the controller cannot know of brokers' keys: which there are beside those that can be changed, and what else a
/// broker was given before it started.
fn check(
    broker: &Broker,
    resource: &ConfigResource,
    alterations: &[ConfigAlteration],
) -> Result<(), Rejection> {
    if matches!(resource, ConfigResource::Topic(_)) {
        return Ok(());
    }
    for ConfigAlteration { key, change } in alterations {
        if dynamic_broker_key(key).is_none() && BROKER_KEYS.knows(key) {
            let message = format!("{key}: cannot be changed while the broker runs");
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        let largest = broker.config.connections.max_request_bytes;
        if let ("message.max.bytes", ConfigChange::Set(text)) = (key.as_str(), change)
            && let Some(row) = topic_key("max.message.bytes")
            && let Ok(size) = row.kind.parse(text)
            && size.as_number().is_some_and(|size| usize::try_from(size).is_ok_and(|size| size > largest))
        {
            let message = format!("{key}: is more than socket.request.max.bytes ({largest})");
            return Err(Rejection::new(ErrorCode::InvalidConfig, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use yak_model::api::{Acks, ConfigSource};
    use yak_model::{BrokerId, PartitionIndex};

    use super::*;
    use crate::replication::tests::rig::{Node, Rig, topic, until};

    fn of_broker(id: i32) -> ConfigResource {
        ConfigResource::Broker(BrokerId::new(id))
    }

    async fn alter(node: &Node, resource: ConfigResource, key: &str, value: &str) -> Result<(), Rejection> {
        let resources = vec![(resource, vec![ConfigAlteration::set(key, value)])];
        let request = AlterConfigs { resources, ..AlterConfigs::default() };
        let reply = alter_configs(Arc::clone(&node.broker), request).await.expect("answered");
        reply.body.resources.into_iter().next().expect("one").result
    }

    /// The value of a key and where it comes from, as a broker describes it.
    fn described(node: &Node, resource: ConfigResource, key: &str) -> (String, ConfigSource) {
        let request = DescribeConfigs { resources: vec![(resource, Some(vec![key.to_owned()]))] };
        let reply = describe_configs(&node.broker, request).expect("answered");
        let entries = reply.body.resources.into_iter().next().expect("one").entries.expect("described");
        let entry = entries.into_iter().next().expect("the key");
        (entry.value.expect("a value"), entry.source)
    }

    /// The largest segment of topic `t`, as its logs have it.
    fn segment_bytes(node: &Node) -> u64 {
        let image = node.broker.image();
        node.broker.partitions.log_config(image.topic(&topic()).expect("there")).segment_bytes
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_default_changes_on_every_broker_at_once_and_survives_a_restart() {
        let rig = Rig::new(&["log.segment.bytes=1MiB"]);
        let mut nodes = rig.cluster(2, 1, &[]).await;
        let (key, all) = ("log.segment.bytes", ConfigResource::ClusterDefault);
        assert_eq!(described(&nodes[0], of_broker(1), key).1, ConfigSource::StaticBroker);
        alter(&nodes[0], all.clone(), key, "2KiB").await.expect("altered");
        for node in &nodes {
            until("it works by it", || segment_bytes(node) == 2_048).await;
        }
        assert_eq!(described(&nodes[0], all.clone(), key), ("2KiB".to_owned(), ConfigSource::DynamicDefault));
        let of_topic = || ConfigResource::Topic(topic());
        let segments = described(&nodes[0], of_topic(), "segment.bytes");
        assert_eq!(segments, ("2048".to_owned(), ConfigSource::DynamicDefault));
        // The running log goes by it: segments of 2 KiB.
        let before = nodes[0].partition(0).reader().segment_count();
        for _ in 0..40 {
            nodes[0].produce(0, &"x".repeat(100), Acks::Leader).await.expect("appended");
        }
        assert!(nodes[0].partition(0).reader().segment_count() > before);

        alter(&nodes[0], of_broker(2), key, "4KiB").await.expect("altered");
        until("it works by its own", || segment_bytes(&nodes[1]) == 4_096).await;
        assert_eq!(segment_bytes(&nodes[0]), 2_048);
        nodes.remove(1).crash().await;
        let again = rig.start(2).await;
        assert_eq!(segment_bytes(&again), 4_096);
        alter(&again, of_topic(), "segment.bytes", "8KiB").await.expect("altered");
        assert_eq!(segment_bytes(&again), 8_192, "what the topic sets counts first");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_change_while_brokers_run_is_refused() {
        let rig = Rig::new(&[]);
        let nodes = rig.cluster(1, 1, &[]).await;
        for (resource, key, value, code) in [
            (of_broker(1), "num.partitions", "3", ErrorCode::InvalidRequest),
            (of_broker(1), "ssl.protocol", "x", ErrorCode::InvalidRequest),
            (of_broker(1), "log.segment.bytes", "1GB", ErrorCode::InvalidConfig),
            (of_broker(1), "message.max.bytes", "104857601", ErrorCode::InvalidConfig),
            (of_broker(7), "log.segment.bytes", "2048", ErrorCode::BrokerIdNotRegistered),
            (ConfigResource::ClusterDefault, "cluster.secret", "x", ErrorCode::InvalidRequest),
            (ConfigResource::ClusterDefault, "log.cleanup.policy", "compress", ErrorCode::InvalidConfig),
        ] {
            let refused = alter(&nodes[0], resource, key, value).await.expect_err(key);
            assert_eq!(refused.code, code, "{refused}");
        }
        // One that is refused here does not keep the others from being decided.
        let resources = vec![
            (of_broker(1), vec![ConfigAlteration::set("node.id", "2")]),
            (ConfigResource::Topic(topic()), vec![ConfigAlteration::set("retention.ms", "5")]),
        ];
        let request = AlterConfigs { resources, ..AlterConfigs::default() };
        let reply = alter_configs(Arc::clone(&nodes[0].broker), request).await.expect("answered").body;
        let results: Vec<bool> = reply.resources.iter().map(|altered| altered.result.is_ok()).collect();
        assert_eq!(results, [false, true]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_smaller_default_of_the_minimum_isr_never_undercuts_what_stands_on_a_topic() {
        let rig = Rig::new(&["min.insync.replicas=2"]);
        let nodes = rig.cluster(2, 1, &[]).await;
        alter(&nodes[0], ConfigResource::ClusterDefault, "min.insync.replicas", "1").await.expect("altered");
        let minimum = described(&nodes[0], ConfigResource::Topic(topic()), "min.insync.replicas");
        assert_eq!(minimum, ("2".to_owned(), ConfigSource::Topic), "written when it was created");
        rig.fence(&nodes[1]).await;
        let image = || nodes[0].broker.image();
        let in_sync = || {
            image().partition(&topic(), PartitionIndex::new(0)).map(|record| record.in_sync_replicas.len())
        };
        until("the leader knows that it is out of the ISR", || in_sync() == Some(1)).await;
        let refused = nodes[0].produce(0, "x", Acks::All).await.expect_err("too few");
        assert_eq!(refused.code, ErrorCode::NotEnoughReplicas);
    }
}
