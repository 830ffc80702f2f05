//! offset_fetch: how far a group has come.

use bytes::BytesMut;
use yak_model::api::{CommittedOffset, FetchedOffset, OffsetFetch, OffsetFetchReply};
use yak_model::{Offset, TimestampMs};

use super::words;
use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::ops::{shared, status};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "offset_fetch";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<OffsetFetch, Problem> {
    let group_id = words::group(fields)?;
    let member = words::identity(fields)?;
    let partitions = if fields.has("topic") {
        Some(vec![words::place(fields)?])
    } else {
        fields.optional("partitions", |node| {
            node.array(|entry| {
                let mut fields = entry.fields()?;
                let place = words::place(&mut fields)?;
                fields.finish(NAME)?;
                Ok(place)
            })
        })?
    };
    Ok(OffsetFetch { group_id, member, partitions })
}

impl Call for OffsetFetch {
    type Reply = OffsetFetchReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.field("group", self.group_id.as_str());
            words::write_identity(object, self.member.as_ref());
            if let Some(partitions) = &self.partitions {
                words::write_places(object, partitions);
            }
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<OffsetFetchReply>, MalformedReply> {
        // A group may have committed offsets of every partition of the cluster.
        reply::parse_reply(line, |fields| {
            Ok(OffsetFetchReply { offsets: status::list(fields, "offsets", read_offset)? })
        })
    }
}

fn read_offset(fields: &mut Fields<'_, '_>) -> Result<FetchedOffset, Problem> {
    let (topic, partition) = words::place(fields)?;
    let committed = match fields.optional_count::<i64>("offset")? {
        None => None,
        Some(offset) => Some(CommittedOffset {
            offset: Offset::new(offset),
            leader_epoch: shared::leader_epoch(fields)?,
            metadata: fields.required("metadata", status::text)?,
            commit_time: TimestampMs::new(fields.required("commit_time", |node| node.number(-1, i64::MAX))?),
        }),
    };
    Ok(FetchedOffset { topic, partition, committed })
}

impl ReplyBody for OffsetFetchReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("offsets", &self.offsets, |object, fetched| {
            shared::write_partition(object, &fetched.topic, fetched.partition);
            object.field("offset", &fetched.committed.as_ref().map(|committed| committed.offset.get()));
            if let Some(committed) = &fetched.committed {
                object.optional("leader_epoch", committed.leader_epoch.map(|epoch| epoch.get()).as_ref());
                object.field("metadata", &committed.metadata);
                object.field("commit_time", &committed.commit_time.get());
            }
        });
        object.end();
    }
}
