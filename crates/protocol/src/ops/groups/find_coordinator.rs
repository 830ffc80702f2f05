//! find_coordinator: which broker a group is run by.

use bytes::BytesMut;
use yak_model::api::{FindCoordinator, FindCoordinatorReply};

use super::words;
use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::ops::shared;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "find_coordinator";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<FindCoordinator, Problem> {
    Ok(FindCoordinator { group_id: words::group(fields)? })
}

impl Call for FindCoordinator {
    type Reply = FindCoordinatorReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| _ = object.field("group", self.group_id.as_str()));
    }

    fn parse_reply(line: &[u8]) -> Result<Response<FindCoordinatorReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            fields.required("coordinator", |node| {
                let mut fields = node.fields()?;
                Ok(FindCoordinatorReply {
                    broker_id: fields.required("broker_id", shared::broker_id)?,
                    host: fields.required("host", |node| node.label())?,
                    port: fields.required("port", |node| node.count())?,
                })
            })
        })
    }
}

impl ReplyBody for FindCoordinatorReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.object("coordinator", |object| {
            object.field("broker_id", &self.broker_id.get());
            object.field("host", &self.host);
            object.field("port", &self.port);
        });
        object.end();
    }
}
