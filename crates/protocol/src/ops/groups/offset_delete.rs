//! offset_delete: forgets what a group has committed of partitions (KIP-496).

use bytes::BytesMut;
use yak_model::api::{OffsetDelete, OffsetDeleteReply, Rejection};

use super::words;
use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::ops::shared;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "offset_delete";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<OffsetDelete, Problem> {
    Ok(OffsetDelete {
        group_id: words::group(fields)?,
        partitions: shared::one_or_many(fields, (NAME, "partitions"), words::place)?,
    })
}

impl Call for OffsetDelete {
    type Reply = OffsetDeleteReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.field("group", self.group_id.as_str());
            words::write_places(object, &self.partitions);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<OffsetDeleteReply>, MalformedReply> {
        reply::parse_reply(line, |fields| Ok(OffsetDeleteReply { results: words::results(fields)? }))
    }
}

impl ReplyBody for OffsetDeleteReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        words::write_results(&mut object, &self.results);
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        words::sole_rejection(&self.results)
    }
}
