//! Commands of the controller as calls at the zookeeper's port.

use bytes::BytesMut;
use yak_core::controller::{Command, CommandReply};
use yak_model::MetadataIndex;
use yak_model::api::{self, ForwardedCreateTopics, Rejection};
use yak_protocol::{AtController, Call, Indexed, Response};

use super::Lost;
use super::link::parse;

/// A reply, and the index at which its effect is to be seen.
pub(super) type Answer = Result<(CommandReply, MetadataIndex), Rejection>;

/// Reads the reply line to a command that was sent.
pub(super) type ReadAnswer = fn(&[u8]) -> Result<Answer, Lost>;

/// Appends the request line of a command. `None` for what no broker asks for: it is the zookeeper's own.
pub(super) fn encode(command: &Command, out: &mut BytesMut) -> Option<ReadAnswer> {
    Some(match command {
        Command::ShutdownBroker(call) => {
            send(*call, out);
            |line| read::<api::ShutdownBroker>(line, |_done| CommandReply::ShutdownBroker(()))
        }
        Command::CreateTopics(create) => {
            let (request, defaults) = (create.request.clone(), Some(create.defaults));
            send(ForwardedCreateTopics { request, defaults, on_first_use: create.on_first_use }, out);
            |line| {
                read::<ForwardedCreateTopics>(line, |reply| {
                    CommandReply::CreateTopics(reply.topics.into_iter().map(unnamed).collect())
                })
            }
        }
        Command::CreatePartitions(call) => {
            send(call.clone(), out);
            |line| read::<api::CreatePartitions>(line, |_total| CommandReply::CreatePartitions(()))
        }
        Command::DeleteTopics(call) => {
            send(call.clone(), out);
            |line| read::<api::DeleteTopics>(line, CommandReply::DeleteTopics)
        }
        Command::AlterConfigs(call) => {
            send(call.clone(), out);
            |line| {
                read::<api::AlterConfigs>(line, |reply| {
                    CommandReply::AlterConfigs(
                        reply.resources.into_iter().map(|altered| altered.result).collect(),
                    )
                })
            }
        }
        Command::AlterIsr(call) => {
            send(call.clone(), out);
            |line| read::<api::AlterIsr>(line, CommandReply::AlterIsr)
        }
        Command::ElectLeaders(call) => {
            send(call.clone(), out);
            |line| read::<api::ElectLeaders>(line, CommandReply::ElectLeaders)
        }
        Command::AllocateProducerIds(call) => {
            send(*call, out);
            |line| read::<api::AllocateProducerIds>(line, CommandReply::AllocateProducerIds)
        }
        Command::CreateCluster(_)
        | Command::RegisterBroker(_)
        | Command::UnfenceBroker(_)
        | Command::FenceBroker(_)
        | Command::RebalanceLeaders(_) => return None,
    })
}

fn send<C: Call>(call: C, out: &mut BytesMut) {
    AtController(call).encode_request(out, None);
}

fn read<C: Call>(line: &[u8], reply: impl FnOnce(C::Reply) -> CommandReply) -> Result<Answer, Lost> {
    let Response { result, .. } = parse::<AtController<C>>(line)?;
    Ok(result.map(|answered| {
        let Indexed { body, index } = answered.body;
        (reply(body), index)
    }))
}

fn unnamed<T, N>(result: Result<T, (N, Rejection)>) -> Result<T, Rejection> {
    result.map_err(|(_name, rejection)| rejection)
}
