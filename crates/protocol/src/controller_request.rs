//! A request line at the zookeeper's port.

use yak_model::api::{
    AllocateProducerIds, AlterConfigs, AlterIsr, CreatePartitions, DeleteTopics, ElectLeaders,
    ForwardedCreateTopics, Heartbeat, Metadata, OpenSession, ResumeSession, ShutdownBroker, Watch,
};

use crate::json::{Fields, Problem};
use crate::ops::controller::status::ControllerStatus;
use crate::ops::hello::Hello;
use crate::ops::{self, controller};
use crate::request::{find_id, unknown_operation};
use crate::{BadRequest, Envelope, RequestId};

/// Every operation of the zookeeper's port, with what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the operations, documented with their types")]
pub enum ControllerRequest {
    Hello(Hello),
    RegisterBroker(OpenSession),
    ResumeBroker(ResumeSession),
    Heartbeat(Heartbeat),
    Watch(Watch),
    CreateTopics(ForwardedCreateTopics),
    CreatePartitions(CreatePartitions),
    DeleteTopics(DeleteTopics),
    AlterConfigs(AlterConfigs),
    AllocateProducerIds(AllocateProducerIds),
    AlterIsr(AlterIsr),
    ElectLeaders(ElectLeaders),
    ShutdownBroker(ShutdownBroker),
    Metadata(Metadata),
    Status(ControllerStatus),
}

/// The operations' names, for "did you mean".
const NAMES: [&str; 15] = [
    ops::hello::NAME,
    controller::register_broker::NAME,
    controller::resume_broker::NAME,
    controller::heartbeat::NAME,
    controller::watch::NAME,
    ops::create_topics::NAME,
    ops::create_partitions::NAME,
    ops::delete_topics::NAME,
    ops::alter_configs::NAME,
    controller::allocate_producer_ids::NAME,
    controller::alter_isr::NAME,
    ops::elect_leaders::NAME,
    controller::shutdown_broker::NAME,
    ops::metadata::NAME,
    ops::status::NAME,
];

/// Reads one complete line of the zookeeper's port (with or without its newline).
///
/// # Errors
/// When the line is not a request. The code is `INVALID_REQUEST`, or Kafka's own where there is one
/// (`INVALID_TOPIC_EXCEPTION`). The connection stays usable: the end of the line was found.
pub fn parse_controller_request(line: &[u8]) -> Result<Envelope<ControllerRequest>, BadRequest> {
    let mut id = None;
    match read(line, &mut id) {
        Ok(request) => Ok(Envelope { id, forwarded_by: None, request }),
        Err(problem) => Err(BadRequest { id: id.or_else(|| find_id(line)), rejection: problem.into() }),
    }
}

fn read(line: &[u8], id: &mut Option<RequestId>) -> Result<ControllerRequest, Problem> {
    let mut fields = Fields::of_line(line)?;
    *id = fields.optional("id", RequestId::read)?;
    let operation = fields.required("op", |node| node.string())?;
    let request = read_operation(&operation, &mut fields)?;
    fields.finish(&operation)?;
    Ok(request)
}

fn read_operation(operation: &str, fields: &mut Fields<'_, '_>) -> Result<ControllerRequest, Problem> {
    use ControllerRequest as Request;
    Ok(match operation {
        controller::heartbeat::NAME => Request::Heartbeat(controller::heartbeat::read_request(fields)?),
        controller::alter_isr::NAME => Request::AlterIsr(controller::alter_isr::read_request(fields)?),
        controller::register_broker::NAME => {
            Request::RegisterBroker(controller::register_broker::read_request(fields)?)
        }
        controller::resume_broker::NAME => {
            Request::ResumeBroker(controller::resume_broker::read_request(fields)?)
        }
        controller::watch::NAME => Request::Watch(controller::watch::read_request(fields)?),
        controller::allocate_producer_ids::NAME => {
            Request::AllocateProducerIds(controller::allocate_producer_ids::read_request(fields)?)
        }
        controller::shutdown_broker::NAME => {
            Request::ShutdownBroker(controller::shutdown_broker::read_request(fields)?)
        }
        ops::create_topics::NAME => Request::CreateTopics(controller::create_topics::read_request(fields)?),
        ops::create_partitions::NAME => {
            Request::CreatePartitions(ops::create_partitions::read_request(fields)?)
        }
        ops::delete_topics::NAME => Request::DeleteTopics(ops::delete_topics::read_request(fields)?),
        ops::alter_configs::NAME => Request::AlterConfigs(ops::alter_configs::read_request(fields)?),
        ops::elect_leaders::NAME => Request::ElectLeaders(ops::elect_leaders::read_request(fields)?),
        ops::metadata::NAME => Request::Metadata(ops::metadata::read_request(fields)?),
        ops::status::NAME => Request::Status(controller::status::read_request(fields)?),
        ops::hello::NAME => Request::Hello(ops::hello::read_request(fields)?),
        unknown => return Err(unknown_operation(unknown, &NAMES)),
    })
}
