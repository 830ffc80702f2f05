//! elect_leaders: another leader on request, cleanly (KIP-460) or, if nobody in the ISR lives, not.

use bytes::BytesMut;
use yak_model::api::{ElectLeaders, ElectLeadersReply, ElectionKind, Rejection};
use yak_model::{BrokerId, TopicPartition};

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "elect_leaders";

const KINDS: [(&str, ElectionKind); 2] =
    [("preferred", ElectionKind::Preferred), ("unclean", ElectionKind::Unclean)];

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<ElectLeaders, Problem> {
    let kind = fields.required("kind", |node| node.one_of(&KINDS))?;
    let partitions = if fields.has("topic") {
        Some(vec![read_partition(fields)?])
    } else {
        fields.optional("partitions", |node| {
            node.array(|entry| {
                let mut fields = entry.fields()?;
                let partition = read_partition(&mut fields)?;
                fields.finish(NAME)?;
                Ok(partition)
            })
        })?
    };
    Ok(ElectLeaders { kind, partitions, timeout_ms: shared::timeout_ms(fields)? })
}

fn read_partition(fields: &mut Fields<'_, '_>) -> Result<TopicPartition, Problem> {
    Ok(TopicPartition { topic: shared::topic(fields)?, partition: shared::partition(fields)? })
}

impl Call for ElectLeaders {
    type Reply = ElectLeadersReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        let kind = match self.kind {
            ElectionKind::Preferred => "preferred",
            ElectionKind::Unclean => "unclean",
        };
        call::encode_request(out, id, NAME, |object| {
            object.field("kind", kind);
            if let Some(partitions) = &self.partitions {
                object.objects("partitions", partitions, |object, at| {
                    shared::write_partition(object, &at.topic, at.partition);
                });
            }
            object.field("timeout_ms", &self.timeout_ms);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<ElectLeadersReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            // Every partition of the cluster may be among them.
            let partitions =
                fields.required("partitions", |node| node.long_array(usize::MAX, read_result))?;
            Ok(ElectLeadersReply { partitions })
        })
    }
}

fn read_result(node: Node<'_, '_>) -> Result<(TopicPartition, Result<BrokerId, Rejection>), Problem> {
    let mut fields = node.fields()?;
    let partition = read_partition(&mut fields)?;
    let result = shared::entry_result(&mut fields, |fields| fields.required("leader", shared::broker_id))?;
    Ok((partition, result))
}

impl ReplyBody for ElectLeadersReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("partitions", &self.partitions, |object, (at, result)| {
            shared::write_partition(object, &at.topic, at.partition);
            match result {
                Ok(leader) => _ = object.field("leader", &leader.get()),
                Err(rejection) => shared::write_error(object, rejection),
            }
        });
        object.end();
    }

    // No `sole_rejection`: the only entry may be what is worth telling of a whole cluster, and that there is nothing to
    // elect is no failure of the request, to be tried again.
}
