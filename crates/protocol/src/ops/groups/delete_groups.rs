//! delete_groups: deletes groups without members, and what they have committed.

use bytes::BytesMut;
use yak_model::api::{DeleteGroups, DeleteGroupsReply, Rejection};

use super::words;
use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "delete_groups";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<DeleteGroups, Problem> {
    Ok(DeleteGroups { groups: words::one_or_many(fields)? })
}

impl Call for DeleteGroups {
    type Reply = DeleteGroupsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| words::write_groups(object, &self.groups));
    }

    fn parse_reply(line: &[u8]) -> Result<Response<DeleteGroupsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| Ok(DeleteGroupsReply { results: words::results(fields)? }))
    }
}

impl ReplyBody for DeleteGroupsReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        words::write_results(&mut object, &self.results);
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        words::sole_rejection(&self.results)
    }
}
