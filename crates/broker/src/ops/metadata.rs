//! Metadata: brokers, topics, leaders; creates a missing topic when the client and the configuration allow it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use yak_core::image::Live;
use yak_model::api::{CreateTopic, CreateTopics, Metadata, MetadataReply, Rejection, Reply, TopicMetadata};
use yak_model::limits::at_most_entries;
use yak_model::{ErrorCode, TopicName};

use crate::broker::{Broker, RETRY_AFTER_MS};
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
        let missing: BTreeSet<&TopicName> =
            topics.iter().filter(|name| image.topic(name).is_none() && !name.is_internal()).collect();
        if !missing.is_empty() {
            let results = auto_create_all(&broker, &missing).await;
            created = missing.into_iter().cloned().zip(results).collect();
        }
        // A client's naming them creates no internal topics.
        let internal = topics.iter().filter(|name| name.is_internal());
        created.extend(internal.map(|name| (name.clone(), Err(internal_topic(name)))));
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
    if name.is_internal() {
        return Err(internal_topic(name));
    }
    let results = auto_create_all(broker, &BTreeSet::from([name])).await;
    results.into_iter().next().unwrap_or_else(|| Err(unanswered()))
}

/// Creates several at once, and answers for each in their order. Where the zookeeper is known to be away nobody waits for
/// it.
async fn auto_create_all(broker: &Broker, names: &BTreeSet<&TopicName>) -> Vec<AutoCreated> {
    let refused = |rejection: Rejection| names.iter().map(|_| Err(rejection.clone())).collect();
    if broker.lease_until_ms() <= broker.clock.now_ms() {
        let message = "the zookeeper, which creates topics, cannot be reached at the moment";
        let away = Rejection::new(ErrorCode::UnknownTopicOrPartition, message);
        return refused(away.retry_after(RETRY_AFTER_MS));
    }
    let topic = |name: &&TopicName| CreateTopic {
        name: name.to_string(),
        partitions: None,
        replication_factor: None,
        assignment: None,
        configs: BTreeMap::new(),
    };
    let topics = names.iter().map(topic).collect();
    let request = CreateTopics { topics, validate_only: false, timeout_ms: AUTO_CREATE_TIMEOUT_MS };
    let results = match create(broker, request, true).await {
        Ok(results) => results,
        Err(rejection) => return refused(rejection),
    };
    let mut results = results.into_iter().map(|result| match result {
        Ok(created) => Ok(Some(Created { similar: created.similar })),
        Err(rejection) if rejection.code == ErrorCode::TopicAlreadyExists => Ok(None),
        Err(rejection) => Err(rejection),
    });
    names.iter().map(|_| results.next().unwrap_or_else(|| Err(unanswered()))).collect()
}

fn internal_topic(name: &TopicName) -> Rejection {
    let message = format!("topic '{name}' is internal: the cluster creates it itself");
    Rejection::new(ErrorCode::InvalidTopicException, message)
}

fn unanswered() -> Rejection {
    Rejection::new(ErrorCode::UnknownServerError, "a creation was not answered")
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

#[cfg(test)]
mod tests {
    use yak_model::api::DeleteTopics;
    use yak_model::{PartitionIndex, TopicId};

    use super::*;
    use crate::ops::topics::delete_topics;
    use crate::replication::tests::rig::{Rig, topic};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_topic_is_found_and_deleted_by_its_id() {
        let rig = Rig::new(&[]);
        let nodes = rig.cluster(1, 2, &[]).await;
        let broker = &nodes[0].broker;
        let topic_id = broker.image().topic(&topic()).expect("there").id();
        let other = TopicId::from_random([9; 16]);
        assert_eq!(broker.topic_name(topic_id), Ok(topic()));
        assert_eq!(broker.topic_name(other).expect_err("unknown").code, ErrorCode::UnknownTopicId);

        let request =
            DeleteTopics { topic_ids: vec![topic_id], timeout_ms: 10_000, ..DeleteTopics::default() };
        let deleted = delete_topics(Arc::clone(broker), request).await.expect("answered").body.topic_ids;
        assert_eq!(deleted[0].as_ref().map(|deleted| &deleted.name), Ok(&topic()));
        assert_eq!(broker.topic_name(topic_id).expect_err("deleted").code, ErrorCode::UnknownTopicId);
        assert!(broker.partition(&topic(), PartitionIndex::new(0)).is_err());
    }
}
