//! Metadata: brokers, topics, leaders; creates a missing topic when the client and the configuration allow it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use yak_core::image::{Image, Topic};
use yak_model::api::{
    BrokerMetadata, CreateTopic, CreateTopics, Metadata, MetadataReply, PartitionMetadata, Rejection, Reply,
    TopicMetadata,
};
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerId, ErrorCode, TopicName};

use crate::broker::Broker;
use crate::ops::topics::{at_most_entries, create};

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
    Ok(Reply::new(look(&broker, request.topics.as_deref(), &created)))
}

/// What this broker knows of these topics, or of all.
pub(crate) fn look(
    broker: &Broker,
    topics: Option<&[TopicName]>,
    created: &BTreeMap<TopicName, AutoCreated>,
) -> MetadataReply {
    let image = broker.image();
    let live = Live { image: &image, suspended: broker.suspended_brokers() };
    let topics = match topics {
        None => image.topics().map(|topic| Ok(live.describe(topic))).collect(),
        Some(names) => names.iter().map(|name| live.one_topic(broker, name, created)).collect(),
    };
    MetadataReply { cluster_id: image.cluster_id(), index: image.index(), brokers: live.brokers(), topics }
}

/// This request created a topic.
#[derive(Debug)]
pub(crate) struct Created {
    /// An older topic of nearly that name.
    pub(crate) similar: Option<TopicName>,
}

/// What became of an automatic creation; `None` if another request was faster.
pub(crate) type AutoCreated = Result<Option<Created>, Rejection>;

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

/// The image, and who of its live brokers is not to be sent to for now.
struct Live<'a> {
    image: &'a Image,
    suspended: BTreeSet<BrokerId>,
}

impl Live<'_> {
    fn is_live(&self, broker: BrokerId) -> bool {
        self.image.is_live(broker) && !self.suspended.contains(&broker)
    }

    /// In order of registration.
    fn brokers(&self) -> Vec<BrokerMetadata> {
        let live =
            self.image.brokers_by_registration().into_iter().filter(|broker| self.is_live(broker.id()));
        live.map(|broker| BrokerMetadata {
            broker_id: broker.id(),
            host: broker.registration.host.clone(),
            port: broker.registration.port,
            rack: broker.registration.rack.clone(),
        })
        .collect()
    }

    fn one_topic(
        &self,
        broker: &Broker,
        name: &TopicName,
        created: &BTreeMap<TopicName, AutoCreated>,
    ) -> Result<TopicMetadata, (TopicName, Rejection)> {
        match (self.image.topic(name), created.get(name)) {
            (Some(topic), Some(Ok(Some(Created { similar })))) => {
                Ok(TopicMetadata { created: true, similar: similar.clone(), ..self.describe(topic) })
            }
            (Some(topic), _) => Ok(self.describe(topic)),
            (None, Some(Err(rejection))) => Err((name.clone(), rejection.clone())),
            (None, _) => Err((name.clone(), broker.unknown_topic(self.image, name))),
        }
    }

    fn describe(&self, topic: &Topic) -> TopicMetadata {
        TopicMetadata {
            name: topic.name().clone(),
            topic_id: topic.id(),
            is_internal: topic.name().is_internal(),
            created: false,
            similar: None,
            partitions: topic.partitions().iter().map(|partition| self.partition(partition)).collect(),
        }
    }

    fn partition(&self, partition: &PartitionRecord) -> PartitionMetadata {
        let offline = |replica: &&BrokerId| !self.is_live(**replica);
        PartitionMetadata {
            partition: partition.partition,
            leader: partition.leader.filter(|leader| self.is_live(*leader)),
            leader_epoch: partition.leader_epoch,
            replicas: partition.replicas.clone(),
            in_sync_replicas: partition.in_sync_replicas.clone(),
            offline_replicas: partition.replicas.iter().filter(offline).copied().collect(),
        }
    }
}
