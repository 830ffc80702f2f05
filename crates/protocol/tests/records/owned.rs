//! Records that own their parts: made at random, put into batches, read from batches.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use yak_model::{Offset, TimestampMs, TopicName};
use yak_record::{
    BatchBuilder, Compression, DecompressionLimits, Header, RecordParts, Scratch, decode, patch_base_offset,
};

pub(crate) const NOW: TimestampMs = TimestampMs::new(1_700_000_000_000);

pub(crate) fn topic() -> TopicName {
    "orders".parse().expect("a topic")
}

/// A record that owns its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) offset: Option<i64>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Owned {
    pub(crate) fn value(text: &str) -> Self {
        Self { value: Some(text.into()), ..Self::default() }
    }

    pub(crate) fn headers(&self) -> Vec<Header<'_>> {
        self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect()
    }

    pub(crate) fn parts<'a>(&'a self, headers: &'a [Header<'a>]) -> RecordParts<'a> {
        RecordParts {
            timestamp: self.timestamp.map(TimestampMs::new),
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers,
        }
    }
}

pub(crate) fn owned_headers<'a>(
    headers: impl IntoIterator<Item = Header<'a>>,
) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    headers.into_iter().map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec))).collect()
}

/// What a batch holds.
pub(crate) fn records_of(batch: &[u8]) -> Vec<Owned> {
    let mut scratch = Scratch::new();
    let records = decode(batch, &mut scratch, &DecompressionLimits::default()).expect("a batch");
    let owned = |record: Result<yak_record::RecordRef<'_>, _>| {
        let record = record.expect("a record");
        Owned {
            offset: Some(record.offset.get()),
            timestamp: Some(record.timestamp.get()),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: owned_headers(record.headers()),
        }
    };
    records.map(owned).collect()
}

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<String>().prop_map(String::into_bytes),
        vec(any::<u8>(), 0..40),
        "[ -~]{0,80}".prop_map(String::into_bytes)
    ]
}

pub(crate) fn owned_records() -> impl Strategy<Value = Vec<Owned>> {
    let headers = prop_oneof![3 => Just(Vec::new()), 1 => vec((bytes(), option::of(bytes())), 0..12)];
    let record = (option::of(0..=1_i64 << 50), option::of(bytes()), option::of(bytes()), headers)
        .prop_map(|(timestamp, key, value, headers)| Owned { offset: None, timestamp, key, value, headers });
    vec(record, 1..12)
}

pub(crate) fn with_places(records: &[Owned], base_offset: i64, default_timestamp: TimestampMs) -> Vec<Owned> {
    let placed = |(record, offset): (&Owned, i64)| Owned {
        offset: Some(offset),
        timestamp: record.timestamp.or(Some(default_timestamp.get())),
        ..record.clone()
    };
    records.iter().zip(base_offset..).map(placed).collect()
}

pub(crate) fn batch_of(records: &[Owned], compression: Compression, base_offset: i64) -> BytesMut {
    let mut builder = BatchBuilder::new();
    builder.set_default_timestamp(NOW);
    for record in records {
        builder.push(&record.parts(&record.headers()));
    }
    let mut batch = builder.finish(compression, None);
    patch_base_offset(&mut batch, Offset::new(base_offset));
    batch
}
