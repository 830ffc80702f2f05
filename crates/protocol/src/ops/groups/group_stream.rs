//! group_stream: membership of a group for as long as the connection lasts, and what the member is told meanwhile.
//!
//! ```text
//! > {"op":"group_stream","group":"g","topics":["t"]}
//! < {"ok":{"member_id":"...","member_epoch":1}}
//! < {"event":"assignment","member_epoch":1,"topics":[{"topic":"t","topic_id":"...","partitions":[0,1]}],"complete":true}
//! < {"event":"alive"}                                                                          twice a second
//! < {"event":"fenced","error":{"code":"...","message":"...","retriable":false}}                it is no member any more
//! ```

use bytes::BytesMut;
use yak_model::api::{GroupAssignment, GroupEvent, GroupStream, GroupStreamReply, Rejection};
use yak_model::limits::MAX_TOPIC_REGEX_LEN;
use yak_model::{InstanceId, MemberId};

use super::words;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::ops::{shared, status};
use crate::rejection;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "group_stream";

const ASSIGNMENT: &str = "assignment";
const ALIVE: &str = "alive";
const FENCED: &str = "fenced";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<GroupStream, Problem> {
    let group_id = words::group(fields)?;
    let topics = shared::topic_or_topics(fields)?.unwrap_or_default();
    let topic_regex = fields.optional("include", regex)?;
    if topics.is_empty() && topic_regex.is_none() {
        return Err(
            fields.problem("no topics: give \"topics\", or an expression for their names as \"include\"")
        );
    }
    Ok(GroupStream {
        group_id,
        member_id: words::optional_member_id(fields)?,
        instance_id: words::instance(fields)?,
        topics,
        topic_regex,
        assignor: fields.optional("assignor", |node| node.label())?,
        rebalance_timeout_ms: fields.optional_count("rebalance_timeout_ms")?,
        client_id: fields.optional("client_id", |node| node.label())?,
        heartbeats: fields.optional("heartbeats", |node| node.bool())?.unwrap_or(false),
    })
}

/// `"include":"orders-.*"`: an expression that names of topics match whole.
pub(crate) fn regex(node: Node<'_, '_>) -> Result<String, Problem> {
    let text = node.string()?;
    if text.len() > MAX_TOPIC_REGEX_LEN {
        return Err(node.problem(format!("longer than {MAX_TOPIC_REGEX_LEN} bytes")));
    }
    Ok(text.into_owned())
}

impl Call for GroupStream {
    type Reply = GroupStreamReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.field("group", self.group_id.as_str());
            object.optional("member_id", self.member_id.as_ref().map(MemberId::as_str));
            object.optional("instance", self.instance_id.as_ref().map(InstanceId::as_str));
            if !self.topics.is_empty() {
                object.field("topics", &shared::names(&self.topics));
            }
            object.optional("include", self.topic_regex.as_ref());
            object.optional("assignor", self.assignor.as_ref());
            object.optional("rebalance_timeout_ms", self.rebalance_timeout_ms.as_ref());
            object.optional("client_id", self.client_id.as_ref());
            object.optional("heartbeats", self.heartbeats.then_some(&true));
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<GroupStreamReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            Ok(GroupStreamReply {
                member_id: words::member_id(fields)?,
                member_epoch: words::member_epoch(fields)?,
                heartbeat_interval_ms: fields.optional_count("heartbeat_interval_ms")?,
            })
        })
    }
}

impl ReplyBody for GroupStreamReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("member_id", self.member_id.as_str());
        object.field("member_epoch", &self.member_epoch.get());
        object.optional("heartbeat_interval_ms", self.heartbeat_interval_ms.as_ref());
        object.end();
    }
}

/// Appends the line of an event.
pub fn encode_group_event(out: &mut BytesMut, event: &GroupEvent) {
    let mut object = ObjectWriter::begin(out);
    match event {
        GroupEvent::Assignment(assignment) => {
            object.field("event", ASSIGNMENT);
            object.field("member_epoch", &assignment.member_epoch.get());
            object.objects("topics", &assignment.topics, words::write_assigned_topic);
            object.field("complete", &assignment.is_complete);
        }
        GroupEvent::Alive => _ = object.field("event", ALIVE),
        GroupEvent::Fenced(rejection) => _ = object.field("event", FENCED).field("error", rejection),
    }
    object.end();
    out.extend_from_slice(b"\n");
}

/// Reads a line of a group stream behind its reply: an event (`None` if it is one that we do not know, of a newer
/// broker), or why there will be no more of them.
///
/// # Errors
/// When it is neither.
pub fn parse_group_event(line: &[u8]) -> Result<Result<Option<GroupEvent>, Rejection>, MalformedReply> {
    let mut fields = Fields::of_line(line)?;
    if !fields.has("event")
        && let Some(rejection) = rejection::take(&mut fields)?
    {
        return Ok(Err(rejection));
    }
    let event = fields.required("event", |node| node.string())?;
    Ok(Ok(match &*event {
        ASSIGNMENT => Some(GroupEvent::Assignment(read_assignment(&mut fields)?)),
        ALIVE => Some(GroupEvent::Alive),
        FENCED => Some(GroupEvent::Fenced(fields.required("error", rejection::read)?)),
        _newer => None,
    }))
}

fn read_assignment(fields: &mut Fields<'_, '_>) -> Result<GroupAssignment, Problem> {
    Ok(GroupAssignment {
        member_epoch: words::member_epoch(fields)?,
        topics: status::list(fields, "topics", words::assigned_topic)?,
        is_complete: fields.required("complete", |node| node.bool())?,
    })
}
