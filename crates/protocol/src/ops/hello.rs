//! hello: which version of this protocol both sides speak, and who they are.

use bytes::BytesMut;
use yak_model::{BrokerId, ClusterId};

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "hello";

/// Opens a connection of a program. A line typed by hand needs none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Oldest and newest version of the protocol that the client speaks.
    pub protocol: (u32, u32),
    /// Name and version of the software, as `yak-producer/0.1`.
    pub client: Option<String>,
}

/// The server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloReply {
    /// The version that both speak from here on.
    pub protocol: u32,
    /// Name and version of the server's software, as `yak-broker/0.1.0`.
    pub server: String,
    /// The broker that answers; [`BrokerId::NONE`] at a zookeeper.
    pub broker_id: BrokerId,
    /// Names the cluster.
    pub cluster_id: ClusterId,
}

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<Hello, Problem> {
    let protocol = fields.required("protocol", |node| {
        let versions = node.array(|version| version.count())?;
        match versions[..] {
            [oldest, newest] if oldest <= newest => Ok((oldest, newest)),
            _ => Err(node.problem("expected [oldest, newest] of the versions you speak")),
        }
    })?;
    Ok(Hello { protocol, client: fields.optional("client", |node| node.label())? })
}

impl Call for Hello {
    type Reply = HelloReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.field("protocol", &vec![self.protocol.0, self.protocol.1]);
            object.optional("client", self.client.as_ref());
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<HelloReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            Ok(HelloReply {
                protocol: fields.required("protocol", |node| node.count())?,
                server: fields.required("server", |node| node.label())?,
                broker_id: fields.optional("broker_id", shared::broker_id)?.unwrap_or(BrokerId::NONE),
                cluster_id: fields.required("cluster_id", |node| node.parsed())?,
            })
        })
    }
}

impl ReplyBody for HelloReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("protocol", &self.protocol);
        object.field("server", &self.server);
        if self.broker_id != BrokerId::NONE {
            object.field("broker_id", &self.broker_id.get());
        }
        object.field("cluster_id", &self.cluster_id.to_string());
        object.end();
    }
}
