//! Builds a batch record by record, in the layout that is shown at the top of the crate.
//!
//! Records are encoded where they will stay: behind 61 bytes of room for the header. So an uncompressed batch is
//! finished by filling in the header and the checksum, without a copy, and a record costs no allocation.

use bytes::BytesMut;
use yak_model::{LeaderEpoch, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use crate::bytes_at::{put_i8, put_i16, put_i32, put_i64};
use crate::compression::Compressor;
use crate::header::{
    ATTRIBUTES_AT, BASE_OFFSET_AT, BASE_SEQUENCE_AT, BASE_TIMESTAMP_AT, BATCH_LENGTH_AT, HEADER_LEN,
    LAST_OFFSET_DELTA_AT, LEADER_EPOCH_AT, LOG_OVERHEAD, MAGIC, MAGIC_AT, MAX_TIMESTAMP_AT,
    PRODUCER_EPOCH_AT, PRODUCER_ID_AT, RECORD_COUNT_AT,
};
use crate::patch::write_crc;
use crate::{Attributes, Compression, Header, RecordParts, varint};

/// Most bytes of a record before its key: its length, attributes, two deltas and the key's length.
const MAX_PREFIX_LEN: usize = 2 * varint::MAX_I32_LEN + 1 + varint::MAX_I64_LEN + varint::MAX_I32_LEN;
/// Most bytes of a record besides key, value and headers.
const MAX_RECORD_OVERHEAD: usize = MAX_PREFIX_LEN + varint::MAX_I32_LEN;

/// Most bytes reserved for a batch before its first record.
const MAX_FIRST_RESERVE: usize = 1024 * 1024;

/// Who a batch of an idempotent producer is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// The producer.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// Sequence of the batch's first record.
    pub base_sequence: Sequence,
}

impl ProducerStamp {
    /// Of a producer that is not idempotent.
    pub const NONE: Self =
        Self { id: ProducerId::NONE, epoch: ProducerEpoch::NONE, base_sequence: Sequence::NONE };
}

/// Builds one batch after the other, in one buffer.
///
/// Until a leader patches them, the base offset is 0 and the leader epoch -1. The base timestamp is the first
/// record's.
#[derive(Debug)]
pub struct BatchBuilder {
    buffer: BytesMut,
    count: i32,
    /// Bytes of the batch before: the next one may well be as large.
    last_len: usize,
    default_timestamp: TimestampMs,
    base_timestamp: i64,
    max_timestamp: i64,
    compressor: Compressor,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// A builder without records, whose default timestamp is "none".
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            count: 0,
            last_len: 0,
            default_timestamp: TimestampMs::NONE,
            base_timestamp: 0,
            max_timestamp: 0,
            compressor: Compressor::default(),
        }
    }

    /// What records pushed from now on have if they come without a timestamp.
    pub const fn set_default_timestamp(&mut self, timestamp: TimestampMs) {
        self.default_timestamp = timestamp;
    }

    /// Forgets the records pushed so far; memory and default timestamp stay.
    pub fn reset(&mut self) {
        self.buffer.clear();
        self.count = 0;
    }

    /// Makes room for `additional` more bytes at once.
    pub fn reserve(&mut self, additional: usize) {
        self.buffer.reserve(additional);
    }

    /// Records pushed so far.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the count only rises")]
    pub fn count(&self) -> usize {
        usize::try_from(self.count).expect("a count is not negative")
    }

    /// Whether nothing was pushed yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the batch so far, header included, before compression.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.buffer.len().max(HEADER_LEN)
    }

    /// Most bytes by which `record` can make the batch grow.
    #[must_use]
    pub fn max_record_len(record: &RecordParts<'_>) -> usize {
        let fields = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        let headers = headers_len(record.headers);
        MAX_RECORD_OVERHEAD + fields + headers
    }

    /// Appends a record.
    ///
    /// # Panics
    /// After 2^31 records; limits on requests are far below that.
    #[inline]
    pub fn push(&mut self, record: &RecordParts<'_>) {
        let timestamp = record.timestamp.unwrap_or(self.default_timestamp).get();
        if self.count == 0 {
            self.begin(timestamp);
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let key = record.key.unwrap_or_default();
        let value = record.value.unwrap_or_default();

        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let (key_len, value_len) = (nullable_len(record.key), nullable_len(record.value));
        let body = 1
            + varint::len(timestamp_delta)
            + varint::len(i64::from(self.count))
            + varint::len(key_len)
            + key.len()
            + varint::len(value_len)
            + value.len()
            + headers_len(record.headers);
        let length = signed_len(body);
        let start = self.buffer.len();
        self.buffer.resize(start + varint::len(length) + body, 0);
        let mut out = Writer(&mut self.buffer[start..]);
        out.varint(length);
        out.byte(0); // The attributes of a record are 0.
        out.varint(timestamp_delta);
        out.varint(i64::from(self.count));
        out.varint(key_len);
        out.slice(key);
        out.varint(value_len);
        out.slice(value);
        out.headers(record.headers);
        self.count += 1;
    }

    #[cold]
    fn begin(&mut self, timestamp: i64) {
        self.base_timestamp = timestamp;
        self.max_timestamp = timestamp;
        self.buffer.clear();
        self.buffer.reserve(self.last_len.max(HEADER_LEN));
        self.buffer.resize(HEADER_LEN, 0);
    }

    /// Takes the finished batch out; the builder is empty again and keeps its memory.
    ///
    /// # Panics
    /// If nothing was pushed, or if the batch exceeds 2 GiB.
    pub fn finish(&mut self, compression: Compression, producer: Option<ProducerStamp>) -> BytesMut {
        assert!(self.count > 0, "a batch has at least one record");
        self.last_len = self.buffer.len().min(MAX_FIRST_RESERVE);
        let mut batch = match compression {
            Compression::None => self.buffer.split(),
            codec => self.compressor.compress(codec, HEADER_LEN, &self.buffer[HEADER_LEN..]),
        };
        self.write_header(&mut batch, compression, producer.unwrap_or(ProducerStamp::NONE));
        self.reset();
        batch
    }

    fn write_header(&self, batch: &mut [u8], compression: Compression, producer: ProducerStamp) {
        let length = i32::try_from(batch.len() - LOG_OVERHEAD).expect("a batch stays below 2 GiB");
        put_i64(batch, BASE_OFFSET_AT, 0);
        put_i32(batch, BATCH_LENGTH_AT, length);
        put_i32(batch, LEADER_EPOCH_AT, LeaderEpoch::UNKNOWN.get());
        put_i8(batch, MAGIC_AT, MAGIC);
        put_i16(batch, ATTRIBUTES_AT, Attributes::new(compression).bits());
        put_i32(batch, LAST_OFFSET_DELTA_AT, self.count - 1);
        put_i64(batch, BASE_TIMESTAMP_AT, self.base_timestamp);
        put_i64(batch, MAX_TIMESTAMP_AT, self.max_timestamp);
        put_i64(batch, PRODUCER_ID_AT, producer.id.get());
        put_i16(batch, PRODUCER_EPOCH_AT, producer.epoch.get());
        put_i32(batch, BASE_SEQUENCE_AT, producer.base_sequence.get());
        put_i32(batch, RECORD_COUNT_AT, self.count);
        write_crc(batch);
    }
}

/// Writes into room that was measured before.
struct Writer<'a>(&'a mut [u8]);

impl Writer<'_> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        *self.0.split_off_first_mut().expect("the room was measured") = byte;
    }

    #[inline]
    fn varint(&mut self, value: i64) {
        varint::encode(value, |byte| self.byte(byte));
    }

    #[inline]
    fn slice(&mut self, bytes: &[u8]) {
        self.0.split_off_mut(..bytes.len()).expect("the room was measured").copy_from_slice(bytes);
    }

    #[inline]
    fn headers(&mut self, headers: &[Header<'_>]) {
        self.varint(signed_len(headers.len()));
        for header in headers {
            self.varint(signed_len(header.key.len()));
            self.slice(header.key);
            self.varint(nullable_len(header.value));
            self.slice(header.value.unwrap_or_default());
        }
    }
}

/// A length as it is written, -1 for null.
fn nullable_len(field: Option<&[u8]>) -> i64 {
    field.map_or(-1, |bytes| signed_len(bytes.len()))
}

fn signed_len(len: usize) -> i64 {
    i64::try_from(len).expect("a slice is at most isize::MAX bytes")
}

/// Bytes of the header count and the headers.
#[inline]
fn headers_len(headers: &[Header<'_>]) -> usize {
    let fields = headers.iter().map(|header| {
        let value = header.value.map_or(0, <[u8]>::len);
        let lens = varint::len(signed_len(header.key.len())) + varint::len(nullable_len(header.value));
        lens + header.key.len() + value
    });
    varint::len(signed_len(headers.len())) + fields.sum::<usize>()
}
