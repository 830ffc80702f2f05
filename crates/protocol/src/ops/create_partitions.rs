//! create_partitions: gives a topic more partitions.

use bytes::BytesMut;
use yak_model::api::{CreatePartitions, CreatePartitionsReply};

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "create_partitions";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<CreatePartitions, Problem> {
    Ok(CreatePartitions {
        topic: shared::topic(fields)?,
        // Too few are refused with Kafka's own code.
        total: fields.required("total", |node| node.number(i32::MIN, i32::MAX))?,
        assignment: shared::assignment(fields)?,
        validate_only: fields.flag("validate_only")?,
        timeout_ms: shared::timeout_ms(fields)?,
    })
}

impl Call for CreatePartitions {
    type Reply = CreatePartitionsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.field("topic", self.topic.as_str());
            object.field("total", &self.total);
            shared::write_assignment(object, self.assignment.as_ref());
            object.field("validate_only", &self.validate_only);
            object.field("timeout_ms", &self.timeout_ms);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<CreatePartitionsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            Ok(CreatePartitionsReply {
                topic: shared::topic(fields)?,
                total: fields.required("total", |node| node.count())?,
            })
        })
    }
}

impl ReplyBody for CreatePartitionsReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("topic", self.topic.as_str());
        object.field("total", &self.total);
        object.end();
    }
}
