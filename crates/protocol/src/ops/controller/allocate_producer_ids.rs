//! allocate_producer_ids: a block of producer ids for one broker to hand out.

use bytes::BytesMut;
use yak_model::api::{AllocateProducerIds, ProducerIdBlock};

use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::ops::shared;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "allocate_producer_ids";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<AllocateProducerIds, Problem> {
    let (broker_id, broker_epoch) = shared::registration(fields)?;
    Ok(AllocateProducerIds { broker_id, broker_epoch })
}

impl Call for AllocateProducerIds {
    type Reply = ProducerIdBlock;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            shared::write_registration(object, self.broker_id, self.broker_epoch);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<ProducerIdBlock>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            let (broker_id, broker_epoch) = shared::registration(fields)?;
            Ok(ProducerIdBlock {
                broker_id,
                broker_epoch,
                first: fields.required("first", |node| node.count::<i64>())?.into(),
                end: fields.required("end", |node| node.count::<i64>())?.into(),
            })
        })
    }
}

impl ReplyBody for ProducerIdBlock {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        shared::write_registration(&mut object, self.broker_id, self.broker_epoch);
        object.field("first", &self.first.get());
        object.field("end", &self.end.get());
        object.end();
    }
}
