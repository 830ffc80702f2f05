//! Delete topics: with their partitions and their configuration.

use yak_model::api::{DeleteTopics, DeleteTopicsReply, DeletedTopic, Rejection};
use yak_model::metadata::MetadataRecord;
use yak_model::{ErrorCode, TopicId, TopicName};

use super::Draft;
use super::command::Decide;

impl Decide for DeleteTopics {
    type Reply = DeleteTopicsReply;

    fn decide(self, draft: &mut Draft<'_>) -> Result<Self::Reply, Rejection> {
        let Self { topics, topic_ids, .. } = self;
        let named = topics.into_iter().map(|name| match delete(draft, name.clone()) {
            Ok(_) => Ok(name),
            Err(rejection) => Err((name, rejection)),
        });
        let topics = named.collect();
        let by_id =
            topic_ids.into_iter().map(|id| delete_by_id(draft, id).map_err(|rejection| (id, rejection)));
        Ok(DeleteTopicsReply { topics, topic_ids: by_id.collect() })
    }
}

fn delete(draft: &mut Draft<'_>, name: TopicName) -> Result<DeletedTopic, Rejection> {
    let topic_id = draft.topic(&name)?.id();
    if name.is_internal() {
        let message = format!("topic '{name}' is internal: the cluster keeps what it needs in it");
        return Err(Rejection::new(ErrorCode::InvalidTopicException, message));
    }
    draft.because(format!("topic {name} deleted on request"));
    draft.push(MetadataRecord::TopicDeleted { name: name.clone(), topic_id });
    Ok(DeletedTopic { name, topic_id })
}

fn delete_by_id(draft: &mut Draft<'_>, topic_id: TopicId) -> Result<DeletedTopic, Rejection> {
    let Some(topic) = draft.image().topic_by_id(topic_id) else {
        let message = format!("no topic has the id {topic_id}");
        return Err(Rejection::new(ErrorCode::UnknownTopicId, message));
    };
    let name = topic.name().clone();
    delete(draft, name)
}
