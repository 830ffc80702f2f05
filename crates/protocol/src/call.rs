//! The client's side of an operation that is one line there and one line back.

use bytes::BytesMut;

use crate::json::ObjectWriter;
use crate::reply::{MalformedReply, Response};

/// An operation as a client calls it. Produce, fetch and tail have encoders and parsers of their own.
pub trait Call {
    /// What a successful call answers.
    type Reply;

    /// The operation's name on the wire.
    const OPERATION: &'static str;

    /// Appends the request line.
    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>);

    /// Reads the reply line.
    ///
    /// # Errors
    /// When the line is no reply to this operation; the connection is then of no further use.
    fn parse_reply(line: &[u8]) -> Result<Response<Self::Reply>, MalformedReply>;
}

/// Appends the request line of `operation` with the fields that `write` adds.
pub(crate) fn encode_request(
    out: &mut BytesMut,
    id: Option<u64>,
    operation: &str,
    write: impl FnOnce(&mut ObjectWriter<'_>),
) {
    let mut object = ObjectWriter::begin(out);
    object.optional("id", id.as_ref());
    object.field("op", operation);
    write(&mut object);
    object.end();
    out.extend_from_slice(b"\n");
}
