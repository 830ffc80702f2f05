//! Record lines: what `tail` streams, what `yak-consumer --json` prints and `yak-producer --input json` reads.
//!
//! ```text
//! {"topic":"t","partition":0,"offset":5,"timestamp":1700000000000,"timestamp_type":"create",
//!  "key":"k","value":"v","headers":[{"key":"h","value":"x"}]}
//! ```
//! Every field is always there, in this order. Bytes that are not UTF-8 are `key_base64` and `value_base64`.

use std::fmt;

use bytes::BytesMut;
use serde::de::DeserializeSeed as _;
use yak_model::limits::MAX_TAIL_CHUNK_BYTES;
use yak_model::{Offset, PartitionIndex, TimestampMs, TopicName};
use yak_record::{BatchError, Batches, DecompressionLimits, Header, Scratch, TimestampType, decode};

use crate::json::{Problem, ToJson as _, line_text, not_json_line};
use crate::ops::fetch::{FetchedRecord, ReplyParser};
use crate::record_json::{
    Draft, FieldSet, RecordReader, RecordVisitor, ValueStyle, push_headers, push_key, push_value,
};
use crate::reply::MalformedReply;

/// The words of `"values"`.
pub(crate) const VALUES: [(&str, ValueStyle); 2] = [("text", ValueStyle::Text), ("json", ValueStyle::Json)];

/// Appends the line of one record.
pub fn encode_record_line(
    out: &mut BytesMut,
    topic: &TopicName,
    partition: PartitionIndex,
    record: &FetchedRecord<'_>,
    values: ValueStyle,
) {
    push_prefix(out, topic, partition);
    let times = (record.timestamp, record.timestamp_type);
    push_rest(out, (record.offset, times), (record.key, record.value), values);
    push_headers(out, record.headers.iter().copied());
    out.extend_from_slice(b"}\n");
}

/// `{"topic":"t","partition":0,"offset":`, the same for all records of a partition.
fn push_prefix(out: &mut BytesMut, topic: &TopicName, partition: PartitionIndex) {
    // A topic's name has no characters that JSON escapes.
    out.extend_from_slice(b"{\"topic\":\"");
    out.extend_from_slice(topic.as_str().as_bytes());
    out.extend_from_slice(b"\",\"partition\":");
    partition.get().write_json(out);
    out.extend_from_slice(b",\"offset\":");
}

#[inline]
fn push_rest(
    out: &mut BytesMut,
    (offset, (timestamp, kind)): (Offset, (TimestampMs, TimestampType)),
    (key, value): (Option<&[u8]>, Option<&[u8]>),
    values: ValueStyle,
) {
    offset.get().write_json(out);
    out.extend_from_slice(b",\"timestamp\":");
    timestamp.get().write_json(out);
    out.extend_from_slice(match kind {
        TimestampType::Create => b",\"timestamp_type\":\"create\",".as_slice(),
        TimestampType::LogAppend => b",\"timestamp_type\":\"log_append\",",
    });
    push_key(out, key);
    out.extend_from_slice(b",");
    push_value(out, value, values);
    out.extend_from_slice(b",\"headers\":");
}

/// Which records of some batches become lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailWindow {
    /// First offset wanted.
    pub from: Offset,
    /// First offset not wanted any more.
    pub before: Offset,
    /// Most records.
    pub max_records: u64,
}

/// What became lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailProgress {
    /// Where to go on.
    pub next_offset: Offset,
    /// Records written.
    pub records: u64,
}

/// Writes batches as record lines; keeps the room for decompressed ones.
#[derive(Default)]
pub struct TailEncoder {
    scratch: Scratch,
    limits: DecompressionLimits,
    prefix: BytesMut,
}

impl fmt::Debug for TailEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TailEncoder").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}

impl TailEncoder {
    /// An encoder that decompresses within `limits`.
    #[must_use]
    pub fn new(limits: DecompressionLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Appends a line for each record of `batches` within `window`. Control batches have none. After
    /// [`MAX_TAIL_CHUNK_BYTES`] it stops at the end of a batch; the progress says where.
    ///
    /// # Errors
    /// When a batch cannot be read; the lines before it were appended.
    pub fn encode(
        &mut self,
        out: &mut BytesMut,
        (topic, partition, values): (&TopicName, PartitionIndex, ValueStyle),
        batches: &[u8],
        window: TailWindow,
    ) -> Result<TailProgress, BatchError> {
        self.prefix.clear();
        push_prefix(&mut self.prefix, topic, partition);
        let mut progress = TailProgress { next_offset: window.from, records: 0 };
        let full_at = out.len() + MAX_TAIL_CHUNK_BYTES;
        for batch in Batches::new(batches) {
            if out.len() >= full_at {
                break;
            }
            let decoded = decode(batch?, &mut self.scratch, &self.limits)?;
            let attributes = decoded.header().attributes;
            let batch_end = decoded.header().next_offset();
            if !attributes.is_control() {
                for record in decoded {
                    let record = record?;
                    if record.offset >= window.before || progress.records == window.max_records {
                        return Ok(progress);
                    }
                    if record.offset >= window.from {
                        out.extend_from_slice(&self.prefix);
                        let times = (record.timestamp, attributes.timestamp_type());
                        push_rest(out, (record.offset, times), (record.key, record.value), values);
                        push_headers(out, record.headers());
                        out.extend_from_slice(b"}\n");
                        progress.records += 1;
                        progress.next_offset = record.offset.plus(1);
                    }
                }
            }
            progress.next_offset = progress.next_offset.max(batch_end.min(window.before));
        }
        Ok(progress)
    }
}

/// A record line that was read. What is not in the line is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLine<'a> {
    /// The topic it came from.
    pub topic: Option<&'a str>,
    /// The partition it came from.
    pub partition: Option<PartitionIndex>,
    /// Its offset there.
    pub offset: Option<Offset>,
    /// When it was created.
    pub timestamp: Option<TimestampMs>,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [Header<'a>],
}

/// Reads a record line and hands it over. Fields may come in any order; only `value` (or `value_base64`) must be
/// there, and it may be any JSON, as in a produce.
///
/// # Errors
/// When the line is no record, in words for who typed it.
pub fn parse_record_line<T>(
    line: &[u8],
    parser: &mut ReplyParser,
    take: impl FnOnce(&RecordLine<'_>) -> T,
) -> Result<T, MalformedReply> {
    let text = line_text(line)?;
    let mut draft = Draft::default();
    let mut reader = RecordReader::new(FieldSet::LINE, &mut parser.scratch);
    while let Err(problem) = read_line(text, &mut reader, &mut draft) {
        match problem {
            Some(problem) => return Err(problem.into()),
            None => reader.captures_values = true,
        }
    }
    let topic = draft.topic.resolve(reader.scratch);
    Ok(draft.with_parts(reader.scratch, |parts| {
        take(&RecordLine {
            // It was a JSON string, so it is UTF-8.
            topic: topic.and_then(|topic| std::str::from_utf8(topic).ok()),
            partition: draft.partition.map(PartitionIndex::new),
            offset: draft.offset.map(Offset::new),
            timestamp: draft.timestamp.filter(|timestamp| *timestamp != TimestampMs::NONE),
            key: parts.key,
            value: parts.value,
            headers: parts.headers,
        })
    }))
}

/// `Err(None)` asks for another go with captured values.
fn read_line<'de>(
    text: &'de str,
    reader: &mut RecordReader<'_>,
    draft: &mut Draft<'de>,
) -> Result<(), Option<Problem>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = RecordVisitor { reader, draft }.deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|error| match reader.problem(&error) {
        // A number beyond every number type is a value to capture; real damage is found again.
        Ok(_) if error.is_syntax() && !reader.captures_values => None,
        Ok(problem) if error.is_data() && text.trim_ascii_start().starts_with('{') => Some(problem),
        Ok(_) => Some(not_json_line(text, &error)),
        Err(_capture_values) => None,
    })
}
