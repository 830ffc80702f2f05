//! create_topics: creates topics, each by itself.

use std::collections::BTreeMap;

use bytes::BytesMut;
use yak_model::api::{CreateTopic, CreateTopics, CreateTopicsReply, CreatedTopic, Rejection};
use yak_model::limits::MAX_LABEL_LEN;
use yak_model::{TopicId, TopicName};

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "create_topics";

type TopicResult = Result<CreatedTopic, (String, Rejection)>;

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<CreateTopics, Problem> {
    let topics = if fields.has("topics") {
        let topics = fields.required("topics", |node| node.array(read_topic))?;
        if topics.is_empty() {
            return Err(fields.problem("topics: must not be empty"));
        }
        topics
    } else {
        vec![read_topic_fields(fields, "topic")?]
    };
    Ok(CreateTopics {
        topics,
        validate_only: fields.flag("validate_only")?,
        timeout_ms: shared::timeout_ms(fields)?,
    })
}

/// A topic of the list: its name alone, or an object.
fn read_topic(node: Node<'_, '_>) -> Result<CreateTopic, Problem> {
    if !node.is_object() {
        let name = node.string_or("a topic's name or an object")?.into_owned();
        return Ok(CreateTopic {
            name,
            partitions: None,
            replication_factor: None,
            assignment: None,
            configs: BTreeMap::new(),
        });
    }
    let mut fields = node.fields()?;
    let topic = read_topic_fields(&mut fields, "name")?;
    fields.finish(NAME)?;
    Ok(topic)
}

fn read_topic_fields(fields: &mut Fields<'_, '_>, name: &'static str) -> Result<CreateTopic, Problem> {
    Ok(CreateTopic {
        name: fields.required(name, |node| node.string())?.into_owned(),
        // Zero and less are refused for the one topic, with Kafka's own codes.
        partitions: fields.optional("partitions", |node| node.number(i32::MIN, i32::MAX))?,
        replication_factor: fields.optional("replication_factor", |node| node.number(i16::MIN, i16::MAX))?,
        assignment: shared::assignment(fields)?,
        configs: fields.optional("configs", read_configs)?.unwrap_or_default(),
    })
}

fn read_configs(node: Node<'_, '_>) -> Result<BTreeMap<String, String>, Problem> {
    Ok(node.map(|key, node| Ok((key.to_owned(), config_value(node)?)))?.into_iter().collect())
}

/// A configuration value: a string, or a number or boolean as one types it.
pub(crate) fn config_value(node: Node<'_, '_>) -> Result<String, Problem> {
    match node.text.as_bytes() {
        [b'{' | b'[' | b'n', ..] => Err(node.expected("a string, a number, true or false")),
        [b'"', ..] => Ok(node.string()?.into_owned()),
        _ if node.text.len() > MAX_LABEL_LEN => Err(node.problem("the number is too long")),
        _ => Ok(node.text.to_owned()),
    }
}

impl Call for CreateTopics {
    type Reply = CreateTopicsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| write_fields(object, self));
    }

    fn parse_reply(line: &[u8]) -> Result<Response<CreateTopicsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            let topics = fields.required("topics", |node| node.array(read_result))?;
            Ok(CreateTopicsReply { topics })
        })
    }
}

/// Writes the fields of a request.
pub(crate) fn write_fields(object: &mut ObjectWriter<'_>, request: &CreateTopics) {
    object.objects("topics", &request.topics, |object, topic| {
        object.field("name", &topic.name);
        object.optional("partitions", topic.partitions.as_ref());
        object.optional("replication_factor", topic.replication_factor.as_ref());
        shared::write_assignment(object, topic.assignment.as_ref());
        if !topic.configs.is_empty() {
            object.object("configs", |object| {
                for (key, value) in &topic.configs {
                    object.entry(key, value);
                }
            });
        }
    });
    object.field("validate_only", &request.validate_only);
    object.field("timeout_ms", &request.timeout_ms);
}

fn read_result(node: Node<'_, '_>) -> Result<TopicResult, Problem> {
    let mut fields = node.fields()?;
    let name = fields.required("name", |node| node.string())?.into_owned();
    let result = shared::entry_result(&mut fields, |fields| {
        Ok(CreatedTopic {
            name: name.parse().map_err(|error| fields.problem(format!("name: {error}")))?,
            topic_id: fields.optional("topic_id", |node| node.parsed())?.unwrap_or_default(),
            partitions: fields.required("partitions", |node| node.count())?,
            replication_factor: fields.required("replication_factor", |node| node.count())?,
            similar: fields.optional("similar", |node| node.topic())?,
        })
    })?;
    Ok(result.map_err(|rejection| (name, rejection)))
}

impl ReplyBody for CreateTopicsReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("topics", &self.topics, |object, result| match result {
            Ok(topic) => {
                object.field("name", topic.name.as_str());
                if topic.topic_id != TopicId::default() {
                    object.field("topic_id", &topic.topic_id.to_string());
                }
                object.field("partitions", &topic.partitions);
                object.field("replication_factor", &topic.replication_factor);
                object.optional("similar", topic.similar.as_ref().map(TopicName::as_str));
            }
            Err((name, rejection)) => {
                object.field("name", name);
                shared::write_error(object, rejection);
            }
        });
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        match &self.topics[..] {
            [Err((_, rejection))] => Some(rejection),
            _ => None,
        }
    }
}
