//! describe_configs: the configuration in effect, and where each value comes from.

use std::borrow::Cow;

use bytes::BytesMut;
use yak_model::api::{
    ConfigEntry, ConfigSource, ConfigSynonym, ConfigType, DescribeConfigs, DescribeConfigsReply,
    DescribedConfigs, Rejection,
};
use yak_model::metadata::ConfigResource;

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "describe_configs";

const SOURCES: [(&str, ConfigSource); 5] = [
    ("topic", ConfigSource::Topic),
    ("dynamic_broker", ConfigSource::DynamicBroker),
    ("dynamic_default", ConfigSource::DynamicDefault),
    ("static_broker", ConfigSource::StaticBroker),
    ("default", ConfigSource::Default),
];

const TYPES: [(&str, ConfigType); 9] = [
    ("boolean", ConfigType::Boolean),
    ("string", ConfigType::String),
    ("int", ConfigType::Int),
    ("short", ConfigType::Short),
    ("long", ConfigType::Long),
    ("double", ConfigType::Double),
    ("list", ConfigType::List),
    ("class", ConfigType::Class),
    ("password", ConfigType::Password),
];

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<DescribeConfigs, Problem> {
    Ok(DescribeConfigs { resources: shared::one_or_many(fields, (NAME, "resources"), read_entry)? })
}

fn read_entry(fields: &mut Fields<'_, '_>) -> Result<(ConfigResource, Option<Vec<String>>), Problem> {
    let resource = shared::read_resource(fields)?;
    let keys = fields.optional("keys", |node| node.array(|key| key.label()))?;
    Ok((resource, keys))
}

impl Call for DescribeConfigs {
    type Reply = DescribeConfigsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.objects("resources", &self.resources, |object, (resource, keys)| {
                shared::write_resource(object, resource);
                object.optional("keys", keys.as_ref());
            });
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<DescribeConfigsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            let resources = fields.required("resources", |node| node.array(read_result))?;
            Ok(DescribeConfigsReply { resources })
        })
    }
}

fn read_result(node: Node<'_, '_>) -> Result<DescribedConfigs, Problem> {
    let mut fields = node.fields()?;
    Ok(DescribedConfigs {
        resource: shared::read_resource(&mut fields)?,
        entries: shared::entry_result(&mut fields, |fields| {
            fields.required("configs", |node| node.array(read_config))
        })?,
    })
}

fn read_config(node: Node<'_, '_>) -> Result<ConfigEntry, Problem> {
    let mut fields = node.fields()?;
    Ok(ConfigEntry {
        key: fields.required("key", |node| node.label())?,
        value: read_value(&mut fields)?,
        source: fields.required("source", |node| node.one_of(&SOURCES))?,
        config_type: fields.required("type", |node| node.one_of(&TYPES))?,
        read_only: fields.flag("read_only")?,
        sensitive: fields.flag("sensitive")?,
        synonyms: fields.optional("synonyms", |node| node.array(read_synonym))?.unwrap_or_default(),
        documentation: Cow::Owned(fields.required("documentation", |node| node.string())?.into_owned()),
    })
}

fn read_value(fields: &mut Fields<'_, '_>) -> Result<Option<String>, Problem> {
    Ok(fields.optional("value", |node| node.string())?.map(Cow::into_owned))
}

fn read_synonym(node: Node<'_, '_>) -> Result<ConfigSynonym, Problem> {
    let mut fields = node.fields()?;
    Ok(ConfigSynonym {
        key: fields.required("key", |node| node.label())?,
        value: read_value(&mut fields)?,
        source: fields.required("source", |node| node.one_of(&SOURCES))?,
    })
}

impl ReplyBody for DescribeConfigsReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("resources", &self.resources, |object, described| {
            shared::write_resource(object, &described.resource);
            match &described.entries {
                Ok(entries) => _ = object.objects("configs", entries, write_config),
                Err(rejection) => shared::write_error(object, rejection),
            }
        });
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        match &self.resources[..] {
            [DescribedConfigs { entries: Err(rejection), .. }] => Some(rejection),
            _ => None,
        }
    }
}

fn write_config(object: &mut ObjectWriter<'_>, entry: &ConfigEntry) {
    let kind = TYPES.iter().find(|(_, kind)| *kind == entry.config_type);
    object.field("key", &entry.key);
    object.field("value", &entry.value);
    object.field("source", source_name(entry.source));
    object.field("type", kind.expect("the table has every type").0);
    object.field("read_only", &entry.read_only);
    if entry.sensitive {
        object.field("sensitive", &true);
    }
    object.objects("synonyms", &entry.synonyms, |object, synonym| {
        object.field("key", &synonym.key);
        object.field("value", &synonym.value);
        object.field("source", source_name(synonym.source));
    });
    object.field("documentation", entry.documentation.as_ref());
}

fn source_name(source: ConfigSource) -> &'static str {
    SOURCES.iter().find(|(_, known)| *known == source).expect("the table has every source").0
}
