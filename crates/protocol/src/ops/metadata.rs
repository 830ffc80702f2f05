//! metadata: brokers, topics, and who leads which partition.

use bytes::BytesMut;
use yak_model::api::{Metadata, MetadataReply, PartitionMetadata, Rejection, TopicMetadata};
use yak_model::{BrokerId, TopicName};

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "metadata";

type TopicResult = Result<TopicMetadata, (TopicName, Rejection)>;

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<Metadata, Problem> {
    let topics = shared::topic_or_topics(fields)?;
    Ok(Metadata { topics, allow_auto_create: fields.flag("allow_auto_create")? })
}

impl Call for Metadata {
    type Reply = MetadataReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.optional("topics", self.topics.as_deref().map(shared::names).as_ref());
            object.field("allow_auto_create", &self.allow_auto_create);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<MetadataReply>, MalformedReply> {
        reply::parse_reply(line, read_reply)
    }
}

/// Reads the fields that [`write_reply`] writes.
pub(crate) fn read_reply(fields: &mut Fields<'_, '_>) -> Result<MetadataReply, Problem> {
    Ok(MetadataReply {
        cluster_id: fields.required("cluster_id", |node| node.parsed())?,
        index: fields.required("index", |node| node.count::<u64>())?.into(),
        brokers: fields
            .required("brokers", |node| node.array(|broker| shared::read_broker(&mut broker.fields()?)))?,
        // A cluster may have more topics than a request may name.
        topics: fields.required("topics", |node| {
            node.long_array(usize::MAX, |topic| read_topic(&mut topic.fields()?))
        })?,
    })
}

fn read_topic(fields: &mut Fields<'_, '_>) -> Result<TopicResult, Problem> {
    let name = fields.required("name", |node| node.topic())?;
    let result = shared::entry_result(fields, |fields| {
        Ok(TopicMetadata {
            name: name.clone(),
            topic_id: fields.required("topic_id", |node| node.parsed())?,
            is_internal: fields.flag("is_internal")?,
            created: fields.flag("created")?,
            similar: fields.optional("similar", |node| node.topic())?,
            partitions: fields.required("partitions", |node| node.array(read_partition))?,
        })
    })?;
    Ok(result.map_err(|rejection| (name, rejection)))
}

fn read_partition(node: Node<'_, '_>) -> Result<PartitionMetadata, Problem> {
    let mut fields = node.fields()?;
    Ok(PartitionMetadata {
        partition: shared::partition(&mut fields)?,
        leader: fields.optional("leader", shared::broker_id)?,
        leader_epoch: fields.required("leader_epoch", |node| node.number(-1, i32::MAX))?.into(),
        replicas: shared::broker_ids(&mut fields, "replicas")?,
        in_sync_replicas: shared::broker_ids(&mut fields, "in_sync_replicas")?,
        offline_replicas: shared::broker_ids(&mut fields, "offline_replicas")?,
    })
}

impl ReplyBody for MetadataReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        write_reply(&mut object, self);
        object.end();
    }
}

/// Writes the fields of the reply, which are those of the event, too.
pub(crate) fn write_reply(object: &mut ObjectWriter<'_>, reply: &MetadataReply) {
    object.field("cluster_id", &reply.cluster_id.to_string());
    object.field("index", &reply.index.get());
    object.objects("brokers", &reply.brokers, shared::write_broker);
    object.objects("topics", &reply.topics, |object, topic| match topic {
        Ok(topic) => write_topic(object, topic),
        Err((name, rejection)) => {
            object.field("name", name.as_str());
            shared::write_error(object, rejection);
        }
    });
}

fn write_topic(object: &mut ObjectWriter<'_>, topic: &TopicMetadata) {
    object.field("name", topic.name.as_str());
    object.field("topic_id", &topic.topic_id.to_string());
    object.field("is_internal", &topic.is_internal);
    if topic.created {
        object.field("created", &true);
    }
    object.optional("similar", topic.similar.as_ref().map(TopicName::as_str));
    object.objects("partitions", &topic.partitions, |object, partition| {
        object.field("partition", &partition.partition.get());
        object.field("leader", &partition.leader.map(BrokerId::get));
        object.field("leader_epoch", &partition.leader_epoch.get());
        object.field("replicas", &shared::ids(&partition.replicas));
        object.field("in_sync_replicas", &shared::ids(&partition.in_sync_replicas));
        object.field("offline_replicas", &shared::ids(&partition.offline_replicas));
    });
}
