//! Delete topics: with their partitions and their configuration.

use yak_model::api::{DeleteTopics, Rejection};
use yak_model::metadata::MetadataRecord;
use yak_model::{TopicId, TopicName};

use super::Draft;
use super::command::Decide;

impl Decide for DeleteTopics {
    type Reply = Vec<Result<TopicId, Rejection>>;

    fn decide(self, draft: &mut Draft<'_>) -> Result<Self::Reply, Rejection> {
        Ok(self.topics.into_iter().map(|name| delete(draft, name)).collect())
    }
}

fn delete(draft: &mut Draft<'_>, name: TopicName) -> Result<TopicId, Rejection> {
    let topic_id = draft.topic(&name)?.id();
    draft.because(format!("topic {name} deleted on request"));
    draft.push(MetadataRecord::TopicDeleted { name, topic_id });
    Ok(topic_id)
}
