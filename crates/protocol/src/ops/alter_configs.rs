//! alter_configs: changes configuration, each key by itself; `null` returns to the default.

use bytes::BytesMut;
use yak_model::api::{AlterConfigs, AlterConfigsReply, AlteredConfigs, ConfigAlteration, Rejection};
use yak_model::metadata::ConfigResource;

use super::create_topics::config_value;
use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "alter_configs";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<AlterConfigs, Problem> {
    Ok(AlterConfigs {
        resources: shared::one_or_many(fields, (NAME, "resources"), read_entry)?,
        validate_only: fields.flag("validate_only")?,
    })
}

fn read_entry(fields: &mut Fields<'_, '_>) -> Result<(ConfigResource, Vec<ConfigAlteration>), Problem> {
    let resource = shared::read_resource(fields)?;
    let changes = fields.required("configs", |node| {
        node.map(|key, node| {
            let value = if node.is_null() { None } else { Some(config_value(node)?) };
            Ok(ConfigAlteration { key: key.to_owned(), value })
        })
    })?;
    Ok((resource, changes))
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
                        object.entry(&change.key, &change.value);
                    }
                });
            });
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
