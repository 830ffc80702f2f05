//! create_topics at the zookeeper: the operation of a broker's port, and what a broker adds when it forwards one.

use bytes::BytesMut;
use yak_model::api::{CreateTopicsReply, ForwardedCreateTopics, TopicDefaults};

use crate::call::{self, Call};
use crate::json::{Fields, Node, Problem};
use crate::ops::create_topics::{self, NAME};
use crate::reply::{MalformedReply, Response};

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<ForwardedCreateTopics, Problem> {
    Ok(ForwardedCreateTopics {
        request: create_topics::read_request(fields)?,
        defaults: fields.optional("defaults", read_defaults)?,
        on_first_use: fields.flag("on_first_use")?,
    })
}

fn read_defaults(node: Node<'_, '_>) -> Result<TopicDefaults, Problem> {
    let mut fields = node.fields()?;
    let defaults = TopicDefaults {
        partitions: fields.required("partitions", |node| node.number(1, i32::MAX))?,
        replication_factor: fields.required("replication_factor", |node| node.number(1, u16::MAX))?,
        min_insync_replicas: fields.required("min_insync_replicas", |node| node.number(1, u16::MAX))?,
    };
    fields.finish(NAME)?;
    Ok(defaults)
}

impl Call for ForwardedCreateTopics {
    type Reply = CreateTopicsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            create_topics::write_fields(object, &self.request);
            if let Some(defaults) = self.defaults {
                object.object("defaults", |object| {
                    object.field("partitions", &defaults.partitions);
                    object.field("replication_factor", &defaults.replication_factor);
                    object.field("min_insync_replicas", &defaults.min_insync_replicas);
                });
            }
            if self.on_first_use {
                object.field("on_first_use", &true);
            }
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<CreateTopicsReply>, MalformedReply> {
        yak_model::api::CreateTopics::parse_reply(line)
    }
}
