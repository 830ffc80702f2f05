//! The server's side of a fetch reply: records are written as JSON straight from the batches.
//!
//! ```text
//!   {"id":7,"ok":{"partitions":[{"topic":"t","partition":0,"next_offset":7,"high_watermark":7,
//!     "log_start_offset":0,"records":[{"offset":5,"timestamp":1700000000000,"key":"k","value":"v"},...]}]}}
//! ```
//! What a reader needs before the records stands before them. A field that a record does not have (key, headers)
//! is left out; `timestamp_type` is written only where it is not `create`.

use std::fmt;

use bytes::BytesMut;
use yak_model::api::{FetchEntry, FetchReply, FetchedPartition, Rejection, Reply};
use yak_model::limits::MAX_FETCH_REPLY_BYTES;
use yak_model::{ErrorCode, Offset};
use yak_record::{
    BatchError, BatchHeader, Batches, DecompressionLimits, RecordRef, Scratch, TimestampType, decode,
};

use crate::RequestId;
use crate::json::{ArrayWriter, ObjectWriter, ToJson as _};
use crate::ops::shared;
use crate::record_json::{ValueStyle, push_headers, push_key, push_value};
use crate::reply::{begin_ok, encode_error, end_ok};
use crate::request::FetchRequest;

/// Decompressed batches up to this size keep their memory for the next one.
const KEEP_BYTES: usize = 1024 * 1024;

/// Writes fetch replies; keeps the room for decompressed batches from one reply to the next.
#[derive(Default)]
pub struct FetchEncoder {
    scratch: Scratch,
    limits: DecompressionLimits,
    sent: Vec<SentPartition>,
    /// Length of the output at which no further batch is written.
    full_at: usize,
}

/// What one partition of a reply brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentPartition {
    /// Where the next fetch begins; where this one began, if there were no records.
    pub next_offset: Offset,
    /// Records written.
    pub records: u64,
}

impl fmt::Debug for FetchEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchEncoder").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}

impl FetchEncoder {
    /// An encoder that decompresses within `limits`.
    #[must_use]
    pub fn new(limits: DecompressionLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Appends the reply line to `request`. The reply has one partition for each entry, in order. Records before the
    /// wanted offset (their batch begins earlier) and control batches are left out; a batch that cannot be read
    /// makes its partition an error. Once the line has [`MAX_FETCH_REPLY_BYTES`], later batches are left for the next
    /// fetch. When the one entry of the request was refused, the whole reply is an error.
    ///
    /// Returns what was sent of each partition.
    pub fn encode<R: AsRef<[u8]>>(
        &mut self,
        out: &mut BytesMut,
        id: Option<&RequestId>,
        request: &FetchRequest,
        reply: &Reply<FetchReply<R>>,
    ) -> &[SentPartition] {
        self.sent.clear();
        let start = out.len();
        self.full_at = start + MAX_FETCH_REPLY_BYTES;
        let entries = &request.fetch.entries;
        begin_ok(out, id);
        let mut object = ObjectWriter::begin(out);
        let mut partitions = ArrayWriter::begin(object.name("partitions"));
        for (entry, fetched) in entries.iter().zip(&reply.body.partitions) {
            if let Err(rejection) = self.write_partition(partitions.next(), entry, fetched, request.values) {
                self.sent.push(SentPartition { next_offset: entry.offset, records: 0 });
                if entries.len() == 1 {
                    out.truncate(start);
                    encode_error(out, id, &rejection);
                    return &self.sent;
                }
            }
        }
        partitions.end();
        object.end();
        end_ok(out, reply.throttle_ms);
        self.scratch.shrink_to(KEEP_BYTES);
        &self.sent
    }

    /// Writes one partition, as an error if it is one; that error is also returned.
    fn write_partition<R: AsRef<[u8]>>(
        &mut self,
        out: &mut BytesMut,
        entry: &FetchEntry,
        fetched: &FetchedPartition<R>,
        values: ValueStyle,
    ) -> Result<(), Rejection> {
        let start = out.len();
        let written = match &fetched.records {
            Ok(batches) => {
                self.write_fetched(out, entry, (fetched, batches.as_ref()), values).map_err(|error| {
                    Rejection::new(error.code(), format!("{}-{}: {error}", fetched.topic, fetched.partition))
                })
            }
            Err(rejection) => Err(rejection.clone()),
        };
        if let Err(rejection) = &written {
            out.truncate(start);
            write_refused(out, fetched, rejection);
        }
        written
    }

    fn write_fetched<R>(
        &mut self,
        out: &mut BytesMut,
        entry: &FetchEntry,
        (fetched, batches): (&FetchedPartition<R>, &[u8]),
        values: ValueStyle,
    ) -> Result<(), BatchError> {
        let end = end_of(batches)?.unwrap_or(entry.offset).max(entry.offset);
        let mut object = ObjectWriter::begin(out);
        shared::write_partition(&mut object, &fetched.topic, fetched.partition);
        let end_at = object.field("next_offset", &end.get()).position();
        object.field("high_watermark", &fetched.high_watermark.get());
        object.field("log_start_offset", &fetched.log_start_offset.get());
        let mut array = ArrayWriter::begin(object.name("records"));
        let sent = self.write_records(&mut array, entry.offset, batches, values)?;
        array.end();
        object.end();
        if sent.next_offset < end {
            overwrite_number(&mut out[..end_at], end, sent.next_offset);
        }
        self.sent.push(sent);
        Ok(())
    }

    /// Writes the records of whole batches until the reply is full.
    fn write_records(
        &mut self,
        array: &mut ArrayWriter<'_>,
        from: Offset,
        batches: &[u8],
        values: ValueStyle,
    ) -> Result<SentPartition, BatchError> {
        let mut sent = SentPartition { next_offset: from, records: 0 };
        for batch in Batches::new(batches) {
            if array.position() >= self.full_at
                && (sent.records > 0 || self.sent.iter().any(|sent| sent.records > 0))
            {
                break;
            }
            let decoded = decode(batch?, &mut self.scratch, &self.limits)?;
            let attributes = decoded.header().attributes;
            sent.next_offset = decoded.header().next_offset().max(from);
            if attributes.is_control() {
                continue;
            }
            for record in decoded {
                let record = record?;
                if record.offset >= from {
                    push_record(array.next(), &record, attributes.timestamp_type(), values);
                    sent.records += 1;
                }
            }
        }
        Ok(sent)
    }
}

/// Where the last batch ends.
fn end_of(batches: &[u8]) -> Result<Option<Offset>, BatchError> {
    let mut end = None;
    for batch in Batches::new(batches) {
        end = Some(BatchHeader::parse(batch?)?.next_offset());
    }
    Ok(end)
}

/// Replaces the number with which `out` ends by a smaller one, and spaces where that is shorter.
fn overwrite_number(out: &mut [u8], old: Offset, new: Offset) {
    let (mut old_text, mut new_text) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (old, new) = (old_text.format(old.get()), new_text.format(new.get()));
    let start = out.len() - old.len();
    let (number, padding) = out[start..].split_at_mut(new.len());
    number.copy_from_slice(new.as_bytes());
    padding.fill(b' ');
}

fn write_refused<R>(out: &mut BytesMut, fetched: &FetchedPartition<R>, rejection: &Rejection) {
    let mut object = ObjectWriter::begin(out);
    shared::write_partition(&mut object, &fetched.topic, fetched.partition);
    if rejection.code == ErrorCode::OffsetOutOfRange {
        object.field("high_watermark", &fetched.high_watermark.get());
        object.field("log_start_offset", &fetched.log_start_offset.get());
    }
    shared::write_error(&mut object, rejection);
    object.end();
}

#[inline]
fn push_record(out: &mut BytesMut, record: &RecordRef<'_>, kind: TimestampType, values: ValueStyle) {
    out.extend_from_slice(b"{\"offset\":");
    record.offset.get().write_json(out);
    out.extend_from_slice(b",\"timestamp\":");
    record.timestamp.get().write_json(out);
    if kind == TimestampType::LogAppend {
        out.extend_from_slice(b",\"timestamp_type\":\"log_append\"");
    }
    if record.key.is_some() {
        out.extend_from_slice(b",");
        push_key(out, record.key);
    }
    out.extend_from_slice(b",");
    push_value(out, record.value, values);
    if !record.headers().is_empty() {
        out.extend_from_slice(b",\"headers\":");
        push_headers(out, record.headers());
    }
    out.extend_from_slice(b"}");
}
