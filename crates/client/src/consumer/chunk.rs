//! Fetched records of one partition.
//!
//! A chunk keeps the reply line it came in. Where a text stood in the line without escapes, its record borrows
//! it from there; texts with escapes, and bytes that came as base64, were put into one arena beside it.

use yak_model::{Offset, PartitionIndex, TimestampMs, TopicName};
use yak_protocol::{FetchedHead, FetchedRecord};
use yak_record::TimestampType;

use super::headers::{HeaderSpans, Headers};
use super::texts::{Span, SpanMaker, Texts};

/// Records of one partition, in order.
#[derive(Debug)]
pub struct Chunk {
    topic: TopicName,
    partition: PartitionIndex,
    next_offset: Offset,
    high_watermark: Offset,
    texts: Texts,
    entries: Vec<Entry>,
    headers: Vec<HeaderSpans>,
}

/// A record that was read, borrowed from its chunk.
#[derive(Clone, Copy, Debug)]
pub struct ConsumedRecord<'a> {
    /// Its position.
    pub offset: Offset,
    /// When it happened, or was appended.
    pub timestamp: TimestampMs,
    /// Which of the two.
    pub timestamp_type: TimestampType,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers, in order.
    pub headers: Headers<'a>,
}

/// A record as it is remembered: 40 bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: Offset,
    timestamp: TimestampMs,
    key: Span,
    value: Span,
    /// Where its headers begin; they end where the next record's begin.
    headers: u32,
    timestamp_type: TimestampType,
}

impl Chunk {
    /// The topic.
    #[must_use]
    pub const fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// The partition.
    #[must_use]
    pub const fn partition(&self) -> PartitionIndex {
        self.partition
    }

    /// The offset after the last record: where reading goes on.
    #[must_use]
    pub const fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// The first offset that was not readable yet when the chunk was fetched.
    #[must_use]
    pub const fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// How many records there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a chunk is never empty")]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// The records.
    pub fn records(&self) -> impl ExactSizeIterator<Item = ConsumedRecord<'_>> {
        (0..self.entries.len()).map(|at| self.record(at))
    }

    #[inline]
    fn record(&self, at: usize) -> ConsumedRecord<'_> {
        let entry = &self.entries[at];
        ConsumedRecord {
            offset: entry.offset,
            timestamp: entry.timestamp,
            timestamp_type: entry.timestamp_type,
            key: self.texts.resolve(entry.key),
            value: self.texts.resolve(entry.value),
            headers: self.headers(at),
        }
    }

    #[inline]
    fn headers(&self, at: usize) -> Headers<'_> {
        if self.headers.is_empty() {
            return Headers::default();
        }
        let begin = |entry: &Entry| usize::try_from(entry.headers).unwrap_or(usize::MAX);
        let end = self.entries.get(at + 1).map_or(self.headers.len(), begin);
        Headers::in_chunk(&self.texts, &self.headers[begin(&self.entries[at])..end])
    }
}

/// A chunk while its line is being read.
#[derive(Debug)]
pub(super) struct ChunkBuilder {
    pub(super) head: FetchedHead,
    entries: Vec<Entry>,
    headers: Vec<HeaderSpans>,
    spans: SpanMaker,
}

impl ChunkBuilder {
    pub(super) fn new(head: FetchedHead, line: &[u8]) -> Self {
        Self { head, entries: Vec::new(), headers: Vec::new(), spans: SpanMaker::new(line) }
    }

    #[inline]
    pub(super) fn push(&mut self, record: &FetchedRecord<'_>) {
        let entry = Entry {
            offset: record.offset,
            timestamp: record.timestamp,
            key: self.spans.span(record.key),
            value: self.spans.span(record.value),
            headers: u32::try_from(self.headers.len()).expect("a line has fewer than 2^32 headers"),
            timestamp_type: record.timestamp_type,
        };
        self.entries.push(entry);
        for header in record.headers {
            let spans = (self.spans.span(Some(header.key)), self.spans.span(header.value));
            self.headers.push(spans);
        }
    }

    /// The chunk of the records before `stop`, if there are any. `line` is what was read.
    pub(super) fn finish(mut self, line: bytes::Bytes, stop: Option<Offset>) -> Option<Chunk> {
        if let Some(stop) = stop {
            // The headers of records that are cut off are cut off too, so that the last one's end is right.
            let keep = self.entries.partition_point(|entry| entry.offset < stop);
            if let Some(first_cut) = self.entries.get(keep) {
                self.headers.truncate(usize::try_from(first_cut.headers).unwrap_or(usize::MAX));
                self.entries.truncate(keep);
                self.head.next_offset = stop;
            }
        }
        (!self.entries.is_empty()).then_some(Chunk {
            topic: self.head.topic,
            partition: self.head.partition,
            next_offset: self.head.next_offset,
            high_watermark: self.head.high_watermark,
            texts: Texts { line, arena: self.spans.arena },
            entries: self.entries,
            headers: self.headers,
        })
    }
}
