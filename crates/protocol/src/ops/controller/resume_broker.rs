//! resume_broker: a broker process continues its session over a new connection.

use bytes::BytesMut;
use yak_model::api::{ResumeSession, SessionOpened};

use super::register_broker::read_opened;
use crate::call::{self, Call};
use crate::json::{Fields, Problem};
use crate::ops::shared;
use crate::reply::{self, MalformedReply, Response};

pub(crate) const NAME: &str = "resume_broker";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<ResumeSession, Problem> {
    Ok(ResumeSession {
        broker_id: fields.required("broker_id", shared::broker_id)?,
        broker_epoch: shared::broker_epoch(fields)?,
        incarnation_id: fields.required("incarnation_id", |node| node.parsed())?,
        applied: shared::index(fields, "applied")?.unwrap_or_default(),
    })
}

impl Call for ResumeSession {
    type Reply = SessionOpened;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.field("broker_id", &self.broker_id.get());
            object.field("broker_epoch", &self.broker_epoch.get());
            object.field("incarnation_id", &self.incarnation_id.to_string());
            object.field("applied", &self.applied.get());
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<SessionOpened>, MalformedReply> {
        reply::parse_reply(line, read_opened)
    }
}
