//! alter_configs: changes configuration, each key by itself or all of it; `null` returns to the default.
//!
//! ```text
//!   "configs":{"retention.ms":"5","segment.ms":null,"cleanup.policy":{"append":"compact"}}
//! ```

use bytes::BytesMut;
use yak_model::api::{
    AlterConfigs, AlterConfigsReply, AlteredConfigs, ConfigAlteration, ConfigChange, Rejection,
};
use yak_model::metadata::ConfigResource;

use super::create_topics::config_value;
use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem, ToJson};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "alter_configs";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<AlterConfigs, Problem> {
    Ok(AlterConfigs {
        resources: shared::one_or_many(fields, (NAME, "resources"), read_entry)?,
        replace: fields.flag("replace")?,
        validate_only: fields.flag("validate_only")?,
    })
}

fn read_entry(fields: &mut Fields<'_, '_>) -> Result<(ConfigResource, Vec<ConfigAlteration>), Problem> {
    let resource = shared::read_resource(fields)?;
    let changes = fields.required("configs", |node| {
        node.map(|key, node| Ok(ConfigAlteration { key: key.to_owned(), change: read_change(node)? }))
    })?;
    Ok((resource, changes))
}

fn read_change(node: Node<'_, '_>) -> Result<ConfigChange, Problem> {
    if node.is_null() {
        return Ok(ConfigChange::Unset);
    }
    if !node.is_object() {
        return Ok(ConfigChange::Set(config_value(node)?));
    }
    let mut fields = node.fields()?;
    let change = if fields.has("subtract") {
        ConfigChange::Subtract(fields.required("subtract", config_value)?)
    } else {
        ConfigChange::Append(fields.required("append", config_value)?)
    };
    fields.finish("configs")?;
    Ok(change)
}

impl ToJson for ConfigChange {
    fn write_json(&self, out: &mut BytesMut) {
        let (how, items) = match self {
            Self::Set(value) => return value.write_json(out),
            Self::Unset => return None::<&str>.write_json(out),
            Self::Append(items) => ("append", items),
            Self::Subtract(items) => ("subtract", items),
        };
        let mut object = ObjectWriter::begin(out);
        object.field(how, items);
        object.end();
    }
}

impl Call for AlterConfigs {
    type Reply = AlterConfigsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.objects("resources", &self.resources, |object, (resource, changes)| {
                shared::write_resource(object, resource);
                object.object("configs", |object| {
                    for change in changes {
                        object.entry(&change.key, &change.change);
                    }
                });
            });
            if self.replace {
                object.field("replace", &true);
            }
            object.field("validate_only", &self.validate_only);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<AlterConfigsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            let resources = fields.required("resources", |node| node.array(read_result))?;
            Ok(AlterConfigsReply { resources })
        })
    }
}

fn read_result(node: Node<'_, '_>) -> Result<AlteredConfigs, Problem> {
    let mut fields = node.fields()?;
    Ok(AlteredConfigs {
        resource: shared::read_resource(&mut fields)?,
        result: shared::entry_result(&mut fields, |_| Ok(()))?,
    })
}

impl ReplyBody for AlterConfigsReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("resources", &self.resources, |object, altered| {
            shared::write_resource(object, &altered.resource);
            if let Err(rejection) = &altered.result {
                shared::write_error(object, rejection);
            }
        });
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        match &self.resources[..] {
            [AlteredConfigs { result: Err(rejection), .. }] => Some(rejection),
            _ => None,
        }
    }
}
