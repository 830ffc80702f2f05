//! A rejection as JSON: `{"code":"...","message":"...","retriable":true,"leader":{...},"retry_after_ms":50}`.

use bytes::BytesMut;
use yak_model::ErrorCode;
use yak_model::api::{LeaderHint, Rejection};

use crate::json::{Fields, Node, ObjectWriter, Problem, ToJson};

impl ToJson for Rejection {
    fn write_json(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("code", self.code.name());
        object.field("message", &self.message);
        object.field("retriable", &self.code.is_retriable());
        if let Some(leader) = &self.leader {
            object.object("leader", |object| {
                object.field("broker_id", &leader.broker_id.get());
                object.field("leader_epoch", &leader.leader_epoch.get());
                object.field("host", &leader.host);
                object.field("port", &leader.port);
            });
        }
        object.optional("retry_after_ms", self.retry_after_ms.as_ref());
        object.end();
    }
}

/// Reads the value of an `error` field. A code that we do not know stays visible in the message.
pub(crate) fn read(node: Node<'_, '_>) -> Result<Rejection, Problem> {
    let mut fields = node.fields()?;
    let name = fields.required("code", |node| node.string())?;
    let message = fields.required("message", |node| node.string())?.into_owned();
    let (code, message) = match ErrorCode::from_name(&name) {
        Some(code) => (code, message),
        None => (ErrorCode::UnknownServerError, format!("{message} ({name})")),
    };
    let leader = fields.optional("leader", |node| read_leader(&mut node.fields()?))?;
    let retry_after_ms = fields.optional_count("retry_after_ms")?;
    Ok(Rejection { code, message, leader, retry_after_ms, log_start_offset: None })
}

fn read_leader(fields: &mut Fields<'_, '_>) -> Result<LeaderHint, Problem> {
    Ok(LeaderHint {
        broker_id: fields.required("broker_id", |node| node.count::<i32>())?.into(),
        leader_epoch: fields.required("leader_epoch", |node| node.number(-1, i32::MAX))?.into(),
        host: fields.required("host", |node| node.label())?,
        port: fields.required("port", |node| node.count())?,
    })
}

/// Takes `error` from the fields of one entry, if it failed.
pub(crate) fn take(fields: &mut Fields<'_, '_>) -> Result<Option<Rejection>, Problem> {
    fields.optional("error", read)
}
