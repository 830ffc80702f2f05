//! register_broker: a new broker process begins its session over this connection.

use bytes::BytesMut;
use yak_model::api::{LogProof, OpenSession, RegisterBroker, SessionOpened};

use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::ops::shared;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "register_broker";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<OpenSession, Problem> {
    Ok(OpenSession {
        registration: RegisterBroker {
            broker_id: fields.required("broker_id", shared::broker_id)?,
            incarnation_id: fields.required("incarnation_id", |node| node.parsed())?,
            cluster_id: fields.optional("cluster_id", |node| node.parsed())?,
            directory_ids: fields.required("directory_ids", |node| node.array(|id| id.parsed()))?,
            host: fields.required("host", |node| node.label())?,
            port: fields.required("port", |node| node.count())?,
            advertised: fields.flag("advertised")?,
            rack: fields.optional("rack", |node| node.label())?,
            proof: fields.optional("proof", read_proof)?.unwrap_or_default(),
        },
        seen: shared::index(fields, "seen")?.unwrap_or_default(),
        secret: fields.optional("secret", |node| node.label())?,
    })
}

fn read_proof(node: Node<'_, '_>) -> Result<LogProof, Problem> {
    let mut fields = node.fields()?;
    let proof =
        LogProof { undamaged: fields.flag("undamaged")?, page_cache_kept: fields.flag("page_cache_kept")? };
    fields.finish(NAME)?;
    Ok(proof)
}

impl Call for OpenSession {
    type Reply = SessionOpened;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        let registration = &self.registration;
        let ids = |ids: &[yak_model::DirectoryId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        call::encode_request(out, id, NAME, |object| {
            object.field("broker_id", &registration.broker_id.get());
            object.field("incarnation_id", &registration.incarnation_id.to_string());
            object.optional("cluster_id", registration.cluster_id.map(|id| id.to_string()).as_ref());
            object.field("directory_ids", &ids(&registration.directory_ids));
            object.field("host", &registration.host);
            object.field("port", &registration.port);
            object.optional("advertised", registration.advertised.then_some(true).as_ref());
            object.optional("rack", registration.rack.as_ref());
            object.object("proof", |object| {
                object.field("undamaged", &registration.proof.undamaged);
                object.field("page_cache_kept", &registration.proof.page_cache_kept);
            });
            object.field("seen", &self.seen.get());
            object.optional("secret", self.secret.as_ref());
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<SessionOpened>, MalformedReply> {
        reply::parse_reply(line, read_opened)
    }
}

/// Reads what both ways to a session are answered with.
pub(super) fn read_opened(fields: &mut Fields<'_, '_>) -> Result<SessionOpened, Problem> {
    Ok(SessionOpened {
        broker_epoch: shared::broker_epoch(fields)?,
        cluster_id: fields.required("cluster_id", |node| node.parsed())?,
        key: fields.required("key", |node| node.parsed())?,
        index: fields.required("index", |node| node.count::<u64>())?.into(),
        fenced: fields.required("fenced", |node| node.bool())?,
        session_timeout_ms: fields.required("session_timeout_ms", |node| node.count())?,
    })
}

impl ReplyBody for SessionOpened {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("broker_epoch", &self.broker_epoch.get());
        object.field("cluster_id", &self.cluster_id.to_string());
        object.field("key", &self.key.to_string());
        object.field("index", &self.index.get());
        object.field("fenced", &self.fenced);
        object.field("session_timeout_ms", &self.session_timeout_ms);
        object.end();
    }
}
