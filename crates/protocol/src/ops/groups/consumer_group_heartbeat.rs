//! consumer_group_heartbeat: a member says that it lives and what it owns (KIP-848).
//!
//! Where a member comes from is not in the line: the broker sees it.

use bytes::BytesMut;
use yak_model::InstanceId;
use yak_model::api::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, TopicPartitions};

use super::{group_stream, words};
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::ops::shared;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "consumer_group_heartbeat";

/// Reads a request. Its `client_host` is empty: the line does not say it.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<ConsumerGroupHeartbeat, Problem> {
    Ok(ConsumerGroupHeartbeat {
        group_id: words::group(fields)?,
        member_id: words::member_id(fields)?,
        member_epoch: words::member_epoch(fields)?,
        instance_id: words::instance(fields)?,
        rack_id: fields.optional("rack", |node| node.label())?,
        rebalance_timeout_ms: fields.optional_count("rebalance_timeout_ms")?,
        subscribed_topics: shared::topic_or_topics(fields)?,
        subscribed_regex: fields.optional("include", group_stream::regex)?,
        server_assignor: fields.optional("assignor", |node| node.label())?,
        owned: fields.optional("owned", read_owned)?,
        client_id: fields.optional("client_id", |node| node.label())?.unwrap_or_default(),
        client_host: String::new(),
    })
}

fn read_owned(node: Node<'_, '_>) -> Result<Vec<TopicPartitions>, Problem> {
    node.array(|element| {
        let mut fields = element.fields()?;
        let owned = words::topic_partitions(&mut fields)?;
        fields.finish("owned")?;
        Ok(owned)
    })
}

impl Call for ConsumerGroupHeartbeat {
    type Reply = ConsumerGroupHeartbeatReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.field("group", self.group_id.as_str());
            object.field("member_id", self.member_id.as_str());
            object.field("member_epoch", &self.member_epoch.get());
            object.optional("instance", self.instance_id.as_ref().map(InstanceId::as_str));
            object.optional("rack", self.rack_id.as_ref());
            object.optional("rebalance_timeout_ms", self.rebalance_timeout_ms.as_ref());
            object.optional("topics", self.subscribed_topics.as_deref().map(shared::names).as_ref());
            object.optional("include", self.subscribed_regex.as_ref());
            object.optional("assignor", self.server_assignor.as_ref());
            words::write_topic_partitions(object, "owned", self.owned.as_ref());
            if !self.client_id.is_empty() {
                object.field("client_id", &self.client_id);
            }
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<ConsumerGroupHeartbeatReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            Ok(ConsumerGroupHeartbeatReply {
                member_id: words::member_id(fields)?,
                member_epoch: words::member_epoch(fields)?,
                heartbeat_interval_ms: fields.required("heartbeat_interval_ms", |node| node.count())?,
                assignment: fields.optional("assignment", |node| {
                    node.long_array(usize::MAX, |element| words::topic_partitions(&mut element.fields()?))
                })?,
            })
        })
    }
}

impl ReplyBody for ConsumerGroupHeartbeatReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("member_id", self.member_id.as_str());
        object.field("member_epoch", &self.member_epoch.get());
        object.field("heartbeat_interval_ms", &self.heartbeat_interval_ms);
        words::write_topic_partitions(&mut object, "assignment", self.assignment.as_ref());
        object.end();
    }
}
