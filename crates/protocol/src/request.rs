//! The server's side of a request line: what is asked for, or precisely why it cannot be understood.

use std::fmt;

use yak_model::TimestampMs;
use yak_model::api::{
    AlterConfigs, ConsumerGroupHeartbeat, CreatePartitions, CreateTopics, DeleteGroups, DeleteRecords,
    DeleteTopics, DescribeConfigs, DescribeGroups, ElectLeaders, Fetch, FindCoordinator, ForwardedBy,
    GroupStream, InitProducerId, ListGroups, ListOffsets, Metadata, OffsetCommit, OffsetDelete, OffsetFetch,
    Produce, Register, Rejection, ReplicaFetch, Subscribe, Tail,
};
use yak_record::BatchBuilder;

use crate::json::{Fields, Path, Problem, line_text, near, shown};
use crate::ops::hello::Hello;
use crate::ops::produce::LineReader;
use crate::ops::{self, fetch, groups};
use crate::{RequestId, ValueStyle};

/// A request line, understood.
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope<R = Request> {
    /// What comes back with the reply.
    pub id: Option<RequestId>,
    /// The broker that passes it on for somebody else, if it is not that one's own.
    pub forwarded_by: Option<ForwardedBy>,
    /// What is asked for.
    pub request: R,
}

/// A request line that is answered with an error and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRequest {
    /// What comes back with the reply, if it could be read.
    pub id: Option<RequestId>,
    /// What is wrong.
    pub rejection: Rejection,
}

/// Every operation, with what it asks for.
#[derive(Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the operations, documented with their types")]
pub enum Request {
    Hello(Hello),
    Produce(Produce),
    Fetch(FetchRequest),
    Tail(Tail),
    ListOffsets(ListOffsets),
    Metadata(Metadata),
    Subscribe(Subscribe),
    CreateTopics(CreateTopics),
    DeleteTopics(DeleteTopics),
    CreatePartitions(CreatePartitions),
    DeleteRecords(DeleteRecords),
    DescribeConfigs(DescribeConfigs),
    AlterConfigs(AlterConfigs),
    ElectLeaders(ElectLeaders),
    InitProducerId(InitProducerId),
    Register(Register),
    Deregister,
    Status,
    ReplicaFetch(ReplicaFetch),
    Group(GroupRequest),
}

/// Operations on groups, with what they ask for.
#[derive(Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the operations, documented with their types")]
pub enum GroupRequest {
    FindCoordinator(FindCoordinator),
    OffsetCommit(OffsetCommit),
    OffsetFetch(OffsetFetch),
    OffsetDelete(OffsetDelete),
    ListGroups(ListGroups),
    DescribeGroups(DescribeGroups),
    DeleteGroups(DeleteGroups),
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeat),
    GroupStream(GroupStream),
}

/// A fetch, and how its values are to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// What is asked for.
    pub fetch: Fetch,
    /// How values are written.
    pub values: ValueStyle,
}

/// Room for parsing that is kept from one line to the next.
const KEEP_BYTES: usize = 4 * 1024 * 1024;

/// Room for parsing, used again for each line of a connection. Records are built into batches in it.
#[derive(Default)]
pub struct Parser {
    pub(crate) builder: BatchBuilder,
    pub(crate) scratch: Vec<u8>,
}

impl Parser {
    /// Empty; it grows with the first produce.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives memory back that an unusually large line of `batch_len` bytes of records has taken.
    pub(crate) fn trim(&mut self, batch_len: usize) {
        if batch_len > KEEP_BYTES {
            self.builder = BatchBuilder::new();
        }
        if self.scratch.capacity() > KEEP_BYTES {
            self.scratch = Vec::new();
        }
    }
}

impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parser").field("scratch", &self.scratch.capacity()).finish_non_exhaustive()
    }
}

/// The operations' names, for "did you mean".
const NAMES: [&str; 28] = [
    ops::hello::NAME,
    ops::produce::NAME,
    fetch::NAME,
    ops::tail::NAME,
    ops::list_offsets::NAME,
    ops::metadata::NAME,
    ops::subscribe::NAME,
    ops::create_topics::NAME,
    ops::delete_topics::NAME,
    ops::create_partitions::NAME,
    ops::delete_records::NAME,
    ops::describe_configs::NAME,
    ops::alter_configs::NAME,
    ops::elect_leaders::NAME,
    ops::init_producer_id::NAME,
    ops::register::NAME,
    ops::deregister::NAME,
    ops::status::NAME,
    ops::replica_fetch::NAME,
    groups::find_coordinator::NAME,
    groups::offset_commit::NAME,
    groups::offset_fetch::NAME,
    groups::offset_delete::NAME,
    groups::list_groups::NAME,
    groups::describe_groups::NAME,
    groups::delete_groups::NAME,
    groups::consumer_group_heartbeat::NAME,
    groups::group_stream::NAME,
];

/// Reads one complete line (with or without its newline). Records without a timestamp of their own or of their
/// line's are stamped `now`.
///
/// # Errors
/// When the line is not a request. The code is `INVALID_REQUEST`, or Kafka's own where there is one
/// (`INVALID_TOPIC_EXCEPTION`, `INVALID_REQUIRED_ACKS`, `UNSUPPORTED_COMPRESSION_TYPE`). The connection stays
/// usable: the end of the line was found.
pub fn parse_request(line: &[u8], now: TimestampMs, parser: &mut Parser) -> Result<Envelope, BadRequest> {
    let mut id = None;
    match read(line, now, parser, &mut id) {
        Ok((forwarded_by, request)) => Ok(Envelope { id, forwarded_by, request }),
        Err(problem) => {
            parser.trim(parser.builder.encoded_len());
            let id = id.or_else(|| find_id(line));
            Err(BadRequest { id, rejection: problem.into() })
        }
    }
}

fn read(
    line: &[u8],
    now: TimestampMs,
    parser: &mut Parser,
    id: &mut Option<RequestId>,
) -> Result<(Option<ForwardedBy>, Request), Problem> {
    let mut reader = LineReader::new(line_text(line)?, now, parser);
    let mut fields = Fields::new(reader.capture()?, Path::Root)?;
    *id = fields.optional("id", RequestId::read)?;
    let operation = fields.required("op", |node| node.string())?;
    let forwarded_by = ops::forwarded_by::read(&operation, &mut fields)?;
    let request = read_operation(&operation, &mut fields, &mut reader)?;
    fields.finish(&operation)?;
    Ok((forwarded_by, request))
}

fn read_operation(
    operation: &str,
    fields: &mut Fields<'_, '_>,
    line: &mut LineReader<'_, '_>,
) -> Result<Request, Problem> {
    Ok(match operation {
        ops::produce::NAME => Request::Produce(ops::produce::read_request(fields, line)?),
        fetch::NAME => Request::Fetch(fetch::read_request(fields)?),
        ops::tail::NAME => Request::Tail(ops::tail::read_request(fields)?),
        ops::list_offsets::NAME => Request::ListOffsets(ops::list_offsets::read_request(fields)?),
        ops::metadata::NAME => Request::Metadata(ops::metadata::read_request(fields)?),
        ops::subscribe::NAME => Request::Subscribe(ops::subscribe::read_request(fields)?),
        ops::create_topics::NAME => Request::CreateTopics(ops::create_topics::read_request(fields)?),
        ops::delete_topics::NAME => Request::DeleteTopics(ops::delete_topics::read_request(fields)?),
        ops::create_partitions::NAME => {
            Request::CreatePartitions(ops::create_partitions::read_request(fields)?)
        }
        ops::delete_records::NAME => Request::DeleteRecords(ops::delete_records::read_request(fields)?),
        ops::describe_configs::NAME => Request::DescribeConfigs(ops::describe_configs::read_request(fields)?),
        ops::alter_configs::NAME => Request::AlterConfigs(ops::alter_configs::read_request(fields)?),
        ops::elect_leaders::NAME => Request::ElectLeaders(ops::elect_leaders::read_request(fields)?),
        ops::init_producer_id::NAME => Request::InitProducerId(ops::init_producer_id::read_request(fields)?),
        ops::register::NAME => Request::Register(ops::register::read_request(fields)?),
        ops::deregister::NAME => Request::Deregister,
        ops::status::NAME => Request::Status,
        ops::replica_fetch::NAME => Request::ReplicaFetch(ops::replica_fetch::read_request(fields)?),
        ops::hello::NAME => Request::Hello(ops::hello::read_request(fields)?),
        _ => Request::Group(read_group_operation(operation, fields)?),
    })
}

fn read_group_operation(operation: &str, fields: &mut Fields<'_, '_>) -> Result<GroupRequest, Problem> {
    Ok(match operation {
        groups::find_coordinator::NAME => {
            GroupRequest::FindCoordinator(groups::find_coordinator::read_request(fields)?)
        }
        groups::offset_commit::NAME => {
            GroupRequest::OffsetCommit(groups::offset_commit::read_request(fields)?)
        }
        groups::offset_fetch::NAME => GroupRequest::OffsetFetch(groups::offset_fetch::read_request(fields)?),
        groups::offset_delete::NAME => {
            GroupRequest::OffsetDelete(groups::offset_delete::read_request(fields)?)
        }
        groups::list_groups::NAME => GroupRequest::ListGroups(groups::list_groups::read_request(fields)?),
        groups::describe_groups::NAME => {
            GroupRequest::DescribeGroups(groups::describe_groups::read_request(fields)?)
        }
        groups::delete_groups::NAME => {
            GroupRequest::DeleteGroups(groups::delete_groups::read_request(fields)?)
        }
        groups::consumer_group_heartbeat::NAME => {
            GroupRequest::ConsumerGroupHeartbeat(groups::consumer_group_heartbeat::read_request(fields)?)
        }
        groups::group_stream::NAME => GroupRequest::GroupStream(groups::group_stream::read_request(fields)?),
        unknown => return Err(unknown_operation(unknown, &NAMES)),
    })
}

/// Says that no operation has this name, and what might have been meant.
pub(crate) fn unknown_operation(name: &str, known: &[&str]) -> Problem {
    let hint = match near(name, known.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("the operations are {}", known.join(", ")),
    };
    Problem::new(format!("op: unknown operation {}; {hint}", shown(name)))
}

/// The id of a line with which something else is wrong.
pub(crate) fn find_id(line: &[u8]) -> Option<RequestId> {
    Fields::of_line(line).ok()?.optional("id", RequestId::read).ok()?
}
