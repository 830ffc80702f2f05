//! list_groups: the groups that a broker coordinates.

use bytes::BytesMut;
use yak_model::api::{GroupKind, GroupState, ListGroups, ListGroupsReply, ListedGroup};

use super::words;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::ops::status;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "list_groups";

const KINDS: [(&str, GroupKind); 2] =
    [(GroupKind::Classic.name(), GroupKind::Classic), (GroupKind::Consumer.name(), GroupKind::Consumer)];

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<ListGroups, Problem> {
    Ok(ListGroups {
        states: fields.optional("states", |node| node.array(state))?.unwrap_or_default(),
        kinds: fields.optional("kinds", |node| node.array(kind))?.unwrap_or_default(),
    })
}

/// `"Stable"`.
pub(crate) fn state(node: Node<'_, '_>) -> Result<GroupState, Problem> {
    node.one_of(&GroupState::ALL.map(|state| (state.name(), state)))
}

/// `"consumer"`.
pub(crate) fn kind(node: Node<'_, '_>) -> Result<GroupKind, Problem> {
    node.one_of(&KINDS)
}

impl Call for ListGroups {
    type Reply = ListGroupsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            if !self.states.is_empty() {
                let names: Vec<&str> = self.states.iter().map(|state| state.name()).collect();
                object.field("states", &names);
            }
            if !self.kinds.is_empty() {
                let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
                object.field("kinds", &names);
            }
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<ListGroupsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            Ok(ListGroupsReply { groups: status::list(fields, "groups", read_group)? })
        })
    }
}

fn read_group(fields: &mut Fields<'_, '_>) -> Result<ListedGroup, Problem> {
    Ok(ListedGroup {
        group_id: words::group(fields)?,
        protocol_type: fields.required("protocol_type", status::text)?,
        state: fields.required("state", state)?,
        kind: fields.required("kind", kind)?,
    })
}

impl ReplyBody for ListGroupsReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("groups", &self.groups, |object, group| {
            object.field("group", group.group_id.as_str());
            object.field("kind", group.kind.name());
            object.field("state", group.state.name());
            object.field("protocol_type", &group.protocol_type);
        });
        object.end();
    }
}
