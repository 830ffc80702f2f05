//! describe_groups: everything about groups: where they stand, who is in them, what everybody has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use yak_model::api::{
    DescribeGroups, DescribeGroupsReply, DescribedGroup, DescribedMember, RebalanceRecord, Rejection,
};
use yak_model::{InstanceId, MemberId, PartitionIndex, TimestampMs, TopicName};

use super::{list_groups, words};
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::ops::{shared, status};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "describe_groups";

/// Partitions by topic.
type ByTopic = Vec<(TopicName, Vec<PartitionIndex>)>;

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<DescribeGroups, Problem> {
    Ok(DescribeGroups { groups: words::one_or_many(fields)? })
}

impl Call for DescribeGroups {
    type Reply = DescribeGroupsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| words::write_groups(object, &self.groups));
    }

    fn parse_reply(line: &[u8]) -> Result<Response<DescribeGroupsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            let read = |fields: &mut Fields<'_, '_>| shared::entry_result(fields, read_group);
            Ok(DescribeGroupsReply { groups: status::list(fields, "groups", read)? })
        })
    }
}

fn read_group(fields: &mut Fields<'_, '_>) -> Result<DescribedGroup, Problem> {
    Ok(DescribedGroup {
        group_id: words::group(fields)?,
        kind: fields.required("kind", list_groups::kind)?,
        state: fields.required("state", list_groups::state)?,
        epoch: epoch(fields, "epoch")?,
        assignment_epoch: epoch(fields, "assignment_epoch")?,
        protocol_type: fields.required("protocol_type", status::text)?,
        assignor: fields.required("assignor", status::text)?,
        leader: fields.optional("leader", |node| words::name(node, MemberId::new))?,
        members: status::list(fields, "members", read_member)?,
        rebalances: status::list(fields, "rebalances", read_rebalance)?,
    })
}

/// An epoch or generation, where -1 is none yet.
fn epoch(fields: &mut Fields<'_, '_>, name: &'static str) -> Result<i32, Problem> {
    fields.required(name, |node| node.number(i32::MIN, i32::MAX))
}

fn read_member(fields: &mut Fields<'_, '_>) -> Result<DescribedMember, Problem> {
    let assignment = status::list(fields, "assignment", read_topic)?;
    Ok(DescribedMember {
        member_id: words::member_id(fields)?,
        instance_id: words::instance(fields)?,
        rack_id: fields.optional("rack", status::text)?,
        client_id: fields.required("client_id", status::text)?,
        client_host: fields.required("client_host", status::text)?,
        member_epoch: epoch(fields, "member_epoch")?,
        topics: fields.required("topics", shared::topics)?,
        topic_regex: fields.optional("include", status::text)?,
        target: if fields.has("target") {
            status::list(fields, "target", read_topic)?
        } else {
            assignment.clone()
        },
        assignment,
        metadata: fields.optional("metadata_base64", read_bytes)?.unwrap_or_default(),
        assignment_bytes: fields.optional("assignment_base64", read_bytes)?.unwrap_or_default(),
        last_heard_ms: fields.required("last_heard_ms", |node| node.count())?,
    })
}

fn read_topic(fields: &mut Fields<'_, '_>) -> Result<(TopicName, Vec<PartitionIndex>), Problem> {
    Ok((shared::topic(fields)?, words::partitions(fields)?))
}

fn read_bytes(node: Node<'_, '_>) -> Result<Bytes, Problem> {
    let text = node.string()?;
    let bytes =
        STANDARD.decode(text.as_bytes()).map_err(|error| node.problem(format!("not base64: {error}")))?;
    Ok(bytes.into())
}

fn read_rebalance(fields: &mut Fields<'_, '_>) -> Result<RebalanceRecord, Problem> {
    Ok(RebalanceRecord {
        at: TimestampMs::new(fields.required("at", |node| node.number(-1, i64::MAX))?),
        epoch: epoch(fields, "epoch")?,
        cause: fields.required("cause", status::text)?,
        took_ms: fields.required("took_ms", |node| node.count())?,
        members: usize::try_from(fields.required("members", |node| node.count::<u32>())?)
            .map_err(|_small_machine| fields.problem("members: too many"))?,
    })
}

impl ReplyBody for DescribeGroupsReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("groups", &self.groups, |object, group| match group {
            Ok(group) => write_group(object, group),
            Err(rejection) => shared::write_error(object, rejection),
        });
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        match &self.groups[..] {
            [Err(rejection)] => Some(rejection),
            _ => None,
        }
    }
}

fn write_group(object: &mut ObjectWriter<'_>, group: &DescribedGroup) {
    object.field("group", group.group_id.as_str());
    object.field("kind", group.kind.name());
    object.field("state", group.state.name());
    object.field("epoch", &group.epoch);
    object.field("assignment_epoch", &group.assignment_epoch);
    object.field("protocol_type", &group.protocol_type);
    object.field("assignor", &group.assignor);
    object.optional("leader", group.leader.as_ref().map(MemberId::as_str));
    object.objects("members", &group.members, write_member);
    object.objects("rebalances", &group.rebalances, write_rebalance);
}

fn write_member(object: &mut ObjectWriter<'_>, member: &DescribedMember) {
    object.field("member_id", member.member_id.as_str());
    object.optional("instance", member.instance_id.as_ref().map(InstanceId::as_str));
    object.optional("rack", member.rack_id.as_ref());
    object.field("client_id", &member.client_id);
    object.field("client_host", &member.client_host);
    object.field("member_epoch", &member.member_epoch);
    object.field("topics", &shared::names(&member.topics));
    object.optional("include", member.topic_regex.as_ref());
    write_topics(object, "assignment", &member.assignment);
    if member.target != member.assignment {
        write_topics(object, "target", &member.target);
    }
    for (name, bytes) in
        [("metadata_base64", &member.metadata), ("assignment_base64", &member.assignment_bytes)]
    {
        if !bytes.is_empty() {
            object.field(name, &STANDARD.encode(bytes));
        }
    }
    object.field("last_heard_ms", &member.last_heard_ms);
}

fn write_topics(object: &mut ObjectWriter<'_>, name: &str, topics: &ByTopic) {
    object.objects(name, topics, |object, (topic, partitions)| {
        object.field("topic", topic.as_str());
        words::write_partitions(object, partitions);
    });
}

fn write_rebalance(object: &mut ObjectWriter<'_>, rebalance: &RebalanceRecord) {
    object.field("at", &rebalance.at.get());
    object.field("epoch", &rebalance.epoch);
    object.field("cause", &rebalance.cause);
    object.field("took_ms", &rebalance.took_ms);
    object.field("members", &u32::try_from(rebalance.members).unwrap_or(u32::MAX));
}
