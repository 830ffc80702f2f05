//! The envelope of replies: `{"id":7,"ok":{...}}` or `{"id":7,"error":{...}}`, one line each.

use bytes::BytesMut;
use thiserror::Error;
use yak_model::api::{Rejection, Reply};

use crate::RequestId;
use crate::json::{Fields, Problem, ToJson as _};
use crate::rejection;

/// What a successful operation answers: the object after `"ok":`.
pub trait ReplyBody {
    /// Appends the object.
    fn write_body(&self, out: &mut BytesMut);

    /// Appends what stands beside `"ok":{...}`, each field with a comma before it.
    fn write_beside(&self, _out: &mut BytesMut) {}

    /// When the request had one entry and that was refused: why. The whole reply is then an error.
    fn sole_rejection(&self) -> Option<&Rejection> {
        None
    }
}

/// Appends the reply line of any operation but fetch and produce (which have encoders of their own).
pub fn encode_reply<T: ReplyBody>(
    out: &mut BytesMut,
    id: Option<&RequestId>,
    result: &Result<Reply<T>, Rejection>,
) {
    match result {
        Err(rejection) => encode_error(out, id, rejection),
        Ok(reply) => match reply.body.sole_rejection() {
            Some(rejection) => encode_error(out, id, rejection),
            None => {
                begin_ok(out, id);
                reply.body.write_body(out);
                reply.body.write_beside(out);
                end_ok(out, reply.throttle_ms);
            }
        },
    }
}

/// Appends an error line: a request that was refused whole, or the reason for a close (without an id).
pub fn encode_error(out: &mut BytesMut, id: Option<&RequestId>, rejection: &Rejection) {
    begin(out, id);
    out.extend_from_slice(b"\"error\":");
    rejection.write_json(out);
    out.extend_from_slice(b"}\n");
}

pub(crate) fn begin_ok(out: &mut BytesMut, id: Option<&RequestId>) {
    begin(out, id);
    out.extend_from_slice(b"\"ok\":");
}

pub(crate) fn end_ok(out: &mut BytesMut, throttle_ms: u32) {
    if throttle_ms > 0 {
        out.extend_from_slice(b",\"throttle_ms\":");
        throttle_ms.write_json(out);
    }
    out.extend_from_slice(b"}\n");
}

fn begin(out: &mut BytesMut, id: Option<&RequestId>) {
    out.extend_from_slice(b"{");
    if let Some(id) = id {
        out.extend_from_slice(b"\"id\":");
        out.extend_from_slice(id.as_json().as_bytes());
        out.extend_from_slice(b",");
    }
}

/// A reply as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<T> {
    /// The id of the request, if it had one.
    pub id: Option<RequestId>,
    /// The answer, or why there is none.
    pub result: Result<Reply<T>, Rejection>,
}

/// A line of the server's that is not a reply to what was asked: the connection cannot be trusted any more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the server's line cannot be understood: {0}")]
pub struct MalformedReply(pub String);

impl From<Problem> for MalformedReply {
    fn from(problem: Problem) -> Self {
        Self(problem.message)
    }
}

/// Reads a reply line whose `ok` is read by `body`. Fields that we do not know are left alone: the server may be newer.
pub(crate) fn parse_reply<T>(
    line: &[u8],
    body: impl FnOnce(&mut Fields<'_, '_>) -> Result<T, Problem>,
) -> Result<Response<T>, MalformedReply> {
    let mut fields = Fields::of_line(line)?;
    let id = fields.optional("id", RequestId::read)?;
    if let Some(rejection) = rejection::take(&mut fields)? {
        return Ok(Response { id, result: Err(rejection) });
    }
    let body = fields.required("ok", |node| body(&mut node.fields()?))?;
    let throttle_ms = fields.optional_count("throttle_ms")?.unwrap_or(0);
    Ok(Response { id, result: Ok(Reply { body, throttle_ms }) })
}
