//! The journal index beside `ok`: `{"ok":{...},"index":57}`.

use bytes::BytesMut;
use yak_model::MetadataIndex;
use yak_model::api::Reply;

use crate::call::Call;
use crate::json::{Fields, ToJson as _};
use crate::reply::{MalformedReply, ReplyBody, Response};

/// What a command was answered with at the zookeeper's port, and where its effect stands in the journal: whoever has
/// applied the journal up to there sees it.
///
/// Entries that were refused stay entries, also where there is one only: a topic that exists already comes with the
/// index at which it is to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed<T> {
    /// The answer.
    pub body: T,
    /// The journal's index when it was given.
    pub index: MetadataIndex,
}

/// A call as it is made at the zookeeper's port, where its answer is [`Indexed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtController<C>(pub C);

impl<C: Call> Call for AtController<C> {
    type Reply = Indexed<C::Reply>;
    const OPERATION: &'static str = C::OPERATION;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        self.0.encode_request(out, id);
    }

    fn parse_reply(line: &[u8]) -> Result<Response<Self::Reply>, MalformedReply> {
        let Response { id, result } = C::parse_reply(line)?;
        let result = match result {
            Err(rejection) => Err(rejection),
            Ok(Reply { body, throttle_ms }) => {
                let index = Fields::of_line(line)?.required("index", |node| node.count::<u64>())?;
                Ok(Reply { body: Indexed { body, index: index.into() }, throttle_ms })
            }
        };
        Ok(Response { id, result })
    }
}

impl<T: ReplyBody> ReplyBody for Indexed<T> {
    fn write_body(&self, out: &mut BytesMut) {
        self.body.write_body(out);
    }

    fn write_beside(&self, out: &mut BytesMut) {
        out.extend_from_slice(b",\"index\":");
        self.index.get().write_json(out);
    }
}
