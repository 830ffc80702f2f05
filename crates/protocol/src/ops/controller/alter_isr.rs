//! alter_isr: a leader proposes other ISRs, compared and set on both epochs (KIP-497, KIP-841).

use bytes::BytesMut;
use yak_model::api::{AlterIsr, AlterIsrReply, IsrProposal};

use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::ops::shared;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "alter_isr";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<AlterIsr, Problem> {
    let (broker_id, broker_epoch) = shared::registration(fields)?;
    let proposals = fields.required("proposals", |node| node.array(read_proposal))?;
    if proposals.is_empty() {
        return Err(fields.problem("proposals: must not be empty"));
    }
    Ok(AlterIsr { broker_id, broker_epoch, proposals })
}

fn read_proposal(node: Node<'_, '_>) -> Result<IsrProposal, Problem> {
    let mut fields = node.fields()?;
    let proposal = IsrProposal {
        topic_id: fields.required("topic_id", |node| node.parsed())?,
        partition: shared::partition(&mut fields)?,
        leader_epoch: fields.required("leader_epoch", |node| node.count::<i32>())?.into(),
        partition_epoch: fields.required("partition_epoch", |node| node.count::<i32>())?.into(),
        followers: fields.required("followers", |node| node.array(read_member))?,
    };
    fields.finish(NAME)?;
    Ok(proposal)
}

fn read_member(node: Node<'_, '_>) -> Result<(yak_model::BrokerId, yak_model::BrokerEpoch), Problem> {
    let mut fields = node.fields()?;
    let broker_id = fields.required("broker_id", shared::broker_id)?;
    // -1 is a member of the present ISR whose registration the leader has not met.
    let broker_epoch = fields.required("broker_epoch", |node| node.number(-1, i64::MAX))?.into();
    fields.finish(NAME)?;
    Ok((broker_id, broker_epoch))
}

impl Call for AlterIsr {
    type Reply = AlterIsrReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            shared::write_registration(object, self.broker_id, self.broker_epoch);
            object.objects("proposals", &self.proposals, |object, proposal| {
                object.field("topic_id", &proposal.topic_id.to_string());
                object.field("partition", &proposal.partition.get());
                object.field("leader_epoch", &proposal.leader_epoch.get());
                object.field("partition_epoch", &proposal.partition_epoch.get());
                object.objects("followers", &proposal.followers, |object, (id, epoch)| {
                    shared::write_registration(object, *id, *epoch);
                });
            });
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<AlterIsrReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            let results = fields.required("results", |node| {
                node.array(|entry| {
                    shared::entry_result(&mut entry.fields()?, |fields| {
                        Ok(fields.required("partition_epoch", |node| node.count::<i32>())?.into())
                    })
                })
            })?;
            Ok(AlterIsrReply { results })
        })
    }
}

impl ReplyBody for AlterIsrReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("results", &self.results, |object, result| match result {
            Ok(partition_epoch) => _ = object.field("partition_epoch", &partition_epoch.get()),
            Err(rejection) => shared::write_error(object, rejection),
        });
        object.end();
    }
}
