//! register: the connection is a producer's or a consumer's from here on.

use bytes::BytesMut;
use yak_model::api::{ClientRole, Register, RegisterReply};
use yak_model::limits::MAX_GROUP_ID_LEN;

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "register";

pub(crate) const ROLES: [(&str, ClientRole); 2] =
    [("producer", ClientRole::Producer), ("consumer", ClientRole::Consumer)];

pub(crate) const fn role_name(role: ClientRole) -> &'static str {
    match role {
        ClientRole::Producer => "producer",
        ClientRole::Consumer => "consumer",
    }
}

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<Register, Problem> {
    Ok(Register {
        role: fields.required("role", |node| node.one_of(&ROLES))?,
        client_id: fields.required("client_id", |node| node.label())?,
        topics: fields.optional("topics", shared::topics)?.unwrap_or_default(),
        group: fields.optional("group", |node| {
            let group = node.string()?;
            if group.len() > MAX_GROUP_ID_LEN {
                return Err(node.problem(format!("longer than {MAX_GROUP_ID_LEN} bytes")));
            }
            Ok(group.into_owned())
        })?,
    })
}

impl Call for Register {
    type Reply = RegisterReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| write_fields(object, self));
    }

    fn parse_reply(line: &[u8]) -> Result<Response<RegisterReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            Ok(RegisterReply { registration: fields.required("registration", |node| node.count())? })
        })
    }
}

/// Writes the fields of a request.
pub(crate) fn write_fields(object: &mut ObjectWriter<'_>, register: &Register) {
    object.field("role", role_name(register.role));
    object.field("client_id", &register.client_id);
    object.field("topics", &shared::names(&register.topics));
    object.optional("group", register.group.as_ref());
}

impl ReplyBody for RegisterReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("registration", &self.registration);
        object.end();
    }
}
