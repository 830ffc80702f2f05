//! shutdown_broker: a broker leaves in order and hands over what it leads.

use bytes::BytesMut;
use yak_model::api::ShutdownBroker;

use crate::call::{self, Call};
use crate::json::{Fields, Problem};
use crate::ops::deregister::Done;
use crate::ops::shared;
use crate::reply::{self, MalformedReply, Response};

pub(crate) const NAME: &str = "shutdown_broker";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<ShutdownBroker, Problem> {
    let (broker_id, broker_epoch) = shared::registration(fields)?;
    Ok(ShutdownBroker { broker_id, broker_epoch })
}

impl Call for ShutdownBroker {
    type Reply = Done;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            shared::write_registration(object, self.broker_id, self.broker_epoch);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<Done>, MalformedReply> {
        reply::parse_reply(line, |_| Ok(Done))
    }
}
