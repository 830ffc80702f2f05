//! What several operations have in common.

use yak_model::api::{BrokerMetadata, ReadFrom, Rejection};
use yak_model::metadata::ConfigResource;
use yak_model::{BrokerEpoch, BrokerId, LeaderEpoch, MetadataIndex, Offset, PartitionIndex, TopicName};

use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::rejection;

/// Default of `timeout_ms`.
pub(crate) const DEFAULT_TIMEOUT_MS: u32 = 10_000;

/// Reads `"<many>": [{...}, ...]`, or one entry from the very fields of the request, as typed by hand.
pub(crate) fn one_or_many<T>(
    fields: &mut Fields<'_, '_>,
    (operation, many): (&str, &'static str),
    mut read: impl FnMut(&mut Fields<'_, '_>) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    if !fields.has(many) {
        let one = read(fields)?;
        // So that a misspelt name of the array is recognised.
        _ = fields.take(many);
        return Ok(vec![one]);
    }
    let entries = fields.required(many, |node| {
        node.array(|element| {
            let mut entry = element.fields()?;
            let read = read(&mut entry)?;
            entry.finish(operation)?;
            Ok(read)
        })
    })?;
    if entries.is_empty() { Err(fields.problem(format!("{many}: must not be empty"))) } else { Ok(entries) }
}

pub(crate) fn topic(fields: &mut Fields<'_, '_>) -> Result<TopicName, Problem> {
    fields.required("topic", |node| node.topic())
}

pub(crate) fn partition(fields: &mut Fields<'_, '_>) -> Result<PartitionIndex, Problem> {
    Ok(fields.required("partition", |node| node.count::<i32>())?.into())
}

pub(crate) fn leader_epoch(fields: &mut Fields<'_, '_>) -> Result<Option<LeaderEpoch>, Problem> {
    Ok(fields.optional_count::<i32>("leader_epoch")?.map(Into::into))
}

pub(crate) fn timeout_ms(fields: &mut Fields<'_, '_>) -> Result<u32, Problem> {
    Ok(fields.optional_count("timeout_ms")?.unwrap_or(DEFAULT_TIMEOUT_MS))
}

/// An offset of a reply, where -1 means that it is not known.
pub(crate) fn offset(fields: &mut Fields<'_, '_>, name: &'static str) -> Result<Offset, Problem> {
    Ok(fields.required(name, |node| node.number(-1_i64, i64::MAX))?.into())
}

pub(crate) fn broker_id(node: Node<'_, '_>) -> Result<BrokerId, Problem> {
    Ok(node.count::<i32>()?.into())
}

pub(crate) fn broker_ids(fields: &mut Fields<'_, '_>, name: &'static str) -> Result<Vec<BrokerId>, Problem> {
    fields.required(name, |node| node.array(broker_id))
}

/// A journal index, if it is there.
pub(crate) fn index(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
) -> Result<Option<MetadataIndex>, Problem> {
    Ok(fields.optional_count::<u64>(name)?.map(Into::into))
}

pub(crate) fn broker_epoch(fields: &mut Fields<'_, '_>) -> Result<BrokerEpoch, Problem> {
    Ok(fields.required("broker_epoch", |node| node.count::<i64>())?.into())
}

/// `"broker_id":..,"broker_epoch":..`: a broker, and which registration of it.
pub(crate) fn registration(fields: &mut Fields<'_, '_>) -> Result<(BrokerId, BrokerEpoch), Problem> {
    Ok((fields.required("broker_id", broker_id)?, broker_epoch(fields)?))
}

pub(crate) fn write_registration(object: &mut ObjectWriter<'_>, id: BrokerId, epoch: BrokerEpoch) {
    object.field("broker_id", &id.get()).field("broker_epoch", &epoch.get());
}

pub(crate) fn topics(node: Node<'_, '_>) -> Result<Vec<TopicName>, Problem> {
    node.array(|element| element.topic())
}

/// `"topic"` or `"topics"`, or neither for all.
pub(crate) fn topic_or_topics(fields: &mut Fields<'_, '_>) -> Result<Option<Vec<TopicName>>, Problem> {
    let many = fields.optional("topics", topics)?;
    let one = fields.optional("topic", |node| node.topic())?;
    match (many, one) {
        (Some(_), Some(_)) => Err(fields.problem("both \"topic\" and \"topics\"; give one of them")),
        (many, None) => Ok(many),
        (None, Some(topic)) => Ok(Some(vec![topic])),
    }
}

const REPLICAS: [(&str, ReadFrom); 2] = [("leader", ReadFrom::Leader), ("any", ReadFrom::Any)];

/// `"replica": "any"`: who may answer a reader.
pub(crate) fn read_from(fields: &mut Fields<'_, '_>) -> Result<ReadFrom, Problem> {
    Ok(fields.optional("replica", |node| node.one_of(&REPLICAS))?.unwrap_or_default())
}

/// Writes what [`read_from`] reads.
pub(crate) fn write_read_from(object: &mut ObjectWriter<'_>, read_from: ReadFrom) {
    if read_from == ReadFrom::Any {
        object.field("replica", "any");
    }
}

/// `"assignment": [[1,2],[2,3]]`: the replicas of each partition.
pub(crate) fn assignment(fields: &mut Fields<'_, '_>) -> Result<Option<Vec<Vec<BrokerId>>>, Problem> {
    fields.optional("assignment", |node| node.array(|replicas| replicas.array(broker_id)))
}

pub(crate) fn write_assignment(object: &mut ObjectWriter<'_>, assignment: Option<&Vec<Vec<BrokerId>>>) {
    if let Some(assignment) = assignment {
        let numbers: Vec<_> = assignment.iter().map(|replicas| ids(replicas)).collect();
        object.field("assignment", &numbers);
    }
}

/// Broker ids as numbers.
pub(crate) fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|id| id.get()).collect()
}

/// Topic names as texts.
pub(crate) fn names(topics: &[TopicName]) -> Vec<&str> {
    topics.iter().map(TopicName::as_str).collect()
}

/// Writes `"topic":..,"partition":..`.
pub(crate) fn write_partition(object: &mut ObjectWriter<'_>, topic: &TopicName, partition: PartitionIndex) {
    object.field("topic", topic.as_str()).field("partition", &partition.get());
}

/// Writes `"error":{...}`.
pub(crate) fn write_error(object: &mut ObjectWriter<'_>, rejection: &Rejection) {
    object.field("error", rejection);
}

/// The `error` of one entry, or the entry read by `read`.
pub(crate) fn entry_result<T>(
    fields: &mut Fields<'_, '_>,
    read: impl FnOnce(&mut Fields<'_, '_>) -> Result<T, Problem>,
) -> Result<Result<T, Rejection>, Problem> {
    Ok(match rejection::take(fields)? {
        Some(rejection) => Err(rejection),
        None => Ok(read(fields)?),
    })
}

/// Writes the fields of a live broker.
pub(crate) fn write_broker(object: &mut ObjectWriter<'_>, broker: &BrokerMetadata) {
    object.field("broker_id", &broker.broker_id.get());
    object.field("host", &broker.host);
    object.field("port", &broker.port);
    object.optional("rack", broker.rack.as_ref());
}

/// Reads the fields of a live broker.
pub(crate) fn read_broker(fields: &mut Fields<'_, '_>) -> Result<BrokerMetadata, Problem> {
    Ok(BrokerMetadata {
        broker_id: fields.required("broker_id", broker_id)?,
        host: fields.required("host", |node| node.label())?,
        port: fields.required("port", |node| node.count())?,
        rack: fields.optional("rack", |node| node.label())?,
    })
}

/// Writes `"topic":"t"`, `"broker":1` or `"broker":"default"`.
pub(crate) fn write_resource(object: &mut ObjectWriter<'_>, resource: &ConfigResource) {
    match resource {
        ConfigResource::Topic(topic) => object.field("topic", topic.as_str()),
        ConfigResource::Broker(id) => object.field("broker", &id.get()),
        ConfigResource::ClusterDefault => object.field("broker", "default"),
    };
}

/// Reads what [`write_resource`] writes.
pub(crate) fn read_resource(fields: &mut Fields<'_, '_>) -> Result<ConfigResource, Problem> {
    let topic = fields.optional("topic", |node| node.topic())?;
    let broker = fields.optional("broker", |node| match node.text {
        "\"default\"" => Ok(ConfigResource::ClusterDefault),
        _ => match node.text.parse::<i32>() {
            Ok(id) if id >= 0 => Ok(ConfigResource::Broker(id.into())),
            _ => Err(node.expected("a broker's number or \"default\"")),
        },
    })?;
    match (topic, broker) {
        (Some(topic), None) => Ok(ConfigResource::Topic(topic)),
        (None, Some(broker)) => Ok(broker),
        (None, None) => Err(fields.problem("missing field \"topic\" or \"broker\"")),
        (Some(_), Some(_)) => Err(fields.problem("both \"topic\" and \"broker\"; name one resource")),
    }
}
