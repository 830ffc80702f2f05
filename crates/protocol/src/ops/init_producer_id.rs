//! init_producer_id: a producer id for idempotent producing (KIP-98).

use bytes::BytesMut;
use yak_model::api::{InitProducerId, InitProducerIdReply};
use yak_model::{ProducerEpoch, ProducerId};

use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "init_producer_id";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<InitProducerId, Problem> {
    let producer_id = fields.optional_count::<i64>("producer_id")?.map(ProducerId::new);
    let producer_epoch = fields.optional_count::<i16>("producer_epoch")?.map(ProducerEpoch::new);
    match (producer_id, producer_epoch) {
        (None, None) => Ok(InitProducerId { current: None }),
        (Some(id), Some(epoch)) => Ok(InitProducerId { current: Some((id, epoch)) }),
        _ => Err(fields.problem("\"producer_id\" and \"producer_epoch\" belong together")),
    }
}

impl Call for InitProducerId {
    type Reply = InitProducerIdReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            if let Some((producer_id, producer_epoch)) = self.current {
                object.field("producer_id", &producer_id.get());
                object.field("producer_epoch", &producer_epoch.get());
            }
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<InitProducerIdReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            Ok(InitProducerIdReply {
                producer_id: fields.required("producer_id", |node| node.count::<i64>())?.into(),
                producer_epoch: fields.required("producer_epoch", |node| node.count::<i16>())?.into(),
            })
        })
    }
}

impl ReplyBody for InitProducerIdReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("producer_id", &self.producer_id.get());
        object.field("producer_epoch", &self.producer_epoch.get());
        object.end();
    }
}
