//! Metadata: brokers, topics, leaders; creates a missing topic when the client and the configuration allow it.

use std::collections::BTreeMap;
use std::sync::Arc;

use yak_core::image::Live;
use yak_model::api::{CreateTopic, CreateTopics, Metadata, MetadataReply, Rejection, Reply, TopicMetadata};
use yak_model::limits::at_most_entries;
use yak_model::{ErrorCode, TopicName};

use crate::broker::Broker;
use crate::ops::topics::create;

/// How long a client waits for a topic that its metadata request creates.
const AUTO_CREATE_TIMEOUT_MS: u32 = 10_000;

/// Answers with what this broker knows, after creating what may be created. A broker that was stopped and goes on
/// first learns what happened meanwhile; one whose zookeeper is away tells what it knew last.
pub(crate) async fn metadata(
    broker: Arc<Broker>,
    request: Metadata,
) -> Result<Reply<MetadataReply>, Rejection> {
    at_most_entries(request.topics.as_ref().map_or(0, Vec::len))?;
    broker.membership.settle().await;
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
    let suspended = broker.zookeeper.suspended();
    let live = Live { image: &image, suspended: &suspended };
    let topics = match topics {
        None => image.topics().map(|topic| Ok(live.topic(topic))).collect(),
        Some(names) => names.iter().map(|name| one_topic(broker, &live, name, created)).collect(),
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

fn one_topic(
    broker: &Broker,
    live: &Live<'_>,
    name: &TopicName,
    created: &BTreeMap<TopicName, AutoCreated>,
) -> Result<TopicMetadata, (TopicName, Rejection)> {
    match (live.image.topic(name), created.get(name)) {
        (Some(topic), Some(Ok(Some(Created { similar })))) => {
            Ok(TopicMetadata { created: true, similar: similar.clone(), ..live.topic(topic) })
        }
        (Some(topic), _) => Ok(live.topic(topic)),
        (None, Some(Err(rejection))) => Err((name.clone(), rejection.clone())),
        (None, _) => Err((name.clone(), broker.unknown_topic(live.image, name))),
    }
}
