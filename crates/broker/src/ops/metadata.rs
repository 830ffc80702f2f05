//! Metadata: brokers, topics, leaders; creates a missing topic when the client and the configuration allow it.

use std::collections::BTreeMap;
use std::sync::Arc;

use yak_core::image::{Image, Topic};
use yak_model::api::{
    BrokerMetadata, CreateTopic, CreateTopics, Metadata, MetadataReply, PartitionMetadata, Rejection, Reply,
    TopicMetadata,
};
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerId, ErrorCode, TopicName};

use crate::broker::Broker;
use crate::ops::topics::create;
use yak_model::limits::at_most_entries;

/// How long a client waits for a topic that its metadata request creates.
const AUTO_CREATE_TIMEOUT_MS: u32 = 10_000;

/// Answers with what this broker knows, after creating what may be created.
pub(crate) async fn metadata(
    broker: Arc<Broker>,
    request: Metadata,
) -> Result<Reply<MetadataReply>, Rejection> {
    at_most_entries(request.topics.as_ref().map_or(0, Vec::len))?;
    let mut created = BTreeMap::new();
    if let Some(topics) = &request.topics
        && request.allow_auto_create
        && broker.config.auto_create_topics
    {
        let image = broker.image();
        for name in topics.iter().filter(|name| image.topic(name).is_none()) {
            created.insert(name.clone(), auto_create(&broker, name).await);
        }
    }
    let image = broker.image();
    let topics = match request.topics {
        None => image.topics().map(|topic| Ok(describe(&image, topic))).collect(),
        Some(names) => names.into_iter().map(|name| one_topic(&broker, &image, name, &created)).collect(),
    };
    Ok(Reply::new(MetadataReply {
        cluster_id: image.cluster_id(),
        index: image.index(),
        brokers: live_brokers(&image),
        topics,
    }))
}

/// This request created a topic.
#[derive(Debug)]
pub(crate) struct Created {
    /// An older topic of nearly that name.
    pub(crate) similar: Option<TopicName>,
}

/// What became of an automatic creation; `None` if another request was faster.
type AutoCreated = Result<Option<Created>, Rejection>;

/// Creates a topic with the server's defaults. Losing the race to another creator is success.
pub(crate) async fn auto_create(broker: &Broker, name: &TopicName) -> AutoCreated {
    let topic = CreateTopic {
        name: name.to_string(),
        partitions: None,
        replication_factor: None,
        assignment: None,
        configs: BTreeMap::new(),
    };
    let request =
        CreateTopics { topics: vec![topic], validate_only: false, timeout_ms: AUTO_CREATE_TIMEOUT_MS };
    match create(broker, request, true).await?.into_iter().next() {
        Some(Ok(created)) => Ok(Some(Created { similar: created.similar })),
        Some(Err(rejection)) if rejection.code == ErrorCode::TopicAlreadyExists => Ok(None),
        Some(Err(rejection)) => Err(rejection),
        None => Err(Rejection::new(ErrorCode::UnknownServerError, "a creation was not answered")),
    }
}

fn one_topic(
    broker: &Broker,
    image: &Image,
    name: TopicName,
    created: &BTreeMap<TopicName, AutoCreated>,
) -> Result<TopicMetadata, (TopicName, Rejection)> {
    let outcome = created.get(&name);
    match (image.topic(&name), outcome) {
        (Some(topic), Some(Ok(Some(Created { similar })))) => {
            Ok(TopicMetadata { created: true, similar: similar.clone(), ..describe(image, topic) })
        }
        (Some(topic), _) => Ok(describe(image, topic)),
        (None, Some(Err(rejection))) => Err((name, rejection.clone())),
        (None, _) => {
            let rejection = broker.unknown_topic(image, &name);
            Err((name, rejection))
        }
    }
}

/// Live brokers, in order of registration.
pub(crate) fn live_brokers(image: &Image) -> Vec<BrokerMetadata> {
    let live = image.brokers_by_registration().into_iter().filter(|broker| !broker.fenced);
    live.map(|broker| BrokerMetadata {
        broker_id: broker.id(),
        host: broker.registration.host.clone(),
        port: broker.registration.port,
        rack: broker.registration.rack.clone(),
    })
    .collect()
}

fn describe(image: &Image, topic: &Topic) -> TopicMetadata {
    TopicMetadata {
        name: topic.name().clone(),
        topic_id: topic.id(),
        is_internal: topic.name().is_internal(),
        created: false,
        similar: None,
        partitions: topic.partitions().iter().map(|partition| describe_partition(image, partition)).collect(),
    }
}

fn describe_partition(image: &Image, partition: &PartitionRecord) -> PartitionMetadata {
    let offline = |replica: &&BrokerId| !image.is_live(**replica);
    PartitionMetadata {
        partition: partition.partition,
        leader: partition.leader.filter(|leader| image.is_live(*leader)),
        leader_epoch: partition.leader_epoch,
        replicas: partition.replicas.clone(),
        in_sync_replicas: partition.in_sync_replicas.clone(),
        offline_replicas: partition.replicas.iter().filter(offline).copied().collect(),
    }
}
