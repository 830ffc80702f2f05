//! The reply of a produce: where everything went, and what the acknowledgement means.

use bytes::BytesMut;
use yak_model::api::{Acks, ProduceReply, Produced, RefusedProduce, Rejection};
use yak_model::{BrokerId, Offset, PartitionIndex, TimestampMs, TopicName};

use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::ops::shared;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

impl ReplyBody for ProduceReply {
    /// What is the same for all partitions is said once: topic (not at all, the request named it), and
    /// `acked_by` and `durable` behind the partitions.
    fn write_body(&self, out: &mut BytesMut) {
        let mut topics = self.partitions.iter().map(|result| match result {
            Ok(produced) => &produced.topic,
            Err(refused) => &refused.topic,
        });
        let first = topics.next();
        let one_topic = topics.all(|topic| Some(topic) == first);
        let mut produced = self.partitions.iter().flatten();
        let common = produced.next().filter(|first| {
            produced.all(|other| (&other.acked_by, other.durable) == (&first.acked_by, first.durable))
        });
        let mut object = ObjectWriter::begin(out);
        object.objects("partitions", &self.partitions, |object, result| {
            if !one_topic {
                let topic = result.as_ref().map_or_else(|refused| &refused.topic, |produced| &produced.topic);
                object.field("topic", topic.as_str());
            }
            match result {
                Ok(produced) => write_produced(object, produced, common.is_none()),
                Err(refused) => {
                    object.optional("partition", refused.partition.map(PartitionIndex::get).as_ref());
                    shared::write_error(object, &refused.rejection);
                }
            }
        });
        match self.acks {
            Acks::All => object.field("acks", "all"),
            Acks::Leader => object.field("acks", &1),
            Acks::None => object.field("acks", &0),
        };
        if let Some(common) = common {
            write_acked(&mut object, common);
        }
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        match &self.partitions[..] {
            [Err(refused)] => Some(&refused.rejection),
            _ => None,
        }
    }
}

fn write_produced(object: &mut ObjectWriter<'_>, produced: &Produced, is_acked_here: bool) {
    object.field("partition", &produced.partition.get());
    object.field("base_offset", &produced.base_offset.get());
    object.field("count", &produced.count);
    object.optional("log_append_time", produced.log_append_time.map(TimestampMs::get).as_ref());
    if produced.log_start_offset != Offset::ZERO {
        object.field("log_start_offset", &produced.log_start_offset.get());
    }
    if is_acked_here {
        write_acked(object, produced);
    }
}

fn write_acked(object: &mut ObjectWriter<'_>, produced: &Produced) {
    object.field("acked_by", &shared::ids(&produced.acked_by));
    object.field("durable", &produced.durable);
}

/// Reads the reply to a produce for `topic`.
///
/// # Errors
/// When the line is no reply to a produce.
pub fn parse_produce_reply(line: &[u8], topic: &TopicName) -> Result<Response<ProduceReply>, MalformedReply> {
    reply::parse_reply(line, |fields| {
        let common = read_acked(fields)?;
        let acks = fields.required("acks", super::read_acks)?;
        let read = |node: Node<'_, '_>| read_partition(&mut node.fields()?, topic, &common);
        let partitions = fields.required("partitions", |node| node.array(read))?;
        Ok(ProduceReply { partitions, acks })
    })
}

/// Whose logs have it, and whether it is on disk there.
type Acked = (Vec<BrokerId>, bool);

fn read_acked(fields: &mut Fields<'_, '_>) -> Result<Option<Acked>, Problem> {
    let acked_by = fields.optional("acked_by", |node| node.array(shared::broker_id))?;
    let durable = fields.flag("durable")?;
    Ok(acked_by.map(|acked_by| (acked_by, durable)))
}

fn read_partition(
    fields: &mut Fields<'_, '_>,
    topic: &TopicName,
    common: &Option<Acked>,
) -> Result<Result<Produced, RefusedProduce>, Problem> {
    let topic = fields.optional("topic", |node| node.topic())?.unwrap_or_else(|| topic.clone());
    let partition = fields.optional_count::<i32>("partition")?.map(PartitionIndex::new);
    let result = shared::entry_result(fields, |fields| {
        let own = read_acked(fields)?;
        let (acked_by, durable) = own.or_else(|| common.clone()).unwrap_or_default();
        Ok(Produced {
            topic: topic.clone(),
            partition: partition.ok_or_else(|| fields.missing("partition"))?,
            base_offset: shared::offset(fields, "base_offset")?,
            count: fields.required("count", |node| node.count())?,
            log_append_time: fields.optional_count::<i64>("log_append_time")?.map(TimestampMs::new),
            log_start_offset: fields.optional_count::<i64>("log_start_offset")?.unwrap_or(0).into(),
            acked_by,
            durable,
        })
    })?;
    Ok(result.map_err(|rejection| RefusedProduce { topic, partition, rejection }))
}
