//! delete_topics: deletes topics with everything in them.

use bytes::BytesMut;
use yak_model::api::{DeleteTopics, DeleteTopicsReply, DeletedTopic, Rejection};
use yak_model::{TopicId, TopicName};

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "delete_topics";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<DeleteTopics, Problem> {
    let topic_ids = fields.optional("topic_ids", |node| node.array(|id| id.parsed()))?.unwrap_or_default();
    let topics = if fields.has("topics") {
        fields.required("topics", shared::topics)?
    } else if fields.has("topic") || topic_ids.is_empty() {
        vec![shared::topic(fields)?]
    } else {
        Vec::new()
    };
    if topics.is_empty() && topic_ids.is_empty() {
        return Err(fields.problem("topics: must not be empty"));
    }
    Ok(DeleteTopics { topics, topic_ids, timeout_ms: shared::timeout_ms(fields)? })
}

impl Call for DeleteTopics {
    type Reply = DeleteTopicsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            if !self.topics.is_empty() || self.topic_ids.is_empty() {
                object.field("topics", &shared::names(&self.topics));
            }
            if !self.topic_ids.is_empty() {
                let ids: Vec<String> = self.topic_ids.iter().map(ToString::to_string).collect();
                object.field("topic_ids", &ids);
            }
            object.field("timeout_ms", &self.timeout_ms);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<DeleteTopicsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            let topics = fields.required("topics", |node| node.array(read_result))?;
            let topic_ids = fields.optional("topic_ids", |node| node.array(read_by_id))?.unwrap_or_default();
            Ok(DeleteTopicsReply { topics, topic_ids })
        })
    }
}

fn read_result(node: Node<'_, '_>) -> Result<Result<TopicName, (TopicName, Rejection)>, Problem> {
    let mut fields = node.fields()?;
    let name = fields.required("name", |node| node.topic())?;
    let result = shared::entry_result(&mut fields, |_| Ok(()))?;
    Ok(match result {
        Ok(()) => Ok(name),
        Err(rejection) => Err((name, rejection)),
    })
}

fn read_by_id(node: Node<'_, '_>) -> Result<Result<DeletedTopic, (TopicId, Rejection)>, Problem> {
    let mut fields = node.fields()?;
    let topic_id: TopicId = fields.required("topic_id", |node| node.parsed())?;
    let result = shared::entry_result(&mut fields, |fields| {
        Ok(DeletedTopic { name: fields.required("name", |node| node.topic())?, topic_id })
    })?;
    Ok(result.map_err(|rejection| (topic_id, rejection)))
}

impl ReplyBody for DeleteTopicsReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("topics", &self.topics, |object, result| match result {
            Ok(name) => _ = object.field("name", name.as_str()),
            Err((name, rejection)) => {
                object.field("name", name.as_str());
                shared::write_error(object, rejection);
            }
        });
        if !self.topic_ids.is_empty() {
            object.objects("topic_ids", &self.topic_ids, |object, result| match result {
                Ok(deleted) => {
                    object.field("topic_id", &deleted.topic_id.to_string());
                    object.field("name", deleted.name.as_str());
                }
                Err((topic_id, rejection)) => {
                    object.field("topic_id", &topic_id.to_string());
                    shared::write_error(object, rejection);
                }
            });
        }
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        match (&self.topics[..], &self.topic_ids[..]) {
            ([Err((_, rejection))], []) | ([], [Err((_, rejection))]) => Some(rejection),
            _ => None,
        }
    }
}
