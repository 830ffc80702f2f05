//! Create topics, add partitions, delete topics: decided by the zookeeper, awaited here.

use std::sync::Arc;

use yak_core::controller;
use yak_model::api::{
    CreatePartitions, CreatePartitionsReply, CreateTopics, CreateTopicsReply, CreatedTopic, DeleteTopics,
    DeleteTopicsReply, Rejection, Reply, TopicDefaults,
};
use yak_model::limits::at_most_entries;
use yak_model::{ErrorCode, TopicId};

use crate::answer::Outcome;
use crate::broker::Broker;
use crate::random;

/// Creates topics on request.
pub(crate) async fn create_topics(broker: Arc<Broker>, request: CreateTopics) -> Outcome<CreateTopicsReply> {
    let names: Vec<String> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let results = create(&broker, request, false).await?;
    let named =
        results.into_iter().zip(names).map(|(result, name)| result.map_err(|rejection| (name, rejection)));
    Ok(Reply::new(CreateTopicsReply { topics: named.collect() }))
}

/// Creates topics, on request or on first use.
pub(crate) async fn create(
    broker: &Broker,
    request: CreateTopics,
    on_first_use: bool,
) -> Result<Vec<Result<CreatedTopic, Rejection>>, Rejection> {
    decide(broker, request, (broker.topic_defaults(), on_first_use)).await
}

/// Creates internal topics, which have defaults of their own.
pub(crate) async fn create_internal(
    broker: &Broker,
    request: CreateTopics,
    defaults: TopicDefaults,
) -> Result<Vec<Result<CreatedTopic, Rejection>>, Rejection> {
    decide(broker, request, (defaults, true)).await
}

async fn decide(
    broker: &Broker,
    request: CreateTopics,
    (defaults, on_first_use): (TopicDefaults, bool),
) -> Result<Vec<Result<CreatedTopic, Rejection>>, Rejection> {
    at_most_entries(request.topics.len())?;
    let timeout_ms = request.timeout_ms;
    let command = controller::CreateTopics {
        topic_ids: request.topics.iter().map(|_| TopicId::from_random(random::bytes())).collect(),
        request,
        defaults,
        on_first_use,
    };
    broker.decide(command, timeout_ms).await
}

/// Gives a topic more partitions.
pub(crate) async fn create_partitions(
    broker: Arc<Broker>,
    request: CreatePartitions,
) -> Outcome<CreatePartitionsReply> {
    let reply = CreatePartitionsReply { topic: request.topic.clone(), total: request.total };
    let timeout_ms = request.timeout_ms;
    broker.decide(request, timeout_ms).await?;
    Ok(Reply::new(reply))
}

/// Deletes topics with all their records.
pub(crate) async fn delete_topics(broker: Arc<Broker>, request: DeleteTopics) -> Outcome<DeleteTopicsReply> {
    at_most_entries(request.topics.len() + request.topic_ids.len())?;
    if !broker.config.delete_topics {
        let message = "topics may not be deleted here: delete.topic.enable is false";
        return Err(Rejection::new(ErrorCode::TopicDeletionDisabled, message));
    }
    let timeout_ms = request.timeout_ms;
    Ok(Reply::new(broker.decide(request, timeout_ms).await?))
}
