//! deregister: the connection is nobody's again. Closing it does the same.

use bytes::BytesMut;

use crate::call::{self, Call};
use crate::json::ObjectWriter;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "deregister";

/// Ends the registration of this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deregister;

/// An answer without content: it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done;

impl Call for Deregister {
    type Reply = Done;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |_| {});
    }

    fn parse_reply(line: &[u8]) -> Result<Response<Done>, MalformedReply> {
        reply::parse_reply(line, |_| Ok(Done))
    }
}

impl ReplyBody for Done {
    fn write_body(&self, out: &mut BytesMut) {
        ObjectWriter::begin(out).end();
    }
}
