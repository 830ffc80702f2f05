//! forwarded_by: what stands in a line that one broker passes on to another for somebody who typed it by hand.
//!
//! ```text
//!   {"forwarded_by":{"broker_id":3,"broker_epoch":9,"key":"..."},"op":"produce",...,"leader_epoch":4,...}
//! ```
//!
//! Replies are the operation's own, but for a fetch: its records come as batches, in the form of a replica_fetch.

use bytes::BytesMut;
use yak_model::api::ForwardedBy;

use super::{delete_records, fetch, list_offsets, produce, shared};
use crate::json::{Fields, Node, ObjectWriter, Problem};

const NAME: &str = "forwarded_by";

/// Takes the mark, if the operation may have one. Of any other operation it is an unknown field.
pub(crate) fn read(operation: &str, fields: &mut Fields<'_, '_>) -> Result<Option<ForwardedBy>, Problem> {
    match operation {
        produce::NAME | fetch::NAME | list_offsets::NAME | delete_records::NAME => {
            fields.optional(NAME, read_mark)
        }
        _ => Ok(None),
    }
}

fn read_mark(node: Node<'_, '_>) -> Result<ForwardedBy, Problem> {
    let mut fields = node.fields()?;
    let mark = ForwardedBy {
        broker_id: fields.required("broker_id", shared::broker_id)?,
        broker_epoch: shared::broker_epoch(&mut fields)?,
        key: fields.required("key", |node| node.parsed())?,
        attachments: fields.flag("attachments")?,
    };
    fields.finish(NAME)?;
    Ok(mark)
}

/// Appends a request line as one that is forwarded. `line` is a whole line as its operation's encoder wrote it.
///
/// # Panics
/// If `line` is no object: then no encoder wrote it.
pub fn encode_forwarded(out: &mut BytesMut, by: &ForwardedBy, line: &[u8]) {
    let rest = line.strip_prefix(b"{").expect("a request line is an object");
    out.extend_from_slice(b"{\"forwarded_by\":");
    let mut object = ObjectWriter::begin(out);
    object.field("broker_id", &by.broker_id.get());
    object.field("broker_epoch", &by.broker_epoch.get());
    object.field("key", &by.key.to_string());
    if by.attachments {
        object.field("attachments", &true);
    }
    object.end();
    out.extend_from_slice(b",");
    out.extend_from_slice(rest);
}
