//! What the tests of compaction share.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use bytes::BytesMut;
use yak_log::{Compacted, CompactionConfig, FlushMode, LogConfig, LogReader, RetentionClock};
use yak_model::{Offset, TimestampMs};
use yak_record::{BatchHeader, Batches, DecompressionLimits, Scratch, decode};

use super::{Fixture, config};

pub(crate) const DAY: i64 = 86_400_000;
pub(crate) const END: Offset = Offset::new(i64::MAX);
pub(crate) const PLENTY: u64 = 10_000_000;

pub(crate) type Keyed = (Vec<u8>, Option<Vec<u8>>);

pub(crate) fn compacting() -> LogConfig {
    let compaction = CompactionConfig {
        delete_retention_ms: DAY,
        min_lag_ms: 0,
        max_lag_ms: i64::MAX,
        min_dirty_ratio: 0.0,
    };
    LogConfig { segment_bytes: 1500, compaction: Some(compaction), ..config(FlushMode::Sync) }
}

pub(crate) fn compact_at(fixture: &mut Fixture, now: TimestampMs, memory: u64) -> Option<Compacted> {
    fixture.directory.flush_now().unwrap();
    let clock = RetentionClock::steady(now);
    let mut compaction = fixture.log.compaction(&clock, fixture.log.end()).unwrap()?;
    compaction.read_keys(memory).unwrap();
    while let Some(rewritten) = compaction.rewrite_next().unwrap() {
        assert!(fixture.log.swap_in(rewritten).unwrap());
    }
    let done = fixture.log.compacted(compaction);
    assert_eq!(done.up_to, fixture.log.compacted_up_to());
    Some(done)
}

/// Everything in the log by offset, and the headers of its batches; they must leave no offset out.
pub(crate) fn content(reader: &LogReader) -> (BTreeMap<i64, Keyed>, Vec<BatchHeader>) {
    let (mut records, mut headers) = (BTreeMap::new(), Vec::new());
    let (mut scratch, limits) = (Scratch::new(), DecompressionLimits::default());
    let mut next = reader.log_start();
    while next < reader.log_end() {
        let mut bytes = BytesMut::new();
        reader.read(next, 600, END).unwrap().read_into(&mut bytes).unwrap();
        reader.verify(&bytes, next).unwrap();
        assert!(!bytes.is_empty(), "nothing holds {next}");
        for batch in Batches::new(&bytes) {
            let batch = batch.unwrap();
            let header = BatchHeader::parse(batch).unwrap();
            for record in decode(batch, &mut scratch, &limits).unwrap() {
                let record = record.unwrap();
                let key = record.key.unwrap_or(b"(none)").to_vec();
                if record.offset >= reader.log_start() {
                    records.insert(record.offset.get(), (key, record.value.map(<[u8]>::to_vec)));
                }
            }
            next = header.next_offset();
            headers.push(header);
        }
    }
    (records, headers)
}
