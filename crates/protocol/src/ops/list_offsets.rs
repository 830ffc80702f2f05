//! list_offsets: where a partition begins and ends, and which offset belongs to a time.

use bytes::BytesMut;
use yak_model::api::{
    ListOffsets, ListOffsetsEntry, ListOffsetsReply, ListedOffset, OffsetSpec, RefusedListOffsets, Rejection,
};
use yak_model::{Offset, TimestampMs};

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "list_offsets";

const WORDS: [(&str, OffsetSpec); 3] = [
    ("earliest", OffsetSpec::Earliest),
    ("latest", OffsetSpec::Latest),
    ("max_timestamp", OffsetSpec::MaxTimestamp),
];

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<ListOffsets, Problem> {
    Ok(ListOffsets {
        entries: shared::one_or_many(fields, (NAME, "entries"), read_entry)?,
        ..ListOffsets::default()
    })
}

fn read_entry(fields: &mut Fields<'_, '_>) -> Result<ListOffsetsEntry, Problem> {
    Ok(ListOffsetsEntry {
        topic: shared::topic(fields)?,
        partition: shared::partition(fields)?,
        leader_epoch: shared::leader_epoch(fields)?,
        at: fields.optional("at", read_spec)?.unwrap_or(OffsetSpec::Latest),
    })
}

fn read_spec(node: Node<'_, '_>) -> Result<OffsetSpec, Problem> {
    if !node.is_object() {
        return node.one_of(&WORDS).map_err(|_words_only| {
            node.expected("\"earliest\", \"latest\", \"max_timestamp\" or {\"time\": milliseconds}")
        });
    }
    let mut fields = node.fields()?;
    let time = fields.required("time", |node| node.count::<i64>())?;
    fields.finish("at")?;
    Ok(OffsetSpec::Time(time.into()))
}

fn write_spec(object: &mut ObjectWriter<'_>, spec: OffsetSpec) {
    match WORDS.iter().find(|(_, meaning)| *meaning == spec) {
        Some((word, _)) => _ = object.field("at", *word),
        None => {
            if let OffsetSpec::Time(time) = spec {
                object.object("at", |at| _ = at.field("time", &time.get()));
            }
        }
    }
}

impl Call for ListOffsets {
    type Reply = ListOffsetsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.objects("entries", &self.entries, |object, entry| {
                shared::write_partition(object, &entry.topic, entry.partition);
                object.optional("leader_epoch", entry.leader_epoch.map(|epoch| epoch.get()).as_ref());
                write_spec(object, entry.at);
            });
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<ListOffsetsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            let read = |node: Node<'_, '_>| read_result(&mut node.fields()?);
            Ok(ListOffsetsReply { partitions: fields.required("partitions", |node| node.array(read))? })
        })
    }
}

fn read_result(fields: &mut Fields<'_, '_>) -> Result<Result<ListedOffset, RefusedListOffsets>, Problem> {
    let topic = shared::topic(fields)?;
    let partition = shared::partition(fields)?;
    let result = shared::entry_result(fields, |fields| {
        Ok((
            fields.optional_count::<i64>("offset")?.map(Offset::new),
            fields.optional_count::<i64>("timestamp")?.map(TimestampMs::new),
            shared::leader_epoch(fields)?,
        ))
    })?;
    Ok(match result {
        Ok((offset, timestamp, leader_epoch)) => {
            Ok(ListedOffset { topic, partition, offset, timestamp, leader_epoch })
        }
        Err(rejection) => Err(RefusedListOffsets { topic, partition, rejection }),
    })
}

impl ReplyBody for ListOffsetsReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("partitions", &self.partitions, |object, result| match result {
            Ok(listed) => {
                shared::write_partition(object, &listed.topic, listed.partition);
                object.field("offset", &listed.offset.map(Offset::get));
                object.optional("timestamp", listed.timestamp.map(TimestampMs::get).as_ref());
                object.optional("leader_epoch", listed.leader_epoch.map(|epoch| epoch.get()).as_ref());
            }
            Err(refused) => {
                shared::write_partition(object, &refused.topic, refused.partition);
                shared::write_error(object, &refused.rejection);
            }
        });
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        match &self.partitions[..] {
            [Err(refused)] => Some(&refused.rejection),
            _ => None,
        }
    }
}
