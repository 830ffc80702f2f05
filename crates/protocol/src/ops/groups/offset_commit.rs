//! offset_commit: stores how far a group has come.

use bytes::BytesMut;
use yak_model::Offset;
use yak_model::api::{OffsetCommit, OffsetCommitEntry, OffsetCommitReply, Rejection};

use super::words;
use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::ops::shared;
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "offset_commit";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<OffsetCommit, Problem> {
    Ok(OffsetCommit {
        group_id: words::group(fields)?,
        member: words::identity(fields)?,
        entries: shared::one_or_many(fields, (NAME, "offsets"), read_entry)?,
    })
}

fn read_entry(fields: &mut Fields<'_, '_>) -> Result<OffsetCommitEntry, Problem> {
    Ok(OffsetCommitEntry {
        topic: shared::topic(fields)?,
        topic_id: fields.optional("topic_id", |node| node.parsed())?,
        partition: shared::partition(fields)?,
        offset: Offset::new(fields.required("offset", |node| node.count())?),
        leader_epoch: shared::leader_epoch(fields)?,
        metadata: fields.optional("metadata", |node| node.string())?.unwrap_or_default().into_owned(),
    })
}

impl Call for OffsetCommit {
    type Reply = OffsetCommitReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.field("group", self.group_id.as_str());
            words::write_identity(object, self.member.as_ref());
            object.objects("offsets", &self.entries, write_entry);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<OffsetCommitReply>, MalformedReply> {
        reply::parse_reply(line, |fields| Ok(OffsetCommitReply { results: words::results(fields)? }))
    }
}

fn write_entry(object: &mut ObjectWriter<'_>, entry: &OffsetCommitEntry) {
    object.field("topic", entry.topic.as_str());
    object.optional("topic_id", entry.topic_id.map(|id| id.to_string()).as_ref());
    object.field("partition", &entry.partition.get());
    object.field("offset", &entry.offset.get());
    object.optional("leader_epoch", entry.leader_epoch.map(|epoch| epoch.get()).as_ref());
    if !entry.metadata.is_empty() {
        object.field("metadata", &entry.metadata);
    }
}

impl ReplyBody for OffsetCommitReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        words::write_results(&mut object, &self.results);
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        words::sole_rejection(&self.results)
    }
}
