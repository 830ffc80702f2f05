//! delete_records: deletes the oldest records of partitions.

use bytes::BytesMut;
use yak_model::Offset;
use yak_model::api::{DeleteRecords, DeleteRecordsEntry, DeleteRecordsReply, DeletedRecords, Rejection};

use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "delete_records";

/// The word for "everything up to the high watermark".
const HIGH_WATERMARK: &str = "high_watermark";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<DeleteRecords, Problem> {
    Ok(DeleteRecords {
        entries: shared::one_or_many(fields, (NAME, "entries"), read_entry)?,
        timeout_ms: shared::timeout_ms(fields)?,
    })
}

fn read_entry(fields: &mut Fields<'_, '_>) -> Result<DeleteRecordsEntry, Problem> {
    Ok(DeleteRecordsEntry {
        topic: shared::topic(fields)?,
        partition: shared::partition(fields)?,
        before_offset: fields.required("before_offset", |node| match node.text.parse::<i64>() {
            Ok(offset) if offset >= 0 => Ok(Some(Offset::new(offset))),
            _ if node.is_string() => node.one_of(&[(HIGH_WATERMARK, None)]),
            _ => Err(node.expected("an offset or \"high_watermark\"")),
        })?,
    })
}

impl Call for DeleteRecords {
    type Reply = DeleteRecordsReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.objects("entries", &self.entries, |object, entry| {
                shared::write_partition(object, &entry.topic, entry.partition);
                match entry.before_offset {
                    Some(offset) => object.field("before_offset", &offset.get()),
                    None => object.field("before_offset", HIGH_WATERMARK),
                };
            });
            object.field("timeout_ms", &self.timeout_ms);
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<DeleteRecordsReply>, MalformedReply> {
        reply::parse_reply(line, |fields| {
            let partitions = fields.required("partitions", |node| node.array(read_result))?;
            Ok(DeleteRecordsReply { partitions })
        })
    }
}

fn read_result(node: Node<'_, '_>) -> Result<DeletedRecords, Problem> {
    let mut fields = node.fields()?;
    Ok(DeletedRecords {
        topic: shared::topic(&mut fields)?,
        partition: shared::partition(&mut fields)?,
        log_start_offset: shared::entry_result(&mut fields, |fields| {
            shared::offset(fields, "log_start_offset")
        })?,
    })
}

impl ReplyBody for DeleteRecordsReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.objects("partitions", &self.partitions, |object, deleted| {
            shared::write_partition(object, &deleted.topic, deleted.partition);
            match &deleted.log_start_offset {
                Ok(offset) => _ = object.field("log_start_offset", &offset.get()),
                Err(rejection) => shared::write_error(object, rejection),
            }
        });
        object.end();
    }

    fn sole_rejection(&self) -> Option<&Rejection> {
        match &self.partitions[..] {
            [DeletedRecords { log_start_offset: Err(rejection), .. }] => Some(rejection),
            _ => None,
        }
    }
}
