//! delete_topics: deletes topics with everything in them.

use bytes::BytesMut;
use yak_model::TopicName;
use yak_model::api::{DeleteTopics, DeleteTopicsReply, Rejection};

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "delete_topics";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<DeleteTopics, Problem> {
    let topics = if fields.has("topics") {
        fields.required("topics", shared::topics)?
    } else {
        vec![shared::topic(fields)?]
    };
    if topics.is_empty() {
        return Err(fields.problem("topics: must not be empty"));
    }
    Ok(DeleteTopics { topics, timeout_ms: shared::timeout_ms(fields)? })
}

impl Call for DeleteTopics {
    type Reply = DeleteTopicsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.field("topics", &shared::names(&self.topics));
            object.field("timeout_ms", &self.timeout_ms);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<DeleteTopicsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            let topics = fields.required("topics", |node| node.array(read_result))?;
            Ok(DeleteTopicsReply { topics })
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
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        match &self.topics[..] {
            [Err((_, rejection))] => Some(rejection),
            _ => None,
        }
    }
}
