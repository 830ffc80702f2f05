//! heartbeat: the broker whose session this connection carries lives.

use bytes::BytesMut;
use yak_model::api::{ClientPresence, Heartbeat, HeartbeatReply};

use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::ops::{register, shared};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "heartbeat";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<Heartbeat, Problem> {
    Ok(Heartbeat {
        broker_epoch: shared::broker_epoch(fields)?,
        applied: shared::index(fields, "applied")?.unwrap_or_default(),
        recovered: fields.flag("recovered")?,
        clients: fields.optional("clients", |node| {
            node.array(|client| {
                let mut fields = client.fields()?;
                let presence = read_presence(&mut fields)?;
                fields.finish(NAME)?;
                Ok(presence)
            })
        })?,
    })
}

/// Reads a client of a broker.
pub(super) fn read_presence(fields: &mut Fields<'_, '_>) -> Result<ClientPresence, Problem> {
    Ok(ClientPresence {
        register: register::read_request(fields)?,
        address: fields.required("address", |node: Node<'_, '_>| node.label())?,
    })
}

/// Writes a client of a broker.
pub(super) fn write_presence(object: &mut ObjectWriter<'_>, client: &ClientPresence) {
    register::write_fields(object, &client.register);
    object.field("address", &client.address);
}

impl Call for Heartbeat {
    type Reply = HeartbeatReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.field("broker_epoch", &self.broker_epoch.get());
            object.field("applied", &self.applied.get());
            object.field("recovered", &self.recovered);
            if let Some(clients) = &self.clients {
                object.objects("clients", clients, write_presence);
            }
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<HeartbeatReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            Ok(HeartbeatReply {
                fenced: fields.required("fenced", |node| node.bool())?,
                index: fields.required("index", |node| node.count::<u64>())?.into(),
            })
        })
    }
}

impl ReplyBody for HeartbeatReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("fenced", &self.fenced);
        object.field("index", &self.index.get());
        object.end();
    }
}
