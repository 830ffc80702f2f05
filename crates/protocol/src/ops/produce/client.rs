//! The client's side of a produce line: records are appended one by one, the head is written when it is sent.

use bytes::BytesMut;
use yak_model::api::Acks;
use yak_model::{LeaderEpoch, PartitionIndex, TimestampMs, TopicName};
use yak_record::{Compression, ProducerStamp, RecordParts};

use super::NAME;
use crate::json::{ObjectWriter, ToJson as _};
use crate::record_json::{ValueStyle, push_headers, push_key, push_value};

/// Room for the head before the records: the longest one has 249 bytes of topic and about 350 of the rest.
const HEAD_ROOM: usize = 768;
const END: &[u8] = b"]}\n";

/// What stands before the records, and may be different when a batch is sent again.
#[derive(Clone, Copy, Debug)]
pub struct ProduceHead<'a> {
    /// Comes back with the reply.
    pub id: Option<u64>,
    /// Where to.
    pub topic: &'a TopicName,
    /// The partition; `None` leaves it to the broker.
    pub partition: Option<PartitionIndex>,
    /// The leader that is meant; `None` has the broker forward.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Who sends, if it is idempotent.
    pub producer: Option<ProducerStamp>,
    /// When to be answered.
    pub acks: Acks,
    /// Longest wait for the acknowledgement.
    pub timeout_ms: u32,
    /// How the broker shall compress the batch.
    pub compression: Compression,
    /// What records without a timestamp have; `None` leaves it to the broker's clock.
    pub timestamp: Option<TimestampMs>,
}

/// One produce line that grows record by record, in one buffer that is used again.
///
/// ```text
///   | room for the head ... {"op":"produce",...,"records":[ | {"value":"a"},{"value":"b"} | ]}\n |
///   0                                             HEAD_ROOM                        records_end
/// ```
///
/// Invariant: `buffer[HEAD_ROOM..records_end]` is the records, and nothing else is kept between calls.
#[derive(Debug)]
pub struct ProduceLine {
    buffer: BytesMut,
    records_end: usize,
    count: usize,
    payload_len: usize,
    head: BytesMut,
}

impl Default for ProduceLine {
    fn default() -> Self {
        Self::new()
    }
}

impl ProduceLine {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        let buffer = BytesMut::zeroed(HEAD_ROOM);
        Self { buffer, records_end: HEAD_ROOM, count: 0, payload_len: 0, head: BytesMut::new() }
    }

    /// Forgets the records; the memory stays.
    pub fn clear(&mut self) {
        self.buffer.truncate(HEAD_ROOM);
        self.records_end = HEAD_ROOM;
        self.count = 0;
        self.payload_len = 0;
    }

    /// Appends a record.
    #[inline]
    pub fn push(&mut self, record: &RecordParts<'_>) {
        let out = &mut self.buffer;
        out.truncate(self.records_end);
        out.extend_from_slice(if self.count == 0 { b"{" } else { b",{" });
        if let Some(key) = record.key {
            push_key(out, Some(key));
            out.extend_from_slice(b",");
            self.payload_len += key.len();
        }
        push_value(out, record.value, ValueStyle::Text);
        self.payload_len += record.value.map_or(0, <[u8]>::len);
        if record.timestamp.is_some() || !record.headers.is_empty() {
            self.payload_len += push_rest(out, record);
        }
        out.extend_from_slice(b"}");
        self.records_end = out.len();
        self.count += 1;
    }

    /// Records so far.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Whether there are no records.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of keys, values and headers so far: what the batch will have, but for about ten bytes a record.
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        self.payload_len
    }

    /// Most bytes the line has if it is sent now.
    #[must_use]
    pub const fn line_len(&self) -> usize {
        self.records_end + END.len()
    }

    /// Writes the head and gives the whole line, with its newline. It may be called again, with another head.
    ///
    /// # Panics
    /// If there are no records: a server refuses that.
    pub fn seal(&mut self, head: &ProduceHead<'_>) -> &[u8] {
        assert!(self.count > 0, "a produce has at least one record");
        self.head.clear();
        write_head(&mut self.head, head);
        let start = HEAD_ROOM.checked_sub(self.head.len()).expect("the longest head fits");
        self.buffer[start..HEAD_ROOM].copy_from_slice(&self.head);
        self.buffer.truncate(self.records_end);
        self.buffer.extend_from_slice(END);
        &self.buffer[start..]
    }
}

/// Appends what most records do not have. Returns the bytes of the headers.
#[inline(never)]
fn push_rest(out: &mut BytesMut, record: &RecordParts<'_>) -> usize {
    if let Some(timestamp) = record.timestamp {
        out.extend_from_slice(b",\"timestamp\":");
        timestamp.get().write_json(out);
    }
    if !record.headers.is_empty() {
        out.extend_from_slice(b",\"headers\":");
        push_headers(out, record.headers.iter().copied());
    }
    record.headers.iter().map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len)).sum()
}

fn write_head(out: &mut BytesMut, head: &ProduceHead<'_>) {
    let mut object = ObjectWriter::begin(out);
    object.optional("id", head.id.as_ref());
    object.field("op", NAME);
    object.field("topic", head.topic.as_str());
    object.optional("partition", head.partition.map(PartitionIndex::get).as_ref());
    object.optional("leader_epoch", head.leader_epoch.map(LeaderEpoch::get).as_ref());
    if let Some(producer) = head.producer {
        object.field("producer_id", &producer.id.get());
        object.field("producer_epoch", &producer.epoch.get());
        object.field("base_sequence", &producer.base_sequence.get());
    }
    match head.acks {
        Acks::All => object.field("acks", "all"),
        Acks::Leader => object.field("acks", &1),
        Acks::None => object.field("acks", &0),
    };
    object.field("timeout_ms", &head.timeout_ms);
    if head.compression != Compression::None {
        object.field("compression", head.compression.name());
    }
    object.optional("timestamp", head.timestamp.map(TimestampMs::get).as_ref());
    object.name("records").extend_from_slice(b"[");
}
