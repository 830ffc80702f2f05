//! DeleteTopics: by name, or by id (from version 6 on).

use std::sync::Arc;

use yak_kafka::messages::delete_topics::{DeletableTopicResult, DeleteTopicState};
use yak_kafka::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use yak_model::api::{DeleteTopics, Rejection};
use yak_model::{ErrorCode, TopicId};

use super::places::{parse, unanswered};
use super::{Asked, rejected};
use crate::ops;

/// From this version on topics are asked for by name or id.
const BY_ID: i16 = 6;

/// A topic as it is asked for, and the operation has it in its list of that kind.
enum Place {
    Name(String, TopicId),
    Id,
    /// A name that cannot be one names no topic.
    Refused(String, Rejection),
}

pub(super) async fn delete_topics(asked: Asked, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let timeout_ms = u32::try_from(request.timeout_ms).unwrap_or(0);
    let states = if asked.version < BY_ID {
        let named = |name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() };
        request.topic_names.into_iter().map(named).collect()
    } else {
        request.topics
    };
    let mut operation = DeleteTopics { timeout_ms, ..DeleteTopics::default() };
    let places: Vec<Place> = states.into_iter().map(|state| place(&asked, state, &mut operation)).collect();
    let deleted = ops::topics::delete_topics(Arc::clone(&asked.broker), operation.clone()).await;
    let (mut topics, mut topic_ids) = match deleted {
        Ok(reply) => (reply.body.topics.into_iter(), reply.body.topic_ids.into_iter()),
        Err(rejection) => {
            let names = operation.topics.into_iter().map(|name| Err((name, rejection.clone())));
            let ids = operation.topic_ids.into_iter().map(|id| Err((id, rejection.clone())));
            (names.collect::<Vec<_>>().into_iter(), ids.collect::<Vec<_>>().into_iter())
        }
    };
    let responses = places.into_iter().map(|place| match place {
        Place::Refused(name, rejection) => refused(Some(name), TopicId::default(), rejection),
        Place::Name(name, topic_id) => match topics.next() {
            Some(Ok(_)) => result(name, topic_id),
            Some(Err((_, rejection))) => refused(Some(name), TopicId::default(), rejection),
            None => refused(Some(name), TopicId::default(), unanswered()),
        },
        Place::Id => match topic_ids.next() {
            Some(Ok(deleted)) => result(deleted.name.to_string(), deleted.topic_id),
            Some(Err((id, rejection))) => refused(None, id, rejection),
            None => refused(None, TopicId::default(), unanswered()),
        },
    });
    DeleteTopicsResponse { responses: responses.collect(), ..DeleteTopicsResponse::default() }
}

fn place(asked: &Asked, state: DeleteTopicState, operation: &mut DeleteTopics) -> Place {
    let Some(name) = state.name else {
        operation.topic_ids.push(TopicId::new(state.topic_id));
        return Place::Id;
    };
    match parse(&name, ErrorCode::UnknownTopicOrPartition) {
        Ok(topic) => {
            let topic_id = asked.broker.image().topic(&topic).map(|found| found.id());
            operation.topics.push(topic);
            Place::Name(name, topic_id.unwrap_or_default())
        }
        Err(rejection) => Place::Refused(name, rejection),
    }
}

fn result(name: String, topic_id: TopicId) -> DeletableTopicResult {
    DeletableTopicResult { name: Some(name), topic_id: topic_id.uuid(), ..DeletableTopicResult::default() }
}

fn refused(name: Option<String>, topic_id: TopicId, rejection: Rejection) -> DeletableTopicResult {
    let (error_code, error_message) = rejected(rejection);
    DeletableTopicResult { name, topic_id: topic_id.uuid(), error_code, error_message }
}
